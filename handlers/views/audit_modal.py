"""The audit trail of one ticket, readable: what happened, when, by whom, and with which payload."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from handlers.views.blocks import Block, actions, button, context, header, line, moment, plain, preformatted, rich, say
from handlers.views.facts import AuditFacts, TicketRowFacts
from handlers.views.plain import escape_non_ascii, one_line, visible
from handlers.views.surfaces import modal

PAGE_SIZE = 15
"""Steps on one page. Load one more than this: its presence is what makes the button for later ones."""

_PAYLOAD_LENGTH = 2500


def audit_modal(ticket: TicketRowFacts, events: Sequence[AuditFacts], offset: int) -> Block:
    """One page of the trail, oldest first; `events` are the trail's steps from `offset` on.

    `private_metadata` is the ticket's id, and a page button's value is the offset it leads to.
    """
    blocks = [
        actions(button("Open ticket", "ticket.open", ticket.ticket_id)),
        header(one_line(f"#{ticket.number}  {ticket.subject}", 110)),
    ]
    if offset > 0:
        blocks.append(actions(button("Earlier steps", "audit.page", str(max(0, offset - PAGE_SIZE)))))
    if not events:
        blocks.append(rich(line(say("No step is recorded from here on."))))
    for event in events[:PAGE_SIZE]:
        blocks += _step(event)
    if len(events) > PAGE_SIZE:
        blocks.append(actions(button("Later steps", "audit.page", str(offset + PAGE_SIZE))))
    return modal("Audit trail", blocks, ticket.ticket_id)


def _step(event: AuditFacts) -> list[Block]:
    name = line(say(f"{event.seq}. {one_line(event.name, 100)}", bold=True))
    payload = [preformatted(_payload(event))] if event.payload else []
    return [rich(name, *payload), context(moment(event.at), plain(one_line(event.actor, 160)))]


def _payload(event: AuditFacts) -> str:
    where = "run countersign audit show"
    return visible(_pretty(event.payload), _PAYLOAD_LENGTH, max_lines=80, where=where)


def _pretty(payload: Mapping[str, JsonValue]) -> str:
    return escape_non_ascii(json.dumps(dict(payload), ensure_ascii=False, indent=2))
