"""What is pressed on a case: most of it opens a modal that collects, and one press accepts a statement.

An id that comes back is looked up and judged anew by the flow; nothing in a payload says who somebody is on the case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from handlers.errors import NotFound
from handlers.flows.ask_copilot import stop_turn
from handlers.flows.check_access import require_access
from handlers.flows.list_cases import case_rows
from handlers.flows.move_statement import move_statement
from handlers.flows.read_case import handoff_facts, read_case, revealable
from handlers.flows.read_ticket import ticket_page
from handlers.listeners.call import Call, read_id
from handlers.views import case_draft_modals as drafts
from handlers.views import case_evidence_modals as evidence
from handlers.views import case_ids as ids
from handlers.views import case_modals as about
from handlers.views import case_statement_modals as statements
from handlers.views.blocks import Block
from handlers.views.case_facts import CaseFacts, DraftFacts, StatementFacts
from handlers.views.case_ids import Ref
from handlers.views.case_latch import release_latch_modal
from handlers.views.case_page import ALL_SIZE, all_cases, case_page
from handlers.views.surfaces import home, modal
from policy.case_moves import Role, StatementEvent
from policy.case_rules import Wish

Draw = Callable[[CaseFacts, Ref], Block]
Pressed = Callable[[Call], Awaitable[None]]


async def open_case(call: Call) -> None:
    """The form in which somebody says what the case is for."""
    desk, ticket_id = call.reception.desk, call.id_value()
    await require_access(desk, await call.person(), "open a case", ticket_id)
    await call.open_view(about.open_case_modal((await ticket_page(desk, ticket_id)).row))


async def see_case(call: Call) -> None:
    """The whole case: in place on App Home, in a modal from anywhere else."""
    ref = ref_of(call)
    case = await read_case(call.reception.desk, read_id(ref.case_id), await call.person(), "see a case")
    if call.is_home:
        view = home(case_page(case, ref.at), str(Ref(case.case_id, at=ref.at)))
        await call.reception.client.views_publish(user_id=call.user_id, view=view)
    else:
        await call.open_view(page_modal(case, ref))


async def list_cases(call: Call) -> None:
    """Every open case, a page at a time."""
    desk, person = call.reception.desk, await call.person()
    await require_access(desk, person, "list cases")
    at = int(call.value) if call.value.isascii() and call.value.isdecimal() and len(call.value) < 7 else 0
    rows = await case_rows(desk, person, limit=ALL_SIZE + 1, offset=at)
    view = modal("Cases", all_cases(rows, person.key.user_id, at))
    if call.action.get("action_id") == ids.LIST_CASES:
        await call.open_view(view)
    else:
        await call.update_view(view)


async def turn_statements(call: Call) -> None:
    """Another page of a case's statements, on App Home or in the modal that it stands in."""
    if call.is_home:
        await see_case(call)
    else:
        await turns(lambda case, ref: statements.statements_modal(case, ref.at))(call)


async def accept(call: Call) -> None:
    """One press, in the statement's own modal, which then shows how it stands."""
    ref, person = ref_of(call), await call.person()
    wish = Wish(StatementEvent.ACCEPTED, ref.item, ref.revision, Role.MEMBER, person.key)
    await move_statement(call.reception.desk, read_id(ref.case_id), wish, person)
    case = await read_case(call.reception.desk, read_id(ref.case_id), person, "see a case")
    await call.update_view(statements.statement_modal(case, statement_of(case, ref)))


async def stop(call: Call) -> None:
    """Stop the turn that is under way."""
    await stop_turn(call.reception.desk, read_id(ref_of(call).case_id), await call.person())


async def reveal(call: Call) -> None:
    """What the copilot is not shown, to choose one of it."""
    await call.open_view(await _values(call))


async def turn_values(call: Call) -> None:
    """Another page of it."""
    await call.update_view(await _values(call))


async def _values(call: Call) -> Block:
    ref, person = ref_of(call), await call.person()
    case = await read_case(call.reception.desk, read_id(ref.case_id), person, "reveal a value of a case")
    values = await revealable(call.reception.desk, read_id(ref.case_id))
    return evidence.reveal_modal(case, values, ref.at)


async def hand_off(call: Call) -> None:
    """What a packet would lack, and to whom it goes."""
    ref, person = ref_of(call), await call.person()
    case = await read_case(call.reception.desk, read_id(ref.case_id), person, "hand off a case")
    handoff = await handoff_facts(call.reception.desk, read_id(ref.case_id), case, person.key)
    await call.open_view(about.hand_off_modal(case, handoff))


def opens(draw: Draw) -> Pressed:
    """A button that opens a modal about the case."""

    async def pressed(call: Call) -> None:
        await call.open_view(await _drawn(call, draw))

    return pressed


