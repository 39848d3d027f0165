"""`python -m tests.mutation [MODULE …]`: plant every fault, run tests/policy against each, say which go unnoticed.

The tests are collected once. Each fault is put into a fork of that process (`tests.mutation.swapping`), which runs the
tests that are about its module, then the others, then the exhaustive ones, up to the first that fails. A fault that
cannot be put in so is planted before anything is imported, in a process of its own. Ends with 1 if a fault goes
unnoticed that tests/policy/survivors.toml does not explain, or if that file explains one that is noticed or does not
exist.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.mutation.operators import Mutant, mutants
from tests.mutation.swapping import CannotSwap, swap_in

REPOSITORY = Path(__file__).parents[2]
MODULES = ("gate", "run_rulings", "proposal_rulings", "desk_rulings", "asking", "invariants", "votes", "weighing",
           "lifecycle", "digest", "one_person")  # fmt: skip
EXPLAINED = REPOSITORY / "tests/policy/survivors.toml"
OWN = {
    "gate": ("gate", "withdrawal", "editing"),
    "run_rulings": ("gate_runs", "kept_requests", "distinct_groups", "confirming"),
    "proposal_rulings": ("gate", "limits", "break_glass"),
    "desk_rulings": ("passkey_rulings", "stops", "break_glass", "gate"),
    "asking": ("gate", "gate_runs", "kept_requests", "distinct_groups", "confirming", "break_glass"),
    "invariants": ("gate", "cases"),
    "votes": ("votes", "distinct_groups"),
    "weighing": ("weighing", "engine", "gate"),
    "lifecycle": ("lifecycle",),
    "digest": ("digest",),
    "one_person": ("one_person",),
}
"""The tests that are about a module, by their files: they find most of its faults."""
QUICK = ("gate_runs", "gate", "votes", "digest", "lifecycle", "engine", "laws", "threats", "cases", "withdrawal",
         "kept_requests", "distinct_groups", "one_person", "weighing", "why_cant_i", "editing", "confirming",
         "break_glass", "stops", "limits", "passkey_rulings")  # fmt: skip
EXHAUSTIVE = ("test_every_combination", "every_combination_of_the_yes_and_no")
"""What takes seconds, by words of its name; only for the modules of EXHAUSTED."""
EXHAUSTED = ("gate", "run_rulings", "proposal_rulings", "desk_rulings", "asking", "invariants")
SLOW = ("test_cases.py", "test_laws.py", "test_why_cant_i.py")
"""The files that load many policies or draw many examples; for the same modules only."""
LONGEST_SECONDS = 300
USUAL = ["-x", "-o", "addopts=", "-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:xdist", "--assert=plain",
         "-W", "ignore"]  # fmt: skip


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


UNNOTICED, NOTICED, NOT_SWAPPED = 0, 1, 3


def in_a_fork(work: Callable[[], int]) -> int:
    """What it ends with; NOTICED where it has no end."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(LONGEST_SECONDS)  # whose default is to end the process
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            os._exit(work())
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code in (UNNOTICED, NOT_SWAPPED) else NOTICED


class Faults:
    """Takes the place of pytest's loop over the tests: goes over the faults, each with as many tests as it takes."""

    def __init__(self, planted: Sequence[tuple[str, Mutant]], minutes: float) -> None:
        self._planted, self._minutes = planted, minutes
        self.began = time.monotonic()
        self.ran: list[str] = []
        self.unnoticed: list[tuple[str, int]] = []
        self.fails_without = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        everything = list(session.items)
        if in_a_fork(lambda: _run(session, everything)) != UNNOTICED:
            self.fails_without = True
            return True
        for module, mutant in self._planted:
            if time.monotonic() - self.began > self._minutes * 60:
                break
            name = f"{module}.py {mutant.name}"
            items = sorted(_about(module, everything), key=lambda item: _turn(module, item))
            code = in_a_fork(partial(_swapped, session, items, module, mutant))
            if code == NOT_SWAPPED:
                code = in_a_fork(partial(_imported, module, mutant))
            if code == UNNOTICED:
                self.unnoticed.append((name, mutant.line))
                print(f"unnoticed: line {mutant.line} of {name}", flush=True)
            self.ran.append(name)
            if len(self.ran) % 50 == 0:
                print(f"{len(self.ran)} of {len(self._planted)}, {time.monotonic() - self.began:.0f} s", flush=True)
        return True


