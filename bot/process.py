"""One running bot: everything started in the order in which it is needed, and stopped in the reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from aiohttp import web
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.backfill import backfill
from bot.settings import SettingsError
from bot.socket_mode import Socket
from bot.web import make_web_app
from bot.wiring import Parts
from handlers.errors import IdentityUnavailable, Refused
from handlers.flows.note_members import ask_for_look
from handlers.flows.post_measures import ask_for_measures
from handlers.flows.record_start import record_start
from handlers.flows.reseal_passkeys import reseal_passkeys
from handlers.flows.wake_requests import wake_requests
from handlers.flows.wake_reviews import wake_reviews
from handlers.flows.write_checkpoints import write_checkpoints
from handlers.group_check import group_problems
from storage.database import DatabaseUnavailable
from storage.notary import Notary

log = logging.getLogger(__name__)

FRESH = "Make a new one with the scope connections:write under Basic Information > App-Level Tokens."
_TOKEN_REFUSED = frozenset(
    {
        "account_inactive", "invalid_auth", "missing_scope", "no_permission", "not_allowed_token_type", "not_authed",
        "token_expired", "token_revoked",
    }
)  # fmt: skip
WAKE_EVERY_SECONDS = 1.0
ASK_SLACK_AGAIN_SECONDS = 5.0
LOOK_AT_GROUPS_EVERY_SECONDS = 60.0
BACKFILL_EVERY_SECONDS = 300.0
CHECKPOINT_EVERY_SECONDS = 60.0
LOOK_AT_MEASURES_EVERY_SECONDS = 600.0
LAST_CHECKPOINT_SECONDS = 5.0


class PortTaken(Exception):
    """The web server's port is in use."""


@dataclass(frozen=True)
class Running:
    """What a started process tells about itself."""

    http_url: str
    is_socket_mode: bool


