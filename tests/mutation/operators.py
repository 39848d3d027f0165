"""Every small fault that a module's source can have, one at a time.

Written here because what decides stands in tables at a module's top level as much as in functions: of the mutation
testers on PyPI, mutmut changes the bodies of functions only, and cosmic-ray starts a process for each fault.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLS = {"any": "all", "all": "any", "min": "max", "max": "min"}
_NOT_RUN = ("annotation", "returns", "decorator_list", "bases")

Fault = tuple[str, ast.AST]
"""What it is called, and what stands there instead."""
Step = tuple[str, int | None]


@dataclass(frozen=True)
class Mutant:
    """A module with one fault in it."""

    name: str
    """Where and what; the same while lines move."""
    line: int
    statement: int
    """Which of the module's top-level statements it is in."""
    original: ast.Module
    path: tuple[Step, ...]
    instead: ast.AST

    @property
    def tree(self) -> ast.Module:
        """The whole module with the fault."""
        return _put(self.original, self.path, self.instead)


def mutants(source: str) -> Iterator[Mutant]:
    """Every fault of a module, in the order of its lines."""
    original = ast.parse(source)
    seen: Counter[str] = Counter()
    for path, place, node in list(_nodes(original, (), "module")):
        for words, instead in _faults(node):
            name = f"{place}: {words}"
            seen[name] += 1
            if seen[name] > 1:
                name += f" (number {seen[name]})"
            yield Mutant(name, node.lineno, path[0][1] or 0, original, path, instead)


def _nodes(node: ast.AST, path: tuple[Step, ...], place: str) -> Iterator[tuple[tuple[Step, ...], str, Any]]:
    """Every node that runs, with the way to it and the function or class it stands in."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        place = node.name if place == "module" else f"{place}.{node.name}"
    for field, value in ast.iter_fields(node):
        if field in _NOT_RUN:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.Raise) and not isinstance(child, ast.Name):
                continue
            if isinstance(child, ast.AST) and not _is_silent(child):
                way = (*path, (field, index))
                if hasattr(child, "lineno"):
                    yield way, place, child
                yield from _nodes(child, way, place)


def _is_silent(node: ast.AST) -> bool:
    """Docstrings, imports, what is said about types, and the words of an error: nothing of it decides."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Import | ast.ImportFrom | ast.arguments)


def _put(original: ast.Module, path: tuple[Step, ...], instead: ast.AST) -> ast.Module:
    tree = copy.deepcopy(original)
    at: Any = tree
    for field, index in path[:-1]:
        at = getattr(at, field) if index is None else getattr(at, field)[index]
    field, index = path[-1]
    if index is None:
        setattr(at, field, instead)
    else:
        getattr(at, field)[index] = instead
    return ast.fix_missing_locations(tree)


def _faults(node: ast.AST) -> Iterator[Fault]:
    for instead in _instead(node):
        yield f"{_words(node)} -> {_words(instead)}", instead
    yield from _shorter(node)


def _words(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 90 else f"{text[:70]} … {text[-18:]}"


def _instead(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=right):
            for index, operator in enumerate(ops):
                for other in _COMPARISONS[type(operator)]:
                    yield ast.Compare(left, [*ops[:index], other(), *ops[index + 1 :]], right)
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
            yield from values  # each operand alone
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
            yield ast.BinOp(left, _ARITHMETIC[type(operator)](), right)
            yield left
            yield right
        case ast.AugAssign(target=target, op=operator, value=value) if type(operator) in _ARITHMETIC:
            yield ast.AugAssign(target, _ARITHMETIC[type(operator)](), value)
            yield ast.Pass()
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.If(test=test, body=body, orelse=orelse):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
            yield ast.If(ast.Constant(False), body, orelse)
        case ast.Lambda(args=args):
            yield ast.Lambda(args, ast.Constant(True))
            yield ast.Lambda(args, ast.Constant(False))
        case ast.Return(value=value) if value is not None:
            for constant in (True, False, None):
                if not (isinstance(value, ast.Constant) and value.value is constant):
                    yield ast.Return(ast.Constant(constant))
        case ast.Raise():
            yield ast.Pass()
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in _CALLS:
            yield ast.Call(ast.Name(_CALLS[name], ast.Load()), args, keywords)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(value=str() as value):
            yield ast.Constant(f"{value}x")
        case ast.Constant(value=bytes() as value):
            yield ast.Constant(value + b"x")


def _shorter(node: ast.AST) -> Iterator[Fault]:
    """One entry left out of what lists several, or one condition of a comprehension."""
    match node:
        case ast.Tuple(elts=entries, ctx=ast.Load()) | ast.List(elts=entries, ctx=ast.Load()) | ast.Set(elts=entries):
            for index, entry in enumerate(entries):
                shorter = copy.copy(node)
                shorter.elts = [*entries[:index], *entries[index + 1 :]]
                yield f"without {_words(entry)}", shorter
        case ast.Dict(keys=keys, values=values):
            for index, key in enumerate(keys):
                shorter_dict = ast.Dict([*keys[:index], *keys[index + 1 :]], [*values[:index], *values[index + 1 :]])
                yield f"without {_words(key) if key else '**' + _words(values[index])}", shorter_dict
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            for index, loop in enumerate(node.generators):
                if loop.ifs:
                    unconditional = copy.copy(node)
                    unconditional.generators = list(node.generators)
                    unconditional.generators[index] = ast.comprehension(loop.target, loop.iter, [], loop.is_async)
                    yield f"without if {_words(loop.ifs[0])}", unconditional
