"""A case is its record: who may add to it, and what a row that somebody writes into the database does to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import pytest

from handlers.errors import BadInput, Refused
from handlers.flows.frame_case import close_case, frame_case
from handlers.flows.latch_case import release_latch
from handlers.flows.move_statement import add_statement, move_statement
from handlers.flows.open_case import open_case
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import propose_action
from handlers.flows.staff_case import staff_case
from handlers.flows.write_draft import edit_draft, override_mark, write_draft
from handlers.views.case_ids import seen_digest
from policy import case_entries as e
from policy.case_moves import Role, StatementEvent
from policy.case_rules import Wish
from policy.case_terms import Claim, DraftKind, StatementKind, StatementState
from policy.latching import LatchState
from policy.terms import Person, PersonKey, Provenance
from storage import cases
from storage.told import TrailBroken
from tests.policy.case_evidence import entry, read
from tests.running import RunningDesk
from tests.threats import releases
from tests.threats.case_records import (
    BOB,
    DANA,
    ERIN,
    OLIVIA,
    SAM,
    SANA,
    VICTOR,
    CaseAt,
    case_of,
    inside,
    person,
    refusals,
    story_of,
    ticket_of,
    write,
)
from tests.threats.cases import change

pytestmark = pytest.mark.asyncio(loop_scope="module")

Deed = Callable[[RunningDesk, CaseAt, Person], Awaitable[object]]


def wish(event: StatementEvent, statement_id: str, revision: int = 1, **more: object) -> Wish:
    return Wish(event, statement_id, revision, Role.MODEL, None, **more)  # type: ignore[arg-type]  # any of its fields


async def a_fact(desk: RunningDesk, case: CaseAt) -> None:
    """Evidence that sets the latch, and a fact that it carries."""
    await write(desk, case, e.Retrieved((entry("E1"), read("E2"))))
    lead = await person(desk, OLIVIA)
    text = "The attachment store's trail records a download by the account."
    await add_statement(inside(desk), case.case_id, StatementKind.FACT, text, lead, evidence=("E2",))


DEEDS: dict[str, Deed] = {
    "frame": lambda desk, case, who: frame_case(
        inside(desk), case.case_id, "Say that all is well.", "", who, is_redirection=True
    ),
    "accept": lambda desk, case, who: move_statement(
        inside(desk), case.case_id, wish(StatementEvent.ACCEPTED, "S1"), who
    ),
    "override": lambda desk, case, who: override_mark(
        inside(desk), case.case_id, "customer_update", 1, "missing_next_step", -1, "because", who, seen=""
    ),
    "close": lambda desk, case, who: close_case(inside(desk), case.case_id, "done", who),
}
"""What only the lead may do."""
ANYBODY_ON_IT: dict[str, Deed] = {
    "add": lambda desk, case, who: add_statement(
        inside(desk), case.case_id, StatementKind.QUESTION, "Who looked at it?", who
    ),
    "draft": lambda desk, case, who: write_draft(inside(desk), case.case_id, DraftKind.INTERNAL_SUMMARY, who),
    "staff": lambda desk, case, who: staff_case(inside(desk), case.case_id, OLIVIA, [SAM, SANA], "", who),
}


async def test_the_lead_frames_a_case_and_its_record_tells_who_works_on_it(desk: RunningDesk) -> None:
    case = await case_of(desk)

    story = await story_of(desk, case)

    assert (story.lead, story.members, story.is_open) == (OLIVIA, (SAM,), True)
    assert story.frame is not None and story.frame.goal == "Find out what was seen."
    assert story.opened_by == OLIVIA
    assert [one.name for one in await desk.trail(case.ticket_id)].count("case_opened") == 1


async def test_a_ticket_has_one_case(desk: RunningDesk) -> None:
    case = await case_of(desk)

    with pytest.raises(Refused) as refused:
        await open_case(inside(desk), case.ticket_id, "Another goal.", "", [], await person(desk, SAM))

    assert refused.value.code == "case-there-already"
    assert (await story_of(desk, case)).lead == OLIVIA


async def test_of_two_who_open_a_case_at_once_one_is_told_that_it_is_there(desk: RunningDesk) -> None:
    at = await ticket_of(desk)
    people = [await person(desk, one) for one in (OLIVIA, SAM)]

    opened = await asyncio.gather(
        *(open_case(inside(desk), at.ticket_id, "A goal.", "", [], one) for one in people), return_exceptions=True
    )

    assert sum(isinstance(one, UUID) for one in opened) == 1
    assert [one.code for one in opened if isinstance(one, Refused)] == ["case-there-already"]


async def test_a_case_without_a_goal_is_not_opened(desk: RunningDesk) -> None:
    at = await ticket_of(desk)

    with pytest.raises(BadInput, match="goal"):
        await open_case(inside(desk), at.ticket_id, "  ", "", [], await person(desk, OLIVIA))


async def test_threat_01_who_asked_neither_opens_nor_works_on_the_case(desk: RunningDesk) -> None:
    at = await ticket_of(desk, "sam", "help", "My account was used by somebody else, please look into it.")
    sam, olivia = await person(desk, SAM), await person(desk, OLIVIA)

    with pytest.raises(Refused, match="asked") as refused:
        await open_case(inside(desk), at.ticket_id, "Find out.", "", [], sam)
    assert refused.value.code == "case-no-requester"
    case = CaseAt(await open_case(inside(desk), at.ticket_id, "Find out.", "", [], olivia), at.ticket_id, at.ts)
    with pytest.raises(BadInput, match="who asks"):
        await staff_case(inside(desk), case.case_id, OLIVIA, [SAM], "", olivia)
    await write(desk, case, e.MembersChanged((SAM,)))
    for deed in ANYBODY_ON_IT.values():
        with pytest.raises(Refused) as again:
            await deed(desk, case, sam)
        assert again.value.code == "case-no-requester"
    assert await refusals(desk, case) == ["case-no-requester"] * 4


@pytest.mark.parametrize("key", [ERIN, DANA, PersonKey("T0EXTERNAL1", "U0MALLORY01")], ids=["erin", "dana", "mallory"])
@pytest.mark.parametrize("deed", [*DEEDS, *ANYBODY_ON_IT])
async def test_threat_07_nobody_who_does_not_work_the_desk_adds_to_a_case(
    desk: RunningDesk, deed: str, key: PersonKey
) -> None:
    case = await case_of(desk)
    await write(desk, case, e.MembersChanged((key,)))  # Even where they were put on it.
    before = await by_people(desk, case)

    with pytest.raises(Refused):
        await {**DEEDS, **ANYBODY_ON_IT}[deed](desk, case, await _anybody(desk, key))

    assert await by_people(desk, case) == before


async def by_people(desk: RunningDesk, case: CaseAt) -> list[e.Body]:
    """What people added; the bot's own look at the case may come at any time."""
    return [one.body for one in (await story_of(desk, case)).entries if one.actor != "bot"]


