"""The process dies at each commit, each post and each effect in turn; what was cut off is run again: once is once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from bot.wiring import Parts, build
from handlers.errors import Refused
from handlers.flows.cast_vote import Ballot, cast_vote
from handlers.flows.propose_action import propose_action
from handlers.flows.read_suggestion import confirmed_proposal, read_suggestion
from handlers.listeners.intake import take_message
from handlers.reception import Reception
from local_slack.server import LocalSlack
from policy.terms import Choice, PersonKey
from storage import audit, verification
from tests.faults.crashes import (
    Fuse,
    Killed,
    dying_at_a_commit,
    dying_at_a_post,
    dying_at_an_effect,
    work_off,
)
from tests.faults.rig import quick_slack
from tests.policy.builders import roomy_policy
from tests.running import demo_settings, import_demo_directory

OLIVIA = PersonKey("T0ACME00001", "U0OLIVIA001")
SANA = PersonKey("T0ACME00001", "U0SANA00001")
WANTED = "Our key ak_demo_bob_001 leaked, please revoke API key ak_demo_bob_001."

Wiring = Callable[[Reception, Fuse], Reception]


@dataclass
class Story:
    """One ticket from the message to the run, told by a process that may die and is started again."""

    slack: LocalSlack
    parts: Parts
    wire: Wiring
    fuse: Fuse
    ts: str = ""
    channel: str = "C0EXTEXT001"

    async def tell(self) -> None:
        dying = self.wire(self.parts.reception, self.fuse)
        self.ts = await self.slack.person("mallory").post("ext-external", WANTED)
        for step in (self._arrives, self._jobs, self._is_confirmed, self._jobs, self._is_approved, self._jobs):
            while True:
                # After a death the process is started again: a job is handed out again, Slack or a person tries again.
                with suppress(Killed):
                    await step(dying)
                    break

    async def _arrives(self, reception: Reception) -> None:
        message = next(m for m in self.slack.person("mallory").history("ext-external") if m["ts"] == self.ts)
        event = {"type": "message", **message, "channel": self.channel}
        await take_message(reception, {"event": event, "is_ext_shared_channel": True})

    async def _jobs(self, reception: Reception) -> None:
        await work_off(self.parts.database, reception)

    async def _is_confirmed(self, reception: Reception) -> None:
        sql = "select id from suggestions where ticket_id = :ticket and action_id = 'api_key.revoke'"
        found = await read_suggestion(reception.desk, await self._value(sql))
        olivia = await reception.identity.resolve(OLIVIA)
        await propose_action(reception.desk, confirmed_proposal(found, {"keyId": "ak_demo_bob_001"}), olivia)

    async def _is_approved(self, reception: Reception) -> None:
        sql = "select request_id, channel, ts from deliveries where ticket_id = :ticket and kind = 'approval_card'"
        request_id, channel, ts = (await self._rows(sql))[0]
        sana = await reception.identity.resolve(SANA)
        with suppress(Refused):  # Pressed again, the vote is on record already.
            await cast_vote(reception.desk, Ballot(request_id, Choice.APPROVE, "click", channel, ts), sana)

    async def _rows(self, sql: str) -> list[Any]:
        async with self.parts.database.transaction() as tx:
            ticket = await tx.scalar(text("select id from tickets where slack_ts = :ts"), {"ts": self.ts})
            return list((await tx.execute(text(sql), {"ticket": ticket, "ts": self.ts})).all())

    async def _value(self, sql: str) -> UUID:
        found: UUID = (await self._rows(sql))[0][0]
        return found

    async def is_whole(self) -> None:
        """Everything exactly once, here and in Slack."""
        assert await self._rows("select count(*) from tickets where slack_ts = :ts") == [(1,)]
        assert await self._rows("select count(*) from messages where ticket_id = :ticket") == [(2,)]
        requests = "select action_id, status from action_requests where ticket_id = :ticket order by 1"
        assert await self._rows(requests) == [
            ("api_key.revoke", "executed"),
            ("ticket.add_internal_note", "executed"),
        ]
        effects = (
            "select count(*), count(distinct r.id) from action_requests r join effects e"
            " on e.idempotency_key like r.id || ':%' where r.ticket_id = :ticket"
        )
        assert await self._rows(effects) == [(2, 2)]
        states = "select kind, state from deliveries where ticket_id = :ticket order by kind"
        assert await self._rows(states) == [
            (kind, "posted") for kind in ("acknowledgement", "approval_card", "outcome", "triage_card")
        ]
        names = [event.name for event in await self._trail()]
        for once in ("intake_received", "agent_triage_started", "agent_triage_completed", "vote_cast"):
            assert names.count(once) == 1, (once, names)
        assert names.count("action_executed") == names.count("action_started") == 2, names
        await self._is_whole_in_slack()

    async def _trail(self) -> list[audit.StoredEvent]:
        async with self.parts.database.transaction() as tx:
            return await audit.trail(tx, await self._value("select cast(:ticket as uuid)"))

    async def _is_whole_in_slack(self) -> None:
        replies = self.slack.person("mallory").history("ext-external", self.ts)[1:]
        assert ["received" in replies[0]["text"], "change has been made" in replies[1]["text"]] == [True, True]
        assert len(replies) == 2
        sent = "select cast(id as text), ts from deliveries where ticket_id = :ticket"
        stored = {row[0]: row[1] for row in await self._rows(sent)}
        for channel in ("C0EXTEXT001", "C0TRIAGE001", "C0APPROVE01"):
            for message in self.slack.world.logs[channel].messages.values():
                delivery = (message.get("metadata") or {}).get("event_payload", {}).get("id")
                if delivery in stored:
                    assert stored.pop(delivery) == message["ts"], "a second message for one delivery"
        assert stored == {}, "a delivery that does not stand in Slack"


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with quick_slack() as running:
        yield running


@pytest.fixture
async def parts(database_url: str, tmp_path: Path, slack: LocalSlack) -> AsyncIterator[Parts]:
    settings = demo_settings(slack, tmp_path, http=False, COUNTERSIGN_POLICY=str(roomy_policy(tmp_path)))
    built = await build(settings, database_url)
    await import_demo_directory(built.database)
    await built.inbox.open()
    yield built
    await built.inbox.close()
    await built.database.close()


@pytest.mark.parametrize(
    ("wire", "at_least"),
    [
        pytest.param(dying_at_a_commit, 25, id="at each commit"),
        pytest.param(dying_at_a_post, 5, id="at each call that writes to Slack"),
        pytest.param(dying_at_an_effect, 2, id="at each effect"),
    ],
)
async def test_a_process_that_dies_at_any_point_loses_nothing_and_does_nothing_twice(
    slack: LocalSlack, parts: Parts, wire: Wiring, at_least: int
) -> None:
    points = 0
    while True:
        story = Story(slack, parts, wire, Fuse(points + 1))

        await story.tell()

        await story.is_whole()
        if not story.fuse.went_off:
            break
        points += 1
    assert points >= at_least
    async with parts.database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None
