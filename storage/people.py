"""What ties accounts and addresses to one human: the links that operators made, and the directory.

Accounts are found by user id alone: a directory may name a workspace where Slack names the Enterprise.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from policy.one_person import Mark, Ties
from policy.terms import PersonKey, folded_address
from storage import system_steps
from storage.audit import Step
from storage.database import Transaction
from storage.schema import AccountLink

# One round trip, however long the way from one to another; `split_part` is what the directory's index is on.
_TIES = text(
    "with recursive reached (name, one, other) as ("
    " select name, null, null from unnest(cast(:names as text[])) as given (name)"
    " union select next.* from reached, lateral ("
    " select split_part(l.other, '/', 2), l.one, l.other from account_links l"
    " where split_part(l.one, '/', 2) = reached.name"
    " union all"
    " select split_part(l.one, '/', 2), l.one, l.other from account_links l"
    " where split_part(l.other, '/', 2) = reached.name"
    " union all"
    " select d.email, d.slack_key, d.email from directory_people d where split_part(d.slack_key, '/', 2) = reached.name"
    " union all"
    " select split_part(d.slack_key, '/', 2), d.slack_key, d.email from directory_people d"
    " where d.email = reached.name and d.slack_key is not null) as next)"
    " select one, other from reached where one is not null"
)

_EVERY_TIE = text(
    "select one, other from account_links"
    " union all select slack_key, email from directory_people where slack_key is not null"
)


async def ties_around(tx: Transaction, marks: Collection[Mark]) -> Ties:
    """All that is stored about these accounts and addresses, and about whatever is tied to them."""
    ties = Ties((mark, mark) for mark in marks)
    names = sorted({mark.user_id if isinstance(mark, PersonKey) else mark for mark in marks} - {""})
    for one, other in await tx.execute(_TIES, {"names": names}):
        ties.tie(PersonKey.parse(one), _mark(other))
    return ties


def _mark(text: str) -> Mark:
    return folded_address(text) if "@" in text else PersonKey.parse(text)


_PARTS = text(
    "select key from (select t.requester as key from action_requests r join tickets t on t.id = r.ticket_id"
    " where r.id = :request_id union select proposer from action_requests where id = :request_id"
    " union select voter from votes where request_id = :request_id"
    " union select json_array_elements_text(subjects) from action_requests where id = :request_id) as part"
    " where key is not null"
)


async def parts_of(tx: Transaction, request_id: UUID) -> frozenset[PersonKey]:
    """The accounts that asked for a request, proposed it, voted on it or are its subject, as their rows have them."""
    return frozenset(PersonKey.parse(row[0]) for row in await tx.execute(_PARTS, {"request_id": request_id}))


async def every_tie(tx: Transaction) -> Ties:
    """All that operators linked, and all that the directory has at one address."""
    rows = (await tx.execute(_EVERY_TIE)).all()
    return Ties((PersonKey.parse(row.one), _mark(row.other)) for row in rows)


async def link(
    tx: Transaction, one: PersonKey, other: PersonKey, *, reason: str, by: str, at: datetime
) -> AccountLink | None:
    """Write down that two accounts are one human's; None if that is written down already."""
    if await _between(tx, one, other) is not None:
        return None
    first, second = sorted((str(one), str(other)))
    made = AccountLink(one=first, other=second, reason=reason, linked_by=by, linked_at=at)
    tx.add(made)
    await tx.flush()
    return made


async def unlink(tx: Transaction, one: PersonKey, other: PersonKey) -> AccountLink | None:
    """Take a link back; returns what it was, or None if there is none."""
    found = await _between(tx, one, other)
    if found is not None:
        await tx.delete(found)
    return found


async def links(tx: Transaction) -> Sequence[AccountLink]:
    """Every link that operators made, oldest first."""
    return (await tx.scalars(select(AccountLink).order_by(AccountLink.linked_at, AccountLink.one))).all()


# Written out, with no value to fill in: an index of these few rows alone serves it.
_LINKS_TOLD = text(
    "select chain, seq, at, name, actor, payload::text, prev_hash, hash, key_id from audit_events"
    " where chain = 'system' and name in ('people_linked', 'people_unlinked') order by seq"
)


async def links_contradicted(tx: Transaction) -> list[str]:
    """Each link that is in the table and not on the trail, or the other way round, in words.

    Somebody who takes a row out of the table would let an account decide what another one of its human asked for.
    """
    told: set[frozenset[str]] = set()
    for step in await system_steps.read(tx, _LINKS_TOLD):
        event = step.event
        if not step.is_genuine:
            return [f"the step {event.seq} of the chain {event.chain} about linked accounts is not of this desk"]
        ends = frozenset(PersonKey.parse(one).user_id for one in event.payload["accounts"])
        told = told | {ends} if event.name == Step.PEOPLE_LINKED else told - {ends}
    stored = {frozenset(PersonKey.parse(end).user_id for end in (row.one, row.other)) for row in await links(tx)}
    return [
        f"the link of {' and '.join(sorted(ends))} is "
        + ("on the trail and not in the table" if ends in told else "in the table and not on the trail")
        for ends in sorted(told ^ stored, key=sorted)
    ]


async def accounts_heard_of(tx: Transaction, keys: Collection[PersonKey]) -> frozenset[str]:
    """Those of these user ids that have asked, voted or stand in the directory: a mistyped one has not."""
    rows = await tx.execute(
        text(
            "select split_part(key, '/', 2) from (select requester as key from tickets union select voter from votes"
            " union select proposer from action_requests union select slack_key from directory_people) as heard"
            " where split_part(key, '/', 2) = any(:user_ids)"
        ),
        {"user_ids": [key.user_id for key in keys]},
    )
    return frozenset(row[0] for row in rows)


async def _between(tx: Transaction, one: PersonKey, other: PersonKey) -> AccountLink | None:
    wanted = {one.user_id, other.user_id}
    made = await links(tx)
    return next((row for row in made if {PersonKey.parse(end).user_id for end in (row.one, row.other)} == wanted), None)
