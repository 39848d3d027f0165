"""What a model proposes in a case, held to the rules: what is taken, what is taken as less, and what is dropped.

Each answer is told to the model in our words, and what was not taken is kept for people. Nothing here is believed: a
statement enters the case as proposed, and a sentence of a draft stays only where the linter does not block it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from copilot.assistant_terms import CaseTurn, DraftProposal
from copilot.case_pseudonyms import CasePseudonyms
from copilot.case_tools import ProposedDraft, ProposedSentence, ProposedStatement, moment
from copilot.drafting import pinned
from copilot.lint_citations import Support
from copilot.lint_terms import WHOLE_DRAFT, Code, Level
from copilot.linting import lint, phrase_findings
from copilot.rejected_content import says_rejected
from policy.case_foundations import cannot_confirm
from policy.case_moves import Refusal
from policy.case_rules import WAS_REJECTED, Held, add
from policy.case_terms import Author, Claim, Draft, DraftKind, Evidence, Sentence, Statement, StatementKind

MOST_STATEMENTS = 40
"""In one turn."""
MOST_SENTENCES = 60
MOST_DROPPED = 60
_LONGEST_STATEMENT, _LONGEST_SENTENCE = 600, 1_200
_TOO_SURE = frozenset({Code.OVERSTATED, Code.EXPOSURE_DENIAL, Code.ROOT_CAUSE})
_MADE_UP_MARK = "it has a mark that stands for nothing: copy marks letter for letter"


@dataclass
class Proposals:
    """What a turn has proposed so far, and the case as it would be with it."""

    turn: CaseTurn
    pseudonyms: CasePseudonyms
    author: Author
    held: Held
    statements: list[Statement] = field(default_factory=list)
    drafts: dict[DraftKind, DraftProposal] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def take_evidence(self, items: Iterable[Evidence]) -> list[Evidence]:
        """Add what a look brought; what has the id of something else is passed over."""
        known = {one.evidence_id for one in self.held.evidence}
        new = list({one.evidence_id: one for one in items if one.evidence_id not in known}.values())
        self.held = replace(self.held, evidence=(*self.held.evidence, *new))
        self.evidence += new
        return new

    def take_statement(self, proposed: ProposedStatement) -> tuple[bool, str]:
        """Whether it was taken, and in words what became of it."""
        text = self.pseudonyms.resolve(proposed.text)
        problem = self._statement_problem(proposed, text)
        if problem or text is None:
            return False, self.drop(f"statement not taken: {problem}")
        try:
            due_at = moment(proposed.due_at)
        except ValueError:
            return False, self.drop("statement not taken: due_at is no time with a zone")
        wanted = Statement(
            _statement_id(proposed, text),
            proposed.kind,
            text,
            tuple(dict.fromkeys(proposed.evidence)),
            self.author,
            owner_label=(self.pseudonyms.resolve(proposed.owner_label) or "")[:100],
            due_at=due_at,
            claim=proposed.claim,
        )
        return self._entered(wanted)

    def take_draft(self, proposed: ProposedDraft) -> tuple[bool, str]:
        """Whether anything of it was taken, and in words what became of it."""
        original = next((one for one in self.turn.drafts if one.draft_id == self.turn.tone_of), None)
        if self.turn.tone_of and (original is None or original.kind is not proposed.kind):
            return False, self.drop("draft not taken: only the draft that the lead named may be rewritten")
        told: list[str] = []
        made = [self._sentence(one, told) for one in proposed.sentences[:MOST_SENTENCES]]
        sentences = self._unblocked(proposed.kind, [one for one in made if one is not None], told)
        if original is not None and (problem := _changed(original, sentences)):
            return False, "; ".join([*told, self.drop(f"draft not taken: {problem}")])
        if not sentences:
            return False, "; ".join([*told, self.drop("draft not taken: nothing of it is left")])
        self.drafts[proposed.kind] = DraftProposal(proposed.kind, sentences, self.turn.tone_of)
        return True, "; ".join([*told, f"draft proposed with {len(sentences)} sentences"])

    def _statement_problem(self, proposed: ProposedStatement, text: str | None) -> str:
        known = {one.evidence_id for one in self.held.evidence}
        if len(self.statements) >= MOST_STATEMENTS:
            return "that is enough for one turn"
        if text is None:
            return _MADE_UP_MARK
        if len(text) > _LONGEST_STATEMENT:
            return f"it is longer than {_LONGEST_STATEMENT} characters"
        if unknown := [one for one in proposed.evidence if one not in known]:
            return f"the case has no evidence {_quoted(unknown)}"
        if says_rejected(text, self.held):
            return WAS_REJECTED.reply
        if proposed.kind is StatementKind.CONFLICT and len(set(proposed.evidence)) < 2:
            return "a conflict cites the evidence of both sides"
        return ""

    def _entered(self, wanted: Statement) -> tuple[bool, str]:
        weaker = self._as_it_may_be_said(wanted)
        if isinstance(weaker, str):
            return False, self.drop(f"statement not taken: {weaker}")
        after = add(self.held, weaker)
        if isinstance(after, Refusal):
            return False, self.drop(f"statement not taken: {after.reply}")
        self.held = replace(self.held, statements=(*self.held.statements, after))
        self.statements.append(after)
        if after.kind is wanted.kind:
            return True, f"proposed as {after.statement_id}"
        why = f"{after.statement_id} was proposed as a {wanted.kind.value} and taken as a {after.kind.value}"
        return True, self.drop(f"{why}: it says more than its evidence shows")

    def _as_it_may_be_said(self, wanted: Statement) -> Statement | str:
        """The statement, a weaker one, or why not even that: its kind says how sure it may sound."""
        is_fact = wanted.kind is StatementKind.FACT
        said = Support((wanted,), frozenset({wanted.statement_id} if is_fact else ()))
        codes = {code for code, *_ in phrase_findings(wanted.text, said)}
        # What a record holds nothing of is said with a negation; what nobody was exposed to is another matter.
        if is_fact and wanted.claim is Claim.ABSENCE:
            codes -= {Code.OVERSTATED}
        if is_fact and (codes & _TOO_SURE or cannot_confirm(wanted, self.held.grounds)):
            return replace(wanted, kind=StatementKind.HYPOTHESIS)
        if wanted.kind in (StatementKind.NEXT_STEP, StatementKind.CONFLICT) and codes & _TOO_SURE:
            return "it says more than is shown; propose what is shown, or a question"
        return wanted

    def _sentence(self, proposed: ProposedSentence, told: list[str]) -> Sentence | None:
        text = self.pseudonyms.resolve(proposed.text)
        by_id = {one.statement_id: one for one in self.held.statements}
        cited = [by_id.get(one.partition("@")[0]) for one in proposed.cites]
        problem = ""
        if not text or len(text) > _LONGEST_SENTENCE:
            problem = _MADE_UP_MARK if text is None else "it is empty or too long"
        elif None in cited:
            unknown = [one for one, found in zip(proposed.cites, cited, strict=True) if found is None]
            problem = f"the case has no statement {_quoted(unknown)}"
        elif says_rejected(text, self.held):
            problem = WAS_REJECTED.reply
        if problem or text is None:
            told.append(self.drop(f"sentence not taken: {problem}"))
            return None
        return Sentence(text, tuple(dict.fromkeys(pinned(one) for one in cited if one)), self.author)

    def _unblocked(self, kind: DraftKind, made: Sequence[Sentence], told: list[str]) -> tuple[Sentence, ...]:
        """Those that the linter does not block; the marks of the others are told."""
        draft = Draft("proposed", kind, 1, tuple(made))
        hidden = [one.value for one in self.pseudonyms.kept_back]
        blocked: dict[int, list[str]] = {}
        for mark in lint(draft, self.held, self.turn.names, hidden).marks:
            # What rests on nothing yet is given ground, or accepted, by people, and does not go out before.
            is_for_people = mark.sentence == WHOLE_DRAFT or mark.code is Code.NO_EVIDENCE
            if mark.level is Level.BLOCK and not is_for_people:
                blocked.setdefault(mark.sentence, []).append(f"{mark.code.value}: {mark.words}")
        for number, marks in blocked.items():
            told.append(self.drop(f"sentence {number + 1} not taken: {' '.join(dict.fromkeys(marks))}"))
        return tuple(one for number, one in enumerate(made) if number not in blocked)

    def drop(self, why: str) -> str:
        """Keep for people what was not taken; the same words again."""
        if len(self.dropped) < MOST_DROPPED:
            self.dropped.append(why)
        return why


def _changed(original: Draft, sentences: Sequence[Sentence]) -> str:
    """What a rewrite of the tone changed beside it; "" where nothing."""
    before = {cite.partition("@")[0] for one in original.sentences for cite in one.cites}
    after = {cite.partition("@")[0] for one in sentences for cite in one.cites}
    return "it rests on other statements than the draft" if before != after else ""


def _statement_id(proposed: ProposedStatement, text: str) -> str:
    seed = "\n".join((proposed.kind, proposed.claim, *sorted(set(proposed.evidence)), text))
    return f"M{hashlib.sha256(seed.encode()).hexdigest()[:10]}"


def _quoted(ids: Iterable[str]) -> str:
    return ", ".join(repr(one[:40]) for one in list(ids)[:5])
