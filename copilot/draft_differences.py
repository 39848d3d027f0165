"""What is different between two revisions of a draft, sentence by sentence, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from policy.case_terms import Draft, Sentence

_ALIKE = 0.4
"""The share of words two sentences have in common before one counts as the other, changed."""


class Change(StrEnum):
    """What became of a sentence or of words in it."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Words:
    """A run of words within a changed sentence: the same, added or removed."""

    change: Change
    text: str


@dataclass(frozen=True)
class Difference:
    """One sentence, before and after; None where it is not there."""

    change: Change
    before: Sentence | None
    after: Sentence | None
    words: tuple[Words, ...] = ()
    """Of a changed sentence; all the same where only what it cites changed."""

    @property
    def as_text(self) -> str:
        """One line: `+` added, `-` removed, `~` changed, with [-removed-] and {+added+} words."""
        match self.change:
            case Change.ADDED:
                return f"+ {self.after.text if self.after else ''}"
            case Change.REMOVED:
                return f"- {self.before.text if self.before else ''}"
            case Change.CHANGED:
                return f"~ {' '.join(_marked(one) for one in self.words)}{self._cites()}"
            case Change.SAME:
                return f"  {self.after.text if self.after else ''}"

    def _cites(self) -> str:
        if self.before is None or self.after is None or self.before.cites == self.after.cites:
            return ""
        return f" (cited {', '.join(self.before.cites) or 'nothing'}; now {', '.join(self.after.cites) or 'nothing'})"


def differences(before: Draft, after: Draft) -> tuple[Difference, ...]:
    """Every sentence of both revisions, in the order of the later one; removed ones stand where they were."""
    old, new = before.sentences, after.sentences
    matcher = SequenceMatcher(None, [one.text for one in old], [one.text for one in new], autojunk=False)
    found: list[Difference] = []
    for tag, start, stop, new_start, new_stop in matcher.get_opcodes():
        if tag == "equal":
            found += (_compared(*pair) for pair in zip(old[start:stop], new[new_start:new_stop], strict=True))
        else:
            found += _replaced(old[start:stop], new[new_start:new_stop])
    return tuple(found)


def _replaced(old: Sequence[Sentence], new: Sequence[Sentence]) -> Iterator[Difference]:
    """Pair each new sentence with the first old one that is like it; what is left was added or removed."""
    waiting = list(old)
    for one in new:
        at = next((n for n, other in enumerate(waiting) if _likeness(other.text, one.text) >= _ALIKE), None)
        if at is None:
            yield Difference(Change.ADDED, None, one)
            continue
        for gone in waiting[:at]:
            yield Difference(Change.REMOVED, gone, None)
        yield _compared(waiting[at], one)
        del waiting[: at + 1]
    for gone in waiting:
        yield Difference(Change.REMOVED, gone, None)


def _compared(before: Sentence, after: Sentence) -> Difference:
    if (before.text, before.cites) == (after.text, after.cites):
        return Difference(Change.SAME, before, after)
    old, new = before.text.split(), after.text.split()
    words: list[Words] = []
    for tag, start, stop, new_start, new_stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            words.append(Words(Change.SAME, " ".join(old[start:stop])))
            continue
        if start < stop:
            words.append(Words(Change.REMOVED, " ".join(old[start:stop])))
        if new_start < new_stop:
            words.append(Words(Change.ADDED, " ".join(new[new_start:new_stop])))
    return Difference(Change.CHANGED, before, after, tuple(words))


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one.lower().split(), other.lower().split(), autojunk=False).ratio()


def _marked(words: Words) -> str:
    if words.change is Change.REMOVED:
        return f"[-{words.text}-]"
    return f"{{+{words.text}+}}" if words.change is Change.ADDED else words.text
