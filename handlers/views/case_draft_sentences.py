"""The sentences of a draft as they are read: each with its marks in place, and as many on a page as a view takes."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handlers.views.blocks import Block, bullets, line, rich, say
from handlers.views.case_draft_facts import MarkFacts, SentenceFacts
from handlers.views.case_facts import DraftFacts
from handlers.views.case_wording import CODE_WORDS, author_words, or_plain
from handlers.views.facts import Untrusted
from handlers.views.plain import one_line, visible
from handlers.views.wording import count

PAGE_SIZE = 40
_PAGE_ROOM = 120_000
"""Characters of JSON for the sentences of a page: half of a view, so that what stands around them always fits."""
_SENTENCE_LENGTH = 1200
_MARKS_SHOWN = 12
_PLAIN_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u3003\uff02", "'"))


@dataclass(frozen=True)
class Page:
    """One page of a draft's sentences."""

    before: int
    """The number of the first sentence of the page before, from 0,"""
    first: int
    """and of this one's."""
    blocks: tuple[Block, ...]
    """Its sentences, one each."""


def page_of(draft: DraftFacts, at: int) -> Page:
    """The page on which the sentence with this number stands; the first where there is no such sentence."""
    blocks = [_sentence(number, draft) for number in range(len(draft.sentences))]
    firsts = [*_firsts(blocks)] or [0]
    here = bisect_right(firsts, at) - 1 if 0 <= at < len(blocks) else 0
    end = firsts[here + 1] if here + 1 < len(firsts) else len(blocks)
    return Page(firsts[max(0, here - 1)], firsts[here], tuple(blocks[firsts[here] : end]))


def _firsts(blocks: Sequence[Block]) -> Iterator[int]:
    """Where each page begins: one is full by its number of sentences or by their size, and never empty."""
    first = size = 0
    for number, block in enumerate(blocks):
        more = _size(block)
        if number == 0 or number - first == PAGE_SIZE or size + more > _PAGE_ROOM:
            yield number
            first, size = number, 0
        size += more


def _size(block: Block) -> int:
    return len(json.dumps(block))


def _sentence(number: int, draft: DraftFacts) -> Block:
    sentence, marks = draft.sentences[number], [one for one in draft.marks if one.sentence == number]
    whole = _shown(number, sentence, draft, marks, _marked(sentence.text, marks))
    if _size(whole) <= _PAGE_ROOM:
        return whole
    return _shown(number, sentence, draft, marks, [say(visible(sentence.text, _SENTENCE_LENGTH))])


def _shown(
    number: int, sentence: SentenceFacts, draft: DraftFacts, marks: Sequence[MarkFacts], text: Sequence[Block]
) -> Block:
    cites = f"[{', '.join(one_line(one, 60) for one in sentence.cites[:12])}]" if sentence.cites else "[cites nothing]"
    parts = [
        line(say(f"{number + 1}.  "), *text),
        line(say(f"{cites}  by {author_words(sentence.author)}", italic=True)),
    ]
    return rich(*parts, *([bullets(mark_lines(marks, draft))] if marks else []))


def _marked(text: str, marks: Sequence[MarkFacts]) -> list[Block]:
    """The text with what is marked set apart: in brackets and in code, so that it can be heard as well as seen."""
    spans = _merged([(one.start, min(one.end, len(text))) for one in marks if one.start < min(one.end, len(text))])
    runs: list[Block] = []
    at = 0
    for start, end in spans:
        runs += [*_plain_run(text[at:start]), say(f"⟦{visible(text[start:end], _SENTENCE_LENGTH)}⟧", code=True)]
        at = end
    return [*runs, *_plain_run(text[at:])] or [say(visible(text, _SENTENCE_LENGTH))]


def _plain_run(text: str) -> list[Block]:
    """A stretch of a sentence; the blanks at its ends stay."""
    if not text.strip():
        return [say(" ")] if text else []
    lead, rear = " " * text[:1].isspace(), " " * text[-1:].isspace()
    return [say(f"{lead}{one_line(text, _SENTENCE_LENGTH)}{rear}")]


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    last: tuple[int, int] | None = None
    for start, end in sorted(spans):
        if last and start <= last[1]:
            last = (last[0], max(last[1], end))
            continue
        if last:
            yield last
        last = (start, end)
    if last:
        yield last


def mark_lines(marks: Sequence[MarkFacts], draft: DraftFacts) -> list[Block]:
    """What stands against one sentence, or the draft as a whole; of very many the first, and how many more."""
    hidden = len(marks) - _MARKS_SHOWN
    more = [line(say(f"and {count(hidden, 'more mark')}: mend these first"))] if hidden > 0 else []
    return [*(mark_line(one, draft) for one in marks[:_MARKS_SHOWN]), *more]


def mark_line(mark: MarkFacts, draft: DraftFacts) -> Block:
    """One mark: what it is, in whose words, and what to do."""
    sign = "⛔" if mark.is_block else "⚠️"
    final = "" if mark.can_be_overridden or not mark.is_block else " No reason makes this right: change it."
    where = f"{place(mark)}: " if mark.sentence < 0 else ""
    by = f"{one_line(mark.model, 60)} suggests: “{_within_quotes(mark.said)}” " if mark.model else ""
    return line(
        say(f"{sign} {where}{or_plain(CODE_WORDS, mark.code)}. ", bold=True),
        say(by + one_line(mark.cure, 300) + final),
    )


def _within_quotes(text: str) -> str:
    """A model's words on one line, in which the quotation does not seem to end before they do."""
    return one_line(Untrusted(text.translate(_PLAIN_QUOTES)), 300)


def place(mark: MarkFacts) -> str:
    """What a mark is on."""
    return f"Sentence {mark.sentence + 1}" if mark.sentence >= 0 else "The draft"
