"""What a case keeps back: each reason by name, and as a law: whatever a release rests on, once it changed, holds it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.rendered_draft import rendered
from policy import case_entries as e
from policy.case_entries import Body, Entry
from policy.case_moves import StatementEvent
from policy.case_release import (
    ACTION_OF,
    HAND_OFF,
    RELEASES,
    UPDATE,
    Asked,
    Basis,
    Hold,
    Looked,
    basis_of,
    basis_text,
    entries_of,
    groups_needed,
    is_accountable,
    sha256_of,
    why_held,
    why_ticket_held,
)
from policy.case_story import CaseStory, tell
from policy.case_terms import Author, Draft, DraftKind, Sentence, StatementKind, StatementState
from policy.latch import Fired, Rule
from policy.latching import Latch, LatchState, Release
from policy.terms import Choice, PersonKey, Requester, RequesterKind, Risk, Verdict
from tests.policy.builders import DIGEST, GATE, approved, person, request, vote
from tests.policy.builders import NOW as GATE_NOW
from tests.policy.builders import action as gate_action
from tests.policy.case_builders import evidence, statement

LEAD, OTHER = PersonKey("T_HOME", "U_LEAD"), PersonKey("T_HOME", "U_OTHER")
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DUE = NOW + timedelta(days=1)
FIRED = Fired(Rule.ATTACHMENT_NOT_ENTITLED, "kim", ("E1",), "There is 1 record.", frozenset({"m"}), frozenset({"kim"}))
FACT = statement("S1", state=StatementState.ACCEPTED)
STEP = statement(
    "S2",
    StatementKind.NEXT_STEP,
    StatementState.ACCEPTED,
    "We read the log.",
    owner_label="our support lead",
    due_at=DUE,
)
UNCITED = statement("S3", StatementKind.HYPOTHESIS, text="A token was shared.")


def draft_of(kind: DraftKind, revision: int = 1, *texts: str) -> Draft:
    said = texts or (f"Confirmed: {FACT.text}", f"Next: our support lead by {DUE:%Y-%m-%d %H:%M} UTC: {STEP.text}")
    cites = (("S1@1",), ("S2@1",))
    return Draft(kind.value, kind, revision, tuple(map(sentence, said, cites)))


def sentence(text: str, cites: tuple[str, ...]) -> Sentence:
    return Sentence(text, cites, Author(person=LEAD))


OPENED = e.Opened("ticket-1", 7, "A case", LEAD, "C0TRIAGE", NOW)
BEGUN: tuple[Body, ...] = (
    OPENED,
    e.Framed("find out", ""),
    e.Retrieved((evidence("E1"),)),
    *(e.StatementStep(one, None) for one in (FACT, STEP, UNCITED)),
)


def record(*bodies: Body) -> CaseStory:
    return tell(Entry(seq, NOW + timedelta(seconds=seq), str(LEAD), one) for seq, one in enumerate(bodies, 1))


def case_with(kind: DraftKind, *then: Body) -> CaseStory:
    return record(*BEGUN, e.Drafted(draft_of(kind), Author(LEAD)), *then)


def asked(kind: DraftKind = DraftKind.CUSTOMER_UPDATE, **changes: Any) -> Asked:
    """The release of the first revision, as it would have been asked for when that was written."""
    story, text = case_with(kind), rendered(draft_of(kind))
    basis = basis_of(story, kind.value, 1, text)
    assert basis is not None
    params = {"caseId": "c", "draftId": kind.value, "revision": 1, "text": text, "basis": basis_text(basis)}
    return replace(Asked(ACTION_OF[kind], "ticket-1", params, LEAD), **changes)


def with_params(one: Asked, **changes: Any) -> Asked:
    return replace(one, params={**one.params, **changes})


def looked(story: CaseStory, one: Asked, **changes: Any) -> Looked:
    found = story.revision(one.params["draftId"], one.params["revision"])
    return replace(Looked("" if found is None else rendered(found.draft)), **changes)


def why(one: Asked, *then: Body, kind: DraftKind = DraftKind.CUSTOMER_UPDATE, **found: Any) -> str:
    story = case_with(kind, *then)
    return why_held(story, one, looked(story, one, **found))


KINDS = pytest.mark.parametrize("kind", list(ACTION_OF))
U = DraftKind.CUSTOMER_UPDATE
REDIRECTED = e.Framed("something else", "", is_redirection=True)
NEWER = e.Retrieved((evidence("E2", minutes=5),))
WROTE = e.CustomerWrote("m1")
SECOND = e.Drafted(draft_of(U, 2, "Confirmed: It is all fine.", "Next: nobody."), Author(OTHER), "why", "wrong_tone")
SET = e.LatchMoved(Latch(LatchState.SET, (FIRED,)))
LET_GO = e.LatchMoved(Latch(LatchState.RELEASED, (), (Release(OTHER, NOW, "seen", (FIRED,)),)))
SENT = e.Released("r", U.value, 1, "customer", "ab", (OTHER,))
EDITED = e.StatementStep(replace(FACT, text="It was so.", revision=2), StatementEvent.EDITED)
REJECTED = e.StatementStep(replace(FACT, state=StatementState.REJECTED), StatementEvent.REJECTED)
REASSIGNED = e.StatementStep(replace(STEP, owner=OTHER, revision=2), StatementEvent.REASSIGNED)
UNCITED_EDITED = e.StatementStep(replace(UNCITED, text="A token leaked.", revision=2), StatementEvent.EDITED)
CLOSED, OTHER_LEAD = e.Closed("done"), e.LeadChanged(OTHER, "on leave")


@KINDS
def test_as_it_was_asked_for_nothing_keeps_it_back(kind: DraftKind) -> None:
    assert why(asked(kind), kind=kind) == ""
    assert why(asked(kind), e.ReleaseAsked("r", kind.value, 1), e.HeldBack("r", "x"), kind=kind) == ""


REASONS: list[tuple[Hold, Asked, tuple[Body, ...], dict[str, Any]]] = [
    (Hold.BY_BREAK_GLASS, asked(is_break_glass=True), (), {}),
    (Hold.OTHER_TICKET, asked(ticket_id="ticket-2"), (), {}),
    (Hold.CLOSED, asked(), (CLOSED,), {}),
    (Hold.NO_DRAFT, with_params(asked(), draftId="another"), (), {}),
    (Hold.NO_DRAFT, with_params(asked(), revision=2), (), {}),
    (Hold.NO_DRAFT, with_params(asked(), revision=True), (), {}),
    (Hold.OTHER_AUDIENCE, asked(action_id=HAND_OFF), (), {}),
    (Hold.LATER_REVISION, asked(), (SECOND,), {}),
    (Hold.OTHER_TEXT, with_params(asked(), text="Nothing was exposed."), (), {}),
    (Hold.OTHER_TEXT, with_params(asked(), text=""), (), {"text": ""}),
    (Hold.SENT_ALREADY, asked(), (SENT,), {}),
    (Hold.OTHER_BASIS, with_params(asked(), basis="{}"), (), {}),
    (Hold.OTHER_BASIS, with_params(asked(), basis=f" {asked().params['basis']}"), (), {}),
    (Hold.OTHER_FRAMING, asked(), (REDIRECTED,), {}),
    (Hold.NEW_EVIDENCE, asked(), (NEWER,), {}),
    (Hold.CUSTOMER_WROTE, asked(), (WROTE,), {}),
    (Hold.STATEMENT_CHANGED, asked(), (EDITED,), {}),
    (Hold.STATEMENT_CHANGED, asked(), (REJECTED,), {}),
    (Hold.STATEMENT_CHANGED, asked(), (REASSIGNED,), {}),
    (Hold.LATCH_MOVED, asked(), (SET,), {}),
    (Hold.LATCH_MOVED, asked(), (SET, LET_GO), {}),
    (Hold.MARKED, asked(), (), {"blocks": frozenset({"promise"})}),
    (Hold.OTHER_LEAD, asked(), (OTHER_LEAD,), {}),
    (Hold.OTHER_LEAD, asked(proposer=OTHER), (), {}),
    (Hold.OTHER_LEAD, asked(proposer=None), (), {}),
    (Hold.OTHER_LEAD, asked(proposer=PersonKey("T_OTHER", LEAD.user_id)), (), {}),
    (Hold.LEAD_IS_GONE, asked(), (), {"is_lead_accountable": False}),
]  # fmt: skip


@pytest.mark.parametrize(("hold", "one", "then", "found"), REASONS)
def test_each_reason_keeps_it_back(hold: Hold, one: Asked, then: tuple[Body, ...], found: dict[str, Any]) -> None:
    assert why(one, *then, **found) == hold.value


def test_every_reason_is_shown_here() -> None:
    of_a_release = {one for one, *_ in REASONS} | {Hold.EXPOSURE_CLAIM, Hold.RECORD_CHANGED}
    assert set(Hold) == of_a_release | {Hold.UNREADABLE, Hold.OPEN_CASE, Hold.LATCH_SET}


def test_while_the_latch_is_set_nothing_is_said_about_exposure_whatever_was_overridden() -> None:
    story = record(*BEGUN, SET, e.Drafted(draft_of(U), Author(LEAD)))
    basis = basis_of(story, U.value, 1, rendered(draft_of(U)))
    assert basis is not None
    one = with_params(asked(), basis=basis_text(basis))

    assert why_held(story, one, looked(story, one)) == ""
    assert why_held(story, one, looked(story, one, exposure=frozenset({"exposure_denial"}))) == Hold.EXPOSURE_CLAIM
    assert why(asked(), exposure=frozenset({"exposure_denial"})) == ""


def test_a_packet_is_kept_back_by_any_statement_and_an_update_by_those_it_cites() -> None:
    handoff = DraftKind.ENGINEERING_HANDOFF

    assert why(asked(), UNCITED_EDITED) == ""
    assert why(asked(handoff), UNCITED_EDITED, kind=handoff) == Hold.RECORD_CHANGED


# The law. Each part of the basis has an entry that changes it; nothing that comes after lets it out again.
CHANGING: dict[str, tuple[Body, ...]] = {
    "framing": (REDIRECTED,),
    "evidence": (NEWER,),
    "customer": (WROTE,),
    "statements": (EDITED,),
    "revision": (SECOND,),
    "latch": (SET,),
}
HARMLESS: tuple[Body, ...] = (
    e.ReleaseAsked("r", U.value, 1),
    e.HeldBack("r", "the customer wrote"),
    e.Framed("the same goal, put better", ""),
    e.MembersChanged((OTHER,)),
    e.Escalated("it stalls"),
    e.StatedEmptyPart("dissent", "none"),
    e.Retrieved(()),
)


def test_the_law_is_about_every_part_of_the_basis() -> None:
    of_the_text, of_a_packet = {"sha256", "entries"}, {"record"}
    assert {one.name for one in fields(Basis)} == set(CHANGING) | of_the_text | of_a_packet


@given(
    before=st.lists(st.sampled_from(HARMLESS), max_size=4),
    changes=st.lists(st.sampled_from(sorted(CHANGING)), min_size=0, max_size=3, unique=True),
    after=st.lists(st.sampled_from(HARMLESS), max_size=4),
)
def test_after_any_entry_that_changes_what_it_rests_on_it_is_held_back_and_else_it_is_not(
    before: list[Body], changes: list[str], after: list[Body]
) -> None:
    then = [*before, *(body for name in changes for body in CHANGING[name]), *after]
    held = why(asked(), *then)

    assert bool(held) is bool(changes)
    assert held in {"", *(one.value for one in Hold)}


@given(
    held_back=st.sampled_from([*(one.value for one in Hold)]),
    action_id=st.sampled_from(sorted(RELEASES)),
    groups=st.sets(st.sampled_from(["support", "security"]), min_size=1),
    also=st.frozensets(st.sampled_from(["support", "security"])),
    is_known=st.booleans(),
)
def test_nothing_that_is_held_back_is_proposed_approved_or_run_and_all_of_it_can_be_rejected_and_withdrawn(
    held_back: str, action_id: str, groups: set[str], also: frozenset[str], is_known: bool
) -> None:
    requester = gate_action().requester if is_known else Requester(RequesterKind.EMAIL, None, "x@y.example")
    facts = gate_action(
        action_id=action_id, risk=Risk.MEDIUM, subjects=frozenset(), held_back=held_back, also_needs=also,
        requester=requester,
    )  # fmt: skip
    who, other = person("U_SAM", *groups), person("U_SANA", "security")
    votes = [vote(who), vote(other)]

    judged = GATE.judge_proposal(facts, who)
    assert judged.verdict is Verdict.DENY and "core-no-held-back" in judged.policy_ids and held_back in judged.reason
    for choice in Choice:
        ruling = GATE.rule_on_vote(request(facts), other, choice, shown_digest=DIGEST, now=GATE_NOW)
        assert ruling.is_allowed is (choice is Choice.REJECT)
        assert ruling.is_allowed or (ruling.code == "core-no-held-back" and ruling.reply.startswith(held_back))
    run = GATE.rule_on_run(
        approved(facts), votes, {who.key: who, other.key: other}, digest_now=DIGEST, now=GATE_NOW, proposer=who
    )
    assert run.code == "core-no-held-back" and held_back in run.reason
    assert GATE.rule_on_withdrawal(request(facts, proposer=who.key), who).is_allowed


def test_who_does_not_work_the_desk_is_not_told_why() -> None:
    about = request(gate_action(held_back=Hold.CUSTOMER_WROTE.value))

    for stranger in (person("U_ANN"), person("U_ANN", "marketing")):
        ruling = GATE.rule_on_vote(about, stranger, Choice.APPROVE, shown_digest=DIGEST, now=GATE_NOW)
        assert ruling.code == "core-no-held-back" and Hold.CUSTOMER_WROTE.value not in ruling.reply


def test_what_keeps_it_back_stands_behind_the_rule_for_who_works_the_desk() -> None:
    about, why = gate_action(held_back=Hold.CUSTOMER_WROTE.value), Hold.CUSTOMER_WROTE.value
    rule, who = GATE.notes["core-no-held-back"].reason, person("U_ANN", "security")

    ruling = GATE.rule_on_vote(request(about), who, Choice.APPROVE, shown_digest=DIGEST, now=GATE_NOW)
    judged = GATE.judge_proposal(about, who)

    assert ruling.reason == f"{rule} {why}" and judged.reason == f"{rule} {why}"
    assert ruling.reply.startswith(f"{why} ") and judged.reply.startswith(f"{why} ")


@pytest.mark.parametrize(("also", "quorum"), [((), 1), (("support",), 1), (("support", "security"), 2)])
def test_a_proposal_says_of_how_many_people_and_which_groups(also: tuple[str, ...], quorum: int) -> None:
    facts = gate_action(action_id=UPDATE, risk=Risk.MEDIUM, subjects=frozenset(), params={}, also_needs=frozenset(also))

    judged = GATE.judge_proposal(facts, person("U_ANN", "support"))

    assert (judged.verdict, judged.quorum, judged.distinct_groups) == (Verdict.NEEDS_APPROVAL, quorum, set(also))


@pytest.mark.parametrize("action_id", sorted(RELEASES))
def test_what_a_case_lets_out_is_not_edited_on_its_card(action_id: str) -> None:
    """Other words would be no revision of the draft."""
    about = request(gate_action(action_id=action_id, risk=Risk.MEDIUM, subjects=frozenset()))

    ruling = GATE.rule_on_edit(about, person("U_ANN", "support"), digest_now=DIGEST, now=GATE_NOW)

    assert (ruling.is_allowed, ruling.code) == (False, "release-is-not-edited")


# Who has to approve it.


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("is_latched", [True, False])
@pytest.mark.parametrize("action_id", [*sorted(RELEASES), "ticket.reply_to_customer"])
def test_an_update_of_a_latched_case_needs_one_of_each_group(action_id: str, is_latched: bool, is_known: bool) -> None:
    needed = groups_needed(action_id, is_latched=is_latched, is_requester_known=is_known)

    if action_id not in RELEASES:
        assert needed == frozenset()
        return
    assert "support" in needed
    assert ("security" in needed) is (not is_known or (is_latched and action_id == UPDATE))


@pytest.mark.parametrize(
    ("also", "voters", "code"),
    [
        ({"support"}, ["support"], "permitted"),
        ({"support"}, ["security"], "groups-not-met"),
        ({"support", "security"}, ["support"], "quorum-not-met"),
        ({"support", "security"}, ["support", "support"], "groups-not-met"),
        ({"support", "security"}, ["security", "security"], "groups-not-met"),
        ({"support", "security"}, ["both"], "quorum-not-met"),
        ({"support", "security"}, ["both", "support"], "permitted"),
        ({"support", "security"}, ["support", "security"], "permitted"),
    ],
)
def test_the_run_asks_for_those_groups_even_where_the_row_asks_for_fewer(
    also: set[str], voters: list[str], code: str
) -> None:
    facts = gate_action(action_id=UPDATE, risk=Risk.MEDIUM, subjects=frozenset(), also_needs=frozenset(also))
    people = [
        person(f"U_{number}", *(("support", "security") if one == "both" else (one,)))
        for number, one in enumerate(voters)
    ]

    ruling = GATE.rule_on_run(
        approved(facts), [vote(one) for one in people], {one.key: one for one in people}, digest_now=DIGEST,
        now=GATE_NOW,
    )  # fmt: skip

    assert ruling.code == code


@pytest.mark.parametrize("flag", ["is_home", "is_active", "is_full_member", "is_human", "groups"])
def test_a_lead_who_left_a_guest_or_a_bot_answers_for_nothing(flag: str) -> None:
    lead = person("U_LEAD", "support")
    assert is_accountable(lead)
    changed: dict[str, Any] = {flag: frozenset() if flag == "groups" else False}
    assert not is_accountable(replace(lead, **changed))


# The ticket of a case, and the basis as text.


def test_an_open_case_keeps_back_replies_and_with_the_latch_set_closing_too() -> None:
    open_one, latched, closed = record(*BEGUN), record(*BEGUN, SET), record(*BEGUN, SET, CLOSED)

    assert why_ticket_held(open_one, "ticket.reply_to_customer") == Hold.OPEN_CASE
    assert why_ticket_held(open_one, "ticket.close") == ""
    assert why_ticket_held(latched, "ticket.close") == Hold.LATCH_SET
    assert why_ticket_held(latched, "ticket.reply_to_customer") == Hold.OPEN_CASE
    for story in (open_one, latched, closed):
        assert why_ticket_held(story, "ticket.add_internal_note") == ""
    assert why_ticket_held(closed, "ticket.close") == why_ticket_held(closed, "ticket.reply_to_customer") == ""


def test_the_basis_says_what_it_rests_on_and_is_written_in_one_way() -> None:
    basis = json.loads(asked().params["basis"])

    assert basis == {
        "customer": 0, "entries": 7, "evidence": 3, "framing": 1, "latch": "clear", "record": "", "revision": 1,
        "sha256": sha256_of(asked().params["text"]), "statements": ["S1@1:accepted", "S2@1:accepted"],
    }  # fmt: skip
    assert entries_of(asked().params) == 7
    assert entries_of({"basis": "nonsense"}) == entries_of({}) == 0


@pytest.mark.parametrize("entries", [0, -1, 8, 10**9])
def test_a_basis_of_entries_that_the_case_does_not_have_is_none(entries: int) -> None:
    said = json.loads(asked().params["basis"]) | {"entries": entries}

    basis = json.dumps(said, sort_keys=True, separators=(",", ":"))
    assert why(with_params(asked(), basis=basis)) == Hold.OTHER_BASIS


def test_a_statement_that_the_case_does_not_have_is_named_without_a_state() -> None:
    cites_nothing = replace(draft_of(U), sentences=(sentence("Confirmed: x.", ("S9@1",)),))
    story = record(*BEGUN, e.Drafted(cites_nothing, Author(LEAD)))
    basis = basis_of(story, U.value, 1, "x")

    assert basis is not None and basis.statements == ("S9",)
    assert basis_of(story, U.value, 2, "x") is None
