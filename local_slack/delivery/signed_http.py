"""Signed HTTP: posts payloads to an app's request URL with Slack's v0 signature."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import aiohttp

from local_slack.delivery.attempt import COMMANDS, EVENTS, Outcome, Parcel
from local_slack.ids import Mint
from local_slack.records import AppInstall, Json


def signature(signing_secret: str, timestamp: str, body: bytes) -> str:
    """Slack's v0 request signature (docs: verifying requests from Slack)."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(signing_secret.encode(), base, hashlib.sha256).hexdigest()


def encode(parcel: Parcel) -> tuple[bytes, str]:
    """The body and content type of a parcel: JSON for events, forms for commands and interactivity."""
    if parcel.kind == EVENTS:
        return json.dumps(parcel.payload).encode(), "application/json"
    if parcel.kind == COMMANDS:
        return urlencode(parcel.payload).encode(), "application/x-www-form-urlencoded"
    return urlencode({"payload": json.dumps(parcel.payload)}).encode(), "application/x-www-form-urlencoded"


class SignedHttp:
    """Posts to request URLs. One client session for all apps, opened by `start`."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._session: aiohttp.ClientSession | None = None
        self.urls: dict[str, str] = {}

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200))

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def attempt(self, app: AppInstall, parcel: Parcel, timeout_seconds: float) -> Outcome:
        """Post once; only a 2xx within the time allowed is an ack."""
        body, content_type = encode(parcel)
        headers = self._headers(app, body, content_type)
        if parcel.retry:
            headers |= {"X-Slack-Retry-Num": str(parcel.retry), "X-Slack-Retry-Reason": parcel.retry_reason}
        try:
            async with self._opened().post(
                self.urls[app.app_id],
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            ) as answer:
                text = await answer.text()
                refuses = answer.headers.get("X-Slack-No-Retry") == "1"
                if not 200 <= answer.status < 300:
                    return Outcome(False, reason="http_error", wants_no_retry=refuses)
                return Outcome(True, _ack_body(text))
        except TimeoutError:
            return Outcome(False, reason="http_timeout")
        except (aiohttp.ClientError, UnicodeDecodeError):
            return Outcome(False, reason="connection_failed")

    async def verify_url(self, app: AppInstall) -> bool:
        """Slack's url_verification handshake: True when the app answers with the challenge."""
        challenge = self._mint.secret(24)
        payload = {"token": app.verification_token, "challenge": challenge, "type": "url_verification"}
        body = json.dumps(payload).encode()
        async with self._opened().post(
            self.urls[app.app_id],
            data=body,
            headers=self._headers(app, body, "application/json"),
            timeout=aiohttp.ClientTimeout(total=3),
        ) as answer:
            text = await answer.text()
        parsed = _ack_body(text) or {}
        return answer.status == 200 and challenge in (text.strip(), parsed.get("challenge"), parsed.get("text"))

    def _headers(self, app: AppInstall, body: bytes, content_type: str) -> dict[str, str]:
        timestamp = str(int(self._mint.now()))
        return {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "Accept": "*/*",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(app.signing_secret, timestamp, body),
        }

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the local Slack is not started")
        return self._session


def _ack_body(text: str) -> Json | None:
    """The body of an ack: a JSON object, or plain text, which Slack treats as a message."""
    if not text.strip():
        return None
    try:
        parsed: Any = json.loads(text)
    except ValueError:
        return {"text": text}
    return parsed if isinstance(parsed, dict) else {"text": text}
