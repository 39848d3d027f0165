"""The short way of a signed message event into the inbox: nothing gets in by it that Slack did not sign just now."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.web import SLACK_PATH
from tests.running import RunningDesk, running_desk

EVENT = {
    "type": "event_callback",
    "api_app_id": "A0CSAPP0001",
    "team_id": "T0ACME00001",
    "event_id": "Ev1",
    "event": {
        "type": "message",
        "channel": "C0HELP00001",
        "user": "U0ERIN00001",
        "team": "T0ACME00001",
        "ts": "1795000000.000100",
        "text": "My screen is black.",
    },
}


@pytest.fixture
async def http_desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    """A desk over signed HTTP."""
    async with running_desk(database_url, tmp_path, http=True) as desk:
        yield desk


def signed(desk: RunningDesk, body: bytes, *, at: str | None = None, secret: str | None = None) -> dict[str, str]:
    timestamp = at or str(int(time.time()))
    key = (secret or desk.slack.app.signing_secret).encode()
    signature = hmac.new(key, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={signature}",
    }


async def send(desk: RunningDesk, body: bytes, headers: dict[str, str]) -> int:
    url = desk.process.http_url + SLACK_PATH
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status


async def stored(desk: RunningDesk) -> int:
    return int(await desk.value("select count(*) from inbox"))


async def test_a_signed_message_is_durable_when_it_is_acknowledged_and_a_retry_is_no_second_one(
    http_desk: RunningDesk,
) -> None:
    body = json.dumps(EVENT).encode()

    first = await send(http_desk, body, signed(http_desk, body))
    after_first = await stored(http_desk)
    retry = await send(http_desk, body, signed(http_desk, body) | {"X-Slack-Retry-Num": "1"})

    assert (first, after_first, retry, await stored(http_desk)) == (200, 1, 200, 1)


def wrong(desk: RunningDesk, body: bytes) -> dict[str, dict[str, str]]:
    good = signed(desk, body)
    return {
        "another secret": signed(desk, body, secret="x" * 32),
        "six minutes old": signed(desk, body, at=str(int(time.time()) - 360)),
        "six minutes ahead": signed(desk, body, at=str(int(time.time()) + 360)),
        "no number as its time": signed(desk, body, at="now"),
        "no signature": {name: value for name, value in good.items() if name != "X-Slack-Signature"},
        "no time": {name: value for name, value in good.items() if name != "X-Slack-Request-Timestamp"},
        "a signature of another body": signed(desk, body + b" "),
        "a signature that is no hex": good | {"X-Slack-Signature": "v0=zz"},
        "a signature beyond ASCII": good | {"X-Slack-Signature": "v0=é" + "0" * 63},
    }


async def test_a_message_that_slack_did_not_sign_just_now_is_refused_and_leaves_nothing(
    http_desk: RunningDesk,
) -> None:
    body = json.dumps(EVENT).encode()

    for why, headers in wrong(http_desk, body).items():
        assert await send(http_desk, body, headers) == 401, why

    assert await stored(http_desk) == 0


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b"\xff", b"null", b'"text"', b'{"type": "event_callback", "event": []}', b'{"type": 5, "event": {}}'],
)
async def test_a_signed_body_that_is_no_message_event_leaves_nothing_and_the_bot_goes_on(
    http_desk: RunningDesk, body: bytes
) -> None:
    status = await send(http_desk, body, signed(http_desk, body))

    assert status in (200, 400, 401, 404, 500)
    assert await stored(http_desk) == 0
    good = json.dumps(EVENT).encode()
    assert await send(http_desk, good, signed(http_desk, good)) == 200


async def test_an_event_without_a_channel_or_time_is_acknowledged_and_dropped(http_desk: RunningDesk) -> None:
    for missing in ("channel", "ts"):
        event: dict[str, Any] = {name: value for name, value in EVENT["event"].items() if name != missing}  # type: ignore[attr-defined]  # a dict of this test
        body = json.dumps(EVENT | {"event": event}).encode()
        assert await send(http_desk, body, signed(http_desk, body)) == 200

    assert await stored(http_desk) == 0