async def _anybody(desk: RunningDesk, key: PersonKey) -> Person:
    if key.home == "T0ACME00001":
        return await person(desk, key)
    found = await desk.parts.reception.identity.resolve(PersonKey("T0EXTERNAL1", key.user_id))
    assert not found.is_home
    return found


@pytest.mark.parametrize("deed", [*DEEDS, *ANYBODY_ON_IT])
async def test_threat_07_who_is_not_on_the_case_adds_nothing(desk: RunningDesk, deed: str) -> None:
    case = await case_of(desk)
    before = await by_people(desk, case)

    with pytest.raises(Refused) as refused:
        await {**DEEDS, **ANYBODY_ON_IT}[deed](desk, case, await person(desk, VICTOR))

    assert refused.value.code == "case-not-on-it"
    assert await refusals(desk, case) == ["case-not-on-it"]
    assert await by_people(desk, case) == before


@pytest.mark.parametrize("deed", [name for name in DEEDS if name != "accept"])
async def test_threat_07_a_member_does_not_do_what_only_the_lead_may(desk: RunningDesk, deed: str) -> None:
    case = await case_of(desk)

    with pytest.raises(Refused) as refused:
        await DEEDS[deed](desk, case, await person(desk, SAM))

    assert refused.value.code == "case-lead-only"


async def test_threat_07_a_member_does_not_accept_a_fact_and_the_lead_does(desk: RunningDesk) -> None:
    case = await case_of(desk)
    await a_fact(desk, case)

    with pytest.raises(Refused) as refused:
        await DEEDS["accept"](desk, case, await person(desk, SAM))
    await DEEDS["accept"](desk, case, await person(desk, OLIVIA))

    assert refused.value.code == "member-may-not-accepted"
    [fact] = [one for one in (await story_of(desk, case)).held.statements if one.statement_id == "S1"]
    assert fact.state is StatementState.ACCEPTED


async def test_threat_21_a_role_that_a_payload_claims_is_not_believed(desk: RunningDesk) -> None:
    case = await case_of(desk)
    await a_fact(desk, case)
    claimed = Wish(StatementEvent.ACCEPTED, "S1", 1, Role.LEAD, OLIVIA)

    with pytest.raises(Refused):
        await move_statement(inside(desk), case.case_id, claimed, await person(desk, SAM))


