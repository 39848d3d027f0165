"""The documents say what is so: links lead somewhere, tables name what the code has, examples work."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from actions.catalogue import ACTIONS
from bot.commands import audit as audit_command
from bot.commands import case, directory, passkeys, people, policy, run, stops
from bot.settings import SettingsError, data_folder, read_settings, wants_local_slack
from bot.web import INTAKE_PATH
from copilot.suggestions import CATEGORIES
from handlers.http_intake import Asked, IntakeRequest, read_request, sign
from handlers.registry import BUTTONS, COMMANDS, SHORTCUTS, VIEWS
from handlers.views.notices import help_text
from policy.__main__ import main as check_policy
from policy.lifecycle import MOVES
from policy.loading import DEFAULT_FOLDER, SETTINGS_FILE
from storage.audit import GENESIS, Step, event_hash, microseconds
from tests.faults.test_settings import GOOD
from tests.keys import AUDIT_KEY, AUDIT_KEYS, KEY_SETTINGS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

OF_LEGAL = {"COUNTERSIGN_LEGAL_GROUP": "S0LEGAL0001", "COUNTERSIGN_LEGAL_MEMBERS": "U0ERIN00001"}
"""A group of the policy that is named in examples."""

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_VARIABLE = re.compile(r"\b(?:COUNTERSIGN_[A-Z_]+|SLACK_[A-Z_]+|ANTHROPIC_[A-Z_]+|DATABASE_URL)\b")
_COMMAND = re.compile(r"(?:\.venv/bin/|(?<![/\w.-]))countersign ((?:--help|[a-z]+)(?: [^\s`|>#]+)*)")


def prose(page: Path) -> str:
    """The page without its fenced code."""
    return _FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """What can be linked to on a page, as the usual renderers name headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(page: Path) -> list[list[str]]:
    """The cells of every table line of a page."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def first_codes(page: Path, column: int = 0) -> set[str]:
    """The code words that stand alone in one column of a page's tables."""
    found = (re.fullmatch(r"`([^`]+)`", row[column].strip()) for row in rows(page) if len(row) > column)
    return {match[1] for match in found if match}


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    page = ROOT / name
    broken = []
    for target in _LINK.findall(prose(page)):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (page.parent / path).resolve() if path else page
        is_there = there.exists() and there.is_relative_to(ROOT)
        if not is_there or (anchor and anchor not in anchors(there)):
            broken.append(target)

    assert broken == []


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in _LINK.findall(prose(page))
        if not target.startswith("#")
    }

    assert [page for page in PAGES if page != ROOT / "README.md" and page not in linked] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_page_names_a_machine(name: str) -> None:
    text = (ROOT / name).read_text()

    assert re.findall(r"/work\b|/root\b|/home/|pypi\.org|files\.pythonhosted", text) == []


class Recorded(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]  # only this form is used
        self.asked.add(name)
        return super().get(name, default)


def variables_in_the_code() -> set[str]:
    environ = Recorded({})
    wants_local_slack(environ)
    data_folder(environ)
    with pytest.raises(SettingsError):
        read_settings(environ)
    # The vote key is asked for only where everything else is right; two more are read by the command line itself.
    for source in (ROOT / "bot").rglob("*.py"):
        environ.asked.update(re.findall(rf'"({_VARIABLE.pattern})"', source.read_text()))
    return environ.asked


def test_every_setting_is_in_the_reference_and_nothing_else_is() -> None:
    assert first_codes(REFERENCE / "settings.md") == variables_in_the_code()


@pytest.mark.parametrize("name", NAMES)
def test_no_page_names_a_setting_that_does_not_exist(name: str) -> None:
    of_a_group = set(read_settings(GOOD | OF_LEGAL | KEY_SETTINGS).desk.groups) & {"legal"} and set(OF_LEGAL)
    assert set(_VARIABLE.findall((ROOT / name).read_text())) - variables_in_the_code() - set(of_a_group) == set()


def test_every_step_is_in_the_audit_reference_and_nothing_else_is() -> None:
    named = first_codes(REFERENCE / "audit-trail.md") - {"at", "name", "actor", "payload", "key_id"}

    assert named == {str(step) for step in Step}


