"""Bolt, with one catch-all per kind of payload. Whatever goes wrong is answered with words, and logged.

`process_before_response=True`: an event is acknowledged when it is durable and not before, and a refusal is decided
within the acknowledgement.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from actions.errors import ActionError
from handlers.errors import HandlingError, NotFound, Refused
from handlers.flows.refuse_click import record_refused_click
from handlers.listeners import groups, pages
from handlers.listeners.call import Call
from handlers.listeners.intake import take_message
from handlers.reception import Reception
from handlers.registry import BUTTONS, COMMANDS, SHORTCUTS, VIEWS, Listener
from handlers.views import notices
from handlers.views.blocks import Block
from handlers.views.notice_modal import notice_modal
from storage.database import DatabaseUnavailable

log = logging.getLogger(__name__)

ANY = re.compile(".*", re.DOTALL)
Ack = Callable[..., Awaitable[BoltResponse]]


class _TooSlow(Exception):
    """An interaction that would be answered too late."""


def make_slack_app(reception: Reception, *, signing_secret: str | None, client: AsyncWebClient) -> AsyncApp:
    """The Bolt app with every listener of the registry behind it."""
    app = AsyncApp(
        client=client,
        # Bolt makes a logger of its own otherwise, at a level of its own.
        logger=logging.getLogger("slack_bolt"),
        signing_secret=signing_secret,
        process_before_response=True,
        request_verification_enabled=signing_secret is not None,
        # Socket Mode has no signature to check; without a secret nothing is served over HTTP (see bot.web).
        raise_error_for_unhandled_request=False,
    )
    app.event(ANY)(partial(on_event, reception))
    app.action(ANY)(partial(on_button, reception))
    app.view(ANY)(partial(on_view, reception))
    app.view_closed(ANY)(on_anything_else)
    app.command(ANY)(partial(on_command, reception))
    app.shortcut(ANY)(partial(on_shortcut, reception))
    app.options(ANY)(on_anything_else)
    app.error(on_error)
    return app


async def on_event(reception: Reception, ack: Ack, body: dict[str, Any]) -> None:
    """Messages are stored, changed user groups looked at, App Home is drawn; everything else is let go.

    Not acknowledged if it could not be stored.
    """
    found = body.get("event")
    event: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    if event.get("type") == "message":
        await take_message(reception, body)
    if event.get("type") in groups.EVENTS:
        await groups.changed(reception, event)
    await ack()
    if event.get("type") == "app_home_opened" and event.get("tab", "home") == "home":
        await _answer(reception, body, partial(pages.draw_home, event=event))


async def on_button(reception: Reception, ack: Ack, body: dict[str, Any]) -> None:
    """A press on something of ours."""
    await _answer(reception, body, BUTTONS.get(str(Call(reception, body).action.get("action_id"))))
    await ack()


async def on_view(reception: Reception, ack: Ack, body: dict[str, Any]) -> None:
    """A submitted modal; the acknowledgement carries what it shows next."""
    listener = VIEWS.get(str(Call(reception, body).view.get("callback_id")))
    answer = await _answer(reception, body, listener, in_view=True)
    if answer is None:
        await ack()
    else:
        await ack(**answer)


async def on_command(reception: Reception, ack: Ack, body: dict[str, Any]) -> None:
    """A slash command. Its name is whatever the manifest calls it; there is one."""
    await _answer(reception, body, COMMANDS.get(str(body.get("command"))))
    await ack()


async def on_shortcut(reception: Reception, ack: Ack, body: dict[str, Any]) -> None:
    """A shortcut, global or on a message."""
    await _answer(reception, body, SHORTCUTS.get(str(body.get("callback_id"))))
    await ack()


async def on_anything_else(ack: Ack) -> None:
    """Acknowledged, so that it is not sent again."""
    await ack()


async def on_error(error: Exception, body: dict[str, Any]) -> BoltResponse:
    """What no listener expected: logged whole, and answered so that Slack sends an event again."""
    if isinstance(error, DatabaseUnavailable):
        log.error("%s was not stored, so Slack will send it again: %s", body.get("type") or "something", error)
        return BoltResponse(status=500, body="")
    log.error("unexpected %s in %s", type(error).__name__, body.get("type") or body.get("command"), exc_info=error)
    return BoltResponse(status=500, body="")


async def _answer(
    reception: Reception, body: Mapping[str, Any], listener: Listener | None, *, in_view: bool = False
) -> dict[str, Any] | None:
    """Call a listener; a refusal or fault becomes words for the person who is waiting."""
    call = Call(reception, body)
    deadline = _now() + reception.answer_seconds
    try:
        if listener is None:
            raise NotFound("button, form or command")
        if reception.app_id is not None and body.get("api_app_id") not in (None, reception.app_id):
            raise NotFound("button, form or command")
        return await _in_time(listener(call), deadline)
    except Refused as refused:
        log.info("refused %s: %s (%s)", call.user_id, refused, refused.code)
        await _on_record(call, refused, deadline)
        said = notices.refusal(refused.reply)
    except (HandlingError, ActionError) as error:
        log.warning("%s for %s: %s", type(error).__name__, call.user_id, error)
        await _on_record(call, error, deadline)
        said = notices.refusal(error.reply)
    except DatabaseUnavailable as error:
        log.error("the database did not answer: %s", error)
        said = notices.trouble()
    except _TooSlow:
        seconds = reception.answer_seconds
        log.error("%s of %s was not answered within %.1f s and called off", _what(call), call.user_id, seconds)
        said = notices.too_slow()
    except Exception as error:  # the person is waiting: they are told, with a reference that is in the log
        reference = uuid4().hex[:8]
        log.error("unexpected %s [%s]", type(error).__name__, reference, exc_info=error)
        said = notices.trouble(reference)
    if in_view:
        return {"response_action": "update", "view": notice_modal(said)}
    call.tell(said)
    return None


async def _in_time(answering: Awaitable[Block | None], deadline: float) -> Block | None:
    """What the listener answers. Raises _TooSlow where Slack is about to give up waiting: it is called off then."""
    task = asyncio.ensure_future(answering)
    try:
        done, _ = await asyncio.wait({task}, timeout=deadline - _now())
        if done:
            return task.result()
        raise _TooSlow
    finally:
        # Not waited for: a statement that is called off ends only once the database has answered.
        task.cancel()
        task.add_done_callback(_forget)


def _forget(task: asyncio.Future[Block | None]) -> None:
    if not task.cancelled():
        task.exception()


async def _on_record(call: Call, error: HandlingError | ActionError, deadline: float) -> None:
    """Put a refusal on record, if it can be done in time before the person is answered; else beside the answer."""
    recording = call.reception.whispers.beside(_record(call, error))
    await asyncio.wait({recording}, timeout=max(0.0, deadline - _now()))


async def _record(call: Call, error: HandlingError | ActionError) -> None:
    try:
        await record_refused_click(call.reception.desk, who=call.user_id, what=_what(call), error=error)
    except DatabaseUnavailable:
        log.error("the refusal of %s could not be recorded", call.user_id)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _what(call: Call) -> str:
    for found in (call.action.get("action_id"), call.view.get("callback_id"), call.body.get("command")):
        if isinstance(found, str):
            return found[:100]
    return str(call.body.get("callback_id"))[:100]