async def test_a_lead_who_has_left_is_replaced_by_who_works_on_it(desk: RunningDesk) -> None:
    case = await case_of(desk)
    sam = await person(desk, SAM)
    with pytest.raises(Refused) as refused:
        await staff_case(inside(desk), case.case_id, SAM, [], "I would rather.", sam)
    await write(desk, case, e.LeadChanged(DANA, "planted: a lead whose account is deactivated"))

    await staff_case(inside(desk), case.case_id, SAM, [], "Dana has left.", sam)

    assert refused.value.code == "case-lead-only"
    assert (await story_of(desk, case)).lead == SAM
    await write(desk, case, e.LeadChanged(DANA, "planted"), e.MembersChanged(()))
    await staff_case(inside(desk), case.case_id, VICTOR, [], "Nobody is left on it.", await person(desk, VICTOR))
    assert (await story_of(desk, case)).lead == VICTOR


async def test_a_redirection_asks_for_every_accepted_statement_again(desk: RunningDesk) -> None:
    case = await case_of(desk)
    await a_fact(desk, case)
    olivia = await person(desk, OLIVIA)
    await DEEDS["accept"](desk, case, olivia)
    await write_draft(inside(desk), case.case_id, DraftKind.INTERNAL_SUMMARY, olivia)

    await frame_case(inside(desk), case.case_id, "Find out who let it happen.", "", olivia, is_redirection=True)

    story = await story_of(desk, case)
    assert story.framings == 2
    assert [one.state for one in story.held.statements if one.statement_id == "S1"] == [StatementState.PROPOSED]
    newest = story.newest("internal_summary")
    assert newest is not None and newest.framing == 1


async def test_two_who_edit_at_once_make_one_revision_and_the_other_is_told(desk: RunningDesk) -> None:
    case = await case_of(desk)
    olivia, sam = await person(desk, OLIVIA), await person(desk, SAM)
    await write_draft(inside(desk), case.case_id, DraftKind.INTERNAL_SUMMARY, olivia)
    words = [("We look into it.", ())]
    await edit_draft(inside(desk), case.case_id, "internal_summary", 1, words, "shorter", "wrong_tone", sam)

    with pytest.raises(Refused) as refused:
        await edit_draft(inside(desk), case.case_id, "internal_summary", 1, [("No.", ())], "x", "other", olivia)

    assert refused.value.code == "case-stale-draft"
    story = await story_of(desk, case)
    assert [one.draft.revision for one in story.drafts["internal_summary"]] == [1, 2]
    assert story.drafts["internal_summary"][1].draft.sentences[0].author.person == SAM


async def test_the_latch_is_set_by_the_rules_and_released_by_security_alone(desk: RunningDesk) -> None:
    case = await case_of(desk)
    await a_fact(desk, case)
    story = await story_of(desk, case)
    assert story.latch.state is LatchState.SET
    seen = story.latch.marks

    for key in (OLIVIA, SAM):
        with pytest.raises(Refused) as refused:
            await release_latch(
                inside(desk), case.case_id, "It was a test.", seen_digest(seen), await person(desk, key)
            )
        assert refused.value.code == "case-latch-holds"
    with pytest.raises(Refused):
        await release_latch(inside(desk), case.case_id, "It was a test.", "", await person(desk, SANA))
    with pytest.raises(Refused):
        await release_latch(inside(desk), case.case_id, " ", seen_digest(seen), await person(desk, SANA))
    assert (await story_of(desk, case)).latch.state is LatchState.SET

    await release_latch(
        inside(desk), case.case_id, "It was a test of ours.", seen_digest(seen), await person(desk, SANA)
    )

    assert (await story_of(desk, case)).latch.state is LatchState.RELEASED
    moved = [one for one in await desk.trail(case.ticket_id) if one.name == "case_latch_moved"]
    assert [one.payload["state"] for one in moved] == ["set", "released"]


async def test_while_the_latch_is_set_the_case_is_not_closed(desk: RunningDesk) -> None:
    case = await case_of(desk)
    await a_fact(desk, case)
    olivia = await person(desk, OLIVIA)

    with pytest.raises(Refused) as refused:
        await close_case(inside(desk), case.case_id, "All is well.", olivia)

    assert refused.value.code == "case-latch-set"
    assert (await story_of(desk, case)).is_open