def turns(draw: Draw) -> Pressed:
    """A button that shows another page in the modal it stands in."""

    async def pressed(call: Call) -> None:
        await call.update_view(await _drawn(call, draw))

    return pressed


async def _drawn(call: Call, draw: Draw) -> Block:
    ref = ref_of(call)
    case = await read_case(call.reception.desk, read_id(ref.case_id), await call.person(), "see a case")
    return draw(case, ref)


def ref_of(call: Call) -> Ref:
    """What a button or a modal is about. Raises NotFound."""
    return parsed(call.value or call.metadata)


def parsed(text: str) -> Ref:
    """A reference as Slack brought it back. Raises NotFound."""
    try:
        return Ref.parse(text)
    except ValueError as error:
        raise NotFound("case") from error


def statement_of(case: CaseFacts, ref: Ref) -> StatementFacts:
    """The statement that is meant, as it is now. Raises NotFound."""
    found = next((one for one in case.statements if one.statement_id == ref.item), None)
    if found is None:
        raise NotFound("statement")
    return found


def draft_of(case: CaseFacts, ref: Ref) -> DraftFacts:
    """The draft that is meant, in its newest revision. Raises NotFound."""
    found = next((one for one in case.drafts if one.draft_id == ref.item), None)
    if found is None:
        raise NotFound("draft")
    return found


def page_modal(case: CaseFacts, ref: Ref) -> Block:
    """The whole case."""
    return modal(f"Case on #{case.ticket_number}", case_page(case, ref.at), str(Ref(case.case_id, at=ref.at)))


def case_id_of(call: Call) -> UUID:
    """The case a sent modal is about. Raises NotFound."""
    return read_id(parsed(call.metadata).case_id)


def _statement(draw: Callable[[CaseFacts, StatementFacts], Block]) -> Draw:
    return lambda case, ref: draw(case, statement_of(case, ref))


def _draft(draw: Callable[[CaseFacts, DraftFacts], Block]) -> Draw:
    return lambda case, ref: draw(case, draft_of(case, ref))


BUTTONS: dict[str, Pressed] = {
    ids.OPEN_CASE: open_case,
    ids.SEE_CASE: see_case,
    ids.LIST_CASES: list_cases,
    ids.PAGE_CASES: list_cases,
    ids.SEE_STATEMENTS: opens(lambda case, ref: statements.statements_modal(case, ref.at)),
    ids.PAGE_STATEMENTS: turn_statements,
    ids.SEE_EVIDENCE: opens(lambda case, ref: evidence.evidence_modal(case, ref.at)),
    ids.PAGE_EVIDENCE: turns(lambda case, ref: evidence.evidence_modal(case, ref.at)),
    ids.SEE_STATEMENT: opens(_statement(statements.statement_modal)),
    ids.SEE_DRAFT: opens(_draft(drafts.draft_modal)),
    ids.PAGE_DRAFT: turns(lambda case, ref: drafts.draft_modal(case, draft_of(case, ref), ref.at)),
    ids.LOOK_FOR_EVIDENCE: opens(lambda case, ref: evidence.gather_modal(case)),
    ids.ASK_COPILOT: opens(lambda case, ref: evidence.ask_copilot_modal(case)),
    ids.WRITE_DRAFT: opens(lambda case, ref: evidence.write_draft_modal(case)),
    ids.FRAME_CASE: opens(lambda case, ref: about.frame_case_modal(case)),
    ids.STAFF_CASE: opens(lambda case, ref: about.staff_case_modal(case)),
    ids.CLOSE_CASE: opens(lambda case, ref: about.close_case_modal(case)),
    ids.RELEASE_LATCH: opens(lambda case, ref: release_latch_modal(case)),
    ids.ADD_STATEMENT: opens(lambda case, ref: statements.statement_form_modal(case)),
    ids.EDIT_STATEMENT: opens(_statement(statements.statement_form_modal)),
    ids.REJECT_STATEMENT: opens(_statement(statements.reject_statement_modal)),
    ids.REASSIGN_STATEMENT: opens(_statement(statements.reassign_statement_modal)),
    ids.RESOLVE_STATEMENT: opens(_statement(statements.resolve_statement_modal)),
    ids.REOPEN_STATEMENT: opens(_statement(statements.reopen_statement_modal)),
    ids.EDIT_DRAFT: opens(_draft(drafts.edit_draft_modal)),
    ids.OVERRIDE_MARK: opens(_draft(drafts.override_modal)),
    ids.ASK_RELEASE: opens(_draft(drafts.ask_release_modal)),
    ids.ACCEPT_STATEMENT: accept,
    ids.STOP_TURN: stop,
    ids.REVEAL_VALUE: reveal,
    ids.PAGE_VALUES: turn_values,
    ids.HAND_OFF: hand_off,
}
BUTTONS |= {following: BUTTONS[name] for name, following in ids.NEXT_OF.items()}
"""THE table of a case's buttons."""
