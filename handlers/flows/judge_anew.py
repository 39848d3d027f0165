"""A proposal is judged once more where it is written: by what may have changed while Slack was asked.

Stops are read here, under the lock that keeps them as they are until the request is written.
"""

from __future__ import annotations

from dataclasses import replace

from handlers.desk import Desk
from handlers.flows.judged_facts import is_stopped
from policy.terms import ActionFacts, Judgement, Person, Proposer, Verdict
from storage.database import Transaction
from storage.schema import Ticket


async def judge_anew(
    desk: Desk, tx: Transaction, ticket: Ticket, facts: ActionFacts, proposer: Proposer, judged: Judgement
) -> Judgement:
    """A denial, if there is reason for one now, and else what was `judged`; what was denied stays denied."""
    if judged.verdict is Verdict.DENY:
        return judged
    key = proposer.key if isinstance(proposer, Person) else None
    now = replace(facts, is_stopped=await is_stopped(tx, ticket, facts.action_id, key))
    if now == facts:
        return judged
    anew = desk.gate.judge_proposal(now, proposer)
    return anew if anew.verdict is Verdict.DENY else judged