def _is_exhaustive(item: pytest.Item) -> bool:
    return any(word in item.nodeid for word in EXHAUSTIVE)


def _about(module: str, items: Iterable[pytest.Item]) -> list[pytest.Item]:
    if module in EXHAUSTED:
        return list(items)
    return [item for item in items if not (_is_exhaustive(item) or any(name in item.nodeid for name in SLOW))]


def _turn(module: str, item: pytest.Item) -> int:
    own = [f"test_{name}.py" in item.nodeid for name in OWN[module]]
    return own.index(True) if True in own else len(own) + _is_exhaustive(item)


def _swapped(session: pytest.Session, items: list[pytest.Item], module: str, mutant: Mutant) -> int:
    try:
        swap_in(sys.modules[f"policy.{module}"], mutant)
    except CannotSwap:
        return NOT_SWAPPED
    return _run(session, items)


def _run(session: pytest.Session, items: list[pytest.Item]) -> int:
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def _imported(module: str, mutant: Mutant) -> int:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("policy", "tests")]:
        del sys.modules[name]
    sys.meta_path.insert(0, Planted(f"policy.{module}", mutant.tree, REPOSITORY / f"policy/{module}.py"))
    slow = " or ".join(EXHAUSTIVE)
    return int(pytest.main([*USUAL, "-k", f"not ({slow})", *_files(QUICK)])) and NOTICED


def _files(names: Iterable[str]) -> list[str]:
    return [f"tests/policy/test_{name}.py" for name in names]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("modules", nargs="*", default=list(MODULES), help="of the folder policy, without .py")
    parser.add_argument("--sample", type=int, help="only so many faults, drawn with a fixed seed")
    parser.add_argument("--minutes", type=float, default=600, help="begin no fault after this long")
    parser.add_argument("--part", default="1/1", help="2/3: the second of three parts of the faults")
    given = parser.parse_args(arguments)
    planted = [
        (module, mutant)
        for module in given.modules
        for mutant in mutants((REPOSITORY / f"policy/{module}.py").read_text())
    ]
    every = len(planted)
    if given.sample is not None and given.sample < every:
        planted = sorted(random.Random(0).sample(planted, given.sample), key=lambda one: (one[0], one[1].line))
    part, parts = map(int, given.part.split("/"))
    return _report(_judge(planted[part - 1 :: parts], given.minutes), planted, every)


def _judge(planted: Sequence[tuple[str, Mutant]], minutes: float) -> Faults:
    from hypothesis import Phase, settings

    # A failure is enough: it need not be made small, kept, or be another one next time.
    settings.register_profile(
        "mutation", phases=[Phase.explicit, Phase.generate], database=None, derandomize=True, deadline=None
    )
    settings.load_profile("mutation")
    faults = Faults(planted, minutes)
    pytest.main([*USUAL, *_files([*QUICK, "every_combination"])], plugins=[faults])
    return faults


def _report(faults: Faults, planted: Sequence[tuple[str, Any]], every: int) -> int:
    if faults.fails_without or not faults.ran:
        print("the tests fail without a fault")
        return 1
    explained = {one["mutant"]: one["why"] for one in tomllib.loads(EXPLAINED.read_text()).get("survivor", [])}
    unnoticed = {name for name, _ in faults.unnoticed}
    wrongly = [name for name in explained if name in faults.ran and name not in unnoticed]
    if len(planted) == every:
        known = {f"{module}.py {mutant.name}" for module, mutant in planted}
        wrongly += [name for name in explained if name not in known]
    for name in wrongly:
        print(f"explained for nothing: {name}")
    open_ones = sorted(unnoticed - set(explained))
    print(
        f"{len(faults.ran)} of {every} faults planted, {len(unnoticed)} unnoticed, of which {len(open_ones)} are not"
        f" explained; {time.monotonic() - faults.began:.0f} s"
    )
    for name in open_ones:
        print(f"not explained: {name}")
    return 1 if open_ones or wrongly else 0


if __name__ == "__main__":
    os.chdir(REPOSITORY)
    sys.exit(main(sys.argv[1:]))
