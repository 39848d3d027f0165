"""A draft as text that a person edits: one sentence a line, with what it cites in brackets at its end, and back again.

The account was disabled on 3 March. [S1@2, S3]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from handlers.views.case_inputs import TEXT_LENGTH, without_hidden
from policy.case_terms import Author, Sentence

Said = tuple[str, tuple[str, ...]]
"""A sentence's text, and the ids that it cites."""

SENTENCES_MOST = 200
_ROOM_TO_WRITE = 600
"""Characters that are left free in each input."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*(?:@[0-9]{1,6})?")
_BLANKS = re.compile(r"\s+")


def sentence_line(text: str, cites: Sequence[str]) -> str:
    """One sentence as a line. What it cites stands in brackets; none where it cites nothing and cannot be misread."""
    words = _BLANKS.sub(" ", without_hidden(text)).strip()
    return f"{words} [{', '.join(cites)}]" if cites or words.endswith("]") else words


def draft_parts(sentences: Iterable[Said], room: int = TEXT_LENGTH - _ROOM_TO_WRITE) -> list[str]:
    """The lines of a draft, in as many parts as Slack's inputs need; at least one. A sentence is never cut."""
    parts: list[str] = [""]
    for text, cites in sentences:
        added = sentence_line(text, cites)
        if parts[-1] and len(parts[-1]) + 1 + len(added) > room:
            parts.append("")
        parts[-1] = f"{parts[-1]}\n{added}" if parts[-1] else added
    return parts


def parse_draft(text: str) -> tuple[Said, ...]:
    """The sentences of an edited text. Raises ValueError, in words, for a line that cannot be read as one."""
    found = []
    for number, written in enumerate((one for one in without_hidden(text).splitlines() if one.strip()), start=1):
        said = _parse_line(written.strip())
        if not said[0]:
            raise ValueError(f"Sentence {number} has no words, only what it cites.")
        found.append(said)
    if not found:
        raise ValueError("Write at least one sentence.")
    if len(found) > SENTENCES_MOST:
        raise ValueError(f"That is {len(found)} sentences; at most {SENTENCES_MOST} fit a draft.")
    return tuple(found)


def draft_sentences(said: Iterable[Said], author: Author, before: Sequence[Sentence] = ()) -> tuple[Sentence, ...]:
    """The sentences of a new revision: whoever wrote a sentence that is as it was stays its author."""
    known = {sentence_line(one.text, one.cites): one for one in before}
    return tuple(known.get(sentence_line(text, cites)) or Sentence(text, cites, author) for text, cites in said)


def _parse_line(written: str) -> Said:
    words = _BLANKS.sub(" ", written)
    at = words.rfind("[")
    if not words.endswith("]") or at < 0 or "]" in words[at:-1]:
        return words, ()
    cites = tuple(one.strip() for one in words[at + 1 : -1].split(",") if one.strip())
    wrong = next((one for one in cites if not _ID.fullmatch(one)), None)
    if wrong is not None:
        raise ValueError(f"“{wrong[:60]}” is no statement's id. Write ids in the last brackets, or empty brackets [].")
    return words[:at].strip(), tuple(dict.fromkeys(cites))
