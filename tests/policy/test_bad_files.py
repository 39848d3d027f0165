"""Whatever is wrong with a policy's files is said with the file, the line where there is one, and what to write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policy.cases import run_cases
from policy.deadlocks import ActionShape
from policy.engine import PolicyEngine
from policy.errors import PolicyUnusable
from policy.loading import DEFAULT_FOLDER, folder_stamp
from policy.terms import Risk
from policy.vetting import vet
from tests.passkeys import SITE
from tests.policy.builders import SIGNER, edit, policy_copy

HIGH = "[risk.high]\nquorum = 1\n"
GROUPS = 'groups = ["support", "security"]'
END = "\n"
"""Added at the end instead of put in somebody's place."""
PERMIT = '@id("planted-here")\n@reason("r")\npermit (principal, action in Action::"decide", resource)'
CASE = '"why": "Planted by a test.", "do": "approve", "by": {"groups": ["support"]}}'
SUSPEND = ActionShape("user.suspend", Risk.CRITICAL, frozenset({"support", "security"}), True)
ENOUGH = {"support": frozenset({"UA", "UB"}), "security": frozenset({"UC", "UD", "UE"})}

SETTINGS = [
    (HIGH, '[risk.high]\nquorum = "1"\n', 'settings.toml:«quorum = "1"»: risk.high.quorum: must be a whole number'),
    (
        HIGH,
        "[risk.high]\nquorum = many\n",
        "settings.toml:«quorum = many»: this is no TOML (Invalid value); numbers stand bare",
    ),
    (HIGH, HIGH + HIGH, "settings.toml:«[risk.high]»: this is no TOML"),
    (HIGH, "[risk.high]\n", "settings.toml:«[risk.high]»: risk.high.quorum: is missing; add it"),
    (HIGH, "[risk.high]\nquorum = 0\n", "settings.toml:«quorum = 0»: risk.high.quorum: must be 1 or more"),
    (HIGH, HIGH + 'colour = "red"\n', "settings.toml:«colour»: risk.high.colour: there is no such key; take it out"),
    (
        HIGH,
        HIGH + 'on_policy_change = "hold"\n',
        "settings.toml:«on_policy_change = \"hold\"»: risk.high.on_policy_change: must be 'void' or 'keep'",
    ),
    (HIGH, HIGH + 'distinct_groups = ["support", "security"]\n', "`quorum` asks for 1; set `quorum = 2`"),
    (
        HIGH,
        HIGH + 'distinct_groups = ["legal"]\n',
        "settings.toml:«distinct_groups»: risk.high.distinct_groups: legal: no such group; name it",
    ),
    (HIGH, HIGH + 'distinct_groups = ["support", "support"]\n', "a group is named twice; name it once"),
    (
        HIGH,
        HIGH.replace("1", "3"),
        "settings.toml:«quorum = 2»: risk.critical.quorum: asks for fewer approvals than high risk does; set",
    ),
    (
        "remind_after_seconds = 3600\n",
        "remind_after_seconds = 7200\n",
        "remind_after_seconds would never come; make it less",
    ),
    (
        "escalate_after_seconds = 7200\n",
        "",
        "escalate_after_seconds and escalate_to go together; write both, or neither",
    ),
    (
        "escalate_after_seconds = 7200\n",
        "escalate_after_seconds = 90000\n",
        "would never come; make it less than ttl_seconds",
    ),
    (
        "[risk.low] ",
        "[risk.tiny] ",
        "settings.toml:«[risk.tiny]»: risk.tiny: must be 'low', 'medium', 'high' or 'critical'",
    ),
    (GROUPS, "groups = []", "settings.toml:«groups»: groups: must name at least 1"),
    (GROUPS, 'groups = "support"', "settings.toml:«groups»: groups: must be a list in brackets"),
    (
        GROUPS,
        'groups = ["support"]',
        "settings.toml:«escalate_to»: risk.medium.escalate_to: security is not in groups; name it in",
    ),
    (GROUPS, 'groups = ["Sec Ops", "security"]', "settings.toml:«groups»: groups.0: must be lower-case letters"),
]
FILES = [
    ("site.cedar", PERMIT, "site.cedar:«END»: this policy is no Cedar (unexpected end of input); mend it"),
    ("site.cedar", PERMIT + " when { resource.rsik == 1 };", "site.cedar:«END»: attribute `rsik` on entity type"),
    ("site.cedar", PERMIT + ' when { resource.risk == Risk::"hgih" };', "site.cedar:«END»: entity `Risk::"),
    (
        "site.cedar",
        PERMIT + ' when { principal in Group::"legal" };',
        "site.cedar:«END»: planted-here: names groups that are not",
    ),
    (
        "site.cedar",
        PERMIT.replace("planted-here", "security-decides-high-risk") + ";",
        'first in site.cedar:«@id("security-decides-high-risk")»; give this one',
    ),
    (
        "site.cedar",
        PERMIT.replace("planted-here", "core-no-requester") + ";",
        'first in core.cedar:«@id("core-no-requester")»; give this one another',
    ),
    (
        "site.cedar",
        PERMIT.replace("planted-here", "core-of-mine") + ";",
        "site.cedar:«END»: core-of-mine: ids that begin 'core-'",
    ),
    (
        "site.cedar",
        PERMIT.replace('@id("planted-here")\n', "") + ";",
        "site.cedar:«END»: a policy without @id: an @id is two or",
    ),
    ("site.cedar", PERMIT.replace('@reason("r")\n', "") + ";", "site.cedar:«END»: planted-here: no @reason"),
    (
        "site.cedar",
        PERMIT.replace('"decide"', '"decid"') + ";",
        'site.cedar:«END»: unrecognized action `Action::"decid"`',
    ),
    ("site.cedar", PERMIT + ' when { resource.ticket.category == "x" };', "take it out, or write a forbid"),
    ("site.cedar", PERMIT + ' when { principal.address == "x" };', "name people by key or group"),
    (
        "site.cedar",
        PERMIT.replace("permit", '@reply("ask #security")\nforbid') + ";",
        "planted-here: @reply may be read by",
    ),
    (
        "site.cedar",
        "permit (principal == ?principal, action, resource);",
        "site.cedar:«END»: ?principal and ?resource are not",
    ),
    ("core.cedar", PERMIT + ";", "core.cedar:«END»: planted-here: core.cedar holds only forbids"),
    (
        "schema.cedarschema",
        "entitty Broken;",
        "schema.cedarschema: error parsing schema: unexpected token `entitty`; restore",
    ),
    ("cases/DENY/x.json", '{"do": 1}', "cases/DENY/x.json: shows: is missing; add it"),
    ("cases/DENY/x.json", "nonsense", "cases/DENY/x.json: JSON: Invalid JSON"),
    *(
        (
            "cases/DENY/x.json",
            '{"shows": "not-permitted", "why": "Planted by a test.", "do": "DO", "by": {"agent": "triage"}}'.replace(
                "DO", do
            ),
            f"cases/DENY/x.json: by: a part of the bot cannot {do}; name a person",
        )
        for do in ("view", "lift", "enrol", "revoke", "review")
    ),
    ("cases/deny/x.json", '{"shows": "not-permitted", ' + CASE, "cases/deny/x.json: not a case's place; move it to"),
    (
        "cases/ALLOW/x.json",
        '{"shows": "not-permitted", ' + CASE,
        "cases/ALLOW/x.json: should be allowed, but is denied by",
    ),
    (
        "cases/DENY/x.json",
        '{"shows": "no-such-policy", ' + CASE,
        "cases/DENY/x.json: should show no-such-policy, but is",
    ),
]


