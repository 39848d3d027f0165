"""The import contracts of pyproject.toml: they hold, and each of them can fail."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
ROOMS = ("bot", "handlers", "policy", "actions", "copilot", "storage", "local_slack")

# contract id -> (module, an import in it that the contract must forbid)
PLANTED: dict[str, tuple[tuple[str, str], ...]] = {
    "layers": (
        ("policy/gate.py", "import storage.audit"),
        ("actions/runner.py", "import copilot.triage"),
        ("storage/tickets.py", "import handlers.desk"),
        ("handlers/registry.py", "import bot.wiring"),
    ),
    "local-slack-alone": (("local_slack/world.py", "import policy.terms"),),
    "only-the-command-line-starts-local-slack": (("handlers/identity.py", "import local_slack.cast"),),
    "sqlalchemy-in-storage": (
        ("handlers/flows/cast_vote.py", "import sqlalchemy"),
        ("policy/votes.py", "import psycopg"),
    ),
    "one-model-module": (
        ("handlers/listeners/pages.py", "import anthropic"),
        ("copilot/model_triage.py", "from anthropic import AsyncAnthropic"),
    ),
    "one-passkey-module": (("handlers/flows/confirm_vote.py", "import webauthn"),),
    "slack-sdk-at-the-edge": (
        ("handlers/flows/cast_vote.py", "import slack_sdk"),
        ("handlers/views/approval_card.py", "from slack_sdk.models import blocks"),
    ),
    "only-run-action-runs": (("handlers/listeners/approvals.py", "from actions.runner import Runner"),),
    "only-flows-ask-the-gate": (
        ("handlers/listeners/approvals.py", "from policy.gate import Gate"),
        ("handlers/delivery.py", "import policy.engine"),
    ),
}
CASES = [(contract, *planted) for contract, all_planted in PLANTED.items() for planted in all_planted]


def lint(folder: Path) -> tuple[int, str]:
    """What import-linter says of the packages in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and their contracts, apart from the repository."""
    folder = tmp_path_factory.mktemp("tree")
    for room in ROOMS:
        ignored = shutil.ignore_patterns("__pycache__", "*.gz", "*.js", "*.css", "*.svg", "*.png")
        shutil.copytree(REPOSITORY / room, folder / room, ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    return folder


def contracts() -> dict[str, str]:
    """Contract id -> name."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    return {one["id"]: one["name"] for one in settings["tool"]["importlinter"]["contracts"]}


def test_every_contract_is_kept_as_things_stand(tree: Path) -> None:
    code, said = lint(tree)

    assert code == 0, said
    assert f"Contracts: {len(contracts())} kept, 0 broken." in said


def test_every_contract_has_a_planted_violation_here() -> None:
    assert set(PLANTED) == set(contracts())


@pytest.mark.parametrize(("contract", "module", "statement"), CASES, ids=[f"{one[0]}: {one[2]}" for one in CASES])
def test_a_planted_import_breaks_its_contract(tree: Path, contract: str, module: str, statement: str) -> None:
    path = tree / module
    before = path.read_text()
    path.write_text(before + f"\n{statement}\n")
    try:
        code, said = lint(tree)
    finally:
        path.write_text(before)

    assert code == 1, said
    assert f"{contracts()[contract]} BROKEN" in said


def uses_of(part: str, folder: Path) -> set[str]:
    """The modules of handlers and bot in which a part of the desk, such as `desk.runner`, is used."""
    return {
        path.relative_to(folder).as_posix()
        for room in ("handlers", "bot")
        for path in (folder / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == part and _is_desk(node.value)
    }


def _is_desk(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name in ("desk", "_desk")


def test_the_runner_that_the_desk_carries_is_used_by_run_action_alone_and_the_gate_by_flows(tree: Path) -> None:
    """A contract sees imports only; what every flow is handed could be used without one."""
    assert uses_of("runner", tree) == {"handlers/flows/run_action.py"}
    signing = {"cast_vote.py", "decide_passkey.py", "private_links.py", "reseal_passkeys.py"}
    assert uses_of("signer", tree) == {f"handlers/flows/{name}" for name in signing}
    assert {path for path in uses_of("gate", tree) if not path.startswith("handlers/flows/")} == set()


def test_another_use_of_the_runner_is_found(tree: Path) -> None:
    path = tree / "handlers/listeners/planted.py"
    path.write_text("async def planted(call, run):\n    await call.reception.desk.runner.run(run)\n")
    try:
        assert "handlers/listeners/planted.py" in uses_of("runner", tree)
    finally:
        path.unlink()
