"""The deterministic linter over a draft: what each sentence says beside what it rests on. No model, no I/O.

It marks turns of speech and citations, with the exact span and what to do; it does not understand the case. That it
marks nothing is no proof that a draft is right, and a person still approves each revision.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from copilot.lint_citations import Finding, Support, certainty_findings, citation_findings, support
from copilot.lint_names import internal_names, minimised_values
from copilot.lint_patterns import PATTERNS, spans
from copilot.lint_suggestions import is_said, suggested_marks
from copilot.lint_terms import (
    NEVER_OVERRIDDEN,
    WHOLE_DRAFT,
    Code,
    InternalNames,
    Level,
    LintResult,
    Mark,
    Override,
    level_of,
)
from copilot.quotes import fold
from policy.case_entries import MarksSuggested
from policy.case_foundations import open_conflicts
from policy.case_rules import Held
from policy.case_terms import Draft, Sentence, StatementKind

_NO = re.compile(r"\bno(?:thing)?\b")
_CURE: Mapping[Code, str] = MappingProxyType(
    {
        Code.OVERSTATED: "No confirmed fact carries this certainty: say what was found, where and until when.",
        Code.EXPOSURE_DENIAL: "Nothing shows that there was no exposure: say what was checked and what is still open.",
        Code.ROOT_CAUSE: "The cause is for engineering to state: say what was observed, and who looks into why.",
        Code.PROMISE: "Nobody can keep this for sure: say what is done next, by whom and by when.",
        Code.MISSING_OWNER: "Say who does it and by when, and cite that next step.",
        Code.INTERNAL_NAME: "Outsiders are not told our people, channels, hosts, tickets or tools: say the team.",
        Code.MINIMISED: "This was kept out of the case on purpose: describe it without the value.",
        Code.MISSING_NEXT_STEP: "Say what happens next, who does it and by when: cite a next step.",
        Code.OPEN_CONFLICT: "Sources differ and nobody has settled it: resolve the conflict with a reason.",
    }
)


def lint(
    draft: Draft,
    held: Held,
    names: InternalNames | None = None,
    minimised: Collection[str] = (),
    overrides: Sequence[Override] = (),
    looks: Sequence[MarksSuggested] = (),
) -> LintResult:
    """Everything to be said against a draft as it is, each thing once, and which overrides hold.

    `looks`: what a model said of it, which adds to what the rules mark and takes nothing away.
    """
    marks: dict[Mark, None] = {}
    for number, sentence in enumerate(draft.sentences):
        for code, start, end, words in _findings(sentence, held, names or InternalNames(), minimised):
            level = level_of(code, draft.kind)
            if level is not Level.OFF:
                marks[Mark(code, level, number, start, end, words)] = None
    for code in _of_the_draft(draft, held):
        marks[Mark(code, level_of(code, draft.kind), WHOLE_DRAFT, 0, 0, _CURE[code])] = None
    by_rule = tuple(marks)
    # What was answered for before the look says only itself: beyond its words, a model's mark is another one.
    answered = {one for one in by_rule for given in overrides if given.is_before_look and _reaches(given, one, draft)}
    marks |= {one: None for one in suggested_marks(draft, looks) if not is_said(one, by_rule, answered)}
    return _with_overrides(draft, tuple(marks), overrides)


def phrase_findings(text: str, rests_on: Support) -> Iterator[Finding]:
    """Turns of speech in a sentence that what it rests on does not carry."""
    folded = fold(text)
    for code in PATTERNS:
        if code is Code.OVERSTATED and rests_on.has_fact and not _denies_evidence(folded.text):
            continue
        if code is Code.OVERSTATED and rests_on.has_absence:
            continue
        if code is Code.MISSING_OWNER and rests_on.owned_steps:
            continue
        for start, end in spans(code, folded.text):
            yield code, *folded.place(start, end), _CURE[code]


def _findings(sentence: Sentence, held: Held, names: InternalNames, minimised: Collection[str]) -> Iterator[Finding]:
    rests_on = support(sentence, held)
    yield from citation_findings(sentence, held)
    yield from certainty_findings(sentence, rests_on)
    yield from phrase_findings(sentence.text, rests_on)
    for start, end in internal_names(sentence.text, names):
        yield Code.INTERNAL_NAME, start, end, _CURE[Code.INTERNAL_NAME]
    for start, end in minimised_values(sentence.text, minimised):
        yield Code.MINIMISED, start, end, _CURE[Code.MINIMISED]


def _denies_evidence(folded: str) -> bool:
    """Whether a sentence says that there is no evidence of something: only a confirmed absence carries that."""
    return any(_NO.search(folded[start:end]) for start, end in spans(Code.OVERSTATED, folded))


def _of_the_draft(draft: Draft, held: Held) -> Iterator[Code]:
    cited = [one for sentence in draft.sentences for one in support(sentence, held).cited]
    if not any(one.kind is StatementKind.NEXT_STEP for one in cited):
        yield Code.MISSING_NEXT_STEP
    if open_conflicts(held.statements):
        yield Code.OPEN_CONFLICT


def _with_overrides(draft: Draft, marks: tuple[Mark, ...], overrides: Sequence[Override]) -> LintResult:
    overridden: dict[Mark, Override] = {}
    idle = []
    for override in overrides:
        reached = [one for one in marks if _reaches(override, one, draft)]
        overridden |= {one: override for one in reached if one not in overridden}
        if not reached:
            idle.append(override)
    return LintResult(marks, tuple(overridden.items()), tuple(idle))


def _reaches(override: Override, mark: Mark, draft: Draft) -> bool:
    text = "" if mark.sentence == WHOLE_DRAFT else draft.sentences[mark.sentence].text
    return (
        bool(override.reason.strip())
        and override.code not in NEVER_OVERRIDDEN
        and (override.code, override.sentence) == (mark.code, text)
        and mark.level is Level.BLOCK
        and not (mark.model and override.is_before_look)
    )
