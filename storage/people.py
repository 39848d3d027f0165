"""What ties accounts and addresses to one human: the links that operators made, and the directory.

Accounts are found by user id alone: a directory may name a workspace where Slack names the Enterprise.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Row, select, text

from policy.one_person import Mark, Ties
from policy.terms import PersonKey, folded_address
from storage.database import Transaction
from storage.schema import AccountLink

# One round trip for each ring of ties around the marks; `split_part` is what the directory's index is on.
_TIES = text(
    "select one, other from account_links"
    " where split_part(one, '/', 2) = any(:user_ids) or split_part(other, '/', 2) = any(:user_ids)"
    " union all select slack_key, email from directory_people where slack_key is not null"
    " and (email = any(:addresses) or split_part(slack_key, '/', 2) = any(:user_ids))"
)

_EVERY_TIE = text(
    "select one, other from account_links"
    " union all select slack_key, email from directory_people where slack_key is not null"
)


async def ties_around(tx: Transaction, marks: Collection[Mark]) -> Ties:
    """All that is stored about these accounts and addresses, and about whatever is tied to them."""
    ties, known = Ties((mark, mark) for mark in marks), frozenset[str]()
    new = {_name(mark) for mark in marks} - {""}
    while new:
        known |= new
        rows = await _stored(tx, new)
        pairs = [(PersonKey.parse(row.one), _mark(row.other)) for row in rows]
        for one, other in pairs:
            ties.tie(one, other)
        new = {_name(mark) for pair in pairs for mark in pair} - known
    return ties


async def _stored(tx: Transaction, names: Collection[str]) -> Sequence[Row[tuple[str, str]]]:
    addresses = [name for name in names if "@" in name]
    return (await tx.execute(_TIES, {"user_ids": sorted(set(names) - set(addresses)), "addresses": addresses})).all()


def _mark(text: str) -> Mark:
    return folded_address(text) if "@" in text else PersonKey.parse(text)


def _name(mark: Mark) -> str:
    return mark.user_id if isinstance(mark, PersonKey) else mark


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
