"""The knowledge base: a folder of Markdown, found by full text in SQLite's FTS5.

SQLite is in Python itself; DuckDB's full-text search is an extension that would have to be downloaded. The index is in
memory and made anew for every question, so that it is never older than the documents. A passage is a quotation:
whatever it says, it is found, hashed and shown like any other.

How surely a passage answers is the share of the question's words that it has, rare words counting for more. A word
that no document has counts as the rarest: it is the one that was asked about and is not there.
"""

from __future__ import annotations

import asyncio
import math
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from actions.evidence.connector import Question
from actions.evidence.files import list_files, shown
from actions.evidence.passages import Passage, passages
from actions.evidence.recording import Clock, Find, NewId, Recorder
from policy.case_terms import Evidence, Source

SUFFIXES = (".md", ".markdown")
MAX_FILE_BYTES = 2_000_000
MAX_WORDS = 64
MAX_FOUND = 5
_OPCODES_BETWEEN_LOOKS = 10_000

_WORD = re.compile(r"\w+")
_EMPTY_WORDS = frozenset(
    _WORD.findall(
        "a about after all an and any are as at be been before but by can could did do does for from had has have how "
        "i if in into is it its may might my no not of on or our should so some than that the their them then there "
        "these they this to was we were what when where which who whom why will with would you your"
    )
)


@dataclass(frozen=True)
class KnowledgeConnector:
    """The documents of one folder."""

    folder: Path
    clock: Clock
    new_id: NewId
    source: Source = Source.KNOWLEDGE_BASE
    deadline_seconds: float = 20.0
    max_found: int = MAX_FOUND

    async def look(self, question: Question) -> list[Evidence]:
        """The passages that have most of the question's words, best first."""
        recorder = Recorder(self.source, question.as_query(), question.asked_by, self.clock, self.new_id)
        words = search_words(question.words)
        if not words:
            return [recorder.gap("was not searched: the question has no words", {"why": "not_asked"})]
        is_stopped = threading.Event()
        try:
            return await asyncio.to_thread(self._search, words, recorder, is_stopped)
        finally:
            is_stopped.set()

    def _search(self, words: list[str], recorder: Recorder, is_stopped: threading.Event) -> list[Evidence]:
        gaps: list[Evidence] = []
        with closing(sqlite3.connect(":memory:")) as index:
            index.set_progress_handler(is_stopped.is_set, _OPCODES_BETWEEN_LOOKS)
            index.execute(
                "CREATE VIRTUAL TABLE passages USING fts5"
                "(heading, body, place UNINDEXED, tokenize='porter unicode61 remove_diacritics 2')"
            )
            try:
                listing = list_files(self.folder, SUFFIXES)
            except OSError as error:
                return [recorder.gap(f"could not be read ({type(error).__name__})", {"why": "missing"})]
            for path in listing.passed_over:
                # Pictures beside the documents are nothing; a document that is a link out of the folder is.
                if path.suffix.lower() in SUFFIXES or path.is_dir():
                    name = shown(self.folder, path)
                    what = f"lacks {name}, which is a link that leads elsewhere"
                    gaps.append(recorder.gap(what, {"why": "passed_over"}, name))
            for path in listing.files:
                if is_stopped.is_set():
                    return []
                name = shown(self.folder, path)
                try:
                    rows = [(one.heading, one.text, _place(name, one)) for one in _read(path)]
                except (OSError, ValueError) as error:
                    what = f"lacks {name}, which cannot be read ({type(error).__name__})"
                    gaps.append(recorder.gap(what, {"why": "failed"}, name))
                    continue
                index.executemany("INSERT INTO passages VALUES (?, ?, ?)", rows)
            found = [recorder.found(find) for find in _finds(index, words, self.max_found)]
            count = index.execute("SELECT count(*) FROM passages").fetchone()[0]
        if not count:
            gaps.append(recorder.gap("has no document to search", {"why": "missing"}))
        return found + gaps if found or gaps else [recorder.nothing({"passages": count})]


def search_words(text: str, limit: int | None = MAX_WORDS) -> list[str]:
    """The words to look for, each once; those that say nothing of the matter are left out."""
    words = (word.lower() for word in _WORD.findall(text))
    kept = (word for word in words if word not in _EMPTY_WORDS and word.strip("_"))
    return list(islice(dict.fromkeys(kept), limit))


def _read(path: Path) -> Iterator[Passage]:
    """The document's passages. Raises ValueError if it is no UTF-8 text or too large to be a document."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError("too large")
    text = path.read_bytes().decode()
    if "\0" in text:
        raise ValueError("no text")
    return passages(text)


def _place(name: str, passage: Passage) -> str:
    return f"{name}:{passage.line}" + (f" {passage.heading}" if passage.heading else "")


def _finds(index: sqlite3.Connection, words: list[str], limit: int) -> list[Find]:
    total = index.execute("SELECT count(*) FROM passages").fetchone()[0]
    weight_of: dict[int, float] = {}
    all_weight = 0.0
    for word in words:
        # Quoted, a word is never one of the search's own operators.
        rows = index.execute("SELECT rowid FROM passages WHERE passages MATCH ?", (f'"{word}"',)).fetchall()
        weight = math.log(1 + (total - len(rows) + 0.5) / (len(rows) + 0.5))
        all_weight += weight
        for (row,) in rows:
            weight_of[row] = weight_of.get(row, 0.0) + weight
    best = sorted(weight_of, key=lambda row: (-weight_of[row], row))[:limit]
    return [_find(index, row, weight_of[row] / all_weight) for row in best]


def _find(index: sqlite3.Connection, row: int, share: float) -> Find:
    query = "SELECT heading, body, place FROM passages WHERE rowid = ?"
    heading, body, place = index.execute(query, (row,)).fetchone()
    return Find(body, place, body.encode(), {"heading": heading}, confidence=round(min(share, 1.0), 3))
