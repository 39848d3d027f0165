"""THE table of jobs: a name on the queue and the flow it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from handlers.arrivals import handle_arrival
from handlers.copilot_turns import look_at_draft, look_at_sources, take_turn
from handlers.delivery import sync_delivery
from handlers.flows.ask_copilot import TURN
from handlers.flows.ask_for_evidence import LOOK
from handlers.flows.gather_evidence import look_for_case
from handlers.flows.nudge_approvers import nudge_approvers
from handlers.flows.post_measures import post_measures, to_leads
from handlers.flows.run_action import run_action
from handlers.flows.suggest_marks import SUGGEST
from handlers.flows.triage_ticket import triage_ticket
from handlers.group_watch import look_at_groups
from handlers.reception import Reception


def job_table(reception: Reception) -> Mapping[str, Callable[..., Awaitable[None]]]:
    """Every job of the bot, bound to its parts."""

    async def arrival(inbox_id: int) -> None:
        await handle_arrival(reception, inbox_id)

    async def triage(ticket_id: str) -> None:
        await triage_ticket(reception.desk, UUID(ticket_id))

    async def run(request_id: str) -> None:
        await run_action(reception.desk, UUID(request_id))

    async def delivery(delivery_id: str) -> None:
        await sync_delivery(reception.desk, reception.client, UUID(delivery_id), own_bot_id=reception.bot_id)

    async def nudge(request_id: str) -> None:
        await nudge_approvers(reception.desk, UUID(request_id))

    async def look(case_id: str) -> None:
        await look_for_case(reception.desk, UUID(case_id))

    async def turn(case_id: str, ask: str, instruction: str, tone_of: str) -> None:
        await take_turn(reception, UUID(case_id), ask, instruction, tone_of)

    async def sources(case_id: str, ask: str, question: dict[str, Any], sources: list[str]) -> None:
        await look_at_sources(reception, UUID(case_id), ask, question, sources)

    async def marks(case_id: str, ask: str, draft_id: str, revision: int) -> None:
        await look_at_draft(reception, UUID(case_id), ask, draft_id, revision)

    async def groups(is_turn: bool) -> None:
        await look_at_groups(reception, is_turn=is_turn)

    async def measures() -> None:
        if (channel := reception.desk.settings.leads_channel) is not None:
            await post_measures(reception.desk, to_leads(reception.desk, channel))

    return {
        "handle_arrival": arrival,
        "triage_ticket": triage,
        "run_action": run,
        "nudge_approvers": nudge,
        "sync_delivery": delivery,
        "look_at_groups": groups,
        "look_for_case": look,
        LOOK: sources,
        TURN: turn,
        SUGGEST: marks,
        "post_measures": measures,
    }
