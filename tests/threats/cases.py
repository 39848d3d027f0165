"""A revocation that waits for an approver, the ways to ask what became of it, and forged payloads about it."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from handlers.flows.judged_facts import digest_as_shown
from policy.terms import PersonKey
from storage import audit, evidence, job_queue, people, verification
from storage.audit import Step
from tests.running import RunningDesk
from tests.threats.planted import SIGNER

WORDS = "It leaked on a public page, so please revoke API key {key} right now."
SANA, VICTOR, BOB, OLIVIA, SAM = (
    f"T0ACME00001/{one}" for one in ("U0SANA00001", "U0VICTOR001", "U0BOB000001", "U0OLIVIA001", "U0SAM000001")
)


@dataclass(frozen=True)
class Case:
    """One ticket with one request that waits, and a key that nothing else uses."""

    ticket_id: UUID
    channel: str
    ts: str
    request_id: UUID
    suggestion_id: UUID
    card_ts: str
    triage_ts: str
    key_id: str


async def assert_vouched_for(desk: RunningDesk, case: Case) -> None:
    """What the tables say of the request is what the trail and the votes say."""
    async with desk.database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None
        found = await evidence.check(tx, SIGNER, digest_as_shown)
    assert [one for one in found if str(case.request_id) in one] == []


async def open_case(
    desk: RunningDesk,
    *,
    who: str = "mallory",
    channel: str = "ext-external",
    operator: str = "olivia",
    owner: str = "bob@acme.example",
) -> Case:
    """`who` asks in Slack, triage suggests, `operator` confirms: from here on the request waits."""
    key_id = await new_key(desk, owner)
    ts = await desk.slack.person(who).post(channel, WORDS.format(key=key_id))
    ticket_id = await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))
    triage_ts = await posted(desk, "triage_card", ticket_id)
    suggestion_id = await desk.value(
        "select id from suggestions where ticket_id = :id and action_id = 'api_key.revoke'", id=ticket_id
    )
    lead = desk.slack.person(operator)
    # Until the harmless note has run, the card has a button for that as well.
    blocks = message_at(desk, "desk-triage", triage_ts, viewer=operator)["blocks"]
    [block] = [one for one in blocks if (one.get("accessory") or {}).get("value") == str(suggestion_id)]
    await lead.click("desk-triage", triage_ts, action_id="suggestion.confirm", block_id=block["block_id"])
    await desk.until(lead.modals)
    await lead.submit(values={"keyId": key_id})
    lead.reload()
    card_ts = await posted(desk, "approval_card", ticket_id)
    request_id = await desk.value("select id from action_requests where suggestion_id = :id", id=suggestion_id)
    return Case(ticket_id, channel, ts, request_id, suggestion_id, card_ts, triage_ts, key_id)


async def open_form(
    desk: RunningDesk, case: Case, action_id: str, values: dict[str, str], *, operator: str = "olivia"
) -> UUID:
    """`operator` proposes an action on the case's ticket through the form; returns the new request's id."""
    known = {row[0] for row in await desk.rows("select id from action_requests")}
    lead = desk.slack.person(operator)
    await lead.click("desk-triage", case.triage_ts, action_id="action.choose")
    await desk.until(lead.modals)
    await lead.submit(values={"action": action_id})
    await lead.submit(values=values)
    lead.reload()
    [new] = {row[0] for row in await desk.rows("select id from action_requests")} - known
    return UUID(str(new))


async def card_of(desk: RunningDesk, request_id: UUID) -> str:
    """Where the request's approval card stands."""
    return str(
        await desk.until(
            lambda: desk.value(
                "select ts from deliveries where request_id = :id and kind = 'approval_card' and state = 'posted'",
                id=request_id,
            )
        )
    )


async def new_key(desk: RunningDesk, owner: str = "bob@acme.example") -> str:
    """A key of the directory that nothing else uses."""
    key_id = f"ak_case_{uuid4().hex[:10]}"
    await change(
        desk,
        "insert into directory_keys (key_id, owner_email, label, status) values (:key, :owner, 'a case', 'active')",
        key=key_id,
        owner=owner,
    )
    return key_id


async def posted(desk: RunningDesk, kind: str, ticket_id: UUID) -> str:
    """Where the ticket's newest card of a kind stands, once it does."""
    sql = (
        "select ts from deliveries where ticket_id = :id and kind = :kind and state = 'posted'"
        " order by created_at desc limit 1"
    )
    return str(await desk.until(lambda: desk.value(sql, id=ticket_id, kind=kind)))


async def change(desk: RunningDesk, sql: str, **params: Any) -> None:
    """Write to the database as somebody with its password would."""
    from sqlalchemy import text

    async with desk.database.transaction() as tx:
        await tx.execute(text(sql), params)


async def link(desk: RunningDesk, one: str, other: str) -> None:
    """What `countersign people link` does, until `unlink`."""
    async with desk.database.transaction() as tx:
        now = datetime.now(UTC)
        assert await people.link(tx, PersonKey.parse(one), PersonKey.parse(other), reason="told", by="op", at=now)
        await audit.record(tx, None, Step.PEOPLE_LINKED, "operator", {"accounts": sorted([one, other])}, at=now)


async def unlink(desk: RunningDesk, one: str, other: str) -> None:
    """What `countersign people unlink` does."""
    async with desk.database.transaction() as tx:
        assert await people.unlink(tx, PersonKey.parse(one), PersonKey.parse(other))
        payload = {"accounts": sorted([one, other])}
        await audit.record(tx, None, Step.PEOPLE_UNLINKED, "operator", payload, at=datetime.now(UTC))


