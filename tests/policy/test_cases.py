"""The case files hold, and each forbid of the core is needed: without it something is allowed or noticed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.policy import clicks_suffice
from policy import invariants
from policy.__main__ import main
from policy.cases import ask_both, check_case, find, read_cases, run_cases
from policy.engine import PolicyEngine
from policy.errors import PolicyUnusable
from policy.gate import Gate
from policy.loading import CORE_FILE, DEFAULT_FOLDER, SETTINGS_FILE
from policy.replies import NOT_PERMITTED
from tests.policy.builders import ENGINE, SIGNER, edit, policy_copy

CASES, MALFORMED = read_cases(DEFAULT_FOLDER)
POLICY = re.compile(r'(?P<comment>(?://[^\n]*\n)+)@id\("(?P<id>[^"]+)"\)\n(?P<rest>.*?;)\n', re.DOTALL)

BROAD = """
@id("everything-is-allowed")
@reason("The most careless permit a site could write.")
permit (principal, action, resource);
"""

RESTORE = "restore the core.cedar that came with this version of the bot"


def policy_text(policy_id: str) -> str:
    """One policy of the core file without its comment."""
    found = [one for one in POLICY.finditer((DEFAULT_FOLDER / CORE_FILE).read_text()) if one["id"] == policy_id]
    assert len(found) == 1
    return found[0].group(0).removeprefix(found[0]["comment"])


def careless_copy(tmp_path: Path) -> Path:
    """The shipped policy under a permit for everything, so that only the core stands in the way."""
    folder = policy_copy(tmp_path)
    with (folder / "site.cedar").open("a") as file:
        file.write(BROAD)
    return folder


@pytest.mark.parametrize("path", sorted(CASES))
def test_the_case_holds(path: str) -> None:
    assert check_case(ENGINE, CASES[path], is_allow=path.startswith("ALLOW/")) is None


def test_every_policy_is_shown_by_a_case_and_every_file_is_a_case() -> None:
    assert run_cases(ENGINE, DEFAULT_FOLDER) == ()


@pytest.mark.parametrize("name", ["core.cedar", "site.cedar"])
def test_every_policy_has_one_comment_that_names_the_harm_it_prevents(name: str) -> None:
    text = (DEFAULT_FOLDER / name).read_text()
    commented = {one["id"] for one in POLICY.finditer(text) if one["comment"].startswith("// Harm: ")}

    assert commented == set(re.findall(r'@id\("([^"]+)"\)', text))


@pytest.mark.parametrize("policy_id", invariants.ORDER)
def test_without_this_forbid_its_case_is_allowed_by_cedar_and_still_denied_by_the_gate(
    tmp_path: Path, policy_id: str
) -> None:
    careless = careless_copy(tmp_path)
    intact = PolicyEngine.load(careless)
    edit(careless / CORE_FILE, policy_text(policy_id), "")
    spoilt = PolicyEngine.load(careless)
    cases = [case for path, case in CASES.items() if path.startswith("DENY/") and case.shows == policy_id]

    assert cases
    for case in cases:
        by_cedar, broken = ask_both(spoilt, case)

        assert check_case(intact, case, is_allow=False) is None
        assert by_cedar.is_allowed, "nothing else in the policy would have caught it"
        assert broken == {policy_id}, "the predicate in code must have noticed"
        assert find(spoilt, case).code == "gate-disagreement"


@pytest.mark.parametrize("policy_id", invariants.ORDER)
def test_a_policy_without_this_forbid_is_not_even_started_on(tmp_path: Path, policy_id: str) -> None:
    folder = policy_copy(tmp_path)
    edit(folder / CORE_FILE, policy_text(policy_id), "")

    with pytest.raises(PolicyUnusable) as refused:
        Gate(PolicyEngine.load(folder), SIGNER)

    assert refused.value.problems == (f"core.cedar: {policy_id} is missing; {RESTORE}",)


def test_a_forbid_of_the_core_that_the_code_does_not_know_is_not_started_on(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    with (folder / CORE_FILE).open("a") as file:
        file.write('@id("core-no-mondays") @reason("Why.") forbid (principal, action, resource);')

    with pytest.raises(PolicyUnusable) as refused:
        Gate(PolicyEngine.load(folder), SIGNER)

    assert refused.value.problems == (f"core.cedar: core-no-mondays has no counterpart in code; {RESTORE}",)


def test_the_shipped_policy_passes_its_own_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert f"{len(ENGINE.notes)} policies, {len(CASES)} cases, 0 problems" in capsys.readouterr().out


def test_the_check_names_a_case_that_does_not_hold_a_broken_one_and_a_policy_without_any(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = careless_copy(tmp_path)
    (folder / "cases" / "ALLOW" / "broken.json").write_text('{"shows": "x"}')

    assert main([str(folder)]) == 1

    said = capsys.readouterr().err
    assert "DENY/support-approves-a-revocation.json: should be denied" in said
    assert "ALLOW/broken.json: why: is missing; add it" in said
    assert "everything-is-allowed: no case shows it" in said


def test_the_check_says_why_a_policy_does_not_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = policy_copy(tmp_path)
    (folder / "site.cedar").unlink()

    assert main([str(folder)]) == 1
    assert "site.cedar: no policies" in capsys.readouterr().err


def test_the_denials_without_a_permit_are_shown_too() -> None:
    assert any(case.shows == NOT_PERMITTED for case in CASES.values())


def doc_blocks() -> list[str]:
    """The indented blocks of the how-to, without their indent."""
    text = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()
    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", text, re.MULTILINE)
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE).strip() for block in blocks]


def test_the_first_policy_of_the_how_to_works_as_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = policy_copy(tmp_path)
    blocks = doc_blocks()
    case = next(block for block in blocks if block.startswith("{"))
    policy = next(block for block in blocks if block.startswith("// Harm"))
    (folder / "cases" / "DENY" / "support-decides-an-hr-ticket.json").write_text(case)

    assert main([str(folder)]) == 1
    assert "should be denied, but is allowed" in capsys.readouterr().err
    with (folder / "site.cedar").open("a") as file:
        file.write(policy)

    assert main([str(folder)]) == 0
    assert f"{len(ENGINE.notes) + 1} policies, {len(CASES) + 1} cases, 0 problems" in capsys.readouterr().out


def test_what_the_how_to_prints_is_what_the_check_prints(capsys: pytest.CaptureFixture[str]) -> None:
    main([])

    assert capsys.readouterr().out.partition(", version")[0] in "\n".join(doc_blocks())


def test_a_site_without_step_up_takes_out_the_one_case_that_says_there_is(tmp_path: Path) -> None:
    folder = policy_copy(tmp_path)
    edit(folder / SETTINGS_FILE, 'step_up = "passkey"', 'step_up = "none"')

    [problem] = run_cases(PolicyEngine.load(folder), folder)

    assert "critical-action-is-approved-without-a-passkey.json: should be denied, but is allowed" in problem


def test_the_bench_measures_under_a_policy_that_a_bot_would_start_with() -> None:
    folder = clicks_suffice()

    assert run_cases(PolicyEngine.load(folder), folder) == ()
