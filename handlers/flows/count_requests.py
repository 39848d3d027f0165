"""How many requests count against a proposal's limits, counted where it is written."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from handlers.desk import Desk
from policy.limits import NOTHING_COUNTED, Counted
from policy.terms import ActionFacts, PersonKey, RequesterKind, Risk
from storage import counting
from storage import people as stored_people
from storage.counting import Subject
from storage.database import Transaction
from storage.schema import Ticket


async def count_requests(
    desk: Desk, tx: Transaction, ticket: Ticket, action: ActionFacts, target: str, *, replaces: UUID | None
) -> tuple[Counted, Counted]:
    """Of the requester and on the target; nobody else counts the same until `tx` ends.

    `replaces`: a request that ends where this one is written, so that the two are one.
    """
    asked = desk.gate.asked_of(action.risk)
    subjects = [counting.of_askers(await _askers(tx, ticket)), counting.on_target(target)]
    limits = [asked.requester_limit, asked.target_limit]
    pairs = list(zip(subjects, limits, strict=True))
    await counting.hold(tx, action.risk, [subject for subject, limit in pairs if limit is not None])
    window = timedelta(seconds=asked.limit_seconds)
    of_requester, on_target = [await _count(desk, tx, action.risk, *pair, window, replaces) for pair in pairs]
    return of_requester, on_target


def asker_of(ticket: Ticket) -> str:
    """Whom a request on this ticket counts for: the account that is known to have asked, or where it came in."""
    if ticket.requester_kind == RequesterKind.SLACK_PERSON and ticket.requester is not None:
        return counting.person_asker(PersonKey.parse(ticket.requester).user_id)
    return counting.source_asker(ticket.intake_source, ticket.slack_channel)


async def _askers(tx: Transaction, ticket: Ticket) -> frozenset[str]:
    asker = asker_of(ticket)
    if ticket.requester is None or ticket.requester_kind != RequesterKind.SLACK_PERSON:
        return frozenset({asker})
    key = PersonKey.parse(ticket.requester)
    accounts = (await stored_people.ties_around(tx, [key])).accounts_of(key)
    return frozenset({asker, *(counting.person_asker(account.user_id) for account in accounts)})


async def _count(
    desk: Desk,
    tx: Transaction,
    risk: Risk,
    subject: Subject,
    limit: int | None,
    window: timedelta,
    replaces: UUID | None,
) -> Counted:
    if limit is None:
        return NOTHING_COUNTED
    now = desk.clock()
    so_far, oldest = await counting.newest(tx, risk, subject, since=now - window, most=limit, but=replaces)
    # Once the oldest of as many as the limit allows is out of the window, there is room for one.
    frees_at = oldest + window if oldest is not None and so_far >= limit else None
    is_known = frees_at is not None and frees_at > now
    return Counted(so_far, limit, int(window.total_seconds()), frees_at if is_known else None)
