"""Putting a fault into a module that is already imported: what holds the old objects meets the fault in them.

Importing the product anew for each fault would take most of the time. A fault in a class body outside its methods, or
in what is decorated, cannot be put in that way (`CannotSwap`); it is planted before the import instead.
"""

from __future__ import annotations

import ast
import sys
from types import FunctionType, ModuleType
from typing import Any

from tests.mutation.operators import Mutant


class CannotSwap(Exception):
    """The module has to be imported with the fault in it."""


def swap_in(module: ModuleType, mutant: Mutant) -> None:
    """Make the imported module behave as if it had been written with the fault. Raises CannotSwap."""
    tree = mutant.tree
    changed = tree.body[mutant.statement]
    if isinstance(changed, ast.FunctionDef):
        old = _function(module.__dict__[changed.name])
        _give(old, _function(_run(module, [changed])[changed.name]))
        return
    if isinstance(changed, ast.ClassDef):
        _swap_method(module, mutant, changed)
        return
    # A table, and whatever is made of tables further down.
    below = [one for one in tree.body[mutant.statement :] if isinstance(one, ast.Assign | ast.AnnAssign)]
    for name, new in _run(module, below).items():
        _replace_everywhere(module, name, new)


def _swap_method(module: ModuleType, mutant: Mutant, changed: ast.ClassDef) -> None:
    field, index = mutant.path[1] if len(mutant.path) > 2 else ("", None)
    method = changed.body[index] if field == "body" and index is not None else None
    if not isinstance(method, ast.FunctionDef):
        raise CannotSwap
    old = _function(module.__dict__[changed.name].__dict__[method.name])
    try:
        made = _run(module, [changed])[changed.name]
    except TypeError as error:
        raise CannotSwap from error
    _give(old, _function(made.__dict__[method.name]))


def _run(module: ModuleType, statements: list[ast.stmt]) -> dict[str, Any]:
    """What these statements define, with the rest of the module in sight and untouched."""
    kept = dict(module.__dict__)
    exec(compile(ast.Module(statements, []), module.__file__ or "", "exec"), module.__dict__)
    made = {name: value for name, value in module.__dict__.items() if kept.get(name) is not value}
    module.__dict__.clear()
    module.__dict__.update(kept)
    return made


def _function(found: object) -> FunctionType:
    inner = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
    if not isinstance(inner, FunctionType) or hasattr(inner, "__wrapped__"):
        raise CannotSwap
    return inner


def _give(old: FunctionType, new: FunctionType) -> None:
    if old.__code__.co_freevars != new.__code__.co_freevars:
        raise CannotSwap
    old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__


def _replace_everywhere(module: ModuleType, name: str, new: object) -> None:
    old = module.__dict__[name]
    for other in list(sys.modules.values()):
        if (getattr(other, "__name__", "") or "").startswith(("policy", "tests.policy")):
            for known, value in list(other.__dict__.items()):
                if value is old:
                    setattr(other, known, new)
