"""What was measured, as tables a person can read. Every ratio is to a baseline taken in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

HEADINGS = ("", "n", "p50 ms", "p99 ms", "per second", "ratio (each round)")


@dataclass(frozen=True)
class Row:
    """One line: an arm of a measurement. What was not measured is None and stays empty."""

    what: str
    n: int
    seconds: Sequence[float] = ()
    """How long each one took."""
    rate: float | None = None
    ratio: str = ""


@dataclass(frozen=True)
class Table:
    """One question, its arms, and what the ratios are to."""

    title: str
    baseline: str
    rows: Sequence[Row]
    notes: Sequence[str] = field(default=())

    def __str__(self) -> str:
        cells = [HEADINGS, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
        lines = [f"## {self.title}", f"Ratio to: {self.baseline}"]
        for line in cells:
            first, *rest = (cell.ljust(w) if n == 0 else cell.rjust(w) for n, (cell, w) in enumerate(zip(line, widths)))  # noqa: B905  # both from HEADINGS
            lines.append("  ".join([first, *rest]).rstrip())
        return "\n".join([*lines, *(f"- {note}" for note in self.notes)]) + "\n"


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed; nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def p50(values: Sequence[float]) -> float:
    """The middle one."""
    return quantile(values, 0.5)


def ratios(arm: Sequence[float], baseline: Sequence[float]) -> str:
    """An arm's value over the baseline's, round by round: the median, and each."""
    each = [a / b for a, b in zip(arm, baseline, strict=True)]
    return f"{_short(median(each))} ({', '.join(map(_short, each))})"


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.4f}"


def flat(rounds: Sequence[Sequence[float]]) -> list[float]:
    """All rounds' values together."""
    return [value for one in rounds for value in one]


def _cells(row: Row) -> tuple[str, ...]:
    times = [f"{quantile(row.seconds, share) * 1000:.2f}" if row.seconds else "" for share in (0.5, 0.99)]
    rate = "" if row.rate is None else f"{row.rate:,.1f}" if row.rate < 1000 else f"{row.rate:,.0f}"
    return (row.what, f"{row.n:,}", *times, rate, row.ratio)
