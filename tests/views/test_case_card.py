"""What a case's card shows first, always, never, and when there is more than fits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from handlers.views import case_ids as ids
from handlers.views.blocks import MESSAGE_BLOCKS
from handlers.views.case_card import case_card
from handlers.views.case_facts import CaseFacts, DraftState, LatchFacts
from handlers.views.case_ids import Ref
from handlers.views.case_page import ALL_SIZE, all_cases, case_list, case_page
from handlers.views.case_statement_modals import statement_modal, statements_modal
from handlers.views.facts import Untrusted
from handlers.views.surfaces import home
from local_slack.blockkit.validation import check_message_blocks, check_view
from policy.case_terms import StatementKind, StatementState
from tests.views import builders as b
from tests.views import case_builders as c
from tests.views.block_kit import message_faults, objects, view_faults
from tests.views.case_gallery import case_views, ordinary_views


def test_the_card_has_all_that_a_case_holds() -> None:
    shown = words(case_card(c.case()).blocks)

    for expected in (
        "#12", "Contractor may still", "Establish whether", "What the exposure means", "Security latch is set",
        "May release it", "Access after deprovisioning", "Conflicts hold up", "6 March", "✅ Confirmed facts (1)",
        "⏳ Facts not accepted yet (1)",
        "💭 Hypotheses, not confirmed (1)", "❓ Open questions (1)", "➡️ Next steps (1)",
        "E3 the access log", "by the rules", "by the model claude-sonnet-4-5, prompt case-1", "owner: Victor",
        "due 2026-03-26 13:46 UTC", "Customer update, revision 2", "⛔ Blocked by 4 marks", "3 turns", "$0.42 spent",
        "Model claude-sonnet-4-5",
        "Evidence is missing: E4 the attachment store's trail (a gap)", "handoff to security",
    ):  # fmt: skip
        assert expected in shown


def test_every_statement_and_draft_can_be_opened_as_it_was_shown() -> None:
    pressed = buttons(case_card(c.case()).blocks)

    assert {Ref.parse(one["value"]).item for one in pressed if one["action_id"] == ids.SEE_STATEMENT} == {
        one.statement_id for one in c.statements() if one.statement_id not in ("M2", "Rc2")
    }
    assert Ref(c.CASE_ID, "R2", 2) in [
        Ref.parse(one["value"]) for one in pressed if one["action_id"].startswith("case")
    ]
    assert [Ref.parse(one["value"]).item for one in pressed if one["action_id"] == ids.SEE_DRAFT] == ["d-1", "d-2"]


def test_the_latch_stands_above_everything_on_card_and_page() -> None:
    for blocks in (case_card(c.case()).blocks, case_page(c.case())):
        assert "Security latch is set" in words(blocks[:1])
        assert ids.RELEASE_LATCH in [one["action_id"] for one in buttons(blocks[1:2])]


def test_a_latch_that_is_not_set_takes_no_room() -> None:
    for latch in (LatchFacts(), c.released()):
        assert "latch" not in words(case_card(c.case(latch=latch, holdups=())).blocks)


def test_a_latch_that_nobody_could_release_says_so() -> None:
    assert "Nobody of security could release it" in words(case_card(c.case(latch=c.latch(releasers=()))).blocks)


@pytest.mark.parametrize("many", [1, 8, 40, 400])
def test_any_number_of_statements_fits_and_the_rest_is_counted(many: int) -> None:
    facts = tuple(c.statement(statement_id=f"F{n}", text=Untrusted(f"Fact {n}. " + "word " * 90)) for n in range(many))
    card = list(case_card(c.case(statements=(*facts, *c.statements()), evidence=(c.evidence(),))).blocks)

    assert len(card) <= MESSAGE_BLOCKS
    assert (message_faults(card), check_message_blocks(card)) == ([], [])
    assert f"⏳ Facts not accepted yet ({many + 1})" in words(card)
    assert "✅ Confirmed facts (1)" in words(card)
    if many >= 40:
        assert "more under ‘See all statements’" in words(card)
    assert ids.SEE_STATEMENTS in [one["action_id"] for one in buttons(card)]


def test_no_group_hides_another_when_there_is_more_than_fits() -> None:
    many = tuple(
        replace(one, statement_id=f"{one.statement_id}-{n}") for n in range(25) for one in c.statements()
    )  # fmt: skip
    shown = words(case_card(c.case(statements=many)).blocks)

    for one in c.statements():
        if one.kind is not StatementKind.CONFLICT and one.state is not StatementState.REJECTED:
            assert str(one.text)[:40] in shown


@pytest.mark.parametrize("others", [0, 10, 200])
def test_an_open_conflict_is_always_shown_with_its_text(others: int) -> None:
    facts = tuple(c.statement(statement_id=f"F{n}", text=Untrusted("long " * 100)) for n in range(others))
    card = case_card(c.case(statements=(*facts, c.conflict())))

    assert "a note on the ticket says 6 March" in words(card.blocks)
    assert "1 conflict to resolve" in card.text
    assert Ref(c.CASE_ID, "Rc0nflict01", 1) in [
        Ref.parse(one["value"]) for one in buttons(card.blocks) if one["action_id"] == ids.SEE_STATEMENT
    ]


def test_of_many_conflicts_the_rest_is_counted_and_none_is_lost_in_the_list() -> None:
    conflicts = tuple(c.conflict(statement_id=f"C{n}") for n in range(50))

    assert "Conflicts hold up what leaves this case (50)" in words(case_card(c.case(statements=conflicts)).blocks)
    assert "44 more" in words(case_card(c.case(statements=conflicts)).blocks)
    pages = [statements_modal(c.case(statements=conflicts), at) for at in (0, 40)]
    opened = {
        Ref.parse(one["value"]).item
        for page in pages
        for one in buttons(page["blocks"])
        if one["action_id"] == ids.SEE_STATEMENT
    }
    assert opened == {f"C{n}" for n in range(50)}


def test_what_was_rejected_is_counted_and_its_text_shown_nowhere() -> None:
    rejected = next(one for one in c.statements() if one.state is StatementState.REJECTED)
    case = c.case(drafts=())

    everything = {"card": case_card(case).blocks, "own": statement_modal(case, rejected)} | ordinary_views(b.row())
    for name, view in everything.items():
        assert str(rejected.text) not in words(view), name
    assert "1 statement rejected" in words(case_card(case).blocks)
    assert "Nothing shows that." in words(statement_modal(case, rejected))
    assert not buttons(statement_modal(case, rejected)["blocks"])


def test_a_resolved_conflict_without_a_reason_still_holds_the_case_up() -> None:
    case = c.case(statements=(c.conflict(state=StatementState.RESOLVED, resolution=Untrusted(" ")),))

    assert "Conflicts hold up" in words(case_card(case).blocks)


def test_an_accepted_fact_that_its_evidence_no_longer_carries_is_not_called_confirmed() -> None:
    lost = c.statement(state=StatementState.ACCEPTED, is_confirmed=False)
    shown = words(case_card(c.case(statements=(lost,))).blocks)

    assert "Confirmed facts" not in shown
    assert "its evidence no longer carries it" in shown


def test_the_fallback_text_says_the_essentials_without_markup() -> None:
    text = case_card(c.case(title=Untrusted("<!channel> & co"))).text

    for expected in ("ticket #12",
                     "&lt;!channel&gt; &amp; co", "Security latch is set.", "1 conflict to resolve.",
                     "1 fact not accepted yet.", "Customer update: ⛔ Blocked by 4 marks",
                     "Goal: Establish"):  # fmt: skip
        assert expected in text


def test_a_closed_case_can_only_be_read() -> None:
    pressed = {one["action_id"] for one in buttons(case_card(c.case(is_open=False, latch=LatchFacts())).blocks)}

    assert pressed == {ids.SEE_STATEMENT, ids.SEE_DRAFT, ids.SEE_STATEMENTS, ids.SEE_EVIDENCE, "ticket.open"}


def test_an_approved_draft_that_is_held_back_says_why() -> None:
    held = c.clean_draft(state=DraftState.APPROVED, held_back="The customer wrote after it was approved.")
    shown = words(case_card(c.case(drafts=(held,))).blocks)

    assert "⏸️ Approved, held back: The customer wrote after it was approved." in shown


def test_without_a_model_the_card_says_so() -> None:
    assert "No model is in use" in words(case_card(c.case(model="")).blocks)


def test_the_page_of_a_case_holds_more_than_its_card() -> None:
    facts = tuple(c.statement(statement_id=f"F{n}") for n in range(200))
    case = c.case(statements=(*facts, *(c.conflict(statement_id=f"C{n}") for n in range(50))), drafts=(c.draft(),) * 20)
    view = home(case_page(case))

    assert (view_faults(view), check_view(view)) == ([], [])
    assert "do not fit" not in words(view)


@pytest.mark.parametrize("written", ["🔥 " * 2000, "запись " * 400])
def test_however_much_was_written_no_view_of_a_case_is_larger_than_slack_takes(written: str) -> None:
    for name, view in case_views(b.row(), written, 30).items():
        assert len(json.dumps(view)) <= 250_000, name


def test_more_cases_than_a_page_are_turned_and_none_is_lost() -> None:
    rows = [c.row(ticket_number=number) for number in range(1, 46)]
    shown = [words(all_cases(rows[at : at + ALL_SIZE + 1], "", at)) for at in range(0, 45, ALL_SIZE)]

    assert all(any(f"#{number}  " in page for page in shown) for number in range(1, 46))
    last = [one["action_id"] for one in buttons(all_cases(rows[40:], "", 40))]
    assert ids.PAGE_CASES in last and ids.NEXT_OF[ids.PAGE_CASES] not in last


def test_the_list_has_the_viewers_own_cases_first_with_what_holds_them_up() -> None:
    rows = [c.row(title=Untrusted("Another's"), lead=c.SANA), c.row(title=Untrusted("Own"))]
    shown = words(case_list(rows, "U0OLIVIA001"))

    assert shown.index("Own") < shown.index("Another's")
    assert "🔒 Security latch is set  ·  Open  ·  ⛔ 1 conflict to resolve  ·  ⏳ 4 statements to decide" in shown
    assert "You lead it" in shown
    assert "Lead: Sana" in shown


def test_a_case_whose_record_does_not_hold_shows_nothing_of_it() -> None:
    shown = words(case_list([c.row(is_readable=False)], ""))

    assert "does not hold together" in shown
    assert "conflict" not in shown


def test_more_cases_than_fit_stand_under_a_button() -> None:
    blocks = case_list([c.row()] * 9, "")

    assert ids.LIST_CASES in [one["action_id"] for one in buttons(blocks)]
    assert ids.LIST_CASES not in [one["action_id"] for one in buttons(case_list([c.row()] * 8, ""))]


@pytest.mark.parametrize("case", [c.case(), c.case(is_open=False)])
def test_every_modal_of_an_ordinary_case_is_taken_by_slack(case: CaseFacts) -> None:
    for name, view in ordinary_views(b.row()).items():
        assert (view_faults(view), check_view(view)) == ([], []), name
    assert check_message_blocks(list(case_card(case).blocks)) == []


def words(drawn: Any) -> str:
    return "\n".join(
        str(each["text"])
        for each in objects(list(drawn) if isinstance(drawn, tuple) else drawn)
        if isinstance(each.get("text"), str)
    )


def buttons(blocks: Any) -> list[dict[str, Any]]:
    return [each for each in objects(list(blocks)) if each.get("type") == "button"]
