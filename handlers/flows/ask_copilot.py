"""A turn of the copilot on a case: somebody who works on it asks, and what comes of it enters by the same rules.

    1  who asked is resolved live, and works on the case
    2  the copilot looks things up and proposes, with no transaction open; a person may stop it
    3  the case is read again, and what was found and proposed is added under ids that it does not have yet
    4  turns that bring nothing are counted, and a loop that stalls is said to the desk's own channel
    5  where that may not be any more, or the case was closed meanwhile, only what it did and used is put on record

Nothing that it says is a fact, a decision or a release: statements wait for the lead, drafts for the gate.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from actions.evidence.connector import Account, Attachment, Question, Window
from copilot.assistant_terms import CaseTurn, Ended, Exchange, Lookup, Progress, Spent, Tools, TurnResult
from copilot.measures import STALLED_TURNS, stalled_run
from handlers.desk import Desk
from handlers.errors import BadInput
from handlers.flows.case_asks import (
    IDENTITY_TRIES,
    LEFT_OUT,
    Ask,
    change_as_asked,
    note_answered,
    note_ask,
    or_left_out,
)
from handlers.flows.case_linting import internal_names
from handlers.flows.change_case import OpenCase, change_case
from handlers.flows.suggest_marks import ask_for_marks
from policy import case_entries as e
from policy.case_rules import Held, add
from policy.case_story import CaseStory
from policy.case_terms import Draft, Evidence, Sentence, Source, Statement
from policy.terms import Audience, Person, PersonKey
from storage import cases, deliveries
from storage.deliveries import NewDelivery

TURN = "copilot_turn"
EARLIER_TURNS = 6
"""How many turns before it the copilot is told of."""
STALLED_KIND = "case_stalled"
STALLED = "The copilot's last turns brought nothing new. Look at the case with somebody who knows more of it."
CLOSED = "The case was closed meanwhile."
MAY_NOT = "Whoever asked may no longer add to the case."
NO_INSTRUCTION = "Say in a sentence what to look for or to write."
LOOK_FOR_STOP_SECONDS = 1.0
_WHAT = "ask the copilot"


@dataclass(frozen=True)
class Asked:
    """One turn that somebody asked for."""

    case_id: UUID
    instruction: str
    ask: Ask
    tone_of: str = ""
    """The draft that is only to sound otherwise; "" for an ordinary turn."""

    @property
    def asked_by(self) -> PersonKey:
        return self.ask.by


async def ask_copilot(
    desk: Desk, case_id: UUID, instruction: str, person: Person, *, tone: str | None = None, draft_id: str = ""
) -> None:
    """Have a turn taken, in the case's thread. Raises Refused (on record), NotFound, BadInput."""
    if not instruction.strip():
        raise BadInput({"instruction": NO_INSTRUCTION})
    words = instruction.strip() if tone is None else f"{instruction.strip()}\nTone: {tone}"

    async def change(case: OpenCase) -> Sequence[e.Body]:
        tone_of = draft_id if tone is not None else ""
        await note_ask(desk, case.tx, case.ticket.id, case_id, TURN, person.key, instruction=words, tone_of=tone_of)
        return []

    await change_case(desk, case_id, person, _WHAT, change)


async def stop_turn(desk: Desk, case_id: UUID, person: Person) -> None:
    """Have the turn that is under way end. Raises Refused (on record), NotFound."""

    async def change(case: OpenCase) -> Sequence[e.Body]:
        case.row.stopped_at = desk.clock()
        return []

    await change_case(desk, case_id, person, "stop the copilot", change)


async def run_turn(desk: Desk, asked: Asked, progress: Progress) -> TurnResult:
    """Take the turn. Raises Refused (on record), NotFound, TryLater."""
    story = await change_as_asked(desk, asked.case_id, asked.ask, _WHAT, _nothing)  # (1)
    stop = asyncio.Event()
    watching = asyncio.create_task(_watch(desk, asked.case_id, desk.clock(), stop))
    try:
        turn = _turn(asked, story)
        result = await desk.assistant.take_turn(turn, tools_for(desk, story, asked.asked_by), stop, progress)  # (2)
    finally:
        watching.cancel()

    async def change(case: OpenCase) -> Sequence[e.Body]:  # (3)
        await note_answered(desk, case, asked.ask)
        bodies = added_by(case.story, story, result)
        for one in bodies:
            if isinstance(one, e.Drafted):
                await ask_for_marks(desk, case, one.draft, asked.asked_by)
        bodies.append(result.as_turn(asked.instruction, asked.asked_by))
        if _is_stalled(case.story, result):  # (4)
            bodies.append(e.Escalated(STALLED))
            await _tell_desk(desk, case)
        return bodies

    def left_out(case: CaseStory) -> e.Body:  # (5)
        turn = result.as_turn(asked.instruction, asked.asked_by)
        answer = f"{turn.answer}\n{MAY_NOT if case.is_open else CLOSED} {LEFT_OUT}".strip()
        return replace(turn, answer=answer, ended=Ended.REFUSED.value, improved=False)

    async with or_left_out(desk, asked.case_id, asked.ask, left_out):
        await change_as_asked(desk, asked.case_id, asked.ask, _WHAT, change, tries=IDENTITY_TRIES)
    return result