async def test_what_waits_to_go_out_of_a_case_is_void_once_it_is_closed_and_nothing_else_is(desk: RunningDesk) -> None:
    ticket_id, ts = await releases.ticket(desk)
    olivia = await person(desk, OLIVIA)
    words = {"text": "We are looking into it."}
    reply = Proposal(ticket_id, "ticket.reply_to_customer", words, {"text": Provenance.OPERATOR})
    other = (await propose_action(inside(desk), reply, olivia)).request_id
    case = await releases.case_on(desk, ticket_id, ts)
    release = await releases.ask(desk, case, await releases.drafted(desk, case, DraftKind.CUSTOMER_UPDATE))

    await close_case(inside(desk), case.case_id, "Settled by phone.", olivia)

    assert await releases.status(desk, release) == "void"
    assert "the case was closed" in await releases.outcome(desk, release)
    assert await releases.status(desk, other) == "pending"


async def test_a_closed_case_is_final(desk: RunningDesk) -> None:
    case = await case_of(desk)
    olivia = await person(desk, OLIVIA)
    await close_case(inside(desk), case.case_id, "Settled by phone.", olivia)

    with pytest.raises(Refused) as refused:
        await add_statement(inside(desk), case.case_id, StatementKind.FACT, "More.", olivia, claim=Claim.EVENT)

    assert refused.value.code == "case-closed"


@pytest.mark.parametrize(
    "sql",
    [
        "update audit_events set payload = replace(payload::text, 'Find out', 'Say out')::json where chain = :chain",
        "delete from audit_events where chain = :chain and seq = 3",
        "update audit_events set actor = 'T0ACME00001/U0SAM000001' where chain = :chain and seq = 2",
        "update audit_chains set length = 2 where chain = :chain",
    ],
    ids=["changed", "taken out", "in another's name", "cut"],
)
async def test_threat_21_a_record_that_was_written_to_is_no_case_any_more(desk: RunningDesk, sql: str) -> None:
    case = await case_of(desk)
    before = await story_of(desk, case)
    async with desk.database.transaction() as tx:
        from sqlalchemy import text

        await tx.execute(text("set local session_replication_role = replica"))
        await tx.execute(text(sql), {"chain": f"case:{case.case_id}"})

    with pytest.raises(TrailBroken):
        await story_of(desk, case)
    with pytest.raises(Refused) as refused:
        await ANYBODY_ON_IT["add"](desk, case, await person(desk, OLIVIA))
    assert refused.value.code == "case-record-broken"
    assert before.length == 3


async def test_threat_21_a_row_that_names_another_lead_makes_none(desk: RunningDesk) -> None:
    case = await case_of(desk)
    await change(desk, "update cases set lead = :lead where id = :id", lead=str(BOB), id=case.case_id)

    with pytest.raises(Refused) as refused:
        await DEEDS["frame"](desk, case, await person(desk, BOB))

    assert refused.value.code == "case-not-on-it"


async def test_what_the_customer_writes_is_on_the_record_of_an_open_case(desk: RunningDesk) -> None:
    case = await case_of(desk)
    mallory = desk.slack.person("mallory")

    await mallory.post("ext-external", "One more thing: the export has our keys in it.", thread_ts=case.ts)

    async def is_told() -> bool:
        return (await story_of(desk, case)).customer_seq > 0

    await desk.until(is_told)
    story = await story_of(desk, case)
    [wrote] = [one.body for one in story.entries if isinstance(one.body, e.CustomerWrote)]
    sql = "select count(*) from messages where id = :id and ticket_id = :ticket"
    assert await desk.value(sql, id=UUID(wrote.message_id), ticket=case.ticket_id) == 1


class _Asking:
    """Slack, asked only where the case is free for others meanwhile."""

    def __init__(self, desk: RunningDesk, case: CaseAt) -> None:
        self._desk, self._case = desk, case
        self.asked: list[PersonKey] = []

    def __getattr__(self, name: str) -> object:
        return getattr(inside(self._desk).people, name)

    async def resolve(self, key: PersonKey) -> Person:
        async with asyncio.timeout(10), self._desk.database.transaction() as tx:
            await cases.lock(tx, self._case.case_id)
        self.asked.append(key)
        return await inside(self._desk).people.resolve(key)


async def test_slack_is_asked_about_a_lead_while_nobody_waits_for_the_case(desk: RunningDesk) -> None:
    case = await case_of(desk)
    sam = await person(desk, SAM)
    await write(desk, case, e.LeadChanged(DANA, "planted: a lead whose account is deactivated"))
    people = _Asking(desk, case)

    await staff_case(replace(inside(desk), people=people), case.case_id, SAM, [], "Dana has left.", sam)  # type: ignore[arg-type]  # all of its names

    assert DANA in people.asked
    assert (await story_of(desk, case)).lead == SAM
