"""The local Slack in a process of its own, without its limit on posts. Writes messages on request, and delivers none:
the bench sends the events itself, when and as often as it wants to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import yaml

from bench.children.conversation import converse
from bot.demo.local import MANIFEST, local_environment
from local_slack.server import LocalSlack


async def main() -> None:
    slack = LocalSlack(port=0, counts_calls=False, post_interval_seconds=0, retry_delays_seconds=())
    slack.use_manifest(yaml.safe_load(Path(MANIFEST).read_text()))
    slack.faults.drop = True
    await slack.start()

    async def answer(question: dict[str, Any]) -> dict[str, Any]:
        return {"events": [await _message(slack, question) for _ in range(question["messages"])]}

    app = slack.app
    ready = {
        "environment": local_environment(app, slack.api_url) | {"SLACK_SIGNING_SECRET": app.signing_secret},
        "app_id": app.app_id,
        "verification_token": app.verification_token,
        "team_id": app.team_id,
    }
    try:
        await converse(ready, answer)
    finally:
        await slack.stop()


async def _message(slack: LocalSlack, question: dict[str, Any]) -> dict[str, Any]:
    """Post one message as a person and give back the event that Slack would send about it."""
    who, channel = slack.person(question["who"]), question["channel"]
    ts = await who.post(channel, question["text"])
    place = slack.world.channel(channel).id
    found = slack.world.message(place, ts)
    event: dict[str, Any] = {
        name: found[name] for name in ("type", "user", "text", "ts", "team", "blocks") if name in found
    }
    event |= {"channel": place, "channel_type": "channel", "event_ts": ts}
    return slack.forge.event_envelope(event, channel)


if __name__ == "__main__":
    asyncio.run(main())
