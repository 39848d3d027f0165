"""The modals in which one of our people turns an idea into a request: confirm, choose, fill in; and the one to reject.

They collect; nothing is decided here. Each input's block id is the field's name and its action id is always "value".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from handlers.views.blocks import Block, context, header, labelled, line, plain, preformatted, rich, say
from handlers.views.facts import ParamFacts, RequestCardFacts, SuggestionFacts, TicketRowFacts
from handlers.views.parameters import PART_LENGTH, parameter_blocks
from handlers.views.plain import has_hidden_characters, is_plain_ascii, mono, one_line, visible
from handlers.views.surfaces import modal
from handlers.views.wording import LABEL_LENGTH, provenance_words, requester_lines, risk_words
from policy.terms import Risk

INPUT_ACTION = "value"
CHOICE_BLOCK = "action"
REASON_BLOCK = "reason"
BREAK_GLASS_BLOCK = "break_glass"

_INPUT_LENGTH = 3000
_OPTIONS = 100
_OPTION_LENGTH = 75
_OPTION_VALUE_LENGTH = 150
_LABEL_LENGTH = 2000
_REASON_LENGTH = 1000


@dataclass(frozen=True)
class FormField:
    """One input, as the catalogue describes it."""

    name: str
    """The parameter's name; it is the input's block id."""
    label: str
    kind: Literal["text", "long_text", "select", "person"]
    options: tuple[tuple[str, str], ...] = ()
    """(value, label) of a select."""
    initial: str | None = None
    hint: str = ""
    max_length: int = _INPUT_LENGTH
    is_required: bool = True


@dataclass(frozen=True)
class ActionChoice:
    """An action that may be proposed, as the list of choices shows it."""

    action_id: str
    title: str
    risk: Risk
    effect: str


def confirm_modal(suggestion: SuggestionFacts, ticket: TicketRowFacts, spec_fields: Sequence[FormField]) -> Block:
    """The suggestion's values, each to be checked by the person who will be its proposer."""
    params = {param.name: param for param in suggestion.params}
    blocks = [
        header(one_line(suggestion.title, 150)),
        rich(
            line(say(risk_words(suggestion.risk), bold=True)),
            labelled("Ticket", say(f"#{ticket.number}  {one_line(ticket.subject, LABEL_LENGTH)}")),
            *requester_lines(ticket.requester, label="Asked by", claims=1),
        ),
        context(plain("Check each value yourself. You become the proposer, and so you cannot approve it.")),
    ]
    for field in spec_fields:
        blocks += _field_with_source(field, params.get(field.name))
    return modal(
        "Confirm and propose", blocks, suggestion.suggestion_id, "Propose", callback_id="confirm_suggestion",
        close="Cancel",
    )  # fmt: skip


def choose_action_modal(actions: Sequence[ActionChoice], private_metadata: str = "") -> Block:
    """Which action? `private_metadata` is the ticket's id; the submit button leads to the action's form."""
    if not actions:
        return modal(
            "Propose an action", [_note("There is no action you may propose on this ticket.")], private_metadata
        )
    options = tuple((each.action_id, f"{each.title} ({each.risk.value} risk)") for each in actions)
    choice = FormField(CHOICE_BLOCK, "Action", "select", options)
    what = rich(*(labelled(one_line(each.title, 100), say(one_line(each.effect, 300))) for each in actions[:20]))
    return modal(
        "Propose an action", [input_block(choice, None), what], private_metadata, "Next", callback_id="choose_action",
        close="Cancel",
    )  # fmt: skip


def action_form_modal(
    action: ActionChoice, fields: Sequence[FormField], ticket: TicketRowFacts, private_metadata: str
) -> Block:
    """The action's inputs. `private_metadata` is whatever the flow needs to find ticket and action again."""
    blocks = [
        header(one_line(action.title, 150)),
        rich(
            line(say(risk_words(action.risk), bold=True), say(f"  ·  {one_line(action.effect, 600)}")),
            labelled("Ticket", say(f"#{ticket.number}  {one_line(ticket.subject, LABEL_LENGTH)}")),
        ),
        *(input_block(field, field.initial) for field in fields),
    ]
    return modal("Propose an action", blocks, private_metadata, "Propose", callback_id="propose_action", close="Cancel")


def reason_field(reason: str = "", *, is_required: bool = False) -> FormField:
    """The input for why the glass is broken; left empty, the request is like any other where that is allowed."""
    hint = (
        "For an emergency only: the group that the settings name approves it instead of those who usually do, more"
        " people are told, and somebody else reviews it afterwards."
    )
    return FormField(
        BREAK_GLASS_BLOCK, "Break glass: why?", "long_text", initial=reason[:_REASON_LENGTH] or None, hint=hint,
        max_length=_REASON_LENGTH, is_required=is_required,
    )  # fmt: skip


