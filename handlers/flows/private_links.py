"""A link that is given to one person privately, for one thing, once, and for a few minutes.

Opening it decides nothing. What its page sends back is taken five times at most, and counts at most once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from handlers.desk import Desk
from handlers.errors import Refused
from policy.passkeys import Site
from policy.terms import Choice, PersonKey
from storage import passkeys
from storage.database import Transaction
from storage.schema import PrivateLink

LASTS = timedelta(minutes=5)
ATTEMPTS = 5
_TOKEN_BYTES = 32


class Purpose(StrEnum):
    """What a link is for; the word stands in its address."""

    VOTE = "confirm"
    ENROLMENT = "enrol"


@dataclass(frozen=True)
class GivenLink:
    """A link as its reader gets it."""

    url: str
    expires_at: datetime


@dataclass(frozen=True)
class OpenLink:
    """What a link that still holds is bound to."""

    name: str
    """The hash of its token: names it without opening it."""
    person: PersonKey
    slack_request_id: str
    expires_at: datetime
    request_id: UUID | None
    digest: str
    choice: Choice | None


def has_pages(desk: Desk) -> bool:
    """Whether a link could be given at all."""
    return desk.gate.confirmations.site is not None


def site_of(desk: Desk) -> Site:
    """Where our pages are. Raises Refused where there are none."""
    site = desk.gate.confirmations.site
    if site is None:
        raise Refused(
            "there is no public address",
            code="no-public-address",
            reply="Passkeys are not set up here. Ask whoever runs this desk to set its public address, then try again.",
        )
    return site


async def give_link(
    desk: Desk,
    tx: Transaction,
    purpose: Purpose,
    person: PersonKey,
    slack_request_id: str,
    *,
    request_id: UUID | None = None,
    digest: str = "",
    choice: Choice | None = None,
) -> GivenLink:
    """Make a link. Only the hash of its token is kept. Raises Refused."""
    site, token, now = site_of(desk), secrets.token_urlsafe(_TOKEN_BYTES), desk.clock()
    tx.add(
        PrivateLink(
            token_hash=passkeys.token_hash(token),
            purpose=purpose,
            person=str(person),
            request_id=request_id,
            digest=digest,
            choice=choice or "",
            slack_request_id=slack_request_id,
            created_at=now,
            expires_at=now + LASTS,
        )
    )
    return GivenLink(f"{site.origin}/passkeys/{purpose}/{token}", now + LASTS)


async def open_link(
    desk: Desk, tx: Transaction, token: str, purpose: Purpose, *, is_attempt: bool = False, lock: bool = False
) -> OpenLink:
    """What the link is for. `is_attempt`: its page sent something back, which is counted. Raises Refused."""
    link = await passkeys.link_of(tx, token, lock=lock or is_attempt)
    if link is None or link.purpose != purpose:
        raise _gone("link-unknown", "This link leads nowhere. Ask for a new one in Slack.")
    if link.used_at is not None:
        raise _gone("link-used", "This link was used already, and it counts once. There is nothing more to do here.")
    if desk.clock() >= link.expires_at:
        raise _gone("link-expired", "The time of this link is over. Ask for a new one in Slack.")
    if is_attempt and link.attempts >= ATTEMPTS:
        raise _gone("link-worn-out", "This was tried too often. Ask for a new link in Slack.")
    link.attempts += is_attempt
    return OpenLink(
        link.token_hash,
        PersonKey.parse(link.person),
        link.slack_request_id,
        link.expires_at,
        link.request_id,
        link.digest,
        Choice(link.choice) if link.choice else None,
    )


def _gone(code: str, reply: str) -> Refused:
    return Refused(code, code=code, reply=reply)
