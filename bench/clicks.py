"""Signed Approve clicks decided a second over HTTP: distinct requests, one vote needed, who clicks is read live from
the local Slack (its own process) at every click. Runs and card updates are jobs of another process: not counted here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from bench.load import Answers, Target
from bench.people import SANA, TEAM
from bench.proposals import cards, key, make_tickets, pretend_posted, propose_revocation
from bench.results import Row, Table, flat, ratios
from bench.rig import Rig, SlackChild, desk_below_slack, start_bot, start_slack

CONCURRENCY = 8
BASELINE = "a bare Bolt app that asks Slack the same about who clicked, tells them, and decides and keeps nothing"


@dataclass
class Arm:
    """One server, and what it answered in each round."""

    name: str
    target: Target
    rounds: list[Answers] = field(default_factory=list)


async def measure(rig: Rig) -> Sequence[Table]:
    """One table for one click at a time and for eight."""
    slack, url = await start_slack(rig), rig.database()
    bot = await start_bot(rig, slack, url, "web")
    bare = await rig.child("bare", "identity", **slack.environment)
    tables = []
    async with desk_below_slack(slack, url) as desk:
        for concurrency in (1, CONCURRENCY):
            arms = [Arm("bare Bolt asking who clicked (baseline)", Target(bare.ready["url"], slack.signing_secret)),
                    Arm("bot: clicks decided", Target(bot.ready["url"], slack.signing_secret))]  # fmt: skip
            decided = 0
            for turn in range(rig.take(1, 4)):
                count = rig.take(24, 60 if concurrency == 1 else 240)
                prefix = f"c{concurrency}r{turn}"
                found = await make_tickets(desk, count, prefix)
                requests = [await propose_revocation(desk, one, key(prefix, n)) for n, one in enumerate(found)]
                await pretend_posted(desk)
                async with desk.database.transaction() as tx:
                    payloads = [click(slack, *card) for card in await cards(tx, requests)]
                for arm in arms:
                    signed = [arm.target.interaction(payload) for payload in payloads]
                    answers = await arm.target.closed_loop(signed, concurrency)
                    answers.check(arm.name)
                    arm.rounds.append(answers)
                decided += count
                await _check(url, requests)
            tables.append(_table(arms, concurrency))
            for arm in arms:
                await arm.target.close()
    await rig.stop(bot, bare, slack.child)
    return tables


def click(slack: SlackChild, request_id: UUID, channel: str, ts: str, blocks: str) -> dict[str, Any]:
    """What Slack sends when Sana presses Approve on a card."""
    button = {"type": "button", "action_id": "request.approve", "value": str(request_id)}
    return {
        "type": "block_actions",
        "user": {"id": SANA.key.user_id, "username": "sana", "name": "sana", "team_id": TEAM},
        "api_app_id": slack.child.ready["app_id"],
        "token": slack.child.ready["verification_token"],
        "team": {"id": TEAM, "domain": "acme"},
        "enterprise": None,
        "is_enterprise_install": False,
        "trigger_id": f"{request_id.int % 10**12}.{request_id.int % 10**11}.{request_id.hex}",
        "container": {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": False},
        "channel": {"id": channel, "name": "privategroup"},
        "message": {"type": "message", "ts": ts, "text": "A request waits for approval", "blocks": json.loads(blocks)},
        "state": {"values": {}},
        "response_url": "http://127.0.0.1:9/none",
        "actions": [
            {**button, "block_id": "votes", "action_ts": ts, "text": {"type": "plain_text", "text": "Approve"}}
        ],
    }


async def _check(url: str, request_ids: Sequence[UUID]) -> None:
    """Raises RuntimeError unless every click was a vote that decided: an answer of 200 alone may be a refusal."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        query = "select count(*) from action_requests where id = any(%s) and status = 'approved'"
        row = await (await connection.execute(query, (list(request_ids),))).fetchone()
    await asyncio.sleep(0)
    if row is None or row[0] != len(request_ids):
        raise RuntimeError(f"only {row and row[0]} of {len(request_ids)} clicks were decided")


def _table(arms: Sequence[Arm], concurrency: int) -> Table:
    bare = [one.rate for one in arms[0].rounds]
    rows = []
    for arm in arms:
        times, rates = flat([one.seconds for one in arm.rounds]), [one.rate for one in arm.rounds]
        rows.append(Row(arm.name, len(times), times, sum(rates) / len(rates), ratios(rates, bare)))
    title = f"Approve clicks over signed HTTP, {concurrency} at once"
    return Table(title, BASELINE, rows, ["the ratio is of the rates: more is better"])