def edit_modal(request: RequestCardFacts, ticket: TicketRowFacts, spec_fields: Sequence[FormField]) -> Block:
    """A waiting request's values, to be changed; `private_metadata` is the request's id."""
    params = {param.name: param for param in request.params}
    note = (
        "What you send takes the place of this request: it is judged and shown anew, and the votes so far count for"
        " nothing. You become the proposer, and so you cannot approve it."
    )
    blocks = [
        header(one_line(request.action_title, 150)),
        rich(
            line(say(risk_words(request.risk), bold=True), say(f"  ·  {one_line(request.action_effect, 600)}")),
            labelled("Ticket", say(f"#{ticket.number}  {one_line(ticket.subject, LABEL_LENGTH)}")),
        ),
        context(plain(note)),
    ]
    for field in spec_fields:
        blocks += _field_with_source(field, params.get(field.name))
    title = f"Edit revision {request.revision}"
    return modal(title, blocks, request.request_id, "Propose", callback_id="edit_request", close="Cancel")


def reject_modal(request: RequestCardFacts) -> Block:
    """Asks for the reason; `private_metadata` is the request's id."""
    reason = FormField(
        REASON_BLOCK, "Why do you reject it?", "long_text", max_length=_REASON_LENGTH,
        hint="Kept in the audit trail and shown on the card. The requester does not see it.",
    )  # fmt: skip
    blocks = [
        rich(
            labelled("Reject", say(one_line(request.action_title, 150))),
            labelled("Ticket", say(f"#{request.ticket_number}  {one_line(request.ticket_subject, LABEL_LENGTH)}")),
        ),
        *parameter_blocks(request.params)[:20],
        input_block(reason, None),
        context(plain("One rejection is final.")),
    ]
    return modal("Reject", blocks, request.request_id, "Reject", callback_id="reject_request", close="Cancel")


def _field_with_source(field: FormField, param: ParamFacts | None) -> list[Block]:
    """The input, prefilled where the value can be seen as it is, with its source under it."""
    if param is None:
        return [input_block(field, field.initial), context(plain("Triage found no value for this"))]
    value = _as_text(param.value)
    is_safe_to_prefill = not has_hidden_characters(value) and len(value) <= _most(field)
    source = f"{provenance_words(param.provenance).capitalize()}"
    if param.evidence:
        source += f"  ·  “{one_line(param.evidence, 300)}”"
    blocks = [input_block(field, value if is_safe_to_prefill else None), context(plain(source))]
    if not is_safe_to_prefill or not is_plain_ascii(value.replace("\n", "")):
        blocks.append(_exactly(param.value, is_prefilled=is_safe_to_prefill))
    return blocks


def _exactly(value: JsonValue, *, is_prefilled: bool) -> Block:
    why = (
        "Not all plain letters; compare them one by one"
        if is_prefilled
        else "Not filled in: too long, or it holds invisible characters"
    )
    return rich(line(say(f"{why}:", bold=True)), preformatted(visible(mono(value), PART_LENGTH)))


def _as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else mono(value)


def _most(field: FormField) -> int:
    return min(field.max_length, _INPUT_LENGTH)


def input_block(field: FormField, initial: str | None = None) -> Block:
    """One input; its block id is the field's name."""
    match field.kind:
        case "select":
            element = _select(field, initial)
        case "person":
            element = _person(initial)
        case _:
            element = _text_input(field, initial)
    made: Block = {
        "type": "input",
        "block_id": field.name,
        "label": plain(one_line(field.label, _LABEL_LENGTH)),
        "element": element,
        "optional": not field.is_required,
    }
    return made | ({"hint": plain(one_line(field.hint, _LABEL_LENGTH))} if field.hint else {})


def _text_input(field: FormField, initial: str | None) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": INPUT_ACTION,
        "multiline": field.kind == "long_text",
        "max_length": _most(field),
    }
    return element | ({"initial_value": initial} if initial and len(initial) <= _most(field) else {})


def _person(initial: str | None) -> Block:
    element: Block = {"type": "users_select", "action_id": INPUT_ACTION}
    return element | ({"initial_user": initial} if initial else {})


def _select(field: FormField, initial: str | None) -> Block:
    options = [_option(value, label) for value, label in field.options if len(value) <= _OPTION_VALUE_LENGTH]
    element: Block = {"type": "static_select", "action_id": INPUT_ACTION}
    if len(options) <= _OPTIONS:
        element["options"] = options
    else:
        element["option_groups"] = [
            {"label": plain(f"{at + 1} to {min(at + _OPTIONS, len(options))}"), "options": options[at : at + _OPTIONS]}
            for at in range(0, min(len(options), _OPTIONS * _OPTIONS), _OPTIONS)
        ]
    chosen = next((option for option in options if option["value"] == initial), None)
    return element | ({"initial_option": chosen} if chosen else {})


def _option(value: str, label: str) -> Block:
    return {"text": plain(one_line(label, _OPTION_LENGTH)), "value": value}


def _note(words: str) -> Block:
    return rich(line(say(words)))
