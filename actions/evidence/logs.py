"""Access logs and the attachment store's trail: files of JSON lines or Parquet, as long as they like, in fixed memory.

    1  the file is counted: its lines, and the rows that can be relied on
    2  rows in which a name of the question stands are taken out, and each is read for what it means
    3  the lines are gone through once more, as bytes, for the place of each row that is kept

What cannot be relied on is counted and is a GAP: lines read and lines unreadable are all lines, whatever the bytes.
The work is done in a thread, which ends when the look is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
from pydantic import JsonValue

from actions.evidence.connector import Question
from actions.evidence.duck import JSON_SUFFIXES, PARQUET_SUFFIX, ROW_NUMBER, Candidate, Limits, LogFile
from actions.evidence.files import list_files, shown
from actions.evidence.lines import read_lines
from actions.evidence.readings import FileCount, Kept, Newest, covered
from actions.evidence.recording import Clock, Find, NewId, Recorder
from actions.evidence.rows import LogFields, Sought, read_row
from actions.evidence.times import understand
from policy.case_terms import Evidence, Source

MAX_ROWS = 200
"""Rows of one answer; the newest ones, and a GAP counts the rest."""
_STOP_EVERY_SECONDS = 0.05


class Stopped(Exception):
    """The look was cancelled."""


@dataclass(frozen=True)
class LogConnector:
    """One log, at one place: a file, or a folder of files."""

    source: Source
    place: Path
    fields: LogFields
    clock: Clock
    new_id: NewId
    deadline_seconds: float = 120.0
    limits: Limits = field(default_factory=Limits)
    max_rows: int = MAX_ROWS
    turn: asyncio.Semaphore | None = None
    """Whoever shares it reads one after the other, so that all of them together keep to `limits`."""

    async def look(self, question: Question) -> list[Evidence]:
        """The rows about the accounts or the attachments, within the window; and what could not be read."""
        recorder = Recorder(self.source, question.as_query(), question.asked_by, self.clock, self.new_id)
        if not Sought.of(question).words:
            return [recorder.gap("was not read: the question names no account and no attachment", {"why": "not_asked"})]
        async with self.turn or contextlib.nullcontext():
            return _evidence(await self._read(question), recorder)

    async def _read(self, question: Question) -> Reading:
        reading = Reading(self.place, self.fields, question, self.limits, self.max_rows)
        work = asyncio.get_running_loop().run_in_executor(None, reading.run)
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            # An interruption between two statements is lost, so it is repeated until the thread has ended.
            while not work.done():
                reading.stop()
                await asyncio.wait({work}, timeout=_STOP_EVERY_SECONDS)
            work.exception()
            raise
        return reading


class Reading:
    """One look at all files of a log. `run` is for a thread; `stop` may be called from any other."""

    def __init__(self, place: Path, fields: LogFields, question: Question, limits: Limits, max_rows: int) -> None:
        self.files: list[FileCount] = []
        self.passed_over: list[str] = []
        self.error = ""
        """Why the place itself could not be read."""
        self.newest = Newest(max_rows)
        self._place, self._fields, self._limits = place, fields, limits
        self.window = question.window
        self._sought = Sought.of(question)
        self._is_stopped = threading.Event()
        self._open: LogFile | None = None

    def stop(self) -> None:
        """Have `run` raise Stopped soon."""
        self._is_stopped.set()
        if (file := self._open) is not None:
            file.stop()

    def run(self) -> None:
        """Read everything. Raises Stopped."""
        try:
            listing = list_files(self._place, (*JSON_SUFFIXES, PARQUET_SUFFIX))
        except OSError as error:
            self.error = _why(error)
            return
        self.passed_over = [shown(self._place, path) for path in listing.passed_over]
        for path in listing.files:
            self._go_on()
            count = FileCount(shown(self._place, path), path.suffix.lower() == PARQUET_SUFFIX)
            self.files.append(count)
            try:
                self._read(path, count)
            except (OSError, duckdb.Error) as error:
                self._go_on()
                count.error = _why(error)

    def _read(self, path: Path, count: FileCount) -> None:
        before = path.stat()
        file = self._open = LogFile(path, self._fields, self._limits)
        try:
            counted = file.count()
            sound, count.first, count.last = counted.sound, _moment(counted.first), _moment(counted.last)
            if count.is_parquet:
                count.lines = counted.rows
            refused = sum(self._take(one, count) for one in file.candidates(self._sought.words))
        finally:
            self._open = None
            file.close()
        if not count.is_parquet:
            self._find_lines(path, count)
        after = path.stat()
        count.has_changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
        # Of a file that grew between the passes, the rows may be more than the lines; it is a gap in any case.
        count.lines = max(count.lines, sound)
        count.unreadable = count.lines - sound + refused

    def _take(self, candidate: Candidate, count: FileCount) -> int:
        """Keep the row if it is about what is asked. 1 if it was thought sound and is not, else 0."""
        self._go_on()
        row = read_row(candidate.text, self._fields) if candidate.is_sound else None
        if row is None:
            count.naming += candidate.names_it
            return int(candidate.is_sound)
        # Parquet has no lines to find a row by; it comes with its number.
        number = row.others.pop(ROW_NUMBER, None) if count.is_parquet else None
        line = number + 1 if isinstance(number, int) else 0
        if row.is_about(self._sought, self._fields.object_fact) and self.window.holds(row.at):
            self.newest.add(Kept(row, count, line))
        return 0

    def _find_lines(self, path: Path, count: FileCount) -> None:
        ours: dict[bytes, list[Kept]] = {}
        for kept in self.newest:
            if kept.file is count:
                ours.setdefault(kept.row.text.encode(), []).append(kept)
        lines = read_lines(path, ours, self._go_on)
        count.lines = lines.count
        count.is_half_written = bool(lines.unended) and read_row(_text(lines.unended), self._fields) is None
        if count.is_half_written:
            count.naming += any(word in _text(lines.unended).lower() for word in self._sought.words)
        for text, numbers in lines.places.items():
            for kept, number in zip(ours[text], numbers, strict=False):
                kept.line = number

    def _go_on(self) -> None:
        if self._is_stopped.is_set():
            raise Stopped


def _text(line: bytes) -> str:
    return line.decode(errors="replace")


def _moment(said: str | None) -> datetime | None:
    found = understand(said)
    return None if found is None else found.at


def _why(error: Exception) -> str:
    """The kind of error only: its words may hold a path or a row."""
    name = type(error).__name__
    return {
        "FileNotFoundError": "there is no such file",
        "PermissionError": "it may not be opened",
        "OutOfMemoryException": "it does not fit into the memory that is set",
        "UnfitName": "its path has one of the characters * ? [, which would stand for many files; rename it",
    }.get(name, f"it is damaged or of another kind ({name})")


def _evidence(reading: Reading, recorder: Recorder) -> list[Evidence]:
    found = [recorder.found(_find(kept)) for kept in reading.newest]
    gaps = _gaps(reading, recorder)
    if found or gaps:
        return found + gaps
    facts: dict[str, JsonValue] = {
        "files": len(reading.files),
        "lines": sum(count.lines for count in reading.files),
    }
    if (covers := covered(reading.files, reading.window, recorder.retrieved_at)) is not None:
        facts |= {"covers_from": covers[0].isoformat(), "covers_until": covers[1].isoformat()}
    return [recorder.nothing(facts)]


def _find(kept: Kept) -> Find:
    row = kept.row
    facts: dict[str, JsonValue] = {**row.texts, "at": row.at.isoformat()}
    notes = []
    if row.is_zone_assumed:
        facts["zone_assumed"] = True
        notes.append("its time names no zone and is understood as UTC")
    if kept.copies > 1:
        facts["copies"] = kept.copies
        notes.append(f"the source has it {kept.copies} times under this id")
    if row.others:
        facts["others"] = dict(row.others)
    excerpt = row.text + (f" [{'; '.join(notes)}]" if notes else "")
    return Find(excerpt, kept.place, row.text.encode(), facts, observed_at=row.at)


def _gaps(reading: Reading, recorder: Recorder) -> list[Evidence]:
    if reading.error:
        return [recorder.gap(f"could not be read: {reading.error}", {"why": "missing"})]
    gaps = [_gap_of(count, recorder) for count in reading.files if not count.is_whole]
    if not reading.files:
        gaps.append(recorder.gap("has no file to read", {"why": "missing"}))
    if reading.passed_over:
        names = _listed(reading.passed_over)
        facts: dict[str, JsonValue] = {"why": "passed_over", "files": len(reading.passed_over)}
        gaps.append(recorder.gap(f"has files of another kind, or links out of it, that were not read: {names}", facts))
    if (more := reading.newest.more) > 0:
        what = f"has {more} older rows on this that are not shown"
        gaps.append(recorder.gap(what, {"why": "too_many", "more": more, "shown": reading.newest.limit}))
    if reading.newest.clashing:
        ids = sorted(reading.newest.clashing)
        what = f"has different rows under one event id, and all of them are shown: {_listed(ids)}"
        gaps.append(recorder.gap(what, {"why": "clashing_ids", "event_ids": list(ids)}))
    return gaps


def _gap_of(count: FileCount, recorder: Recorder) -> Evidence:
    facts: dict[str, JsonValue] = {"lines": count.lines, "read": count.read, "unreadable": count.unreadable}
    if count.error:
        what = f"was not read: {count.error}"
        return recorder.gap(f"lacks {count.name}, which {what}", {"why": "failed"}, count.name)
    parts = []
    if count.unreadable:
        parts.append(f"{count.unreadable} of its {count.lines} lines cannot be read")
    if count.naming:
        parts.append(f"something of the question stands in {count.naming} of them")
    if count.is_half_written:
        parts.append("the last line is half-written")
    if count.has_changed:
        parts.append("it changed while it was read")
    facts |= {"naming": count.naming, "half_written": count.is_half_written, "changed": count.has_changed}
    return recorder.gap(f"is not whole in {count.name}: {'; '.join(parts)}", {"why": "half_read", **facts}, count.name)


def _listed(names: Sequence[str]) -> str:
    shown_names = ", ".join(names[:5])
    return shown_names if len(names) <= 5 else f"{shown_names} and {len(names) - 5} more"
