"""What a look at log files has found so far, within fixed memory: the newest rows, and the count of all the others."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from actions.evidence.connector import Window
from actions.evidence.rows import LogRow


@dataclass
class FileCount:
    """One file, counted: `lines` is `read` and `unreadable` together."""

    name: str
    is_parquet: bool = False
    lines: int = 0
    unreadable: int = 0
    naming: int = 0
    """Of the unreadable: those in which something of the question stands."""
    is_half_written: bool = False
    has_changed: bool = False
    """It grew or was replaced while it was read."""
    error: str = ""
    """Why it could not be read at all."""
    first: datetime | None = None
    """The earliest time of its rows, and"""
    last: datetime | None = None
    """the latest; None where it has none that can be read."""

    @property
    def read(self) -> int:
        return self.lines - self.unreadable

    @property
    def is_whole(self) -> bool:
        """Whether it was read whole, so that what is not in it did not happen there."""
        return not (self.unreadable or self.has_changed or self.error)


def covered(files: Iterable[FileCount], window: Window, now: datetime) -> tuple[datetime, datetime] | None:
    """From when to when these files answer a question about the window; None where that cannot be said.

    The log goes from the first time in it to the last, though not beyond now, whatever time a row gives itself.
    """
    listed = list(files)
    starts = [one.first for one in listed if one.first is not None]
    ends = [one.last for one in listed if one.last is not None]
    if not starts or not ends:
        return None
    start, end = min(starts), min(max(ends), now)
    start = start if window.since is None else max(start, window.since)
    end = end if window.until is None else min(end, window.until)
    return (start, end) if start <= end else None


@dataclass
class Kept:
    """A row that is kept, with where it stands."""

    row: LogRow
    file: FileCount
    line: int = 0
    copies: int = 1
    """How often the source has it."""

    @property
    def place(self) -> str:
        """The file and the line."""
        return f"{self.file.name}:{self.line}" if self.line else self.file.name


@dataclass
class Newest:
    """The newest rows of all that were added; of rows alike under one event id, one."""

    limit: int
    more: int = 0
    """Rows that were about it and are not kept."""
    clashing: set[str] = field(default_factory=set)
    """Event ids under which different rows stand. All of them are kept: an id must not hide a row."""
    _heap: list[tuple[float, int, Kept]] = field(default_factory=list)
    _by_id: dict[str, list[Kept]] = field(default_factory=dict)
    _count: int = 0

    def add(self, kept: Kept) -> None:
        """Keep it, unless it is there already or older than all that are kept."""
        event_id = kept.row.texts.get("event_id", "")
        alike = self._by_id.get(event_id, []) if event_id else []
        for other in alike:
            if (other.row.at, other.row.texts, other.row.others) == (kept.row.at, kept.row.texts, kept.row.others):
                other.copies += 1
                return
        if alike:
            self.clashing.add(event_id)
        if event_id:
            self._by_id.setdefault(event_id, []).append(kept)
        self._count += 1
        # Of two rows of one moment the earlier in the file stays: the count makes every entry differ.
        heapq.heappush(self._heap, (kept.row.at.timestamp(), -self._count, kept))
        if len(self._heap) > self.limit:
            self._drop(heapq.heappop(self._heap)[2])

    def __iter__(self) -> Iterator[Kept]:
        """What is kept, in the order of time."""
        return (kept for _, _, kept in sorted(self._heap, key=lambda entry: (entry[0], -entry[1])))

    def _drop(self, kept: Kept) -> None:
        self.more += 1
        event_id = kept.row.texts.get("event_id", "")
        if event_id:
            alike = self._by_id[event_id]
            alike.remove(kept)
            if not alike:
                del self._by_id[event_id]
