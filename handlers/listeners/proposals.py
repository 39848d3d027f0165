"""From a suggestion or a ticket to a proposal: an operator confirms or fills in every value."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from actions.catalogue import ActionSpec, Catalogue
from handlers.errors import BadInput, NotFound
from handlers.flows.break_glass import has_break_glass
from handlers.flows.check_access import require_access
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import Proposed, propose_action
from handlers.flows.read_suggestion import confirmed_proposal, read_suggestion
from handlers.flows.read_ticket import ticket_page
from handlers.listeners.call import Call, read_id
from handlers.views import notices
from handlers.views.blocks import Block
from handlers.views.notice_modal import notice_modal
from handlers.views.propose_modals import (
    BREAK_GLASS_BLOCK,
    CHOICE_BLOCK,
    ActionChoice,
    FormField,
    action_form_modal,
    choose_action_modal,
    confirm_modal,
    reason_field,
)
from policy.terms import Person, Provenance


async def confirm(call: Call) -> None:
    """Show a suggestion's values, prefilled, with where each was found."""
    person = await call.person()
    found = await read_suggestion(call.reception.desk, call.id_value())
    await require_access(call.reception.desk, person, "confirm a suggestion", found.ticket_id)
    fields = form_fields(call.reception.desk.catalogue, found.suggestion.action_id)
    await call.open_view(confirm_modal(found.suggestion, found.ticket, fields))


async def submit_confirmed(call: Call) -> Block | None:
    """The operator confirmed: they are the proposer from here on."""
    person = await call.person()
    desk = call.reception.desk
    found = await read_suggestion(desk, read_id(call.metadata))
    await require_access(desk, person, "confirm a suggestion", found.ticket_id)
    return await _propose(call, confirmed_proposal(found, call.input_values()), person)


async def choose(call: Call) -> None:
    """Which action? Only those the catalogue lets this person propose are offered."""
    person = await call.person()
    desk, ticket_id = call.reception.desk, call.id_value()
    await require_access(desk, person, "propose an action", ticket_id)
    choices = [_choice(spec) for spec in desk.catalogue if spec.is_listed and spec.proposable_by & person.groups]
    await call.open_view(choose_action_modal(choices, str(ticket_id)))


async def submit_choice(call: Call) -> Block | None:
    """The chosen action's form takes the place of the choice."""
    person = await call.person()
    desk, ticket_id = call.reception.desk, read_id(call.metadata)
    await require_access(desk, person, "propose an action", ticket_id)
    spec = _spec(desk.catalogue, call.input_values().get(CHOICE_BLOCK, ""))
    ticket = await ticket_page(desk, ticket_id)
    metadata = json.dumps({"ticket": str(ticket_id), "action": spec.action_id})
    fields = form_fields(desk.catalogue, spec.action_id)
    fields += [reason_field()] if has_break_glass(desk) else []
    form = action_form_modal(_choice(spec), fields, ticket.row, metadata)
    return {"response_action": "update", "view": form}


async def submit_form(call: Call) -> Block | None:
    """The form was filled in: a proposal in the operator's own words."""
    person = await call.person()
    ticket_id, action_id, undoes, is_emergency = _form_metadata(call.metadata)
    desk, values = call.reception.desk, call.input_values()
    why = values.pop(BREAK_GLASS_BLOCK, "" if is_emergency else None)
    await require_access(desk, person, "propose an action", ticket_id)
    provenance = dict.fromkeys(values, Provenance.OPERATOR)
    proposal = Proposal(ticket_id, action_id, values, provenance, undoes=undoes, break_glass=why)
    return await _propose(call, proposal, person)


async def _propose(call: Call, proposal: Proposal, person: Person) -> Block | None:
    return await answer_proposal(call, propose_action(call.reception.desk, proposal, person))


async def answer_proposal(call: Call, proposing: Awaitable[Proposed]) -> Block | None:
    """What the form shows next: what came of it, or what is wrong beside the field."""
    try:
        proposed = await proposing
    except BadInput as error:
        known = {name: message for name, message in error.fields.items() if name in _block_ids(call)}
        if not known:
            raise
        return {"response_action": "errors", "errors": known}
    return {"response_action": "update", "view": notice_modal(notices.proposed(proposed.request))}


def form_fields(catalogue: Catalogue, action_id: str) -> list[FormField]:
    """An action's parameters as inputs."""
    spec = _spec(catalogue, action_id)
    properties: dict[str, Any] = dict(next(schema for one, _, schema in catalogue.offers() if one == action_id))
    fields = []
    for name in spec.param_names:
        described = properties.get("properties", {}).get(name, {})
        choices = catalogue.choices(action_id, name)
        kind = "select" if choices else "long_text" if name in spec.long_params else "text"
        if described.get("format") == "slack-user-id":
            kind = "person"
        fields.append(
            FormField(
                name=name,
                label=_label(name),
                kind=kind,  # type: ignore[arg-type]  # one of the literals above
                options=tuple((choice, choice.replace("_", " ")) for choice in choices),
                hint=_sentence(str(described.get("description", "")))[:150],
                max_length=min(int(described.get("maxLength", 3000)), 3000),
            )
        )
    return fields


def _label(name: str) -> str:
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return _sentence(words)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _choice(spec: ActionSpec[Any]) -> ActionChoice:
    return ActionChoice(spec.action_id, spec.title, spec.risk, spec.effect)


def _spec(catalogue: Catalogue, action_id: str) -> ActionSpec[Any]:
    for spec in catalogue:
        if spec.action_id == action_id and spec.is_listed:
            return spec
    raise NotFound("action")


def action_choice(catalogue: Catalogue, action_id: str) -> ActionChoice:
    """An action as its form names it. Raises NotFound."""
    return _choice(_spec(catalogue, action_id))


def _form_metadata(text: str) -> tuple[UUID, str, UUID | None, bool]:
    """The ticket, the action, the request that it undoes, if it is to undo one, and whether the glass is broken."""
    try:
        found = json.loads(text)
        undoes = UUID(found["undoes"]) if "undoes" in found else None
        return UUID(found["ticket"]), str(found["action"]), undoes, bool(found.get("breakGlass"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotFound("ticket or request") from error


def _block_ids(call: Call) -> set[str]:
    blocks = call.view.get("blocks")
    return {str(block.get("block_id")) for block in blocks} if isinstance(blocks, list) else set()