def test_the_action_reference_is_the_catalogue() -> None:
    by_group = {"agent": "triage", "support": "support", "security": "security"}
    documented = {row[0].strip("`"): row[1:4] for row in rows(REFERENCE / "actions.md") if "." in row[0]}

    assert documented == {
        spec.action_id: [
            ", ".join(f"`{name}`" for name in spec.param_names),
            spec.risk.value,
            ", ".join(words for group, words in by_group.items() if group in spec.proposable_by),
        ]
        for spec in ACTIONS
    }
    text = (REFERENCE / "actions.md").read_text()
    assert [category for category in CATEGORIES if f"`{category}`" not in text] == []


def test_the_states_of_a_request_are_the_table_of_moves() -> None:
    found = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows(REFERENCE / "actions.md")[-11:]}

    assert found == {str(status): {str(after) for after in moves.values()} for status, moves in MOVES.items()}


def test_the_risk_table_is_the_policys_settings() -> None:
    settings = tomllib.loads((DEFAULT_FOLDER / SETTINGS_FILE).read_text())["risk"]
    words = {86400: "a day", 14400: "four hours"}
    table = {row[0]: row[1:3] for row in rows(REFERENCE / "actions.md") if row[0] in settings}

    assert table == {risk: [str(one["quorum"]), words[one["ttl_seconds"]]] for risk, one in settings.items()}


def test_the_slack_reference_has_every_id_scope_and_command() -> None:
    page = REFERENCE / "slack.md"
    manifest = yaml.safe_load((ROOT / "manifest.yml").read_text())
    text = page.read_text()

    assert first_codes(page, 1) == {*BUTTONS, *VIEWS, *SHORTCUTS}
    scopes = {word for row in rows(page) for word in re.findall(r"`([a-z.]+:[a-z.]+)`|`(commands)`", row[0])}
    assert {one or other for one, other in scopes} == set(manifest["oauth_config"]["scopes"]["bot"])
    usages = help_text().text.removeprefix("/countersign ").split(", ")
    assert [usage for usage in usages if f"`{next(iter(COMMANDS))} {usage}`" not in text] == []


def commands_in(page: Path) -> Iterator[str]:
    text = page.read_text()
    coded = [*_FENCE.findall(text), *re.findall(r"`([^`\n]+)`", prose(page))]
    for part in coded:
        yield from _COMMAND.findall(part)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_line_in_the_documents_parses(name: str) -> None:
    parser = argparse.ArgumentParser(prog="countersign", exit_on_error=False)
    parsers = parser.add_subparsers(dest="command", required=True)
    for room in (run, audit_command, case, directory, passkeys, people, policy, stops):
        room.add_to(parsers)

    for line in commands_in(ROOT / name):
        try:
            parser.parse_args(shlex.split(line))
        except (SystemExit, argparse.ArgumentError) as error:
            pytest.fail(f"countersign {line}: {error}")


def test_the_command_line_reference_is_looked_at_at_all() -> None:
    assert len(list(commands_in(REFERENCE / "command-line.md"))) >= 8


def test_the_curl_examples_hand_in_tickets() -> None:
    text = (DOCS / "how-to" / "send-tickets-over-http.md").read_text()
    bodies = re.findall(r"-d '(\{.*?\})'", text, re.DOTALL) + re.findall(r"^BODY='(\{.*?\})'$", text, re.MULTILINE)

    assert [read_request(body.encode()).channel for body in bodies] == ["email", "web-form"]
    paths = re.findall(r"http://127\.0\.0\.1:8080(/\S*)", text)
    assert paths and all(path.startswith(INTAKE_PATH) for path in paths)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the example calls openssl")
