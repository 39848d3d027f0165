"""What somebody sends in a case's modal is read as what the modal was filled with, and what does not fit is said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.errors import BadInput
from handlers.views import case_draft_modals, case_evidence_modals, case_forms, case_modals, case_statement_modals
from handlers.views import case_ids as ids
from handlers.views.blocks import Block
from handlers.views.case_draft_text import draft_parts, draft_sentences, parse_draft
from handlers.views.case_facts import HandoffFacts, RevealableFacts
from handlers.views.case_ids import Ref, seen_digest
from handlers.views.case_latch import release_latch_modal
from handlers.views.facts import Untrusted
from local_slack.blockkit.validation import check_view
from local_slack.element_values import chosen, initial_state
from policy.case_terms import Author, Claim, DraftKind, Sentence, Source, StatementKind
from policy.terms import PersonKey
from tests.views import builders as b
from tests.views import case_builders as c
from tests.views.block_kit import objects, view_faults

CASE = c.case()
QUICKLY = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = (
    st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1, max_size=80)
    .map(str.strip)
    .filter(bool)
)
IDS = st.from_regex(r"\A[A-Za-z][A-Za-z0-9]{0,10}(@[1-9][0-9]?)?\Z")


def test_a_new_case() -> None:
    sent = filled(
        case_modals.open_case_modal(b.row()),
        goal="Find out",
        stays_human=" Law ",
        members=["U1", "U2"],
        place="private",
    )

    assert case_forms.open_case(sent) == case_forms.OpenCaseForm("Find out", "Law", ("U1", "U2"), is_private=True)
    assert not case_forms.open_case(filled(case_modals.open_case_modal(b.row()), goal="x")).is_private


def test_the_goal_comes_back_as_it_was_and_is_another_only_when_ticked() -> None:
    view = case_modals.frame_case_modal(CASE)

    assert case_forms.frame_case(filled(view)) == case_forms.FrameForm(
        CASE.goal, CASE.stays_human, is_redirection=False
    )
    assert case_forms.frame_case(filled(view, redirection=["another"])).is_redirection


def test_people_come_back_and_the_lead_is_not_a_member_as_well() -> None:
    sent = filled(case_modals.staff_case_modal(CASE), reason="Holiday", lead="U0SANA00001")

    assert case_forms.staff_case(sent) == case_forms.StaffForm("U0SANA00001", ("U0VICTOR001",), "Holiday")


@pytest.mark.parametrize("statement", CASE.statements)
def test_a_statement_comes_back_from_its_form_as_it_is(statement: Any) -> None:
    found = case_forms.statement(filled(case_statement_modals.statement_form_modal(CASE, statement)))

    assert (found.text, found.kind, found.claim) == (statement.text, statement.kind, statement.claim)
    assert set(found.evidence or ()) == {one.evidence_id for one in statement.evidence}


def test_a_new_next_step() -> None:
    view = case_statement_modals.statement_form_modal(CASE)
    due = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
    sent = filled(view, text="Ask them", kind="next_step", owner="U0SANA00001", due=int(due.timestamp()))

    assert case_forms.statement(sent) == case_forms.StatementForm(
        "Ask them", StatementKind.NEXT_STEP, Claim.EVENT, (), "U0SANA00001", due
    )


def test_a_statement_without_evidence_in_the_case_can_be_written() -> None:
    view = case_statement_modals.statement_form_modal(c.case(evidence=()))

    assert case_forms.statement(filled(view, text="x")).evidence is None


def test_an_edit_takes_nothing_from_what_rests_on_more_than_its_form_can_hold() -> None:
    items = tuple(c.evidence(evidence_id=f"E{n}", number=n) for n in range(1, 151))
    statement = c.statement(evidence=items)
    view = case_statement_modals.statement_form_modal(c.case(evidence=items, statements=(statement,)), statement)

    assert (view_faults(view), check_view(view)) == ([], [])
    assert "150 pieces of evidence" in json.dumps(view)
    assert case_forms.statement(filled(view)).evidence is None


@pytest.mark.parametrize("excerpt", ["An entry of the log", "Запись в журнале доступа за март, сеанс учётной записи"])
def test_of_any_amount_of_evidence_a_form_offers_what_fits_and_counts_it(excerpt: str) -> None:
    items = tuple(c.evidence(evidence_id=f"E{n}", number=n, excerpt=Untrusted(excerpt * 9)) for n in range(1, 1501))
    statement = c.statement(evidence=items[:2])
    view = case_statement_modals.statement_form_modal(c.case(evidence=items), statement)

    assert (view_faults(view), check_view(view)) == ([], [])
    assert len(json.dumps(view)) < 200_000
    assert re.search(r"The newest \d+ of 1500 can be chosen here", json.dumps(view))
    assert set(case_forms.statement(filled(view)).evidence or ()) == {"E1", "E2"}


def test_reassigning_keeps_what_is_known_and_needs_somebody() -> None:
    step = next(one for one in CASE.statements if one.kind is StatementKind.NEXT_STEP)
    view = case_statement_modals.reassign_statement_modal(CASE, step)

    assert case_forms.reassign(filled(view)) == case_forms.ReassignForm(
        "U0VICTOR001", "", step.due_at.replace(microsecond=0) if step.due_at else None
    )
    assert case_forms.reassign(filled(view, owner=None, owner_label="Our engineers")).owner_label == "Our engineers"
    assert fields_of(case_forms.reassign, filled(view, owner=None)) == {"owner"}


@pytest.mark.parametrize(
    "draw",
    [
        case_statement_modals.reject_statement_modal,
        case_statement_modals.resolve_statement_modal,
        case_statement_modals.reopen_statement_modal,
    ],
)
def test_a_reason_is_needed_and_comes_back(draw: Any) -> None:
    view = draw(CASE, CASE.statements[0])

    assert case_forms.reason(filled(view, reason=" Because. ")) == "Because."
    assert fields_of(case_forms.reason, filled(view, reason="  ")) == {"reason"}
    assert Ref.parse(view["private_metadata"]) == Ref(c.CASE_ID, "Rc0nflict01", 1)


def test_both_sides_of_a_conflict_are_shown_where_it_is_resolved() -> None:
    shown = str(case_statement_modals.resolve_statement_modal(CASE, c.conflict()))

    assert "deprovisioned 2026-03-03T17:00:00Z" in shown
    assert "HR told us her last day was 6 March." in shown
    assert "a system's own record" in shown
    assert "somebody's words" in shown


def test_a_question_to_the_sources() -> None:
    view = case_evidence_modals.gather_modal(CASE)
    sent = filled(
        view, accounts="carla@vendor.example\n carla \n\ncarla", attachments="8841", words="deprovisioning",
        since="2026-03-01", until="2026-03-05", sources=["access_log", "directory"],
    )  # fmt: skip

    assert case_forms.gather(sent) == case_forms.GatherForm(
        ("carla@vendor.example", "carla"), ("8841",),
        datetime.combine(date(2026, 3, 1), time(), UTC), datetime.combine(date(2026, 3, 6), time(), UTC),
        "deprovisioning", frozenset({Source.ACCESS_LOG, Source.DIRECTORY}),
    )  # fmt: skip
    assert case_forms.gather(filled(view, words="x")).sources == frozenset(Source)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "accounts"),
        ({"accounts": "\n".join(map(str, range(21)))}, "accounts"),
        ({"attachments": "\n".join(map(str, range(21)))}, "attachments"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "until"),
        ({"words": "x", "sources": []}, "sources"),
    ],
)
def test_a_question_that_cannot_be_asked_says_which_field(values: dict[str, Any], field: str) -> None:
    sent = filled(case_evidence_modals.gather_modal(CASE), **values)

    assert fields_of(case_forms.gather, sent) == {field}


def test_a_draft_that_nobody_touched_comes_back_as_it_was() -> None:
    view = case_draft_modals.edit_draft_modal(CASE, c.draft())
    found = case_forms.edit_draft(filled(view, cause="wrong_tone", reason="Plainer"))

    assert found.sentences == tuple((str(one.text), one.cites) for one in c.draft().sentences)
    assert (found.cause, found.reason) == ("wrong_tone", "Plainer")
    assert Ref.parse(view["private_metadata"]) == Ref(c.CASE_ID, "d-1", 2)


def test_a_long_draft_comes_back_whole_and_in_its_order() -> None:
    long = c.draft(sentences=tuple(c.sentence(f"Sentence {n} " + "word " * 60, f"S{n}@1") for n in range(120)))
    found = case_forms.edit_draft(filled(case_draft_modals.edit_draft_modal(CASE, long), cause="other", reason="x"))

    assert [cites for _, cites in found.sentences] == [(f"S{n}@1",) for n in range(120)]


def test_a_sentence_too_long_for_an_input_is_not_cut_in_silence() -> None:
    view = case_draft_modals.edit_draft_modal(CASE, c.draft(sentences=(c.sentence("word " * 700, "S1"),)))

    assert "submit" not in view
    assert "too long to be edited" in str(view)


def test_a_draft_needs_a_sentence_and_a_cause() -> None:
    view = case_draft_modals.edit_draft_modal(CASE, c.draft())

    assert fields_of(case_forms.edit_draft, filled(view, text_0=" \n ", cause="other", reason="x")) == {"text_0"}
    assert fields_of(case_forms.edit_draft, filled(view, text_0="[S1]", cause="other", reason="x")) == {"text_0"}
    assert fields_of(case_forms.edit_draft, filled(view, text_0="x [no id!]", cause="other", reason="x")) == {"text_0"}
    assert fields_of(case_forms.edit_draft, filled(view, reason="x")) == {"cause"}


@QUICKLY
@given(st.lists(st.tuples(WORDS, st.lists(IDS, max_size=4, unique=True).map(tuple)), min_size=1, max_size=30))
def test_any_draft_is_read_back_from_its_text(said: list[tuple[str, tuple[str, ...]]]) -> None:
    said = [(" ".join(text.split()), cites) for text, cites in said]

    assert parse_draft("\n".join(draft_parts(said))) == tuple(said)


@QUICKLY
@given(st.text(max_size=300))
def test_any_text_is_read_as_sentences_or_refused_in_words(text: str) -> None:
    try:
        found = parse_draft(text)
    except ValueError as error:
        assert str(error)
        return
    assert parse_draft("\n".join(draft_parts(found))) == found


def test_whoever_wrote_an_unchanged_sentence_stays_its_author() -> None:
    model, person = Author(model="m", prompt_version="1"), Author(person=PersonKey("T1", "U1"))
    before = (Sentence("It was disabled.", ("S1@2",), model), Sentence("All is well.", ("S2",), model))

    after = draft_sentences((("It was disabled.", ("S1@2",)), ("Nothing else is known.", ("S2",))), person, before)

    assert [one.author for one in after] == [model, person]


def test_a_mark_is_named_by_its_code_and_sentence() -> None:
    view = case_draft_modals.override_modal(CASE, c.draft())
    sent = filled(view, mark="open_conflict:-1", reason="Settled by phone")

    assert case_forms.override(sent) == case_forms.OverrideForm("open_conflict", -1, "Settled by phone")
    offered = [one["value"] for one in element(view, "mark")["options"]]
    assert offered == ["overstated:1", "no_citation:1", "open_conflict:-1"]


def test_a_latch_is_released_only_when_each_kind_of_reason_is_ticked() -> None:
    view = release_latch_modal(CASE)
    both = ["access_after_deprovisioning", "attachment_not_entitled"]

    assert case_forms.release_latch(filled(view, seen=both, reason="Reviewed"), CASE.latch) == "Reviewed"
    for some in ([], both[:1], both[1:]):
        assert fields_of(lambda sent: case_forms.release_latch(sent, CASE.latch), filled(view, seen=some)) == {"seen"}
    assert Ref.parse(view["private_metadata"]).seen == seen_digest({"b", "a"}) != seen_digest({"a", "b", "c"})


def test_every_reason_of_a_latch_is_shown_whole_where_it_is_released() -> None:
    reasons = tuple(c.latch().reasons[0] for _ in range(30))
    long = tuple(
        type(one)(one.rule, Untrusted(f"{n} {'word ' * 200}end{n}"), one.evidence) for n, one in enumerate(reasons)
    )
    view = release_latch_modal(c.case(latch=c.latch(reasons=long)))

    assert all(f"end{n}" in str(view) for n in range(30))
    assert "I read all 30 of: Access after deprovisioning" in str(view)


def test_a_latch_with_more_reasons_than_can_be_read_cannot_be_released_unread() -> None:
    view = release_latch_modal(c.case(latch=c.latch(reasons=c.latch().reasons * 50)))

    assert "submit" not in view


def test_a_value_is_revealed_by_its_hash_and_for_a_reason() -> None:
    view = case_evidence_modals.reveal_modal(CASE, (RevealableFacts("ab" * 32, "FILE", Untrusted("invoice.pdf")),))

    assert case_forms.reveal(filled(view, value="ab" * 32, reason="Needed")) == case_forms.RevealForm(
        "ab" * 32, "Needed"
    )
    assert fields_of(case_forms.reveal, filled(view, reason="Needed")) == {"value"}


def test_any_number_of_values_can_be_revealed_a_page_at_a_time() -> None:
    values = tuple(RevealableFacts(f"{n:064x}", "FILE", Untrusted("счёт" * 40)) for n in range(1700))
    at, seen = 0, set()
    while True:
        view = case_evidence_modals.reveal_modal(CASE, values, at)
        assert (view_faults(view), check_view(view)) == ([], [])
        assert len(json.dumps(view)) < 250_000
        seen |= set(re.findall(r"[0-9a-f]{64}", json.dumps(view)))
        turns = [Ref.parse(one["value"]) for one in buttons_of(view, ids.NEXT_OF[ids.PAGE_VALUES])]
        if not turns:
            break
        at = turns[0].at

    assert seen == {one.value_sha256 for one in values}


def test_a_handoff_goes_to_security_first_where_the_latch_is_set() -> None:
    view = case_modals.hand_off_modal(CASE, HandoffFacts(missing=("dissent", "approvals")))
    sent = filled(view, empty_dissent=" Nobody disagreed. ")

    assert case_forms.hand_off(sent) == case_forms.HandOffForm(
        case_forms.Recipient.SECURITY, (("dissent", "Nobody disagreed."),)
    )


def test_a_turn_of_the_copilot() -> None:
    view = case_evidence_modals.ask_copilot_modal(CASE)

    assert case_forms.ask(filled(view, instruction="Compare")) == case_forms.AskForm("Compare", None, "")
    sent = filled(view, instruction="Softer", tone="calmer", draft="d-1")
    assert case_forms.ask(sent) == case_forms.AskForm("Softer", "calmer", "d-1")
    assert fields_of(case_forms.ask, filled(view, instruction="x", tone="calmer")) == {"draft"}


@pytest.mark.parametrize("kind", DraftKind)
def test_a_kind_of_draft(kind: DraftKind) -> None:
    assert case_forms.write_draft(filled(case_evidence_modals.write_draft_modal(CASE), kind=kind.value)) is kind


def test_what_may_not_go_out_cannot_be_asked_for() -> None:
    for draft in (c.draft(), c.clean_draft(held_back="The customer wrote since.")):
        assert "submit" not in case_draft_modals.ask_release_modal(CASE, draft)
    ready = case_draft_modals.ask_release_modal(CASE, c.clean_draft())
    assert "submit" in ready
    assert c.clean_draft().exact_text in str(ready).replace("\\n", "\n")


@QUICKLY
@given(st.dictionaries(st.sampled_from(["goal", "reason", "text_0", "mark", "kind", "due", "since", "members"]), st.none() | st.integers() | st.dictionaries(st.just("value"), st.none() | st.integers() | st.lists(st.integers()) | st.dictionaries(st.sampled_from(["value", "selected_option", "selected_options", "selected_user", "selected_users", "selected_date", "selected_date_time"]), st.none() | st.integers() | st.text() | st.lists(st.text())))))  # noqa: E501  # fmt: skip
def test_a_forged_submission_is_refused_in_words(state: dict[str, Any]) -> None:
    for read in (
        case_forms.open_case, case_forms.frame_case, case_forms.staff_case, case_forms.statement, case_forms.reassign,
        case_forms.gather, case_forms.write_draft, case_forms.edit_draft, case_forms.override, case_forms.reveal,
        case_forms.hand_off, case_forms.ask, case_forms.reason,
    ):  # fmt: skip
        try:
            read(state)
        except BadInput as error:
            assert error.fields


@QUICKLY
@given(st.text(max_size=60))
def test_a_forged_reference_is_not_read(text: str) -> None:
    with pytest.raises(ValueError):
        Ref.parse(text)


@QUICKLY
@given(st.builds(Ref, st.text(), st.text(), st.integers(0, 10**6), st.integers(0, 10**6), st.text()))
def test_a_reference_is_read_back(ref: Ref) -> None:
    assert Ref.parse(str(ref)) == ref


def filled(view: Block, **values: Any) -> dict[str, Any]:
    """The state that Slack sends when these inputs were filled in and the rest left as it was."""
    state: dict[str, Any] = initial_state(view["blocks"])
    exists = dict.fromkeys(("user", "conversation", "channel"), str)
    for name, value in values.items():
        state[name] = {"value": chosen(element(view, name), value, [], exists)}
    return state


def element(view: Block, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one["element"] for one in view["blocks"] if one.get("block_id") == name)
    return found


def fields_of(read: Any, state: dict[str, Any]) -> set[str]:
    with pytest.raises(BadInput) as raised:
        read(state)
    assert all(raised.value.fields.values())
    return set(raised.value.fields)


def buttons_of(view: Block, action_id: str) -> Iterator[Block]:
    return (one for one in objects(view) if one.get("action_id") == action_id)
