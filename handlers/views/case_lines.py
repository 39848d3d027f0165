"""Statements and drafts of a case, a block each, with a button that opens it whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from handlers.views import case_ids as ids
from handlers.views.blocks import Block, button, line, plain, rich, say, section, utc
from handlers.views.case_facts import CaseFacts, DraftFacts, StatementFacts
from handlers.views.case_ids import Ref
from handlers.views.case_wording import (
    DRAFT_WORDS,
    WHERE,
    author_words,
    draft_state_words,
    evidence_label,
    name,
    state_words,
)
from handlers.views.plain import one_line
from policy.case_terms import StatementKind, StatementState

_TEXT_LENGTH = 400
_SOURCES_SHOWN = 3
_OPEN = (StatementState.PROPOSED, StatementState.ACCEPTED)


@dataclass(frozen=True)
class Group:
    """Statements that are read together."""

    title: str
    statements: tuple[StatementFacts, ...]


GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "conflicts": "⛔ Conflicts that nobody has settled",
        "unconfirmed": "⏳ Facts not accepted yet",
        "confirmed": "✅ Confirmed facts",
        "questions": "❓ Open questions",
        "steps": "➡️ Next steps",
        "hypotheses": "💭 Hypotheses, not confirmed",
        "settled": "☑️ Settled",
    }
)
"""In the order in which they matter."""
_KIND_GROUP: Mapping[StatementKind, str] = MappingProxyType(
    {
        StatementKind.CONFLICT: "conflicts",
        StatementKind.HYPOTHESIS: "hypotheses",
        StatementKind.QUESTION: "questions",
        StatementKind.NEXT_STEP: "steps",
    }
)


def groups(statements: Sequence[StatementFacts]) -> dict[str, Group]:
    """The statements of a case by what they are; those that were rejected are in none."""
    found: dict[str, list[StatementFacts]] = {name: [] for name in GROUPS}
    for one in statements:
        if one.state is not StatementState.REJECTED:
            found[_group_of(one)].append(one)
    return {name: Group(GROUPS[name], tuple(sorted(its, key=_urgency))) for name, its in found.items() if its}


def rejected_count(statements: Sequence[StatementFacts]) -> int:
    return sum(one.state is StatementState.REJECTED for one in statements)


def heading(title: str, *, total: int = 0, shown: int = 0) -> Block:
    """The line above a group; it says where not all are shown."""
    number = f" ({total})" if total else ""
    rest = f"  ·  {total - shown} more under ‘See all statements’" if total > shown else ""
    return rich(line(say(f"{title}{number}", bold=True), *([say(rest, italic=True)] if rest else [])))


def statement_block(case_id: str, statement: StatementFacts) -> Block:
    """One statement with what it rests on and who wrote it; never the text of one that was rejected."""
    ref = Ref(case_id, statement.statement_id, statement.revision)
    return section(plain(statement_words(statement)), button("Open…", ids.SEE_STATEMENT, str(ref)))


def statement_words(statement: StatementFacts) -> str:
    """The same in plain words."""
    if statement.state is StatementState.REJECTED:
        return "⟦rejected: its text is not shown or used again⟧"
    about = [_sources(statement), f"by {author_words(statement.author)}", *_about(statement)]
    return f"{one_line(statement.text, _TEXT_LENGTH, where=WHERE)}\n{'  ·  '.join(about)}"


def draft_block(case_id: str, draft: DraftFacts) -> Block:
    """One draft: what it is for, which revision is the newest and where that stands."""
    words = f"{DRAFT_WORDS[draft.kind]}, revision {draft.revision}\n{draft_state_words(draft)}"
    about = f"  ·  by {author_words(draft.author)}, {utc(draft.sent_at or draft.written_at)}"
    ref = Ref(case_id, draft.draft_id, draft.revision)
    return section(plain(words + about), button("Open…", ids.SEE_DRAFT, str(ref)))


def holdups(case: CaseFacts) -> list[str]:
    """What holds the case up beside its conflicts, a sentence each."""
    found = list(case.holdups)
    if case.gaps:
        sources = ", ".join(dict.fromkeys(evidence_label(one) for one in case.gaps[:4]))
        more = f" and {len(case.gaps) - 4} more" if len(case.gaps) > 4 else ""
        found.append(f"Evidence is missing: {sources}{more}. Look again, or say in the case what is not known.")
    return found


def _group_of(one: StatementFacts) -> str:
    if one.is_open_conflict:
        return "conflicts"
    if one.state is StatementState.RESOLVED:
        return "settled"
    if one.kind is StatementKind.FACT:
        return "confirmed" if one.is_confirmed else "unconfirmed"
    return _KIND_GROUP[one.kind]


def _urgency(one: StatementFacts) -> tuple[bool, float]:
    """Next steps by when they are due; everything else as it came in, what was accepted first."""
    due = one.due_at.timestamp() if one.due_at else float("inf")
    return one.state is StatementState.PROPOSED, due


def _sources(statement: StatementFacts) -> str:
    shown = "; ".join(evidence_label(one) for one in statement.evidence[:_SOURCES_SHOWN])
    hidden = len(statement.evidence) - _SOURCES_SHOWN
    if not shown:
        return "No evidence"
    return f"{shown} and {hidden} more" if hidden > 0 else shown


def _about(statement: StatementFacts) -> list[str]:
    said = []
    if statement.kind is StatementKind.FACT and not statement.is_confirmed:
        said.append(state_words(statement) if statement.state is StatementState.ACCEPTED else "not confirmed")
    elif statement.state is StatementState.PROPOSED and not statement.is_open_conflict:
        said.append("not accepted yet")
    if statement.kind is StatementKind.NEXT_STEP or statement.owner:
        said.append(f"owner: {name(statement.owner)}" if statement.owner else "⚠️ no owner")
    if statement.due_at:
        said.append(f"due {utc(statement.due_at)}")
    elif statement.kind is StatementKind.NEXT_STEP:
        said.append("⚠️ no date")
    if statement.resolution:
        said.append(f"decided: {one_line(statement.resolution, 200, where=WHERE)}")
    return said
