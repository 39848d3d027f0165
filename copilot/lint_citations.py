"""What a sentence rests on: whether its citations exist and are current, and whether they carry how sure it sounds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from copilot.lint_courtesy import is_courtesy
from copilot.lint_patterns import dated_intent, is_doubted, is_planned
from copilot.lint_terms import Code
from copilot.quotes import fold, sentences
from policy.case_fingerprints import fingerprint, repeats
from policy.case_rules import Held, is_confirmed
from policy.case_terms import Claim, Sentence, Statement, StatementKind, StatementState

Finding = tuple[Code, int, int, str]
"""A code, the span in the sentence, and what to do."""

_EVIDENCE_ID = re.compile(
    r"[\[(](?:evidence |ev\.? ?|source |see )?([A-Za-z]{1,3}[-_]?\d{1,8})[\])]"
    r"|\bevidence ([A-Za-z]{0,3}[-_]?\d{1,8})\b"
)
_FIGURE = re.compile(r"\d+")
_CLAIMS_NOTHING = frozenset({StatementKind.QUESTION, StatementKind.NEXT_STEP})
"""What is asked, and what somebody is going to do, may rest on the person who stands for it instead of evidence: who
wrote it, took it on, or, where a model proposed it, accepted it."""
_BY_A_PERSON = frozenset({StatementState.ACCEPTED, StatementState.RESOLVED})
_ASSERTED = frozenset({StatementKind.FACT, StatementKind.HYPOTHESIS, StatementKind.QUESTION, StatementKind.CONFLICT})


_GROUND = {
    False: "edit it to cite what was retrieved, or take the sentence out.",
    True: "have the lead accept it, edit it to cite what was retrieved, or take the sentence out.",
}
"""What to do about a statement without evidence; True where a person's word would do."""


@dataclass(frozen=True)
class Support:
    """The statements a sentence cites, as the case holds them now."""

    cited: tuple[Statement, ...]
    confirmed: frozenset[str]
    """Ids of those that may be said as facts."""

    @property
    def has_fact(self) -> bool:
        """Whether a confirmed fact is among them."""
        return bool(self.confirmed)

    @property
    def has_absence(self) -> bool:
        """Whether a confirmed fact that something is not in a record is among them."""
        return any(one.claim is Claim.ABSENCE for one in self.cited if one.statement_id in self.confirmed)

    @property
    def owned_steps(self) -> tuple[Statement, ...]:
        """Next steps with an owner and a time."""
        return tuple(
            one
            for one in self.cited
            if one.kind is StatementKind.NEXT_STEP and one.due_at and (one.owner or one.owner_label.strip())
        )


def support(sentence: Sentence, held: Held) -> Support:
    """What a sentence rests on, without citations that do not exist, were rejected or are of another revision."""
    by_id = {one.statement_id: one for one in held.statements}
    cited = []
    for cite in sentence.cites:
        name, _, revision = cite.partition("@")
        statement = by_id.get(name)
        if statement and revision in ("", str(statement.revision)) and not _is_rejected(statement, held):
            cited.append(statement)
    return Support(tuple(cited), frozenset(one.statement_id for one in cited if is_confirmed(one, held)))


def citation_findings(sentence: Sentence, held: Held) -> Iterator[Finding]:
    """What is wrong with the citations themselves."""
    whole = (0, len(sentence.text))
    if not sentence.cites and not is_courtesy(fold(sentence.text).text):
        yield (
            Code.NO_CITATION,
            *whole,
            "Cite the statement this rests on, keep to plain thanks or a greeting, or take the sentence out.",
        )
    by_id = {one.statement_id: one for one in held.statements}
    for cite in sentence.cites:
        name, _, revision = cite.partition("@")
        statement = by_id.get(name)
        if statement is None:
            yield Code.UNKNOWN_CITATION, *whole, f"{cite} is no statement of this case: cite one that is."
        elif _is_rejected(statement, held):
            yield Code.REJECTED_CITATION, *whole, f"{name} was rejected: take the sentence out."
        elif revision not in ("", str(statement.revision)):
            yield (
                Code.SUPERSEDED_CITATION,
                *whole,
                f"{name} changed since: read revision {statement.revision} and cite it.",
            )
        elif unknown := set(statement.evidence) - {one.evidence_id for one in held.evidence}:
            yield Code.INVENTED_EVIDENCE, *whole, f"{name} rests on {', '.join(sorted(unknown))}, which does not exist."
        elif rests_on_nothing(statement):
            yield Code.NO_EVIDENCE, *whole, f"{name} rests on no evidence: {_GROUND[statement.kind in _CLAIMS_NOTHING]}"
    yield from _rejected_words(sentence, held)
    known = {one.evidence_id for one in held.evidence} | set(by_id)
    for match in _EVIDENCE_ID.finditer(sentence.text):
        name = match[1] or match[2]
        if name not in known:
            yield Code.INVENTED_EVIDENCE, *match.span(), f"There is no evidence {name}: name what was retrieved."


