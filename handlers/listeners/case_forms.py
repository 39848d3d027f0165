"""What is sent from a case's modals: read into values, handed to one flow, and answered by what it made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from actions.evidence.connector import Account, Attachment, Question, Window
from handlers.case_channel import CaseChannels
from handlers.errors import BadInput, HandlingError
from handlers.flows import ask_release as release
from handlers.flows.ask_copilot import ask_copilot
from handlers.flows.ask_for_evidence import ask_for_evidence
from handlers.flows.frame_case import close_case, frame_case
from handlers.flows.latch_case import release_latch
from handlers.flows.move_statement import add_statement, move_statement
from handlers.flows.open_case import check_opening, open_case
from handlers.flows.read_case import read_case
from handlers.flows.reveal_value import reveal_value
from handlers.flows.staff_case import staff_case
from handlers.flows.state_empty import state_empty
from handlers.flows.write_draft import edit_draft, override_mark, write_draft
from handlers.listeners.call import Call, read_id
from handlers.listeners.cases import case_id_of, draft_of, parsed, statement_of
from handlers.views import case_forms as forms
from handlers.views import case_ids as ids
from handlers.views.blocks import Block
from handlers.views.case_draft_modals import draft_modal
from handlers.views.case_ids import Ref
from handlers.views.case_notices import under_way
from handlers.views.case_statement_modals import statement_modal
from handlers.views.notice_modal import notice_modal
from handlers.views.notices import proposed
from policy.case_moves import Role, StatementEvent
from policy.case_rules import Wish
from policy.case_terms import DraftKind
from policy.terms import Person, PersonKey

Sent = Callable[[Call], Awaitable[Block | None]]
CLEAR: Block = {"response_action": "clear"}


def answered(work: Sent) -> Sent:
    """What is wrong with a field is said beside it."""

    async def sent(call: Call) -> Block | None:
        try:
            return await work(call)
        except BadInput as error:
            shown = {str(block.get("block_id")) for block in call.view.get("blocks") or ()}
            known = {name: words for name, words in error.fields.items() if name in shown}
            if not known:
                raise
            return {"response_action": "errors", "errors": known}

    return sent


def state_of(call: Call) -> Mapping[str, Any]:
    """The values of a sent modal, by block."""
    state = call.view.get("state")
    values = state.get("values") if isinstance(state, Mapping) else None
    return values if isinstance(values, Mapping) else {}


def key_of(user_id: str, person: Person) -> PersonKey:
    """Somebody whom a form names, of the home of who sent it; who that is is asked live."""
    return PersonKey(person.key.home, user_id)


async def opened(call: Call) -> Block | None:
    """The case is opened; its private channel, where one is wanted, is made first and put away if that fails."""
    form, person = forms.open_case(state_of(call)), await call.person()
    desk, ticket_id = call.reception.desk, read_id(call.metadata)
    members = [key_of(one, person) for one in form.member_ids]
    channels, channel, left_out = CaseChannels(call.reception.client), None, ""
    if form.is_private:
        number = await check_opening(desk, ticket_id, form.goal, members, person)
        people = [one.user_id for one in (person.key, *members)]
        made = await channels.make(f"case-{number}", f"Case of ticket #{number}", people)
        channel = made.channel_id
        left_out = "".join(f" <@{user_id}> is not in its channel: {why}." for user_id, why in made.left_out)
    try:
        await open_case(desk, ticket_id, form.goal, form.stays_human, members, person, channel=channel)
    except HandlingError:
        if channel is not None:
            await channels.put_away(channel)
        raise
    return {
        "response_action": "update",
        "view": notice_modal(under_way(f"The case is open, and you are its lead.{left_out}")),
    }


async def framed(call: Call) -> Block | None:
    form, person = forms.frame_case(state_of(call)), await call.person()
    await frame_case(
        call.reception.desk, case_id_of(call), form.goal, form.stays_human, person, is_redirection=form.is_redirection
    )
    return CLEAR


async def staffed(call: Call) -> Block | None:
    form, person = forms.staff_case(state_of(call)), await call.person()
    members = [key_of(one, person) for one in form.member_ids]
    await staff_case(call.reception.desk, case_id_of(call), key_of(form.lead_id, person), members, form.reason, person)
    return CLEAR


async def closed(call: Call) -> Block | None:
    await close_case(call.reception.desk, case_id_of(call), forms.reason(state_of(call)), await call.person())
    return CLEAR


async def stated(call: Call) -> Block | None:
    """A new statement, or another wording of one."""
    form, person, ref = forms.statement(state_of(call)), await call.person(), parsed(call.metadata)
    if ref.item:
        wish = Wish(
            StatementEvent.EDITED,
            ref.item,
            ref.revision,
            Role.MEMBER,
            person.key,
            text=form.text,
            kind=form.kind,
            evidence=form.evidence,
            claim=form.claim,
        )
        return await _moved(call, ref, wish, person)
    await add_statement(
        call.reception.desk,
        read_id(ref.case_id),
        form.kind,
        form.text,
        person,
        evidence=form.evidence or (),
        claim=form.claim,
        owner=None if form.owner_id is None else key_of(form.owner_id, person),
        due_at=form.due_at,
    )
    return CLEAR


def moved(event: StatementEvent) -> Sent:
    """Rejected, resolved or reopened, with a reason."""

    async def sent(call: Call) -> Block | None:
        reason, person, ref = forms.reason(state_of(call)), await call.person(), parsed(call.metadata)
        return await _moved(
            call, ref, Wish(event, ref.item, ref.revision, Role.MEMBER, person.key, reason=reason), person
        )

    return sent


async def reassigned(call: Call) -> Block | None:
    form, person, ref = forms.reassign(state_of(call)), await call.person(), parsed(call.metadata)
    wish = Wish(
        StatementEvent.REASSIGNED,
        ref.item,
        ref.revision,
        Role.MEMBER,
        person.key,
        owner=None if form.owner_id is None else key_of(form.owner_id, person),
        owner_label=form.owner_label,
        due_at=form.due_at,
    )
    return await _moved(call, ref, wish, person)


async def _moved(call: Call, ref: Ref, wish: Wish, person: Person) -> Block:
    desk, case_id = call.reception.desk, read_id(ref.case_id)
    await move_statement(desk, case_id, wish, person)
    case = await read_case(desk, case_id, person, "see a case")
    return {"response_action": "update", "view": statement_modal(case, statement_of(case, ref))}


async def looked_for(call: Call) -> Block | None:
    """The sources are asked by a job: a log may be long."""
    form, person = forms.gather(state_of(call)), await call.person()
    question = Question(
        person.key,
        tuple(Account(email=one) if "@" in one else Account(key=one) for one in form.accounts),
        tuple(Attachment(name=one) for one in form.attachments),
        Window(form.since, form.until),
        form.words,
    )
    await ask_for_evidence(call.reception.desk, case_id_of(call), question, form.sources, person)
    return {"response_action": "update", "view": notice_modal(under_way("The sources are being asked."))}


async def asked(call: Call) -> Block | None:
    form, person = forms.ask(state_of(call)), await call.person()
    await ask_copilot(
        call.reception.desk, case_id_of(call), form.instruction, person, tone=form.tone, draft_id=form.draft_id
    )
    return {
        "response_action": "update",
        "view": notice_modal(under_way("The copilot is at it.", "It answers in the case's thread.")),
    }


async def written(call: Call) -> Block | None:
    kind, person = forms.write_draft(state_of(call)), await call.person()
    await write_draft(call.reception.desk, case_id_of(call), kind, person)
    return await _draft_shown(call, Ref(parsed(call.metadata).case_id, kind.value), person)


async def edited(call: Call) -> Block | None:
    form, person, ref = forms.edit_draft(state_of(call)), await call.person(), parsed(call.metadata)
    await edit_draft(
        call.reception.desk,
        read_id(ref.case_id),
        ref.item,
        ref.revision,
        form.sentences,
        form.reason,
        form.cause,
        person,
    )
    return await _draft_shown(call, ref, person)


async def overridden(call: Call) -> Block | None:
    form, person, ref = forms.override(state_of(call)), await call.person(), parsed(call.metadata)
    await override_mark(
        call.reception.desk,
        read_id(ref.case_id),
        ref.item,
        ref.revision,
        form.code,
        form.sentence,
        form.reason,
        person,
        seen=ref.seen,
    )
    return await _draft_shown(call, ref, person)


async def _draft_shown(call: Call, ref: Ref, person: Person) -> Block:
    case = await read_case(call.reception.desk, read_id(ref.case_id), person, "see a case")
    return {"response_action": "update", "view": draft_modal(case, draft_of(case, ref))}


async def release_asked(call: Call) -> Block | None:
    ref, person = parsed(call.metadata), await call.person()
    made = await release.ask_release(call.reception.desk, read_id(ref.case_id), ref.item, ref.revision, person)
    return {"response_action": "update", "view": notice_modal(proposed(made.request))}


async def handed_off(call: Call) -> Block | None:
    """What is said to be empty is put on record, and the draft for these readers goes before the gate."""
    form, person, desk, case_id = (
        forms.hand_off(state_of(call)),
        await call.person(),
        call.reception.desk,
        case_id_of(call),
    )
    await state_empty(desk, case_id, form.stated_empty, person)
    kind = DraftKind(f"{form.recipient.value}_handoff")
    case = await read_case(desk, case_id, person, "hand off a case")
    draft = next((one for one in case.drafts if one.kind is kind), None)
    if draft is None:
        raise BadInput({"recipient": f"No {form.recipient.value} handoff is written yet. Write one, then hand it off."})
    made = await release.ask_release(desk, case_id, draft.draft_id, draft.revision, person)
    return {"response_action": "update", "view": notice_modal(proposed(made.request))}


async def latch_released(call: Call) -> Block | None:
    person, ref, desk = await call.person(), parsed(call.metadata), call.reception.desk
    case = await read_case(desk, read_id(ref.case_id), person, "release the latch of a case")
    reason = forms.release_latch(state_of(call), case.latch)
    await release_latch(desk, read_id(ref.case_id), reason, ref.seen, person)
    return CLEAR


async def revealed(call: Call) -> Block | None:
    form, person = forms.reveal(state_of(call)), await call.person()
    await reveal_value(call.reception.desk, case_id_of(call), form.value_sha256, form.reason, person)
    return CLEAR


VIEWS: dict[str, Sent] = {
    name: answered(work)
    for name, work in {
        ids.OPEN_CASE_VIEW: opened,
        ids.FRAME_CASE_VIEW: framed,
        ids.STAFF_CASE_VIEW: staffed,
        ids.CLOSE_CASE_VIEW: closed,
        ids.STATEMENT_VIEW: stated,
        ids.REJECT_VIEW: moved(StatementEvent.REJECTED),
        ids.RESOLVE_VIEW: moved(StatementEvent.RESOLVED),
        ids.REOPEN_VIEW: moved(StatementEvent.REOPENED),
        ids.REASSIGN_VIEW: reassigned,
        ids.EVIDENCE_VIEW: looked_for,
        ids.ASK_COPILOT_VIEW: asked,
        ids.WRITE_DRAFT_VIEW: written,
        ids.EDIT_DRAFT_VIEW: edited,
        ids.OVERRIDE_VIEW: overridden,
        ids.ASK_RELEASE_VIEW: release_asked,
        ids.HAND_OFF_VIEW: handed_off,
        ids.RELEASE_LATCH_VIEW: latch_released,
        ids.REVEAL_VIEW: revealed,
    }.items()
}
"""THE table of a case's modals that are sent."""
