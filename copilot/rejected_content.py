"""What a person rejected in a case, known again wherever it is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from copilot.quotes import sentences
from policy.case_fingerprints import fingerprint, repeats
from policy.case_rules import Held
from policy.case_terms import Draft, Sentence, Statement, StatementState

LEFT_OUT = "(left out)"


def is_rejected(statement: Statement, held: Held) -> bool:
    """Whether a person rejected it, or the same content."""
    return statement.state is StatementState.REJECTED or fingerprint(statement.text) in held.rejected_content


def says_rejected(text: str, held: Held) -> bool:
    """Whether a text says what was rejected: whole, within it, or behind a label such as 'Confirmed:'."""
    texts = [one.text for one in held.statements if is_rejected(one, held)]
    if repeats(text, texts):
        return True
    rejected = held.rejected_content
    return bool(rejected) and any(fingerprint(part) in rejected for part in _parts(text))


def usable_sentences(draft: Draft, held: Held) -> tuple[Sentence, ...]:
    """The sentences of a draft that neither cite nor repeat what was rejected."""
    rejected = {one.statement_id for one in held.statements if is_rejected(one, held)}
    return tuple(
        one
        for one in draft.sentences
        if not rejected & {cite.partition("@")[0] for cite in one.cites} and not says_rejected(one.text, held)
    )


def without_rejected(value: Any, held: Held, shown: Callable[[str], str]) -> Any:
    """A JSON value whose texts that say what was rejected are left out; `shown` puts a text as people have it."""
    if isinstance(value, str):
        return LEFT_OUT if says_rejected(shown(value), held) else value
    if isinstance(value, dict):
        return {name: without_rejected(one, held, shown) for name, one in value.items()}
    if isinstance(value, list):
        return [without_rejected(one, held, shown) for one in value]
    return value


def _parts(text: str) -> Iterator[str]:
    for start, end in [(0, len(text)), *sentences(text)]:
        part = text[start:end]
        while part:
            yield part
            part = part.partition(": ")[2]