def certainty_findings(sentence: Sentence, rests_on: Support) -> Iterator[Finding]:
    """Where a sentence sounds surer than what it cites, or has figures that nothing it cites has."""
    folded = fold(sentence.text).text
    weak = [one for one in rests_on.cited if one.kind in _ASSERTED and one.statement_id not in rests_on.confirmed]
    settled = [one for one in weak if one.state is StatementState.RESOLVED]
    if len(weak) > len(settled):
        kinds = ", ".join(sorted({one.kind.value for one in weak}))
        words = f"Nobody confirmed what it rests on ({kinds}): say that it is still being checked, or cite a fact."
        yield from ((Code.OVERSTATED, start, end, words) for start, end in _undoubted(sentence.text, weak, rests_on))
    if rests_on.cited:
        yield from _figures(sentence, rests_on)
    intent = dated_intent(folded)
    if intent and not rests_on.owned_steps:
        yield (
            Code.DATE_WITHOUT_OWNER,
            *fold(sentence.text).place(*intent),
            ("A time is a promise: cite a next step that has an owner and this time, or leave the time out."),
        )
    if any(one.kind is StatementKind.NEXT_STEP for one in rests_on.cited) and not rests_on.owned_steps:
        yield Code.MISSING_OWNER, 0, len(sentence.text), "Say who does it and by when: reassign the next step first."


def _undoubted(text: str, weak: Sequence[Statement], rests_on: Support) -> list[tuple[int, int]]:
    """The parts of a text that sound sure of what nobody confirmed. Doubt in one sentence is none in the next.

    A statement's own words are told as what it is where the text begins with that. Where a fact is cited too, some part
    is the fact's.
    """
    own = next((one.text for one in weak if one.text.strip() and one.text in text), "")
    at = text.find(own) if own else 0
    if own and is_doubted(fold(text[:at]).text):
        text = f"{text[:at]}{' ' * len(own)}{text[at + len(own) :]}"
    ends = [(end - len(text[start:end].lstrip()), end) for start, end in sentences(text)]
    parts = [(start, end) for start, end in ends if any(map(str.isalnum, text[start:end]))]
    sure = [(start, end) for start, end in parts if not is_doubted(fold(text[start:end]).text)]
    if len(sure) == len(parts):
        return [(0, len(text))]
    if rests_on.has_fact:
        return []
    folded = [(start, end, fold(text[start:end]).text) for start, end in sure]
    return [(start, end) for start, end, said in folded if not (is_courtesy(said) or is_planned(said))]


def _figures(sentence: Sentence, rests_on: Support) -> Iterator[Finding]:
    texts = [one.text for one in rests_on.cited] + [one.owner_label for one in rests_on.cited]
    texts += [f"{one.due_at:%Y-%m-%d %H:%M:%S}" for one in rests_on.cited if one.due_at]
    texts += [one.resolution for one in rests_on.cited]
    known = {match[0].lstrip("0") for text in texts for match in _FIGURE.finditer(text)}
    for match in _FIGURE.finditer(sentence.text):
        if match[0].lstrip("0") not in known:
            yield (
                Code.UNSUPPORTED_FIGURE,
                *match.span(),
                f"Nothing it cites says {match[0]}: check it, or cite what does.",
            )


def _rejected_words(sentence: Sentence, held: Held) -> Iterator[Finding]:
    rejected = [one.text for one in held.statements if one.state is StatementState.REJECTED]
    if fingerprint(sentence.text) in held.rejected_content or repeats(sentence.text, rejected):
        yield Code.REJECTED_CITATION, 0, len(sentence.text), "This says what was rejected: take the sentence out."


def rests_on_nothing(one: Statement) -> bool:
    """Whether neither evidence nor, where that is enough, a person carries a statement."""
    stands = one.author.person is not None or one.owner is not None or one.state in _BY_A_PERSON
    return not one.evidence and not (one.kind in _CLAIMS_NOTHING and stands)


def _is_rejected(statement: Statement, held: Held) -> bool:
    return statement.state is StatementState.REJECTED or fingerprint(statement.text) in held.rejected_content