def tools_for(desk: Desk, story: CaseStory, asked_by: PersonKey) -> Tools:
    """Each source as the copilot may look at it, its answers under ids that follow those of the case."""
    count = len(story.held.evidence)

    def numbered(found: Sequence[Evidence]) -> list[Evidence]:
        nonlocal count
        named = [replace(one, evidence_id=f"E{count + number}") for number, one in enumerate(found, 1)]
        count += len(named)
        return named

    def tool(source: Source):  # type: ignore[no-untyped-def]  # the alias Look says it
        gatherer = desk.gatherer.only({source})

        async def look(asked: Lookup) -> Sequence[Evidence]:
            question = Question(
                asked_by,
                tuple(Account(email=one) if "@" in one else Account(key=one) for one in asked.accounts),
                tuple(Attachment(name=one) for one in asked.attachments),
                Window(asked.since, asked.until),
                asked.words,
                story.opened.ticket_id,
            )
            return numbered(await gatherer.gather(question))

        return look

    return {source: tool(source) for source in Source}


def added_by(now: CaseStory, then: CaseStory, result: TurnResult) -> list[e.Body]:
    """The entries for what a turn found and proposed, under ids that the case does not have by now."""
    shift = len(now.held.evidence) - len(then.held.evidence)
    renamed = {one.evidence_id: f"E{int(one.evidence_id[1:]) + shift}" for one in result.evidence}
    found = tuple(replace(one, evidence_id=renamed[one.evidence_id]) for one in result.evidence)
    bodies: list[e.Body] = [e.Retrieved(found)] if found else []
    held = replace(now.held, evidence=(*now.held.evidence, *found))
    names: dict[str, str] = {}
    for one in result.statements:
        named = replace(
            one,
            statement_id=_free_id(held, one.statement_id),
            evidence=tuple(renamed.get(name, name) for name in one.evidence),
        )
        after = add(held, named)
        if isinstance(after, Statement):
            names[one.statement_id] = after.statement_id
            held = replace(held, statements=(*held.statements, after))
            bodies.append(e.StatementStep(after, None))
    revisions = Counter({name: len(known) for name, known in now.drafts.items()})
    for proposal in result.drafts:
        draft_id = proposal.kind.value
        revisions[draft_id] += 1
        sentences = tuple(_recited(one, names) for one in proposal.sentences)
        bodies.append(e.Drafted(Draft(draft_id, proposal.kind, revisions[draft_id], sentences), result.author))
    return bodies


def _free_id(held: Held, wanted: str) -> str:
    taken = {one.statement_id for one in held.statements}
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}.{number}"
    return name


def _recited(sentence: Sentence, names: Mapping[str, str]) -> Sentence:
    """The sentence with its citations under the names that the statements have in the case."""
    cites = []
    for cite in sentence.cites:
        name, mark, revision = cite.partition("@")
        cites.append(f"{names.get(name, name)}{mark}{revision}")
    return replace(sentence, cites=tuple(cites))


def _turn(asked: Asked, story: CaseStory) -> CaseTurn:
    return CaseTurn(
        case_key=str(asked.case_id),
        instruction=asked.instruction,
        held=story.held,
        goal=story.frame.goal if story.frame else "",
        stays_human=story.frame.stays_human if story.frame else "",
        drafts=tuple(revisions[-1].draft for revisions in story.drafts.values()),
        revealed=story.revealed,
        spent=Spent.of_case(story),
        earlier=tuple(Exchange(turn.instruction, turn.answer) for turn in _of_this_framing(story)[-EARLIER_TURNS:]),
        names=internal_names(story),
        tone_of=asked.tone_of,
    )


def _of_this_framing(story: CaseStory) -> list[e.Turn]:
    """What was said under another goal is not told again, nor what was left out of the case."""
    framed = [one.seq for one in story.entries if isinstance(one.body, e.Framed) and one.body.is_redirection]
    told = [turn for entry, turn in story.turns if entry.seq > max(framed, default=0)]
    return [turn for turn in told if turn.ended != Ended.REFUSED]


def _is_stalled(story: CaseStory, result: TurnResult) -> bool:
    """Whether this turn makes a row of turns that brought nothing just long enough."""
    return not result.improved and (stalled_run(story) + 1) % STALLED_TURNS == 0


async def _nothing(case: OpenCase) -> Sequence[e.Body]:
    return []


async def _watch(desk: Desk, case_id: UUID, since: datetime, stop: asyncio.Event) -> None:
    """Set `stop` once somebody pressed Stop, in whatever process that was."""
    while not stop.is_set():
        await asyncio.sleep(LOOK_FOR_STOP_SECONDS)
        async with desk.database.transaction() as tx:
            row = await cases.get(tx, case_id)
        if row is None or (row.stopped_at is not None and row.stopped_at >= since):
            stop.set()


async def _tell_desk(desk: Desk, case: OpenCase) -> None:
    notice = NewDelivery(
        STALLED_KIND,
        Audience.INTERNAL,
        desk.settings.triage_channel,
        ticket_id=case.ticket.id,
        args={"case": str(case.row.id)},
    )
    await deliveries.post(case.tx, notice, delivery_id=desk.new_id(), at=desk.clock())
