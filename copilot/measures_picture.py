"""The measures of cases as one picture, for a channel of people: read at a glance, on light and dark alike.

It has its own paper, so that whatever surrounds it does not matter, and colour never says anything alone. Matplotlib is
imported where a picture is drawn: it takes most of a second, and a bot that posts one a week must not pay for it at its
start. It draws without a display, into bytes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from copilot.measures import Measures
from copilot.measures_words import lines, span
from policy.case_entries import MAJOR_CAUSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, DOTS = 12.0, 6.75, 150
"""Inches, and dots to an inch: 1800 by 1012, which Slack shows sharp at half that."""
PAPER, CARD, INK, SOFT, LINE = "#fbfbfd", "#ffffff", "#1c2024", "#59636e", "#d5dae0"
GOOD, BAD, BAR, REST = "#116329", "#a40e26", "#0b57a4", "#c4ccd6"
ALT_LENGTH = 1000
"""Slack's limit for a file's alt text."""
LONGEST_PARTS = 4
"""How many missing parts of handoffs are named; the rest are counted together."""
FEWEST_ROWS = 5
"""A bar of few is as thick as one of many."""

_Tile = tuple[str, str, str, str]
"""Heading, figure, words below it, colour of the figure."""


def measures_picture(measures: Measures, period: str) -> bytes:
    """A PNG. `period` says of when, such as 'the 7 days to 20 November 2026'."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DOTS, facecolor=PAPER)
    FigureCanvasAgg(figure)
    figure.text(0.035, 0.925, "How cases went", fontsize=23, fontweight="bold", color=INK)
    count = "1 case" if measures.cases == 1 else f"{measures.cases} cases"
    figure.text(0.035, 0.872, f"{count}, {measures.open_cases} open, {period}", fontsize=13, color=SOFT)
    _alarms(figure, measures.alarms)
    for place, tile in enumerate(_tiles(measures)):
        _draw_tile(figure, 0.035 + place * 0.2365, tile)
    _draw_bars(figure, 0.035, "Major corrections of customer updates, by cause", _causes(measures))
    _draw_bars(figure, 0.508, "Handoff packets, and what was missing from them", _missing(measures))
    written = io.BytesIO()
    figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()


def measures_alt_text(measures: Measures, period: str) -> str:
    """What the picture says, for whoever does not see it: whole sentences, as many as Slack takes."""
    said = f"How cases went, {period}."
    for one in lines(measures):
        longer = f"{said} {one[0].upper()}{one[1:]}."
        said = longer if len(longer) <= ALT_LENGTH else said
    return said


def _tiles(one: Measures) -> Sequence[_Tile]:
    drafts = one.customer_drafts
    share = "none yet" if drafts.share is None else f"{drafts.share:.0%}"
    untraced = len(one.untraced)
    sent = f"of {one.traced + untraced} sentences{': must be 0' if untraced else ''}"
    time = f"median; 90% within {span(one.p90_seconds)}"
    stalls = f"longest run {one.longest_stall}; stalled cases {one.stalled_cases}"
    return (
        ("First approved update", span(one.median_seconds), time if one.updated_cases else "", INK),
        ("Sent without a full trace", str(untraced), sent, BAD if untraced else GOOD),
        ("Major corrections", share, f"{drafts.corrected} of {drafts.drafts} customer updates", INK),
        ("Turns that led nowhere", f"{one.idle_turns} of {one.turns}", stalls, BAD if one.stalled_cases else INK),
    )


def _causes(one: Measures) -> Sequence[tuple[str, int]]:
    return [(cause.replace("_", " "), one.customer_drafts.by_cause.get(cause, 0)) for cause in sorted(MAJOR_CAUSES)]


def _missing(one: Measures) -> Sequence[tuple[str, int]]:
    parts = sorted(one.missing_parts.items(), key=lambda pair: (-pair[1], pair[0]))
    named = [(f"without {part.replace('_', ' ')}", count) for part, count in parts[:LONGEST_PARTS]]
    others = sum(count for _, count in parts[LONGEST_PARTS:])
    whole = [("complete", one.complete_handoffs), ("owed to security", one.owed_handoffs)]
    return [*whole, *named, *([("without other parts", others)] if others else [])]


def _alarms(figure: Figure, alarms: Sequence[str]) -> None:
    text, colour = ("ALARM: " + "; ".join(alarms), BAD) if alarms else ("No alarm", GOOD)
    figure.text(
        0.965, 0.925, text, fontsize=13, fontweight="bold", color=colour, ha="right", va="bottom",
        bbox={"boxstyle": "round,pad=0.5", "facecolor": CARD, "edgecolor": colour},
    )  # fmt: skip


def _draw_tile(figure: Figure, left: float, tile: _Tile) -> None:
    heading, number, words, colour = tile
    axes = _card(figure, (left, 0.555, 0.2205, 0.26))
    axes.text(0.07, 0.80, heading, fontsize=12.5, color=SOFT)
    axes.text(0.07, 0.40, number, fontsize=27 if len(number) < 9 else 22, fontweight="bold", color=colour)
    axes.text(0.07, 0.14, words, fontsize=10.5, color=SOFT)


def _draw_bars(figure: Figure, left: float, heading: str, bars: Sequence[tuple[str, int]]) -> None:
    card = _card(figure, (left, 0.05, 0.457, 0.455))
    card.text(0.035, 0.88, heading, fontsize=12.5, color=SOFT)
    axes = figure.add_axes((left + 0.165, 0.075, 0.255, 0.36))
    axes.set_facecolor(CARD)
    names, counts = [name for name, _ in bars], [count for _, count in bars]
    drawn = axes.barh(names, counts, color=[BAR if count else REST for count in counts], height=0.55)
    axes.bar_label(drawn, padding=5, fontsize=12, color=INK, fontweight="bold")
    axes.invert_yaxis()
    axes.set_xlim(0, max([*counts, 1]) * 1.15)
    axes.set_ylim(max(len(bars), FEWEST_ROWS) - 0.5, -0.5)
    axes.xaxis.set_visible(False)
    axes.tick_params(axis="y", length=0, labelsize=12, labelcolor=INK)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "left")
        spine.set_color(LINE)


def _card(figure: Figure, place: tuple[float, float, float, float]) -> Axes:
    from matplotlib.patches import FancyBboxPatch

    left, bottom, width, height = place
    box = FancyBboxPatch(
        (left + 0.006, bottom + 0.01), width - 0.012, height - 0.02, boxstyle="round,pad=0.008,rounding_size=0.012",
        facecolor=CARD, edgecolor=LINE, linewidth=1.2, transform=figure.transFigure, zorder=-1,
        mutation_aspect=WIDTH / HEIGHT,
    )  # fmt: skip
    figure.add_artist(box)
    axes = figure.add_axes(place)
    axes.set_axis_off()
    return axes
