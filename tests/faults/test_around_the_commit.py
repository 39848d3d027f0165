"""What is committed is said to be: nothing that can fail is read between a commit and the words about it; and before
it, what a click or a triage can put right by itself, it does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from copilot.suggestions import ActionOffer, FoundValue, SuggestedAction, TicketText, TriageResult
from handlers.desk import Desk, People
from handlers.errors import IdentityUnavailable, Refused, TryLater
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import propose_action
from handlers.flows.triage_ticket import triage_ticket
from policy.terms import Person, PersonKey, Provenance, Severity
from storage.database import Database, DatabaseUnavailable, Transaction
from tests.running import RunningDesk, running_desk
from tests.scenario.test_false_authority import text_of
from tests.threats.cases import Case, change, changed, click_of, new_key, open_case, paused, submission_of, votes
from tests.threats.planted import with_parts

HOME = "T0ACME00001"
OLIVIA = PersonKey(HOME, "U0OLIVIA001")


class GoneOnce(Database):
    """Goes away for good once a count is no longer 0: right after the commit that made it so."""

    def __init__(self, real: Database, count: str, **values: object) -> None:
        # The pool of the real one: only the moment of going away is added.
        self.__dict__.update(real.__dict__)
        self._count, self._values = text(count), values
        self._is_gone = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        if self._is_gone:
            raise DatabaseUnavailable("it is gone")
        async with super().transaction() as tx:
            yield tx
        async with super().transaction() as tx:
            self._is_gone = bool(await tx.scalar(self._count, self._values))


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with running_desk(database_url, tmp_path) as desk:
        yield desk


def parts_of(desk: RunningDesk) -> Desk:
    return desk.parts.reception.desk


async def test_a_vote_that_counts_is_never_said_to_be_none(desk: RunningDesk) -> None:
    case = await open_case(desk)
    sana = desk.slack.person("sana")

    async with paused(desk):
        voted = "select count(*) from votes where request_id = :id"
        with with_parts(desk, database=GoneOnce(desk.database, voted, id=case.request_id)):
            await sana.click("desk-approvals", case.card_ts, action_id="request.approve")
        said = await desk.until(lambda: sana.ephemerals("desk-approvals"))

    assert await votes(desk, case) == 1
    assert "is recorded" in text_of(said)


async def test_a_proposal_that_stands_is_never_said_to_be_none(desk: RunningDesk) -> None:
    case = await open_case(desk)
    sam = desk.slack.person("sam")
    await sam.click("desk-triage", case.triage_ts, action_id="action.choose")
    await desk.until(sam.modals)
    await sam.submit(values={"action": "api_key.revoke"})

    async with paused(desk):
        proposed = "select count(*) from action_requests where proposer like '%SAM%'"
        with with_parts(desk, database=GoneOnce(desk.database, proposed)):
            await sam.submit(values={"keyId": await new_key(desk)})

    assert await desk.value("select count(*) from action_requests where proposer like '%SAM%'") == 1
    assert "now waits for one approval" in text_of(sam.modals())


async def test_a_reason_is_stored_and_signed_as_the_database_can_give_it_back(desk: RunningDesk) -> None:
    case = await open_case(desk)
    values = {"reason": "no\x00 way\ud800"}

    outcome = await desk.slack.forge.send(
        submission_of(desk, case, "sana", "reject_request", str(case.request_id), values)
    )
    await desk.idle()

    assert outcome.acked
    assert await desk.value("select status from action_requests where id = :id", id=case.request_id) == "rejected"
    assert await desk.value("select reason from votes") == "no\N{REPLACEMENT CHARACTER} way\N{REPLACEMENT CHARACTER}"
    assert "way" in await desk.value("select outcome from action_requests where id = :id", id=case.request_id)


@dataclass
class EditedMeanwhile:
    """The people, except that the requester edits the ticket each time somebody asks who could approve."""

    real: People
    desk: RunningDesk
    ticket_id: UUID
    times: int

    async def resolve(self, key: PersonKey) -> Person:
        return await self.real.resolve(key)

    async def address_of(self, key: PersonKey) -> str:
        return await self.real.address_of(key)

    async def members(self, group: str) -> Sequence[Person]:
        if self.times:
            self.times -= 1
            await change(self.desk, "update tickets set revision = revision + 1 where id = :id", id=self.ticket_id)
        return await self.real.members(group)


async def _proposed(desk: RunningDesk, case: Case, edits: int) -> UUID:
    people = EditedMeanwhile(parts_of(desk).people, desk, case.ticket_id, edits)
    key_id = await new_key(desk)
    proposal = Proposal(case.ticket_id, "api_key.revoke", {"keyId": key_id}, {"keyId": Provenance.OPERATOR})
    olivia = await desk.parts.reception.identity.resolve(OLIVIA)
    return (await propose_action(replace(parts_of(desk), people=people), proposal, olivia)).request_id


async def test_a_proposal_that_an_edit_overtook_is_tried_again_within_the_click(desk: RunningDesk) -> None:
    case = await open_case(desk)

    # Each judgement asks for two groups.
    request_id = await _proposed(desk, case, edits=1)

    rows = await desk.rows(
        "select r.ticket_revision, t.revision from action_requests r join tickets t on t.id = r.ticket_id"
        " where r.id = :id",
        id=request_id,
    )
    assert rows == [(1, 1)]


async def test_where_edits_do_not_end_a_person_is_told_that_nothing_was_proposed(desk: RunningDesk) -> None:
    case = await open_case(desk)
    before = await desk.value("select count(*) from action_requests")

    with pytest.raises(Refused) as refused:
        await _proposed(desk, case, edits=100)

    assert (refused.value.code, "nothing was proposed" in refused.value.reply) == ("ticket-edited", True)
    assert await desk.value("select count(*) from action_requests") == before


class ScriptedTriager:
    """Suggests these actions for whatever it reads."""

    def __init__(self, *actions: SuggestedAction) -> None:
        self._actions = actions

    async def triage(self, ticket: TicketText, offers: Sequence[ActionOffer]) -> TriageResult:
        return TriageResult(
            severity=Severity.LOW,
            category="other",
            confidence=0.5,
            model="scripted",
            source="model",
            rationale="Scripted.",
            suggestions=self._actions,
        )

    async def aclose(self) -> None:
        """Nothing is held open."""


def _ours(action_id: str, **values: Any) -> SuggestedAction:
    """A suggestion that needs nobody's word: its values are texts of our own."""
    found = {name: FoundValue(value=value, provenance=Provenance.SYSTEM) for name, value in values.items()}
    return SuggestedAction(action_id=action_id, params=found)


