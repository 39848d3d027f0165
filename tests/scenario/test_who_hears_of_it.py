"""The requester hears what came of what their ticket asked for, and nothing of what our people do by themselves."""

from __future__ import annotations

from uuid import UUID

import aiohttp

from tests.passkeys import approve
from tests.running import INTAKE_TOKEN, RunningDesk
from tests.scenario.test_false_authority import text_of
from tests.scenario.test_other_ways_in import SEED_TICKET, hand_in
from tests.threats.cases import Case, card_of, change, open_case, open_form, paused, posted, run_job_by_hand

SUSPEND_ERIN = {"email": "erin@acme.example"}
NOT_RUN = "could not be carried out, and nothing has been changed"


def heard(desk: RunningDesk, case: Case) -> str:
    """The case's thread as its requester reads it."""
    return text_of(desk.slack.person("mallory").history(case.channel, case.ts))


async def status(desk: RunningDesk, request_id: UUID) -> str:
    return str(await desk.value("select status from action_requests where id = :id", id=request_id))


async def decided(desk: RunningDesk, request_id: UUID, *, by: tuple[str, ...]) -> None:
    for who in by:
        card_ts = await card_of(desk, request_id)
        if await desk.value("select risk from action_requests where id = :id", id=request_id) == "critical":
            await approve(desk, who, card_ts)
        else:
            await desk.slack.person(who).click("desk-approvals", card_ts, "request.approve")
    await desk.idle()


async def test_what_our_people_propose_of_their_own_accord_is_not_told_to_whoever_wrote_the_ticket(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk)
    before = heard(desk, case)
    request_id = await open_form(desk, case, "user.suspend", SUSPEND_ERIN)

    await decided(desk, request_id, by=("sana", "victor"))

    assert await status(desk, request_id) == "executed"
    assert heard(desk, case) == before
    sam = desk.slack.person("sam")
    await sam.click("desk-triage", case.triage_ts, action_id="ticket.open", value=str(case.ticket_id))
    await desk.until(sam.modals)
    await sam.click_in_modal("ticket.customer_view", value=str(case.ticket_id))
    await desk.until(lambda: len(sam.modals()) == 2)
    assert "has been made" not in text_of(sam.modals()[-1])


async def test_nor_does_it_expire_or_get_rejected_in_their_thread(desk: RunningDesk) -> None:
    case = await open_case(desk)
    before = heard(desk, case)
    expires = await open_form(desk, case, "user.suspend", SUSPEND_ERIN)
    rejected = await open_form(desk, case, "user.restore", SUSPEND_ERIN)

    await change(desk, "update action_requests set wake_at = now(), expires_at = now() where id = :id", id=expires)
    sana = desk.slack.person("sana")
    await sana.click("desk-approvals", await card_of(desk, rejected), action_id="request.reject")
    await desk.until(sana.modals)
    await sana.submit(values={"reason": "No."})
    over = "select 1 from action_requests where id = :id and status = 'expired'"
    await desk.until(lambda: desk.value(over, id=expires))
    await desk.idle()

    assert await status(desk, rejected) == "rejected"
    assert heard(desk, case) == before


async def test_whoever_asks_over_http_hears_only_what_their_ticket_asked_for(desk: RunningDesk) -> None:
    await hand_in(desk, SEED_TICKET)
    ticket_id = await desk.the_ticket()
    triage_ts = await posted(desk, "triage_card", ticket_id)
    await desk.idle()
    ticket = Case(ticket_id, "", "", ticket_id, ticket_id, "", triage_ts, "")
    request_id = await open_form(desk, ticket, "user.suspend", SUSPEND_ERIN)

    await decided(desk, request_id, by=("sana", "victor"))

    assert await status(desk, request_id) == "executed"
    assert await _told_over_http(desk) == []

    asked_for = await desk.value("select id from suggestions where action_id = 'api_key.revoke'")
    lead = desk.slack.person("olivia")
    await lead.click("desk-triage", triage_ts, action_id="suggestion.confirm", value=str(asked_for))
    await desk.until(lead.modals)
    await lead.submit(values={"keyId": "ak_demo_bob_001"})
    request_id = await desk.value("select id from action_requests where suggestion_id = :id", id=asked_for)
    await decided(desk, request_id, by=("sana",))

    [said] = await _told_over_http(desk)
    assert "the change has been made" in said


async def _told_over_http(desk: RunningDesk) -> list[str]:
    headers = {"Authorization": f"Bearer {INTAKE_TOKEN}"}
    path = f"/api/v1/intake/{SEED_TICKET['channel']}/{SEED_TICKET['correlationId']}"
    async with (
        aiohttp.ClientSession(desk.process.http_url, headers=headers) as session,
        session.get(path) as answer,
    ):
        assert answer.status == 200
        return list((await answer.json())["outcomes"])


async def test_of_an_approved_request_that_is_refused_at_its_run_the_requester_hears_that_nothing_was_changed(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk)
    async with paused(desk):
        await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")
        desk.slack.admin.deactivate("sana")

    await desk.until(lambda: NOT_RUN in heard(desk, case))
    assert await status(desk, case.request_id) == "denied"


async def test_a_request_that_was_run_before_is_not_said_to_be_refused(desk: RunningDesk) -> None:
    case = await open_case(desk)
    await decided(desk, case.request_id, by=("sana",))
    await change(desk, "update action_requests set status = 'approved' where id = :id", id=case.request_id)

    await run_job_by_hand(desk, case.request_id)
    await desk.idle()

    assert await status(desk, case.request_id) == "denied"
    assert NOT_RUN not in heard(desk, case)
