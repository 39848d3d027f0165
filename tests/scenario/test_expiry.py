"""Requests do not wait for ever, and a policy that changed does not apply to what was shown before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from handlers.errors import Refused
from handlers.flows.cast_vote import Ballot, cast_vote
from handlers.flows.void_outdated import void_outdated
from policy.terms import Choice, PersonKey
from tests.running import running_desk
from tests.scenario.test_false_authority import buttons, mallory_asks, olivia_confirms, text_of


class MovableClock:
    """The wall clock, and however far a test moved it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def test_a_request_nobody_decided_expires_on_its_card_and_for_its_requester(
    database_url: str, tmp_path: Path
) -> None:
    clock = MovableClock()
    async with running_desk(database_url, tmp_path, clock=clock) as desk:
        thread = await mallory_asks(desk)
        await olivia_confirms(desk)

        clock.ahead = timedelta(days=30)

        await desk.until(lambda: desk.value("select 1 from action_requests where status = 'expired'"))
        await desk.idle()
        assert not buttons(desk.card("approvals"), "request.approve")
        assert "not decided in time" in text_of(desk.slack.person("mallory").history("ext-external", thread))
        assert "request_expired" in [event.name for event in await desk.trail(await desk.the_ticket())]
        assert await desk.value("select count(*) from effects where action_id = 'api_key.revoke'") == 0


async def test_a_vote_after_the_expiry_counts_for_nothing_even_before_the_card_says_so(
    database_url: str, tmp_path: Path
) -> None:
    clock = MovableClock()
    async with running_desk(database_url, tmp_path, clock=clock) as desk:
        await mallory_asks(desk)
        await olivia_confirms(desk)
        request_id = await desk.value("select id from action_requests where action_id = 'api_key.revoke'")
        sana = await desk.parts.reception.identity.resolve(PersonKey("T0ACME00001", "U0SANA00001"))
        await desk.rows("select 1")

        clock.ahead = timedelta(days=30)
        with pytest.raises(Refused):
            await cast_vote(desk.parts.reception.desk, Ballot(request_id, Choice.APPROVE, "trigger"), sana)

        assert await desk.value("select count(*) from votes") == 0


async def test_what_its_row_says_is_of_another_policy_is_void_and_has_no_approve_button(
    database_url: str, tmp_path: Path
) -> None:
    async with running_desk(database_url, tmp_path) as desk:
        await mallory_asks(desk)
        await olivia_confirms(desk)
        await desk.rows("update action_requests set policy_version = 'older' where status = 'pending' returning id")

        assert await void_outdated(desk.parts.reception.desk) == 1

        await desk.idle()
        assert await desk.value("select status from action_requests where policy_version = 'older'") == "void"
        # Only its row says that it is of another policy, so the card shows nothing of it any more.
        assert not buttons(desk.card("approvals"), "request.approve")
