"""The guide's first policy, done as it is written there."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from bot.cli import main
from tests.policy.builders import edit, policy_copy

GUIDE = Path(__file__).parent.parent.parent / "docs" / "policy.md"
STEPS = re.split(r"^\*\*\d\. ", GUIDE.read_text(), flags=re.MULTILINE)
HIGH = "[risk.high]\nquorum = 1\n"
ONLY_SECURITY = (
    'unless { resource.isRequesterKnown || principal in Group::"security" ||'
    ' resource.alsoNeeds.contains(Group::"security") };'
)


def blocks(step: int) -> list[str]:
    """What a step tells to write."""
    return [
        dedent(one).strip() + "\n" for one in re.findall(r"((?:^ {4}.*\n|^\n(?= {4}))+)", STEPS[step], re.MULTILINE)
    ]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(f"\n{text}")


def test_the_first_policy_in_ten_minutes_is_what_the_guide_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for group in ("SUPPORT", "SECURITY", "LEGAL"):
        monkeypatch.delenv(f"COUNTERSIGN_{group}_MEMBERS", raising=False)
    folder = policy_copy(tmp_path)

    def check() -> tuple[int, str]:
        code = main(["policy", "check", str(folder)])
        said = capsys.readouterr()
        return code, said.out + said.err

    code, said = check()  # 2
    assert code == 0 and all(line.rstrip(" …") in said for line in blocks(2)[-1].splitlines()[-2:])

    [case] = blocks(3)
    (folder / "cases" / "DENY" / "support-decides-an-hr-ticket.json").write_text(case)
    code, said = check()  # 4
    assert code == 1 and "should be denied, but is allowed by staff-decides-low-and-medium-risk" in said

    [forbid] = blocks(5)
    append(folder / "site.cedar", forbid)
    code, said = check()  # 6
    [(policies, cases)] = re.findall(r"(\d+) policies, (\d+) cases", blocks(2)[-1])
    assert code == 0 and said.startswith(f"{int(policies) + 1} policies, {int(cases) + 1} cases, 0 problems")

    settings, permit, case, spared = blocks(7)
    groups, risk = settings.split("\n\n")
    edit(folder / "settings.toml", 'groups = ["support", "security"]', groups)
    edit(folder / "settings.toml", HIGH, risk)
    code, said = check()
    assert code == 1 and "the policy lets nobody of legal decide it" in said

    append(folder / "site.cedar", permit)
    (folder / "cases" / "ALLOW" / "legal-decides-high-risk.json").write_text(case)
    code, said = check()
    assert code == 1 and "asked for by an unknown human" in said

    edit(folder / "site.cedar", ONLY_SECURITY, spared.strip())
    code, said = check()
    assert code == 0 and "0 deadlocks" in said
