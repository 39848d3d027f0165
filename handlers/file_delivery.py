"""Posts files to Slack, as far as possible exactly once.

Slack takes files in three steps (https://docs.slack.dev/messaging/working-with-files): an address for each, the bytes
to it, then one call that shows all of them as a message. Until that call nobody sees anything; it has no idempotency
key, no metadata to find its message by, and its answer does not say where the message stands. So:

1. The bytes go up. A crash here leaves uploads that Slack drops by itself; the next attempt uploads anew.
2. The files' ids are written down.
3. The audience guard is asked once more, and Slack is told to show the files.
4. `files.info` says where they stand.

After a crash or a lost answer in step 3 or 4 the ids of step 2 are asked about first, and nothing is uploaded while
Slack knows of a message with them or may still be making one. Slack is known to answer yes and to show nothing for good
(python-slack-sdk issue 1818): after two minutes that counts as an obstacle, and the files are handed in again. A
message that Slack makes later than that would stand there twice; none is lost without the trail's saying so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from handlers.audience_guard import guard_audience
from handlers.desk import Desk
from handlers.errors import TryLater
from handlers.flows.note_upload import forget_upload, note_upload
from handlers.flows.open_letter import EnclosedFile, Letter
from handlers.flows.settle_delivery import Settled

UPLOADS_WITHIN_SECONDS = 60.0
ASK_AGAIN_SECONDS = (0.0, 0.3, 0.7, 2.0, 4.0)
"""Before each look at where the files stand: Slack makes their message some moments after it said yes."""
_PERHAPS_DONE = frozenset({"internal_error", "fatal_error", "request_timeout", "service_unavailable"})
SHOWN_WITHIN = timedelta(minutes=2)
SLACKS_UPLOADS = frozenset({URL("https://files.slack.com"), URL("https://files.slack-gov.com")})


class NotShown(Exception):
    """Slack took the files, said yes and showed nothing."""


async def send_files(desk: Desk, client: AsyncWebClient, letter: Letter) -> Settled:
    """Post a letter's files as one message. Raises TryLater, NotShown, Held and whatever a call to Slack may raise."""
    ts = await _stands_already(desk, client, letter)
    if ts is None:
        async with asyncio.timeout(UPLOADS_WITHIN_SECONDS):
            ids = [await _upload(client, file) for file in letter.files]
        await note_upload(desk, letter.delivery_id, ids)
        await guard_audience(client, letter)
        await _show(desk, client, letter, ids)
        ts = await _await_message(client, letter, ids[0])
    return Settled(ts, letter.content_hash, is_new=True)


async def _stands_already(desk: Desk, client: AsyncWebClient, letter: Letter) -> str | None:
    """Where an earlier attempt's message stands; None where there can be none."""
    first = letter.files[0]
    if first.slack_id is None or first.handed_in_at is None:
        return None
    known = await _file(client, first.slack_id)
    ts = None if known is None else _message_of(known, letter)
    if ts is not None:
        return ts
    if known is not None and desk.clock() - first.handed_in_at < SHOWN_WITHIN:
        raise TryLater("Slack has not shown the files yet", seconds=5)
    await forget_upload(desk, letter.delivery_id)
    if known is not None:
        raise NotShown("Slack took the files, and shows no message with them")
    return None


async def _upload(client: AsyncWebClient, file: EnclosedFile) -> str:
    """Bring one file's bytes to Slack: its id there."""
    ticket = await client.files_getUploadURLExternal(
        filename=file.name, length=len(file.content), alt_txt=file.description or None
    )
    url = _allowed(str(ticket["upload_url"]), client)
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=UPLOADS_WITHIN_SECONDS)) as session,
        # A redirect would lead past the check above.
        session.post(
            url, data=file.content, allow_redirects=False, proxy=client.proxy, ssl=client.ssl or True
        ) as answer,
    ):
        if answer.status != 200:
            raise TryLater(f"Slack answered {answer.status} to the bytes of {file.name}", seconds=5)
    return str(ticket["file_id"])


def _allowed(upload_url: str, client: AsyncWebClient) -> URL:
    """The address to send bytes to: Slack's for files, or the Web API's own origin where the settings name another."""
    url = URL(upload_url)
    if url.origin() not in SLACKS_UPLOADS | {URL(client.base_url).origin()}:
        raise TryLater(f"the address for the upload is not Slack's: {url.scheme}://{url.raw_host}", seconds=60)
    return url


async def _show(desk: Desk, client: AsyncWebClient, letter: Letter, ids: Sequence[str]) -> None:
    async with asyncio.timeout(UPLOADS_WITHIN_SECONDS):
        try:
            await client.files_completeUploadExternal(
                files=[{"id": one, "title": file.name} for one, file in zip(ids, letter.files, strict=True)],
                channel_id=letter.channel,
                thread_ts=letter.thread_ts,
                initial_comment=letter.rendered.text,
            )
        except SlackApiError as error:
            code = error.response.get("error")
            if code == "file_not_found":
                # Lost, or finished by a call that something on the way repeated: the next attempt asks which.
                raise TryLater("Slack knows no such uploads to finish", seconds=2) from error
            # Slack said no, so nothing stands there, and the next attempt need not look.
            if code and code not in _PERHAPS_DONE:
                await forget_upload(desk, letter.delivery_id)
            raise


async def _await_message(client: AsyncWebClient, letter: Letter, slack_id: str) -> str:
    for seconds in ASK_AGAIN_SECONDS:
        await asyncio.sleep(seconds)
        known = await _file(client, slack_id)
        ts = None if known is None else _message_of(known, letter)
        if ts is not None:
            return ts
    raise TryLater("Slack took the files and has not shown them yet", seconds=5)


async def _file(client: AsyncWebClient, slack_id: str) -> Mapping[str, Any] | None:
    """A file as Slack knows it; None while its upload is not finished, and when it is gone."""
    try:
        answer = await client.files_info(file=slack_id)
    except SlackApiError as error:
        if error.response.get("error") in ("file_not_found", "file_deleted"):
            return None
        raise
    file = answer.get("file")
    return file if isinstance(file, Mapping) else {}


def _message_of(file: Mapping[str, Any], letter: Letter) -> str | None:
    """The message in the letter's channel that shows the file."""
    shares = file.get("shares")
    for kind in ("private", "public"):
        places = (shares.get(kind) or {}) if isinstance(shares, Mapping) else {}
        for one in places.get(letter.channel) or ():
            if isinstance(one, Mapping) and isinstance(one.get("ts"), str):
                return str(one["ts"])
    return None
