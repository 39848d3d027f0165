"""What a model would have marked, held to the draft: only what is really there becomes a mark, and it lifts none.

A model's mark keeps a customer update in until somebody overrides it with a reason, and is a warning elsewhere. The
codes that the rules tell exactly, and those that no reason overrides, are theirs alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from copilot.lint_terms import NEVER_OVERRIDDEN, Code, Level, Mark, level_of
from policy.case_entries import MarksSuggested, SuggestedMark
from policy.case_terms import Draft, DraftKind

MOST_MARKS = 20
"""Of one look."""
MOST_WORDS = 300
"""Characters of the model's words for one mark."""
_EXACT = {Code.MISSING_NEXT_STEP, Code.OPEN_CONFLICT}
SUGGESTED = frozenset(Code) - NEVER_OVERRIDDEN - _EXACT
"""The codes that a model may suggest."""


def kept(draft: Draft, marks: Iterable[SuggestedMark]) -> tuple[SuggestedMark, ...]:
    """Those that are about words of this draft under a code of ours, each once, and no more than a look may have."""
    real = dict.fromkeys(one for one in marks if _start(draft, one) is not None)
    return tuple(real)[:MOST_MARKS]


def suggested_marks(draft: Draft, looks: Iterable[MarksSuggested]) -> Iterator[Mark]:
    """What looks at this very revision add to what the rules mark."""
    level = Level.BLOCK if draft.kind is DraftKind.CUSTOMER_UPDATE else Level.WARNING
    for look in looks:
        if (look.draft_id, look.revision) != (draft.draft_id, draft.revision):
            continue
        for one in kept(draft, look.marks):
            start, code = _start(draft, one), Code(one.code)
            if start is not None and level_of(code, draft.kind) is not Level.OFF:
                yield Mark(code, level, one.sentence, start, start + len(one.quote), one.words, look.author.model)


def is_said(mark: Mark, marks: Iterable[Mark], answered: Collection[Mark] = ()) -> bool:
    """Whether another mark says the same of the same words already: of some of them, or, `answered`, of all of them."""
    same = [one for one in marks if (one.code, one.sentence) == (mark.code, mark.sentence)]
    return any(
        one.start <= mark.start and mark.end <= one.end
        if one in answered
        else one.start < mark.end and mark.start < one.end
        for one in same
    )


def _start(draft: Draft, mark: SuggestedMark) -> int | None:
    """Where the quote begins in its sentence; None where the mark is about nothing here."""
    if mark.code not in SUGGESTED or not 0 <= mark.sentence < len(draft.sentences) or not mark.quote.strip():
        return None
    found = draft.sentences[mark.sentence].text.find(mark.quote)
    return None if found < 0 else found