@asynccontextmanager
async def running(parts: Parts) -> AsyncIterator[Running]:
    """Run the bot until the block ends. Raises PortTaken, SettingsError, DatabaseUnavailable."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(parts.database.close)
        stack.push_async_callback(parts.reception.desk.triager.aclose)
        stack.push_async_callback(parts.reception.desk.assistant.aclose)
        if (linter := parts.reception.desk.second_linter) is not None:
            stack.push_async_callback(linter.aclose)
        await parts.inbox.open()
        stack.push_async_callback(parts.inbox.close)
        await _start(parts)
        await reseal_passkeys(parts.reception.desk)
        await parts.jobs.open_async()
        stack.push_async_callback(parts.jobs.close_async)
        _keep(stack, parts.policy_watch.keep_looking(), "policy watch")
        if parts.settings.role != "web":
            await _work(stack, parts)
        stack.push_async_callback(parts.reception.whispers.drain)
        url = await _serve(stack, parts)
        if parts.settings.role != "worker":
            await _connect(stack, parts)
        yield Running(url, parts.settings.slack.app_token is not None)


async def _start(parts: Parts) -> None:
    home = parts.reception.identity.home
    await _check_groups(parts)
    try:
        await record_start(parts.reception.desk, home.enterprise_id or home.team_id)
    except Refused as refused:
        raise SettingsError([refused.reply]) from refused


async def _check_groups(parts: Parts) -> None:
    """Refuse to start on groups that are none in Slack, hold nobody who counts, or everybody. Raises SettingsError."""
    for is_last in (False, False, True):
        try:
            groups = parts.settings.desk.groups.values()
            problems = await group_problems(parts.client, parts.reception.identity.home, groups)
        except IdentityUnavailable as error:
            if is_last:
                raise SettingsError([f"{error}. It needs the scopes usergroups:read and users:read."]) from error
            log.warning("%s; asking again", error)
            await asyncio.sleep(ASK_SLACK_AGAIN_SECONDS)
            continue
        if problems:
            raise SettingsError(problems)
        return


async def _work(stack: AsyncExitStack, parts: Parts) -> None:
    """Work the queue off, wake what is due, and look for what no event brought."""
    if parts.notary is not None and parts.places:
        stack.push_async_callback(_last_checkpoint, parts, parts.notary)
    await parts.workers.start()
    stack.push_async_callback(parts.workers.stop)
    _keep(stack, _waking(parts), "waker")
    _keep(stack, _backfilling(parts), "backfill")
    _keep(stack, _watching(parts), "group watch")
    _keep(stack, _measuring(parts), "measures")
    if parts.notary is not None and parts.places:
        _keep(stack, _checkpointing(parts, parts.notary), "checkpoints")


async def _serve(stack: AsyncExitStack, parts: Parts) -> str:
    runner = web.AppRunner(make_web_app(parts), access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, parts.settings.http_host, parts.settings.http_port)
    try:
        await site.start()
    except OSError as error:
        name = f"{parts.settings.http_host}:{parts.settings.http_port}"
        raise PortTaken(f"COUNTERSIGN_HTTP_PORT: {name} is in use ({error.strerror}); choose another") from error
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


async def _connect(stack: AsyncExitStack, parts: Parts) -> None:
    """Open the sockets. Two: the client closes an old one before its successor stands; events fall between."""
    app_token = parts.settings.slack.app_token
    if app_token is None:
        return
    await _check_app_token(parts, app_token)
    sockets = [Socket(parts.slack, app_token, parts.client, parts.reception) for _ in range(parts.settings.sockets)]

    async def close() -> None:
        # At once: one that stayed open while the other waits would take in what nobody is there to finish.
        await asyncio.gather(*(socket.close_async() for socket in sockets))

    stack.push_async_callback(close)
    for socket in sockets:
        await socket.connect_async()  # type: ignore[no-untyped-call]  # slack_bolt leaves it unannotated


async def _check_app_token(parts: Parts, app_token: str) -> None:
    """Ask once: the Socket Mode client tries again for ever, whatever Slack says. Raises SettingsError."""
    try:
        await parts.client.apps_connections_open(app_token=app_token)
    except SlackApiError as error:
        code = str(error.response.get("error"))
        if code in _TOKEN_REFUSED:
            raise SettingsError([f"SLACK_APP_TOKEN: Slack refuses it ({code}). {FRESH}"]) from error
        log.warning("Slack opens no socket just now (%s); trying again", code)
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("Slack opens no socket just now (%r); trying again", error)


def _keep(stack: AsyncExitStack, work: Awaitable[None], name: str) -> None:
    """Run something beside everything else, and end it before what was started earlier."""
    task = asyncio.ensure_future(work)

    async def end() -> None:
        while not task.done():
            # More than once: psycopg may swallow a cancellation while it waits for a connection.
            task.cancel()
            await asyncio.wait({task}, timeout=1.0)

    log.debug("%s started", name)
    stack.push_async_callback(end)


async def _waking(parts: Parts) -> None:
    while True:
        try:
            await wake_requests(parts.reception.desk)
            await wake_reviews(parts.reception.desk)
        except DatabaseUnavailable as error:
            log.warning("could not look for requests that are due: %s", error)
        except Exception as error:  # expiry and reconciliation must not end with the first row that is odd
            log.error("could not wake a request: %r", error, exc_info=error)
        await asyncio.sleep(WAKE_EVERY_SECONDS)


async def _checkpointing(parts: Parts, notary: Notary) -> None:
    while True:
        await _checkpoint(parts, notary)
        await asyncio.sleep(CHECKPOINT_EVERY_SECONDS)


async def _last_checkpoint(parts: Parts, notary: Notary) -> None:
    """What was recorded until the very end is remembered elsewhere; a place that hangs does not keep the bot."""
    with suppress(TimeoutError):
        await asyncio.wait_for(_checkpoint(parts, notary), LAST_CHECKPOINT_SECONDS)


async def _checkpoint(parts: Parts, notary: Notary) -> None:
    try:
        await write_checkpoints(parts.reception.desk, notary, parts.places)
    except DatabaseUnavailable as error:
        log.warning("could not write checkpoints: %s", error)
    except Exception as error:  # one that cannot be written must not end the writing for good
        log.error("could not write checkpoints: %r", error, exc_info=error)


async def _backfilling(parts: Parts) -> None:
    looked: dict[str, datetime] = {}
    while True:
        try:
            await backfill(parts.reception, looked)
        except DatabaseUnavailable as error:
            log.warning("could not backfill: %s", error)
        except Exception as error:  # what Slack answers once must not end the looking for good
            log.error("could not backfill: %r", error, exc_info=error)
        await asyncio.sleep(BACKFILL_EVERY_SECONDS)


async def _watching(parts: Parts) -> None:
    """Have the user groups looked at: at once, for what changed while no process ran, and every minute from then on."""
    is_turn = False
    while True:
        try:
            await ask_for_look(parts.reception.desk, is_turn=is_turn)
            is_turn = True
        except DatabaseUnavailable as error:
            log.warning("could not have the user groups looked at: %s", error)
        await asyncio.sleep(LOOK_AT_GROUPS_EVERY_SECONDS)


async def _measuring(parts: Parts) -> None:
    """Have this week's measures posted, once they are due."""
    while True:
        try:
            await ask_for_measures(parts.reception.desk)
        except DatabaseUnavailable as error:
            log.warning("could not see whether measures are due: %s", error)
        await asyncio.sleep(LOOK_AT_MEASURES_EVERY_SECONDS)
