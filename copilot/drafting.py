"""The four drafts, from statements and without a model: each sentence says how sure it is, and cites its statement.

How sure something is stands in the sentence and not in a heading above it, so that it is still there when the sentence
is quoted. Nothing rejected is used, whatever it is called by now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from policy.case_fingerprints import fingerprint
from policy.case_rules import Held, is_confirmed
from policy.case_terms import Author, Draft, DraftKind, Sentence, Statement, StatementKind, StatementState

TEMPLATES = Author(prompt_version="templates.v1")
"""The author of every sentence from here."""

_Choice = Callable[[Statement, Held], bool]


@dataclass(frozen=True)
class _Part:
    """Sentences of one sort, in the order of the statements."""

    which: _Choice
    words: Callable[[Statement], str]


def _confirmed(one: Statement, held: Held) -> bool:
    return is_confirmed(one, held)


def _unconfirmed(one: Statement, held: Held) -> bool:
    return one.kind is StatementKind.FACT and not is_confirmed(one, held)


def _is(kind: StatementKind, *states: StatementState) -> _Choice:
    return lambda one, held: one.kind is kind and one.state in states


_STANDING = (StatementState.PROPOSED, StatementState.ACCEPTED)


def _after(label: str) -> Callable[[Statement], str]:
    return lambda one: f"{label}: {one.text}"


def _step(one: Statement) -> str:
    due = f" by {one.due_at:%Y-%m-%d %H:%M} UTC" if one.due_at else ", no date yet"
    return f"Next: {_owner(one)}{due}: {one.text}"


def _owner(one: Statement) -> str:
    return one.owner_label or (f"<@{one.owner.user_id}>" if one.owner else "nobody yet")


def _step_for_customer(one: Statement) -> str:
    return f"Next: {one.owner_label or 'our support lead'} by {one.due_at:%Y-%m-%d %H:%M} UTC: {one.text}"


def _settled(one: Statement) -> str:
    return f"Settled: {one.text} Decided: {one.resolution}"


_FACTS = _Part(_confirmed, _after("Confirmed"))
_OPEN_FACTS = _Part(_unconfirmed, _after("Proposed, not confirmed"))
_HYPOTHESES = _Part(_is(StatementKind.HYPOTHESIS, *_STANDING), _after("Hypothesis, not confirmed"))
_QUESTIONS = _Part(_is(StatementKind.QUESTION, *_STANDING), _after("Open question"))
_CONFLICTS = _Part(_is(StatementKind.CONFLICT, *_STANDING), _after("Conflict, unresolved"))
_SETTLED = _Part(lambda one, held: one.state is StatementState.RESOLVED, _settled)
_STEPS = _Part(_is(StatementKind.NEXT_STEP, *_STANDING), _step)

_PARTS: Mapping[DraftKind, tuple[_Part, ...]] = MappingProxyType(
    {
        DraftKind.CUSTOMER_UPDATE: (
            _FACTS,
            _Part(_is(StatementKind.QUESTION, StatementState.ACCEPTED), _after("Still being checked")),
            _Part(
                _is(StatementKind.CONFLICT, *_STANDING),
                lambda one: (
                    "Still being checked: two of our sources differ on a point, and it is not settled which holds."
                ),
            ),
            _Part(
                lambda one, held: (
                    _is(StatementKind.NEXT_STEP, StatementState.ACCEPTED)(one, held) and one.due_at is not None
                ),
                _step_for_customer,
            ),
        ),
        DraftKind.INTERNAL_SUMMARY: (_FACTS, _OPEN_FACTS, _HYPOTHESES, _CONFLICTS, _QUESTIONS, _SETTLED, _STEPS),
        DraftKind.ENGINEERING_HANDOFF: (_FACTS, _HYPOTHESES, _CONFLICTS, _QUESTIONS, _STEPS),
        DraftKind.SECURITY_HANDOFF: (_FACTS, _OPEN_FACTS, _HYPOTHESES, _CONFLICTS, _QUESTIONS, _SETTLED, _STEPS),
    }
)
_NOTHING_CONFIRMED = "Nothing is confirmed yet."


def compose(draft_id: str, kind: DraftKind, held: Held, revision: int = 1) -> Draft:
    """A draft of this kind from what the case holds."""
    return Draft(draft_id, kind, revision, tuple(_sentences(kind, held)))


def pinned(statement: Statement) -> str:
    """How a sentence cites a statement in the revision that was read."""
    return f"{statement.statement_id}@{statement.revision}"


def _sentences(kind: DraftKind, held: Held) -> Iterator[Sentence]:
    usable = [
        one
        for one in held.statements
        if one.state is not StatementState.REJECTED and fingerprint(one.text) not in held.rejected_content
    ]
    if not any(is_confirmed(one, held) for one in usable):
        yield Sentence(_NOTHING_CONFIRMED, (), TEMPLATES)
    said: set[str] = set()
    for part in _PARTS[kind]:
        for one in usable:
            text = part.words(one) if part.which(one, held) else ""
            # Two conflicts are one sentence to a customer; what stands behind it is for us.
            if text and text not in said:
                said.add(text)
                yield Sentence(text, (pinned(one),), TEMPLATES)
