"""Statements from evidence without a model: what is compared, what is cited, and how sure the words are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.statements import statements_from
from policy.case_foundations import cannot_confirm, grounds_of
from policy.case_terms import Claim, Evidence, EvidenceKind, Source, Statement, StatementKind, StatementState
from tests.policy.case_builders import NOW, evidence

END = NOW - timedelta(days=2)


def directory(evidence_id: str = "D", source: Source = Source.DIRECTORY, **facts: Any) -> Evidence:
    known = {"account": "u-17", "status": "deprovisioned", "deprovisioned_at": END.isoformat()} | facts
    return evidence(evidence_id, source, query={"id": evidence_id}, facts=known)


def used(evidence_id: str, action: str, hours: float, source: Source = Source.ACCESS_LOG, **other: Any) -> Evidence:
    """A use of the account, `hours` after its end."""
    at = END + timedelta(hours=hours)
    facts = {"principal": "u-17", "action": action, "at": at.isoformat()} | other.pop("facts", {})
    return evidence(evidence_id, source, query={"id": evidence_id}, facts=facts, **other)


def look(evidence_id: str, kind: EvidenceKind, start: int = -1, stop: int = 40, **other: Any) -> Evidence:
    covers = {
        "covers_from": (END + timedelta(hours=start)).isoformat(),
        "covers_until": (END + timedelta(hours=stop)).isoformat(),
    }
    return evidence(evidence_id, kind=kind, facts=other.pop("facts", covers), **other)


def of(kind: StatementKind, *items: Evidence) -> list[Statement]:
    return [one for one in statements_from(items) if one.kind is kind]


def about(kind: StatementKind, words: str, *items: Evidence) -> Statement:
    (found,) = [one for one in of(kind, *items) if words in one.text]
    return found


def test_a_session_after_deactivation_is_a_fact_on_both_records() -> None:
    fact = about(StatementKind.FACT, "a session of", directory(), used("L", "session", 3.2))

    assert fact.evidence == ("L", "D")
    assert fact.text == (
        "The access log records a session of the account at 2026-02-28 15:12:00 UTC, 3 h after the deactivation time "
        "in the directory (2026-02-28 12:00:00 UTC)."
    )


def test_a_session_that_outlived_deactivation_is_seen() -> None:
    one = {"session": "s-1"}
    entries = (used("L1", "login", -1, facts=one), used("L2", "view", 1, facts=one))
    fact = about(StatementKind.FACT, "still in use at 2026-02-28 13:00:00 UTC, after", directory(), *entries)

    assert fact.evidence == ("L1", "L2", "D")


def test_a_log_that_names_the_account_by_its_address_means_the_same_account() -> None:
    by_address = used("L", "login", 1, facts={"principal": "Jo@Contractor.example"})

    assert about(StatementKind.FACT, "a session of the account", directory(email="jo@contractor.example"), by_address)


def test_a_session_before_deactivation_says_nothing() -> None:
    assert not [one for one in statements_from((directory(), used("L", "session", -3))) if "session" in one.text]


def test_a_download_after_deprovisioning_is_a_fact_and_names_no_attachment() -> None:
    download = used("A", "download", 5, Source.ATTACHMENT_TRAIL, facts={"attachment": "invoice-77.zip"})
    fact = about(StatementKind.FACT, "a download of an attachment", directory(), download)

    assert "5 h after" in fact.text and "invoice" not in fact.text


def test_a_preview_asks_what_it_showed() -> None:
    items = (directory(), used("A", "preview", 5, Source.ATTACHMENT_TRAIL))

    assert about(StatementKind.FACT, "a preview of an attachment", *items)
    assert about(StatementKind.QUESTION, "What did the preview", *items).evidence == ("A",)


def test_an_account_still_active_though_said_to_be_deprovisioned_is_a_conflict_with_both() -> None:
    record = directory("D", status="active", deprovisioned_at=None)
    note = directory("T", Source.TICKET)
    (conflict,) = of(StatementKind.CONFLICT, note, record)

    assert set(conflict.evidence) == {"T", "D"}
    assert conflict.text.startswith("Two sources differ: the directory has the account as active, while the ticket has")


def test_two_sources_with_other_times_are_a_conflict_and_within_a_minute_they_agree() -> None:
    later = directory("T", Source.TICKET, deprovisioned_at=(END + timedelta(hours=4)).isoformat())
    close = directory("T", Source.TICKET, deprovisioned_at=(END + timedelta(seconds=40)).isoformat())

    assert of(StatementKind.CONFLICT, directory(), later)
    assert not of(StatementKind.CONFLICT, directory(), close)


def test_what_rests_on_a_note_is_a_hypothesis() -> None:
    note = directory("T", Source.TICKET)

    assert about(StatementKind.HYPOTHESIS, "no record is behind this yet", note).evidence == ("T",)
    assert "not established" in about(StatementKind.HYPOTHESIS, "session", note, used("L", "session", 1)).text


def test_what_only_resembles_what_was_asked_for_is_a_hypothesis() -> None:
    assert about(StatementKind.HYPOTHESIS, "session", directory(), used("L", "session", 1, confidence=0.5))


def test_a_log_that_covers_the_window_and_holds_nothing_is_an_absence() -> None:
    fact = about(StatementKind.FACT, "holds no entry", directory(), look("N", EvidenceKind.NOTHING))

    assert (fact.claim, fact.evidence) == (Claim.ABSENCE, ("N",))


@pytest.mark.parametrize(
    "nothing", [look("N", EvidenceKind.NOTHING, start=2), look("N", EvidenceKind.NOTHING, facts={})]
)
def test_a_log_that_does_not_cover_the_window_is_a_question(nothing: Evidence) -> None:
    items = (directory(), nothing)

    assert about(StatementKind.QUESTION, "does not answer this", *items).evidence == ("N", "D")
    assert not [one for one in of(StatementKind.FACT, *items) if one.claim is Claim.ABSENCE]


def test_a_gap_is_a_question_and_a_step_without_an_owner_and_never_a_fact() -> None:
    gap = look("G", EvidenceKind.GAP)

    assert about(StatementKind.QUESTION, "nothing follows", directory(), gap).evidence == ("G",)
    assert about(StatementKind.NEXT_STEP, "read whole", directory(), gap).owner is None
    assert not [one for one in of(StatementKind.FACT, directory(), gap) if "G" in one.evidence]


def test_only_the_newest_answer_is_used() -> None:
    old = evidence("O", Source.DIRECTORY, query={"id": "D"}, minutes=-9, facts={"account": "u-17", "status": "active"})

    assert not of(StatementKind.CONFLICT, old, directory())


def test_several_accounts_are_numbered_and_never_named() -> None:
    items = (directory(), directory("D2", account="u-99"))

    assert {one.text.split(" as ")[0] for one in of(StatementKind.FACT, *items)} == {
        "The directory shows account 1",
        "The directory shows account 2",
    }


def test_a_statement_keeps_its_id_when_another_account_appears() -> None:
    alone, *_ = statements_from((directory(),))

    assert alone.statement_id in {
        one.statement_id for one in statements_from((directory(), directory("D2", account="x")))
    }


EVENTS = st.sampled_from(["session", "download", "preview", "retention", ""])
ENDS = st.sampled_from([None, END.isoformat(), "9999-12-31T23:59:59-23:00"])
ITEMS = st.one_of(
    st.builds(
        directory,
        st.sampled_from(["D", "D2"]),
        st.sampled_from(Source),
        status=st.sampled_from(["active", "x"]),
        deprovisioned_at=ENDS,
    ),
    st.builds(
        used,
        st.sampled_from(["L1", "L2"]),
        EVENTS,
        st.floats(-90, 90),
        st.sampled_from(Source),
        confidence=st.sampled_from([0.1, 1.0]),
    ),
    st.builds(look, st.sampled_from(["N", "G"]), st.sampled_from([EvidenceKind.NOTHING, EvidenceKind.GAP])),
)


@given(st.lists(ITEMS, max_size=8, unique_by=lambda one: one.evidence_id))
def test_every_statement_is_proposed_cites_what_exists_and_every_fact_could_be_confirmed(items: list[Evidence]) -> None:
    found = statements_from(items)

    assert found == statements_from(items)
    for one in found:
        assert one.state is StatementState.PROPOSED
        assert one.evidence and set(one.evidence) <= {item.evidence_id for item in items}
        if one.kind is StatementKind.FACT:
            refusal = cannot_confirm(one, grounds_of(items, ()))
            assert refusal is None or refusal.code == "absence-not-read-whole"