def test_the_signed_example_signs_as_the_bot_checks() -> None:
    text = (DOCS / "how-to" / "send-tickets-over-http.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith(("BODY=", "SIGNATURE="))]
    script = "\n".join(["NOW=1700000000", *lines, 'printf "%s\\n%s" "$BODY" "$SIGNATURE"'])

    found = subprocess.run(
        ["sh", "-c", script],
        env=os.environ | {"COUNTERSIGN_INTAKE_SECRET": "s" * 24},
        capture_output=True,
        text=True,
        check=True,
    )

    body, signature = found.stdout.splitlines()
    assert signature == sign("s" * 24, "1700000000", Asked("POST", INTAKE_PATH, body.encode()))


def test_the_policy_guide_shows_what_the_check_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_policy([str(DEFAULT_FOLDER)]) == 0

    assert f"    {capsys.readouterr().out.strip()}\n" in (DOCS / "policy.md").read_text()


def test_the_http_reference_names_every_field() -> None:
    fields = {str(field.validation_alias) for field in IntakeRequest.model_fields.values()}

    assert fields <= first_codes(REFERENCE / "http-api.md")


def verify_export(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """What the page's script makes of an export of these lines."""
    page = (DOCS / "how-to" / "verify-and-export-the-audit-trail.md").read_text()
    script = next(iter(re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)))
    export = folder / "trail.jsonl"
    export.write_text("\n".join(lines))
    command = [sys.executable, "-c", script, str(export)]
    environ = os.environ | {"AUDIT_KEYS": AUDIT_KEY}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


def test_the_script_for_verifying_an_export_finds_what_was_changed(tmp_path: Path) -> None:
    lines, prev, at = [], GENESIS, datetime(2026, 3, 25, 13, 46, 11, 123456, tzinfo=UTC)
    for seq, payload in enumerate(('{"text":"h\\u00e9"}', "{}"), start=1):
        then = at + timedelta(days=seq)
        names = ("chain", "seq", "at", "name", "actor", "payload", "keyId")
        row = ("ticket:1", str(seq), str(microseconds(then)), "vote_cast", "T1/U1", payload, AUDIT_KEYS.current_id)
        digest = event_hash(bytes.fromhex(AUDIT_KEY), prev, *row)
        line = dict(zip(names, row, strict=True)) | {"prevHash": prev.hex(), "hash": digest.hex(), "seq": seq}
        lines.append(json.dumps(line | {"at": then.isoformat(timespec="microseconds")}))
        prev = digest

    assert verify_export(tmp_path, *lines).stdout == "ok: 2 events in 1 chains\n"
    assert "broken at row 2" in verify_export(tmp_path, lines[0], lines[1].replace("vote_cast", "vote_lost")).stderr
    assert "broken at row 2" in verify_export(tmp_path, lines[1]).stderr


@pytest.mark.parametrize("key_id", ["00000000", None])
def test_threat_19_the_script_ends_at_a_row_that_anybody_could_have_made(tmp_path: Path, key_id: str | None) -> None:
    """Hashed with the empty key under a name that nobody knows, or with no key."""
    chain, at = "ticket:1", datetime(2026, 3, 25, 13, 46, 11, tzinfo=UTC)
    row = (chain, "1", str(microseconds(at)), "vote_cast", "T1/BOSS", "{}")
    digest = event_hash(None, GENESIS, *row) if key_id is None else event_hash(b"", GENESIS, *row, key_id)
    line = {
        "chain": chain, "seq": 1, "at": at.isoformat(timespec="microseconds"), "name": "vote_cast", "actor": "T1/BOSS",
        "payload": "{}", "keyId": key_id, "prevHash": GENESIS.hex(), "hash": digest.hex(),
    }  # fmt: skip

    found = verify_export(tmp_path, json.dumps(line))

    assert found.returncode == 1
    assert found.stderr == "row 1 of ticket:1 has no key of AUDIT_KEYS: it cannot be checked\n"


def test_the_threat_model_has_every_class_and_names_tests_that_exist() -> None:
    text = (DOCS / "threat-model.md").read_text()
    written = {
        (name, source.relative_to(ROOT).as_posix())
        for source in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", source.read_text())
    }

    assert re.findall(r"^## (\d+)\.", text, re.MULTILINE) == [str(number) for number in range(1, 24)]
    named = set(re.findall(r"- `(test_\w+)` \(([\w./]+)\)", text))
    assert named - written == set()