async def test_a_suggestion_that_cannot_be_proposed_keeps_back_none_of_the_others(
    database_url: str, tmp_path: Path
) -> None:
    bad = _ours("ticket.set_category", category="no such category")
    good = _ours("ticket.add_internal_note", note="A note.")
    async with running_desk(database_url, tmp_path, triager=ScriptedTriager(bad, good)) as desk:
        await desk.slack.person("mallory").post("ext-external", "The export fails.")
        await desk.the_ticket()
        await desk.until(lambda: desk.value("select 1 from action_requests where status = 'executed'"))
        await desk.idle()

        assert await desk.value("select count(*) from procrastinate_jobs") == 0
        sql = "select request_id is null from suggestions order by position"
        assert [row[0] for row in await desk.rows(sql)] == [True, False]


class NobodyAnswers:
    """Slack says nothing about anybody."""

    async def resolve(self, key: PersonKey) -> Person:
        raise IdentityUnavailable("silence")

    async def address_of(self, key: PersonKey) -> str:
        raise IdentityUnavailable("silence")

    async def members(self, group: str) -> Sequence[Person]:
        raise IdentityUnavailable("silence")


async def test_while_slack_says_nothing_of_who_could_approve_triage_proposes_what_it_can_and_tries_the_rest_later(
    database_url: str, tmp_path: Path
) -> None:
    # The bot may ask for closing, and a person decides it.
    asks, note = _ours("ticket.close", reason="Solved."), _ours("ticket.add_internal_note", note="A note.")
    async with running_desk(database_url, tmp_path, triager=ScriptedTriager(asks, note)) as desk:
        with with_parts(desk, people=NobodyAnswers()):
            await desk.slack.person("mallory").post("ext-external", "The export fails.")
            ticket_id = await desk.the_ticket()
            put_back = "select 1 from procrastinate_jobs where task_name = 'triage_ticket' and attempts > 0"
            await desk.until(lambda: desk.value(f"{put_back} and status = 'todo'"))

            with pytest.raises(TryLater):
                await triage_ticket(parts_of(desk), ticket_id)
            assert [action_id for action_id, _ in await _proposals(desk)] == ["ticket.add_internal_note"]

        await change(desk, "update procrastinate_jobs set scheduled_at = now() where task_name = 'triage_ticket'")
        await desk.until(lambda: desk.value("select 1 from action_requests where status = 'executed'"))
        await desk.idle()
        assert await _proposals(desk) == [("ticket.add_internal_note", "executed"), ("ticket.close", "pending")]


async def _proposals(desk: RunningDesk) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in await desk.rows("select action_id, status from action_requests order by 1")]


async def test_of_refused_visits_to_app_home_one_an_hour_is_kept_and_of_refused_clicks_every_one(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk)
    erin = desk.slack.person("erin")
    kept = "select count(*) from audit_events where chain = 'system' and name = :name"

    for _ in range(3):
        await erin.open_home()
    await desk.until(lambda: desk.value(kept, name="view_refused"))
    payload = changed(click_of(desk, case, "erin"), "actions.0.action_id", "tickets.back")
    for _ in range(3):
        await desk.slack.forge.send(payload)
    for _ in range(3):
        await erin.open_home()
    await desk.idle()

    rows = await desk.rows("select payload->>'what' from audit_events where name = 'view_refused' order by 1")
    whats = [row[0] for row in rows]
    assert (whats.count("open App Home"), whats.count("open the ticket list")) == (1, 3)
