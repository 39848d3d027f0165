"""Everything about one decision, checked and then signed, for somebody who has the public key and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from handlers.flows.judged_facts import digest_as_shown, members_of
from policy.digest import utc_text
from policy.votes import VoteSigner
from storage import audit, checkpoints, evidence, receipts, requests, tickets, verification
from storage.audit import StoredEvent
from storage.database import Transaction
from storage.notary import Notary
from storage.schema import VoteRow


class NoReceipt(Exception):
    """The decision cannot be vouched for; the text says why."""


async def draw_receipt(
    tx: Transaction, request_id: UUID, signer: VoteSigner, notary: Notary, *, now: datetime
) -> dict[str, JsonValue]:
    """The receipt of a request. First in its transaction, as `verification.verify` must be. Raises NoReceipt."""
    found = await verification.verify(tx)
    if found.first_break is not None:
        raise NoReceipt(str(found.first_break))
    request = await requests.get(tx, request_id)
    ticket = None if request is None else await tickets.get(tx, request.ticket_id)
    if request is None or ticket is None:
        raise NoReceipt(f"there is no request {request_id}")
    problems = [one for one in await evidence.check(tx, signer, digest_as_shown) if str(request_id) in one]
    if problems:
        raise NoReceipt("\n".join(problems))
    members = members_of(request, ticket, ticket_revision=request.ticket_revision)
    about = [event for event in await audit.trail(tx, ticket.id) if _is_about(event, request_id)]
    events = [_event(event) for event in about]
    chain = audit.ticket_chain(ticket.id)
    return receipts.issue(
        notary,
        {
            "issuedAt": utc_text(now),
            "request": receipts.summary(members, events),
            "digestMembers": members,
            "votes": [_vote(row) for row in (await requests.votes(tx, [request_id]))[request_id]],
            "chain": chain,
            "events": [*events],
            "checkpoint": await _checkpoint(tx, chain, about, notary),
        },
    )


def _is_about(event: StoredEvent, request_id: UUID) -> bool:
    return event.payload.get("actionRequestId") == str(request_id)


async def _checkpoint(tx: Transaction, chain: str, events: Sequence[StoredEvent], notary: Notary) -> JsonValue:
    """The newest checkpoint of the chain, if it reaches as far as the decision does."""
    found = await checkpoints.of_chain(tx, chain, notary.public_key)
    length = found["entry"][1] if found is not None and isinstance(found["entry"], list) else 0
    return found if isinstance(length, int) and events and length >= events[-1].seq else None


def _vote(row: VoteRow) -> JsonValue:
    return {
        "voter": row.voter,
        "choice": row.choice,
        "reason": row.reason,
        "digest": row.digest,
        "castAt": utc_text(row.cast_at),
        "slackRequestId": row.slack_request_id,
        "signature": row.signature,
        "keyId": row.key_id,
    }


def _event(event: StoredEvent) -> dict[str, JsonValue]:
    return {
        "seq": event.seq,
        "at": utc_text(event.at),
        "name": event.name,
        "actor": event.actor,
        "payload": _without_fractions(json.loads(event.payload_text)),
        "prevHash": event.prev_hash.hex(),
        "hash": event.hash.hex(),
        "keyId": event.key_id,
    }


def _without_fractions(value: JsonValue) -> JsonValue:
    """The same with fractions as text, which canonical JSON has no one form for."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return [_without_fractions(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_fractions(item) for name, item in value.items()}
    return value
