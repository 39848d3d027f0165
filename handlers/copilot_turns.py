"""A turn of the copilot as its thread sees it: the words as they come, a Stop button, and an answer whatever happens.

The reply is a picture of the turn. What it came to is in the case's record, which the case's card shows.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from uuid import UUID

from copilot.assistant_terms import Progress
from handlers.errors import HandlingError, TryLater
from handlers.flows.ask_copilot import TURN, Asked, run_turn
from handlers.flows.ask_for_evidence import run_look
from handlers.flows.case_asks import asked_for
from handlers.flows.suggest_marks import suggest_marks
from handlers.reception import Reception
from handlers.streaming import Reader, StreamedReply
from handlers.views import case_ids as ids
from handlers.views.blocks import button
from handlers.views.case_ids import Ref
from policy.terms import PersonKey
from storage import cases
from storage.told import TrailBroken

log = logging.getLogger(__name__)

SHOW_EVERY_SECONDS = 1.0


async def take_turn(reception: Reception, case_id: UUID, ask_id: str, instruction: str, tone_of: str) -> None:
    """Take one turn that somebody asked for, and say in the case's thread what comes of it. Raises TryLater."""
    try:
        ask = await asked_for(reception.desk, case_id, TURN, ask_id, instruction=instruction, tone_of=tone_of)
    except HandlingError as error:
        log.warning("no turn of case %s is taken: %s", case_id, error)
        return
    reply = await _reply(reception, case_id, ask.by)
    words: list[str] = []
    said: list[str] = []

    def say(text: str) -> None:
        words.append(text)
        said.append(text)

    asked = Asked(case_id, instruction, ask, tone_of)
    showing = asyncio.create_task(_show(reply, words)) if reply is not None else None
    try:
        result = await run_turn(reception.desk, asked, Progress(on_text=say, on_step=lambda step: say(f"\n{step}\n")))
        last = "" if result.answer in "".join(said) else result.answer
    except TryLater:
        last = "I could not begin just now, and am trying again."
        raise
    except HandlingError as error:
        log.info("a turn of case %s was refused: %s", case_id, error)
        last = error.reply
    finally:
        if showing is not None:
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing
        if reply is not None:
            await reply.finish("".join([*words, f"\n{last}" if last else ""]))


async def look_at_sources(
    reception: Reception, case_id: UUID, ask_id: str, question: object, sources: list[str]
) -> None:
    """Ask the sources for somebody; a refusal is on record, and the case's card shows what was found."""
    try:
        await run_look(reception.desk, case_id, question, sources, ask_id)
    except TryLater:
        raise
    except HandlingError as error:
        log.info("a look for case %s was refused: %s", case_id, error)


async def look_at_draft(reception: Reception, case_id: UUID, ask_id: str, draft_id: str, revision: int) -> None:
    """Have the model look at a revision; a refusal is on record, and the draft shows what it said."""
    try:
        await suggest_marks(reception.desk, case_id, ask_id, draft_id, revision)
    except TryLater:
        raise
    except HandlingError as error:
        log.info("a look at a draft of case %s was refused: %s", case_id, error)


async def _reply(reception: Reception, case_id: UUID, asked_by: PersonKey) -> StreamedReply | None:
    """The reply in the case's thread, begun; None where it stands nowhere, or not in the channel on its record."""
    async with reception.desk.database.transaction() as tx:
        row = await cases.get(tx, case_id)
        place = None if row is None or row.thread_ts is None else (row.channel, row.thread_ts)
        try:
            channel = (await cases.story(tx, case_id)).opened.channel
        except TrailBroken:
            return None
    if place is None or place[0] != channel:
        return None
    reply = StreamedReply(
        reception.client,
        channel=place[0],
        thread_ts=place[1],
        reader=Reader(asked_by.user_id, asked_by.home),
        stop_button=button("Stop", ids.STOP_TURN, str(Ref(str(case_id)))),
    )
    await reply.start()
    return reply


async def _show(reply: StreamedReply, words: list[str]) -> None:
    """Hand on what came meanwhile, about once a second."""
    while True:
        await asyncio.sleep(SHOW_EVERY_SECONDS)
        if words:
            said, words[:] = "".join(words), []
            await reply.append(said)
