"""The demo's sources of evidence: a customer's contractor who was deprovisioned and looked at two attachments after.

All made up. The times are some days before the demo's first start, and stay as they are from then on: what a case has
retrieved must not look changed because the demo was started again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from local_slack.server import LocalSlack

KNOWLEDGE = Path(__file__).parent / "knowledge"
ESCALATION_CHANNEL = "C0ESCALATE1"
REPORTED_IN = "C0EXTEXT001"

CONTRACTOR_KEY, CONTRACTOR_EMAIL = "con-4821", "nico@external.example"
INVOICES, CONFIGURATION = "att-2201", "att-2207"
_ENDED_DAYS_AGO, _ENDED_AT_HOUR = 6, 14
_FILES = {INVOICES: "invoice-backup-2025.zip", CONFIGURATION: "gateway-config-export.json"}


def ended_at(now: datetime) -> datetime:
    """When the contractor was deprovisioned."""
    day = (now - timedelta(days=_ENDED_DAYS_AGO)).astimezone(UTC)
    return day.replace(hour=_ENDED_AT_HOUR, minute=0, second=0, microsecond=0)


def report(now: datetime) -> str:
    """What the customer writes. The time in it is when they asked for the account to be closed, hours too early."""
    asked = ended_at(now) - timedelta(hours=5)
    return (
        f"Our contractor {CONTRACTOR_EMAIL} was deprovisioned at {asked:%Y-%m-%d %H:%M} UTC."
        " We are worried that they could still view attachments of our tickets after that: there are invoice backups"
        " and configuration exports among them. Can you find out what was looked at, and tell us what we should do?"
    )


def sources(folder: Path, now: datetime) -> dict[str, str]:
    """The settings of the demo's sources; what they name is written into the folder if it is not there yet."""
    access, trail, accounts = (folder / name for name in ("access.jsonl", "attachments.jsonl", "accounts.csv"))
    if not accounts.exists():
        folder.mkdir(parents=True, exist_ok=True)
        end = ended_at(now)
        access.write_text(_lines(_access_rows(end)), encoding="utf-8")
        trail.write_text(_lines(_trail_rows(end)), encoding="utf-8")
        accounts.write_text(_accounts(end), encoding="utf-8")
    return {
        "COUNTERSIGN_ACCESS_LOG": str(access),
        "COUNTERSIGN_ATTACHMENT_TRAIL": str(trail),
        "COUNTERSIGN_KNOWLEDGE_BASE": str(KNOWLEDGE),
        "COUNTERSIGN_ESCALATION_CHANNEL": ESCALATION_CHANNEL,
    }


def accounts_file(folder: Path) -> Path:
    """The file of accounts in the folder."""
    return folder / "accounts.csv"


async def fill_escalations(slack: LocalSlack) -> None:
    """Two entries of the queue, if it has none. A local Slack of an earlier version may not have the channel."""
    log = slack.world.logs.get(ESCALATION_CHANNEL)
    if log is None or log.messages:
        return
    bob, victor = slack.person("bob"), slack.person("victor")
    head = await bob.post(
        ESCALATION_CHANNEL,
        "Sessions of a deprovisioned account are not always ended\nReproduced in staging: an access token that was"
        " given out before goes on working until it runs out. Previews are answered, too.",
    )
    await bob.react(ESCALATION_CHANNEL, head, "eyes")
    await victor.post(ESCALATION_CHANNEL, "How long can it take at most? Customers will ask.", head)
    await victor.post(
        ESCALATION_CHANNEL,
        "Preview service keeps entitlements too long\nAn account that lost its right to an attachment can preview it"
        " until its session ends. Nobody has looked into it yet.",
    )


async def report_it(slack: LocalSlack, now: datetime) -> None:
    """The customer's first message, if nobody has written to their channel yet."""
    log = slack.world.logs.get(REPORTED_IN)
    if log is not None and not log.messages:
        await slack.person("trent").post(REPORTED_IN, report(now))


def _access_rows(end: datetime) -> Iterable[Mapping[str, object]]:
    rows = [
        (end - timedelta(days=2, hours=4), CONTRACTOR_KEY, "sign_in", "console", "s-7c02", "203.0.113.24"),
        (end - timedelta(days=2, hours=3), CONTRACTOR_KEY, "view", "ticket/1180", "s-7c02", "203.0.113.24"),
        (end - timedelta(minutes=38), CONTRACTOR_KEY, "sign_in", "console", "s-9f31", "203.0.113.24"),
        (end - timedelta(minutes=31), CONTRACTOR_KEY, "view", "ticket/1204", "s-9f31", "203.0.113.24"),
        (end + timedelta(minutes=17), CONTRACTOR_KEY, "view", "ticket/1204", "s-9f31", "203.0.113.24"),
        (end + timedelta(minutes=22), CONTRACTOR_KEY, "view", "ticket/1204", "s-9f31", "203.0.113.24"),
    ]
    others = (("con-4822", "198.51.100.7"), ("olivia@acme.example", "192.0.2.15"), ("con-5110", "198.51.100.63"))
    for number in range(60):
        name, address = others[number % 3]
        at = end + timedelta(hours=3 * number - 96, minutes=7 * number % 60)
        rows.append((at, name, "view", f"ticket/{1150 + number}", f"s-a{number:02}", address))
    for number, (at, principal, action, seen, session, ip) in enumerate(sorted(rows), start=1):
        yield {
            "time": _utc(at),
            "principal": principal,
            "action": action,
            "object": seen,
            "session": session,
            "ip": ip,
            "event_id": f"acc-{number:05}",
        }


def _trail_rows(end: datetime) -> Iterable[Mapping[str, object]]:
    rows = [
        (end - timedelta(days=3), "con-4822", "upload", INVOICES, "s-u1"),
        (end - timedelta(days=3) + timedelta(minutes=4), "con-4822", "upload", CONFIGURATION, "s-u1"),
        (end - timedelta(days=2, hours=2), "olivia@acme.example", "download", CONFIGURATION, "s-o4"),
        (end + timedelta(minutes=18, seconds=20), CONTRACTOR_KEY, "preview", INVOICES, "s-9f31"),
        (end + timedelta(minutes=21, seconds=5), CONTRACTOR_KEY, "preview", CONFIGURATION, "s-9f31"),
        (end + timedelta(days=1), "", "retention_applied", INVOICES, ""),
        (end + timedelta(days=2), "con-4822", "download", INVOICES, "s-a71"),
    ]
    for number, (at, principal, action, attachment, session) in enumerate(rows, start=1):
        row = {
            "time": _utc(at),
            "principal": principal,
            "action": action,
            "attachment_id": attachment,
            "attachment_name": _FILES[attachment],
            "session": session,
            "event_id": f"att-ev-{number:05}",
        }
        yield {name: value for name, value in row.items() if value}


def _accounts(end: datetime) -> str:
    local = end.astimezone(timezone(timedelta(hours=1)))
    return (
        "account,email,name,status,deprovisioned_at,entitled\n"
        f"{CONTRACTOR_KEY},{CONTRACTOR_EMAIL},Nico Norrland,deprovisioned,{local.isoformat()},none\n"
        f"con-4822,trent@external.example,Trent Tully,active,,{INVOICES};{CONFIGURATION}\n"
        "con-5110,lena@external.example,Lena Lindqvist,active,,\n"
    )


def _utc(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _lines(rows: Iterable[Mapping[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
