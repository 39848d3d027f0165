"""The file of an identity provider's accounts, read: text in, typed rows or everything that is wrong with it out.

    account,email,name,status,deprovisioned_at,entitled

`account` is the provider's key of it; address, name and the two last may be empty. `deprovisioned_at` needs a zone:
what happened before and after it is compared with logs, and a guess would be hours off. `entitled` lists the ids of the
only attachments that the account may read, with spaces or semicolons between; 'none' is none at all, and empty says
nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from actions.directory_csv import CsvReading, Line, Reading
from actions.wording import Email, Name

ACCOUNT_COLUMNS = ("account", "email", "name", "status", "deprovisioned_at", "entitled")
ACTIVE = "active"
STATUSES = (ACTIVE, "suspended", "disabled", "deactivated", "deprovisioned", "deleted")
NO_ATTACHMENT = "none"


@dataclass(frozen=True)
class AccountEntry:
    """One line of the accounts file."""

    account: str
    email: str
    name: str
    status: str
    deprovisioned_at: datetime | None
    entitled: tuple[str, ...] | None
    """None: not said."""


class _AccountLine(Line):
    account: Name
    email: Email | None
    name: Name | None


def read_accounts(text: str) -> CsvReading[AccountEntry]:
    """Read the accounts file."""
    reading = Reading[AccountEntry](ACCOUNT_COLUMNS, unique="account")
    for line, cells in reading.rows(text):
        named = {name: cells[name] for name in ("account", "email", "name")}
        checked = reading.checked(line, named, _AccountLine)
        status, at = (cells["status"] or "").lower(), _moment(cells["deprovisioned_at"] or "")
        entitled = _entitled(cells["entitled"])
        problems = [*_problems(status, cells["deprovisioned_at"], at), *_of_a_list(entitled)]
        for column, message in problems:
            reading.wrong(line, column, message)
        if checked is None or problems:
            continue
        listed = () if entitled == (NO_ATTACHMENT,) else entitled
        entry = AccountEntry(checked.account, checked.email or "", checked.name or "", status, at, listed)
        reading.add(line, entry.account.lower(), entry)
    return reading.result()


def _problems(status: str, given: str | None, at: datetime | None) -> list[tuple[str, str]]:
    if status not in STATUSES:
        return [("status", f"Must be one of {', '.join(STATUSES)}.")]
    if given is None:
        return []
    if at is None:
        return [
            (
                "deprovisioned_at",
                "Must be a day and time with a zone, such as 2026-03-25T13:46:11+01:00 or 2026-03-25T12:46:11Z.",
            )
        ]
    if status == ACTIVE:
        return [("deprovisioned_at", "Is given although status is active; one of the two is wrong.")]
    return []


def _moment(text: str) -> datetime | None:
    """The moment in UTC; None for anything but a day, a time and a zone."""
    if len(text) < len("2026-03-25T13:46Z"):
        return None
    try:
        read = datetime.fromisoformat(text)
        return read.astimezone(UTC) if read.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _entitled(cell: str | None) -> tuple[str, ...] | None:
    return None if cell is None else tuple(dict.fromkeys(one for one in re.split(r"[;\s]+", cell) if one))


def _of_a_list(entitled: tuple[str, ...] | None) -> list[tuple[str, str]]:
    if entitled is not None and (not entitled or (NO_ATTACHMENT in entitled and len(entitled) > 1)):
        return [("entitled", f"Must be ids of attachments, or {NO_ATTACHMENT} alone, or empty where it is not known.")]
    return []
