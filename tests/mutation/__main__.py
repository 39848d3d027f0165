"""`python -m tests.mutation [MODULE …]`: plant every fault, run tests/policy against each, say which go unnoticed.

The tests are collected once and run once without a fault, to see how long each takes and which functions it calls. Each
fault is put into a fork of that process (`tests.mutation.swapping`), which runs the tests that call the function with
the fault, the quickest first, up to the first that fails. A fault that cannot be put in so is planted before anything
is imported. Ends with 1 if a fault goes unnoticed that tests/policy/survivors.toml does not explain, or if that file
explains one that is noticed or does not exist.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.abc
import importlib.util
import os
import pickle
import random
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any, cast

import pytest

from tests.mutation.operators import Mutant, mutants
from tests.mutation.swapping import CannotSwap, swap_in

REPOSITORY = Path(__file__).parents[2]
MODULES = ("gate", "run_rulings", "proposal_rulings", "desk_rulings", "asking", "invariants", "votes", "weighing",
           "lifecycle", "digest", "one_person")  # fmt: skip
EXPLAINED = REPOSITORY / "tests/policy/survivors.toml"
QUICK = ("gate_runs", "gate", "votes", "digest", "lifecycle", "engine", "laws", "threats", "cases", "withdrawal",
         "kept_requests", "trail_facts", "distinct_groups", "one_person", "weighing", "why_cant_i", "editing",
         "confirming", "break_glass", "stops", "limits", "passkey_rulings", "case_release")  # fmt: skip
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


def in_a_fork(work: Callable[[], int], longest: int = LONGEST_SECONDS) -> int:
    """What it ends with; NOTICED where it has no end after that many seconds."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(longest)  # whose default is to end the process
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


class Watched:
    """Which of the tests call which functions of the gate, and how long each test takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.called: dict[str, list[tuple[str, int]]] = {}
        """By the test: module and first line of each function."""

    def run(self, session: pytest.Session, items: Sequence[pytest.Item]) -> int:
        """Run them all without a fault; ends early if one fails."""
        calls: set[CodeType] = set()

        def called(frame: FrameType, event: str, argument: object) -> None:
            if event == "call":
                calls.add(frame.f_code)

        for item, following in _with_next(items):
            calls.clear()
            began = time.perf_counter()
            sys.setprofile(called)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            sys.setprofile(None)
            self.seconds[item.nodeid] = time.perf_counter() - began
            paths = ((Path(code.co_filename), code.co_firstlineno) for code in calls)
            self.called[item.nodeid] = [(path.stem, line) for path, line in paths if path.parent.name == "policy"]
            if session.testsfailed:
                return NOTICED
        return UNNOTICED

    def in_turn(self, items: Iterable[pytest.Item], module: str, line: int | None) -> list[pytest.Item]:
        """The tests that call the function which begins on that line; all where there is none. The quickest first."""
        about = [item for item in items if line is None or (module, line) in self.called[item.nodeid]]
        return sorted(about, key=lambda item: self.seconds[item.nodeid])


def _with_next(items: Sequence[pytest.Item]) -> Iterable[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


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
        watched = self._watch(session)
        if watched is None:
            self.fails_without = True
            return True
        for module, mutant in self._planted:
            if time.monotonic() - self.began > self._minutes * 60:
                break
            name = f"{module}.py {mutant.name}"
            items = watched.in_turn(session.items, module, mutant.function)
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

    def _watch(self, session: pytest.Session) -> Watched | None:
        """What a run without a fault shows; nothing where a test fails. In a fork, so that nothing stays of it."""
        with tempfile.NamedTemporaryFile() as kept:

            def watch() -> int:
                watched = Watched()
                code = watched.run(session, session.items)
                Path(kept.name).write_bytes(pickle.dumps(watched))
                return code

            if in_a_fork(watch, longest=3 * LONGEST_SECONDS) != UNNOTICED:
                return None
            return cast("Watched", pickle.loads(Path(kept.name).read_bytes()))


def _swapped(session: pytest.Session, items: list[pytest.Item], module: str, mutant: Mutant) -> int:
    try:
        swap_in(sys.modules[f"policy.{module}"], mutant)
    except CannotSwap:
        return NOT_SWAPPED
    for item, following in _with_next(items):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return NOTICED
    return UNNOTICED


def _imported(module: str, mutant: Mutant) -> int:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("policy", "tests")]:
        del sys.modules[name]
    sys.meta_path.insert(0, Planted(f"policy.{module}", mutant.tree, REPOSITORY / f"policy/{module}.py"))
    return int(pytest.main([*USUAL, *_files(QUICK)])) and NOTICED


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