def problems_of(folder: Path) -> list[str]:
    try:
        return list(run_cases(PolicyEngine.load(folder), folder))
    except PolicyUnusable as unusable:
        return list(unusable.problems)


def with_lines(folder: Path, said: str) -> str:
    """The number of the line that begins so, for each `«beginning»`; of a doubled section the second one's.

    `«END»`: where what is added at the end begins.
    """

    def number(match: re.Match[str]) -> str:
        lines = (folder / match[1]).read_text().splitlines()
        shipped = (DEFAULT_FOLDER / match[1]).read_text().splitlines()
        if match[2] == "END":
            return f"{match[1]}:{len(shipped) + 2}"
        found = [place for place, line in enumerate(lines, 1) if line.startswith(match[2])]
        return f"{match[1]}:{found[-1] if match[2] == '[risk.high]' else found[0]}"

    return re.sub(r"([a-z.]+):«(.*?)»", number, said)


def assert_said(folder: Path, found: list[str], said: str) -> None:
    said = with_lines(folder, said)
    assert any(said in line for line in found), found
    assert not [line for line in found if "\n" in line]


@pytest.mark.parametrize(("old", "new", "said"), SETTINGS)
def test_a_setting_that_does_not_fit_is_named_with_its_line_and_what_to_write(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    folder = policy_copy(tmp_path)
    edit(folder / "settings.toml", old, new)

    assert_said(folder, problems_of(folder), said)


@pytest.mark.parametrize(("name", "added", "said"), FILES)
def test_a_file_that_does_not_fit_is_named_with_its_line_and_what_to_write(
    tmp_path: Path, name: str, added: str, said: str
) -> None:
    folder = policy_copy(tmp_path)
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(f"\n{added}\n")

    assert_said(folder, problems_of(folder), said)


def test_a_policy_without_a_case_is_named_with_its_line(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    with (folder / "site.cedar").open("a") as file:
        file.write(f"\n{PERMIT};\n")

    assert_said(
        folder,
        problems_of(folder),
        "site.cedar:«END»: planted-here: no case shows it; write one under cases/ALLOW with",
    )


def vetting(folder: Path, members: dict[str, frozenset[str]], *, in_force: PolicyEngine | None = None) -> list[str]:
    try:
        vet(folder, SIGNER, [SUSPEND], members, site=SITE, in_force=in_force)
    except PolicyUnusable as unusable:
        return list(unusable.problems)
    return []


def test_a_group_of_the_policy_that_the_settings_do_not_know_is_refused(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    edit(folder / "settings.toml", GROUPS, 'groups = ["support", "security", "legal"]')

    said = (
        "settings.toml:«groups»: groups: legal: no Slack user group stands for it; set COUNTERSIGN_LEGAL_GROUP and"
        " COUNTERSIGN_LEGAL_MEMBERS and start again, or take it out here"
    )
    assert vetting(folder, ENOUGH) == [with_lines(folder, said)]
    assert vetting(folder, ENOUGH | {"legal": frozenset({"UX"})}) == []


def test_a_quorum_that_the_people_there_are_can_never_give_is_refused(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    edit(folder / "settings.toml", "quorum = 2\n", "quorum = 4\n")

    assert_said(
        folder,
        vetting(folder, ENOUGH),
        "settings.toml:«quorum = 4»: risk.critical: needs 4 of security other than requester",
    )


def test_what_only_a_small_group_stops_is_refused_only_where_the_policy_in_force_lets_it_pass(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    in_force = PolicyEngine.load(folder)
    edit(folder / "settings.toml", "quorum = 2\n", "quorum = 3\n")

    # Proposed by one of security, two others are left of it: not enough for three.
    assert vetting(folder, ENOUGH) == []
    assert_said(
        folder,
        vetting(folder, ENOUGH, in_force=in_force),
        "settings.toml:«quorum = 3»: risk.critical: needs 3 of security",
    )
    assert vetting(folder, ENOUGH, in_force=PolicyEngine.load(folder)) == []


def test_any_change_in_the_folder_changes_its_stamp(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    stamps = [folder_stamp(folder)]

    (folder / "site.cedar").write_text((folder / "site.cedar").read_text())
    stamps.append(folder_stamp(folder))
    (folder / "more.cedar").write_text("")
    stamps.append(folder_stamp(folder))
    (folder / "more.cedar").unlink()
    next((folder / "cases").glob("*/*.json")).unlink()
    stamps.append(folder_stamp(folder))

    assert len(set(stamps)) == 4
    assert folder_stamp(tmp_path / "nowhere") == ()
