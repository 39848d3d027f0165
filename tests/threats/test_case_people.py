"""Who works on a case, by all of their accounts and by the trail: rows and second accounts let nobody in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from handlers.errors import BadInput, Refused
from handlers.flows.ask_release import ask_release
from handlers.flows.latch_case import release_latch
from handlers.flows.move_statement import add_statement
from handlers.flows.open_case import open_case
from handlers.flows.read_case import read_case
from handlers.flows.staff_case import staff_case
from handlers.flows.write_draft import write_draft
from handlers.views.case_ids import seen_digest
from policy import case_entries as e
from policy.case_terms import DraftKind, StatementKind
from policy.latching import LatchState
from policy.terms import PersonKey
from tests.policy.case_evidence import entry, read
from tests.running import RunningDesk
from tests.threats.case_records import (
    ERIN,
    OLIVIA,
    SAM,
    SANA,
    CaseAt,
    case_of,
    inside,
    person,
    refusals,
    story_of,
    ticket_of,
    write,
)
from tests.threats.cases import change, link, unlink

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def one_human(desk: RunningDesk, one: PersonKey, other: PersonKey) -> AsyncIterator[None]:
    await link(desk, str(one), str(other))
    try:
        yield
    finally:
        await unlink(desk, str(one), str(other))


async def of_sam(desk: RunningDesk, *members: PersonKey) -> CaseAt:
    """A case on a ticket that Sam asked for himself."""
    at = await ticket_of(desk, "sam", "help", "My account was used by somebody else, please look into it.")
    lead = await person(desk, OLIVIA)
    return CaseAt(await open_case(inside(desk), at.ticket_id, "Find out.", "", members, lead), at.ticket_id, at.ts)


async def test_threat_05_who_asked_through_another_account_does_not_work_on_the_case(desk: RunningDesk) -> None:
    at = await ticket_of(desk, "erin", "help", "My account was used by somebody else, please look into it.")
    sam, olivia = await person(desk, SAM), await person(desk, OLIVIA)

    async with one_human(desk, ERIN, SAM):
        with pytest.raises(Refused) as refused:
            await open_case(inside(desk), at.ticket_id, "Find out.", "", [], sam)
        assert refused.value.code == "case-no-requester"
        case = CaseAt(await open_case(inside(desk), at.ticket_id, "Find out.", "", [], olivia), at.ticket_id, at.ts)
        with pytest.raises(BadInput, match="who asks"):
            await staff_case(inside(desk), case.case_id, OLIVIA, [SAM], "", olivia)
        await write(desk, case, e.MembersChanged((SAM,)))
        with pytest.raises(Refused) as again:
            await add_statement(inside(desk), case.case_id, StatementKind.QUESTION, "Who looked at it?", sam)
        assert again.value.code == "case-no-requester"


async def test_threat_05_a_case_is_not_opened_with_who_asked_on_its_ticket(desk: RunningDesk) -> None:
    with pytest.raises(BadInput, match="who asks"):
        await of_sam(desk, SAM)


async def test_threat_05_who_asked_does_not_ask_for_a_release_as_the_lead(desk: RunningDesk) -> None:
    case = await of_sam(desk)
    await write_draft(inside(desk), case.case_id, DraftKind.CUSTOMER_UPDATE, await person(desk, OLIVIA))
    await write(desk, case, e.LeadChanged(SAM, "planted"))

    with pytest.raises(Refused) as refused:
        await ask_release(inside(desk), case.case_id, "customer_update", 1, await person(desk, SAM))

    assert refused.value.code == "case-no-requester"
    assert await refusals(desk, case) == ["case-no-requester"]


async def test_threat_05_who_asked_does_not_read_what_was_found_out_about_it(desk: RunningDesk) -> None:
    case = await of_sam(desk)

    with pytest.raises(Refused) as refused:
        await read_case(inside(desk), case.case_id, await person(desk, SAM), "see a case")

    assert refused.value.code == "case-no-requester"
    assert await refusals(desk, case) == ["case-no-requester"]
    assert (await read_case(inside(desk), case.case_id, await person(desk, SANA), "see a case")).is_open


async def test_threat_21_a_row_that_names_another_requester_lets_who_asked_onto_no_case(desk: RunningDesk) -> None:
    case = await of_sam(desk)
    await write(desk, case, e.MembersChanged((SAM,)))
    await change(desk, "update tickets set requester = :who where id = :id", who=str(ERIN), id=case.ticket_id)

    with pytest.raises(Refused) as refused:
        await add_statement(inside(desk), case.case_id, StatementKind.QUESTION, "Who?", await person(desk, SAM))

    assert refused.value.code == "case-no-requester"


async def test_threat_21_a_case_whose_row_names_another_ticket_is_not_worked_on(desk: RunningDesk) -> None:
    case, other = await of_sam(desk), await ticket_of(desk)
    await write(desk, case, e.MembersChanged((SAM,)))
    await change(desk, "update cases set ticket_id = :other where id = :id", other=other.ticket_id, id=case.case_id)

    with pytest.raises(Refused) as refused:
        await add_statement(inside(desk), case.case_id, StatementKind.QUESTION, "Who?", await person(desk, SAM))

    assert refused.value.code == "case-record-broken"


async def test_threat_05_a_latch_is_not_released_by_who_it_is_about_through_another_account(desk: RunningDesk) -> None:
    case = await case_of(desk)
    about = entry("E1", account=ERIN.user_id)
    await write(desk, case, e.Retrieved((about, read("E2", principal=ERIN.user_id))))
    lead = await person(desk, OLIVIA)
    await add_statement(inside(desk), case.case_id, StatementKind.QUESTION, "Who looked at it?", lead)
    latch = (await story_of(desk, case)).latch
    assert latch.state is LatchState.SET

    async with one_human(desk, ERIN, SANA):
        with pytest.raises(Refused) as refused:
            sana = await person(desk, SANA)
            await release_latch(inside(desk), case.case_id, "All is well.", seen_digest(latch.marks), sana)

    assert refused.value.code == "case-latch-holds"
    assert (await story_of(desk, case)).latch.state is LatchState.SET
