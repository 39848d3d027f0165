"""Labelled sentences of drafts, a case for them to rest on, and how well the linter marks them.

The sentences are of our own writing. Which half one belongs to follows from its text: the patterns were tuned on the
first, and the second says how well they do on sentences they were not tuned on. The fresh ones were written after the
patterns, and nothing was changed for them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from copilot.lint_terms import Code, InternalNames
from copilot.linting import lint
from policy.case_rules import Held
from policy.case_terms import (
    Author,
    Claim,
    Draft,
    DraftKind,
    EvidenceKind,
    Sentence,
    Statement,
    StatementKind,
    StatementState,
)
from tests.policy.case_builders import NOW, OTHER, evidence, statement

DATA = Path(__file__).parent / "data"
NAMES = InternalNames(people=frozenset({"Dana Whitfield"}), tools=frozenset({"Grafana"}))
MINIMISED = frozenset({"Payroll Export North"})
MEASURED = frozenset(Code) - {Code.UNSUPPORTED_FIGURE, Code.MISSING_NEXT_STEP, Code.OPEN_CONFLICT}
_OF_SUPPORT = {
    "fact": statement("fact", state=StatementState.ACCEPTED),
    "absence": statement(
        "absence", state=StatementState.ACCEPTED, text="The log holds none.", cites=("E2",), claim=Claim.ABSENCE
    ),
    "proposed": statement("proposed", text="One more session.", cites=("E3",)),
    "hypothesis": statement("hypothesis", StatementKind.HYPOTHESIS, StatementState.ACCEPTED, text="A cached session."),
    "question": statement("question", StatementKind.QUESTION, StatementState.ACCEPTED, text="Was it opened?"),
    "conflict": statement("conflict", StatementKind.CONFLICT, text="They differ.", cites=("E4",)),
    "step": statement(
        "step",
        StatementKind.NEXT_STEP,
        StatementState.ACCEPTED,
        text="Read the missing hours.",
        owner=OTHER,
        owner_label="our security team",
        due_at=NOW + timedelta(hours=5),
    ),
    "ownerless": statement("ownerless", StatementKind.NEXT_STEP, text="Read the missing hours, too."),
}
CASE = Held(
    tuple(_OF_SUPPORT.values()),
    tuple(
        evidence(f"E{n}", kind=EvidenceKind.NOTHING if n == 2 else EvidenceKind.FOUND, query={"n": n})
        for n in range(1, 5)
    ),
)


@dataclass(frozen=True)
class Labelled:
    """A sentence, what it cites, and the codes a careful reader would mark it with."""

    codes: frozenset[Code]
    cites: str
    text: str

    @property
    def is_held_out(self) -> bool:
        return hashlib.sha256(self.text.encode()).digest()[0] % 2 == 1


@dataclass(frozen=True)
class Score:
    """Of one code: how many marks are right, and how many that should be there are."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0


def labelled(name: str = "draft_sentences.tsv") -> list[Labelled]:
    rows = [line.split("\t") for line in (DATA / name).read_text().splitlines()]
    return [
        Labelled(frozenset(Code(one) for one in codes.split(",") if one != "-"), cites, text)
        for codes, cites, text in rows
    ]


def cited(name: str) -> Statement:
    return _OF_SUPPORT[name]


def draft_of(*sentences: tuple[str, str], kind: DraftKind = DraftKind.CUSTOMER_UPDATE) -> Draft:
    """A draft of (what it cites, its text)."""
    made = (Sentence(text, () if cites == "none" else (f"{cites}@1",), Author()) for cites, text in sentences)
    return Draft("D1", kind, 1, tuple(made))


def codes_of(one: Labelled) -> set[Code]:
    found = lint(draft_of((one.cites, one.text)), CASE, NAMES, MINIMISED).marks
    return {mark.code for mark in found if mark.sentence == 0} & MEASURED


def scores(sentences: list[Labelled]) -> dict[Code, Score]:
    right, wrong, missed = Counter[Code](), Counter[Code](), Counter[Code]()
    for one in sentences:
        found = codes_of(one)
        right.update(found & one.codes)
        wrong.update(found - one.codes)
        missed.update(one.codes - found)
    return {code: Score(right[code], wrong[code], missed[code]) for code in Code if code in MEASURED}


def fresh() -> list[Labelled]:
    return labelled("draft_sentences_fresh.tsv")


def main() -> None:
    """Print precision and recall per code of each part, and what went wrong in the part that may be tuned on."""
    tuned = [one for one in labelled() if not one.is_held_out]
    held_out = [one for one in labelled() if one.is_held_out]
    certain = labelled("draft_sentences_certain.tsv")
    parts = (("tuned on", tuned), ("held out", held_out), ("fresh", fresh()), ("certain beside doubt", certain))
    for name, part in parts:
        print(f"{name}: {len(part)} sentences, {sum(not one.codes for one in part)} harmless")
        for code, score in scores(part).items():
            if score.right + score.wrong + score.missed:
                print(f"  {code:20} precision {score.precision:.2f} recall {score.recall:.2f}  {score}")
    for one in tuned:
        if codes_of(one) != one.codes:
            print("   ", sorted(one.codes), "got", sorted(codes_of(one)), one.cites, one.text)


if __name__ == "__main__":
    main()
