"""A look at a source that a model asks for: what it may ask about, and how sure what came of it is.

A model may ask about accounts and attachments that the lead or the case's evidence names, and about no others: it
cannot wander through a directory, whatever it was told to do.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from copilot.assistant_terms import SOURCE_WORDS, CaseTurn, Look, Lookup
from copilot.case_pseudonyms import CasePseudonyms, flat
from copilot.stoppable import Outcome, run_until
from policy.case_foundations import in_doubt
from policy.case_rules import Held
from policy.case_terms import Evidence, EvidenceKind, Source

_NOT_NAMED = "the case names no such account or attachment; ask about what it names, or ask the lead"
_MADE_UP = "there is a mark in it that stands for nothing; copy marks letter for letter"


@dataclass(frozen=True)
class Refused:
    """A look that is not made, and why."""

    why: str


def allowed(asked: Lookup, turn: CaseTurn, held: Held, pseudonyms: CasePseudonyms) -> Lookup | Refused:
    """The look with the values for its marks, or why it is not made."""
    accounts, attachments = (
        [pseudonyms.resolve(one) for one in named] for named in (asked.accounts, asked.attachments)
    )
    words = pseudonyms.resolve(asked.words)
    if words is None or None in accounts or None in attachments:
        return Refused(_MADE_UP)
    meant = replace(
        asked,
        accounts=tuple(one for one in accounts if one),
        attachments=tuple(one for one in attachments if one),
        words=words,
    )
    known = _named_in(turn, held)
    return (
        meant if all(_stands_in(one, known) for one in (*meant.accounts, *meant.attachments)) else Refused(_NOT_NAMED)
    )


async def look_up(look: Look, asked: Lookup, stop: asyncio.Event, seconds: float) -> Outcome[Sequence[Evidence]]:
    """Look, unless somebody stops it or the time is up."""

    async def looking() -> Sequence[Evidence]:
        return [one for one in await look(asked) if isinstance(one, Evidence)]

    return await run_until(looking(), stop, seconds)


def question_about(source: Source, found: Sequence[Evidence], before: Sequence[Evidence]) -> str:
    """What the lead is asked where a look brought only what is in doubt, and nobody was told of it before; "" else."""
    doubtful = in_doubt(found)
    if len(doubtful) < len(found):
        return ""
    told = {_substance(one) for one in before}
    if found and all(_substance(one) in told for one in doubtful):
        return ""
    words = SOURCE_WORDS[source]
    kinds = {one.kind for one in doubtful}
    if EvidenceKind.FOUND in kinds:
        return f"What {words} has may be about something else. Is it what you mean, or shall I look for something else?"
    if EvidenceKind.GAP in kinds or not found:
        return f"{_capital(words)} could not be read, or not whole. Shall I go on without it, or will you get it read?"
    return f"{_capital(words)} holds nothing of this. Is it called something else there, or shall I go on without it?"


def brings_news(after: Sequence[Evidence], before: Sequence[Evidence]) -> bool:
    """Whether there is anything in it that was not known before, whenever it was retrieved."""
    return not {_substance(one) for one in after} <= {_substance(one) for one in before}


def _substance(one: Evidence) -> tuple[object, ...]:
    return one.source, one.kind, one.sha256, one.excerpt, json.dumps(dict(one.query), sort_keys=True, default=str)


def _named_in(turn: CaseTurn, held: Held) -> str:
    texts = [turn.goal, turn.stays_human, turn.instruction]
    for one in held.evidence:
        texts += [one.excerpt, one.place, *(value for _, value in (*flat(one.facts), *flat(one.query)))]
    return "\n".join(texts).casefold()


def _stands_in(value: str, known: str) -> bool:
    return re.search(rf"(?<![\w.@-]){re.escape(value.casefold())}(?![\w@-])", known) is not None


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