async def run_job_by_hand(desk: RunningDesk, request_id: UUID) -> None:
    """Put the job that runs a request on the queue, as somebody with the database's password could."""
    async with desk.database.transaction() as tx:
        await job_queue.defer(tx, "run_action", request_id=str(request_id))
    await settled(desk)


async def settled(desk: RunningDesk) -> None:
    """Every decision that is under way is made, every private answer sent; cards may still be on their way."""

    async def nothing_under_way() -> bool:
        return not await desk.value(
            "select count(*) from procrastinate_jobs where queue_name = 'decisions' and (status = 'doing'"
            " or (status = 'todo' and (scheduled_at is null or scheduled_at <= now())))"
        )

    await desk.until(nothing_under_way, seconds=30)
    await desk.parts.reception.whispers.drain()


@asynccontextmanager
async def paused(desk: RunningDesk) -> AsyncIterator[None]:
    """No job runs meanwhile: the moment between an approval and its run, held open."""
    await desk.parts.workers.stop()
    try:
        yield
    finally:
        await desk.parts.workers.start()


# What became of a case.


async def status(desk: RunningDesk, case: Case) -> str:
    return str(await desk.value("select status from action_requests where id = :id", id=case.request_id))


async def key_status(desk: RunningDesk, case: Case) -> str:
    return str(await desk.value("select status from directory_keys where key_id = :key", key=case.key_id))


async def votes(desk: RunningDesk, case: Case) -> int:
    return int(await desk.value("select count(*) from votes where request_id = :id", id=case.request_id))


async def runs(desk: RunningDesk, case: Case) -> int:
    """How often the directory was really asked to revoke the case's key."""
    return int(
        await desk.value(
            "select count(*) from effects where action_id = 'api_key.revoke' and result->>'thing' = :key",
            key=case.key_id,
        )
    )


async def assert_undecided(desk: RunningDesk, case: Case) -> None:
    """THE check of most threats: the request waits as before, nobody's vote is on it, nothing happened to the key."""
    await settled(desk)
    assert await status(desk, case) == "pending"
    assert await votes(desk, case) == 0
    assert await runs(desk, case) == 0
    assert await key_status(desk, case) == "active"


async def assert_nothing_ran(desk: RunningDesk, case: Case) -> None:
    """THE check of the rest: whatever the rows say, the key still works and the directory was not asked."""
    await settled(desk)
    assert await runs(desk, case) == 0
    assert await key_status(desk, case) == "active"


async def assert_ran_once(desk: RunningDesk, case: Case) -> None:
    await settled(desk)
    assert await status(desk, case) == "executed"
    assert await runs(desk, case) == 1
    assert await key_status(desk, case) == "revoked"


async def refusals(desk: RunningDesk, case: Case) -> list[str]:
    """The rules by which votes on the case were refused, in order, from its trail."""
    return [event.payload["rule"] for event in await desk.trail(case.ticket_id) if event.name == "vote_refused"]


async def last_refusal(desk: RunningDesk, case: Case) -> str:
    found = await refusals(desk, case)
    return found[-1] if found else "(none)"


async def refused_clicks(desk: RunningDesk) -> list[dict[str, Any]]:
    """What the system's own chain holds about interactions that led nowhere."""
    rows = await desk.rows(
        "select payload from audit_events where chain = 'system' and name = 'click_refused' order by seq"
    )
    return [row[0] for row in rows]


# Forgeries: payloads as Slack would sign them, changed.


def click_of(desk: RunningDesk, case: Case, who: str, action_id: str = "request.approve") -> dict[str, Any]:
    """The payload that a press by `who` on the case's card makes, whether they see the card or not."""
    return desk.slack.forge.click_payload(who, "desk-approvals", case.card_ts, action_id)


def submission_of(
    desk: RunningDesk,
    case: Case,
    who: str,
    callback_id: str,
    metadata: str,
    values: dict[str, str],
    pressed: str = "request.approve",
) -> dict[str, Any]:
    """A view_submission with any callback id, metadata and values, by anybody; `pressed`: a button of the card."""
    payload = click_of(desk, case, who, pressed)
    for name in ("actions", "container", "channel", "message", "state", "response_url"):
        payload.pop(name, None)
    state = {name: {name: {"type": "plain_text_input", "value": value}} for name, value in values.items()}
    blocks = [{"type": "input", "block_id": name} for name in values]
    return payload | {
        "type": "view_submission",
        "view": {
            "id": "V0FORGED001",
            "type": "modal",
            "callback_id": callback_id,
            "private_metadata": metadata,
            "hash": "1.forged",
            "blocks": blocks,
            "state": {"values": state},
        },
    }


def changed(payload: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the field at a dotted path set, or taken out where the value is `...`."""
    made = copy.deepcopy(payload)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = made
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return made


async def press_forged(desk: RunningDesk, case: Case, who: str, **changes: Any) -> None:
    """Deliver a forged Approve by `who`; fields by dotted path with `__` for the dots, `...` takes one out."""
    payload = click_of(desk, case, who)
    for path, value in changes.items():
        payload = changed(payload, path.replace("__", "."), value)
    await desk.slack.forge.send(payload)


# What stands in Slack.


def message_at(desk: RunningDesk, channel: str, ts: str, *, viewer: str = "olivia") -> dict[str, Any]:
    return next(m for m in desk.slack.person(viewer).history(channel) if m["ts"] == ts)


def elements(value: object) -> Iterator[dict[str, Any]]:
    """Every object in a message or view, whatever it is nested in."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from elements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from elements(inner)


def action_ids(value: object) -> set[str]:
    return {one["action_id"] for one in elements(value) if isinstance(one.get("action_id"), str)}


def json_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
