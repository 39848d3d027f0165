"""A proposal is judged once more where it is written: by what may have changed while Slack was asked.

Stops and the ticket's case are read here, and what counts against the limits is counted, under locks that keep all of
it as it is until the request is written.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from handlers.desk import Desk
from handlers.flows.case_holds import case_says
from handlers.flows.count_requests import count_requests
from handlers.flows.judged_facts import is_stopped, reporters_of
from policy.terms import ActionFacts, Judgement, Person, Proposer, Verdict
from storage.database import Transaction
from storage.schema import Ticket


async def judge_anew(
    desk: Desk,
    tx: Transaction,
    ticket: Ticket,
    facts: ActionFacts,
    proposer: Proposer,
    judged: Judgement,
    *,
    target: str,
    replaces: UUID | None,
) -> Judgement:
    """A denial, if there is reason for one now, and else what was `judged`, with whom a case asks for besides; what was
    denied stays denied."""
    if judged.verdict is Verdict.DENY:
        return judged
    key = proposer.key if isinstance(proposer, Person) else None
    reporters = await reporters_of(tx, ticket)
    stopped = await is_stopped(tx, ticket, facts.action_id, key, reporters)
    of_requester, on_target = await count_requests(desk, tx, ticket, facts, target, replaces=replaces)
    case = await case_says(
        tx,
        ticket,
        facts.action_id,
        facts.params,
        proposer=key,
        is_break_glass=facts.break_glass is not None,
        lead=proposer,
    )
    now = replace(
        facts,
        is_stopped=stopped,
        held_back=case.held_back,
        also_needs=case.also_needs,
        of_requester=of_requester,
        on_target=on_target,
        reporters=reporters,
    )
    anew = desk.gate.judge_proposal(now, proposer)
    # Whom a case asks for beside the settings was not known before.
    return anew if anew.verdict is Verdict.DENY or case.also_needs else judged
