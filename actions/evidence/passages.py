"""A Markdown document as passages: what stands under one heading, in pieces of readable length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_PASSAGE = 2000
"""Characters; a longer one is cut between paragraphs, or wherever there is none."""

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*\r?\n?")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")


@dataclass(frozen=True)
class Passage:
    """A piece of a document."""

    heading: str
    """The headings above it, outermost first, with ' > ' between them; '' before the first."""
    line: int
    """Where it begins, from 1."""
    text: str
    """As the document has it, without its heading."""


def passages(document: str) -> Iterator[Passage]:
    """The document's passages, in order; none of blanks only."""
    path: list[tuple[int, str]] = []
    fence, held, begin = "", "", 1
    for number, line in enumerate(document.splitlines(keepends=True), start=1):
        heading = None if fence else _HEADING.fullmatch(line)
        is_full = len(held) + len(line) > MAX_PASSAGE and not held.isspace()
        if held and (heading or is_full):
            yield from _passage(path, begin, held)
            held, begin = "", number
        if heading:
            level = len(heading[1])
            path = [*(above for above in path if above[0] < level), (level, heading[2])]
            begin = number + 1
            continue
        fence = _fence_after(fence, line)
        while len(line) > MAX_PASSAGE:
            yield from _passage(path, number, line[:MAX_PASSAGE])
            line = line[MAX_PASSAGE:]
        held += line
    yield from _passage(path, begin, held)


def _passage(path: list[tuple[int, str]], line: int, text: str) -> Iterator[Passage]:
    if text.strip():
        yield Passage(" > ".join(title for _, title in path), line, text)


def _fence_after(fence: str, line: str) -> str:
    """The code fence that is open after the line; a '#' within one is no heading."""
    mark = _FENCE.match(line)
    if mark is None:
        return fence
    if not fence:
        return mark[1]
    closes = mark[1][0] == fence[0] and len(mark[1]) >= len(fence) and line.strip() == mark[1]
    return "" if closes else fence
