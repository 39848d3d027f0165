"""The lines of a log file as they stand there: how many, where, and how the last one ends. Any bytes are lines."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK = 1_048_576


@dataclass
class Lines:
    """What one pass over a file finds."""

    count: int = 0
    """Lines with anything but blanks on them."""
    places: dict[bytes, list[int]] = field(default_factory=dict)
    """Line numbers from 1 of the lines that were looked for, without the blanks around them."""
    unended: bytes = b""
    """The last line, if no line end follows it."""


def read_lines(path: Path, wanted: Collection[bytes], go_on: Callable[[], None]) -> Lines:
    """Count the lines and find the wanted ones. `go_on` is called now and then and raises to break off.

    A line longer than a chunk is counted and never held whole.
    """
    lines, number, rest = Lines(), 0, False
    with path.open("rb") as file:
        while line := file.readline(_CHUNK):
            if rest:
                rest = not line.endswith(b"\n")
                lines.unended = lines.unended if rest else b""
                continue
            number += 1
            if number % 10_000 == 0:
                go_on()
            rest = not line.endswith(b"\n")
            text = line.strip()
            if text or len(line) == _CHUNK:
                lines.count += 1
                lines.unended = text if rest else b""
                if text in wanted:
                    lines.places.setdefault(text, []).append(number)
    return lines
