"""The measures of cases in words, as JSON, and as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from copilot.measures import STALLED_TURNS, Corrections, Measures
from policy.case_entries import MAJOR_CAUSES


def lines(measures: Measures) -> tuple[str, ...]:
    """For a terminal, and under the picture of them."""
    return tuple(_lines(measures))


def _lines(one: Measures) -> Iterator[str]:
    for alarm in one.alarms:
        yield f"ALARM: {alarm}"
    yield f"cases: {one.cases}, of them open {one.open_cases}"
    yield (
        f"from intake to the first approved update: median {span(one.median_seconds)},"
        f" 90% within {span(one.p90_seconds)} ({one.updated_cases} cases)"
    )
    yield f"customer updates by the copilot: {_corrected(one.customer_drafts)}"
    yield f"all drafts by the copilot: {_corrected(one.all_drafts)}"
    yield (
        f"sentences sent: {one.traced} with a full trace, {len(one.untraced)} without,"
        f" {one.courtesies} that claim nothing"
    )
    missing = ", ".join(f"{part.replace('_', ' ')} {count}" for part, count in one.missing_parts.items())
    yield (
        f"handoffs: {one.complete_handoffs} of {one.handoffs} complete{f' (missing: {missing})' if missing else ''},"
        f" {one.owed_handoffs} owed to security"
    )
    yield (
        f"turns: {one.turns}, of them {one.idle_turns} that improved nothing; longest run of these"
        f" {one.longest_stall}; cases with {STALLED_TURNS} or more in a row: {one.stalled_cases}"
    )


def _corrected(one: Corrections) -> str:
    if one.share is None:
        return "none yet"
    causes = ", ".join(f"{cause.replace('_', ' ')} {count}" for cause, count in one.by_cause.items())
    found = f"{one.corrected} of {one.drafts} needed a major correction ({one.share:.0%})"
    return f"{found}: {causes}" if causes else found


def span(seconds: float | None) -> str:
    """A length of time in two units at most."""
    if seconds is None:
        return "none yet"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, left = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {left} min" if left else f"{hours} h"
    days, left = divmod(hours, 24)
    return f"{days} d {left} h" if left else f"{days} d"


def measures_json(one: Measures) -> dict[str, JsonValue]:
    """For a program."""
    return {
        "cases": one.cases,
        "openCases": one.open_cases,
        "alarms": [*one.alarms],
        "recordsThatDoNotHold": [*one.broken],
        "intakeToFirstUpdate": {
            "cases": one.updated_cases,
            "medianSeconds": one.median_seconds,
            "p90Seconds": one.p90_seconds,
        },
        "customerDrafts": _corrections(one.customer_drafts),
        "allDrafts": _corrections(one.all_drafts),
        "sentSentences": {
            "withTrace": one.traced,
            "withoutTrace": len(one.untraced),
            "courtesies": one.courtesies,
            "where": [*one.untraced],
        },
        "handoffs": {
            "sent": one.handoffs,
            "complete": one.complete_handoffs,
            "missingParts": dict(one.missing_parts),
            "owed": one.owed_handoffs,
        },
        "turns": {
            "all": one.turns,
            "improvedNothing": one.idle_turns,
            "longestRun": one.longest_stall,
            "stalledCases": one.stalled_cases,
        },
    }


def _corrections(one: Corrections) -> JsonValue:
    return {
        "drafts": one.drafts,
        "majorCorrection": one.corrected,
        "share": one.share,
        "byCause": dict(one.by_cause),
    }


def exposition(one: Measures) -> str:
    """In the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
    found: list[str] = []
    for name, help_text, samples in _gauges(one):
        found += [f"# HELP {name} {help_text}", f"# TYPE {name} gauge"]
        found += [f"{name}{labels} {value}" for labels, value in samples]
    return "\n".join(found) + "\n"


def _gauges(one: Measures) -> Iterator[tuple[str, str, list[tuple[str, float]]]]:
    def gauge(name: str, words: str, *samples: tuple[str, float]) -> tuple[str, str, list[tuple[str, float]]]:
        return f"countersign_case_{name}", words, list(samples)

    drafts = one.customer_drafts
    yield gauge("cases", "Cases by state.", ('{state="open"}', one.open_cases),
                ('{state="closed"}', one.cases - one.open_cases))  # fmt: skip
    yield gauge("broken_records", "Cases whose record does not hold. Must be 0.", ("", len(one.broken)))
    times = [('{quantile="0.5"}', one.median_seconds), ('{quantile="0.9"}', one.p90_seconds)]
    yield gauge("first_update_seconds", "From intake to the first approved customer update.",
                *((label, value) for label, value in times if value is not None))  # fmt: skip
    yield gauge("customer_drafts", "Customer updates that the copilot drafted.", ("", drafts.drafts))
    yield gauge("customer_drafts_corrected", "Of these, those that needed a major correction.", ("", drafts.corrected))
    causes = ((f'{{cause="{cause}"}}', drafts.by_cause.get(cause, 0)) for cause in sorted(MAJOR_CAUSES))
    yield gauge("customer_drafts_corrected_by_cause", "The same by cause; one draft may have several.", *causes)
    yield gauge("sent_sentences", "Sentences that were sent.", ('{trace="full"}', one.traced),
                ('{trace="none_needed"}', one.courtesies))  # fmt: skip
    yield gauge("sent_sentences_untraced", "Sentences sent without a full trace. Must be 0.", ("", len(one.untraced)))
    yield gauge("handoffs", "Handoff packets sent.", ('{complete="true"}', one.complete_handoffs),
                ('{complete="false"}', one.handoffs - one.complete_handoffs))  # fmt: skip
    yield gauge("handoffs_owed", "Cases with the latch set and no packet for security.", ("", one.owed_handoffs))
    yield gauge("turns", "Turns of the copilot.", ('{improved="true"}', one.turns - one.idle_turns),
                ('{improved="false"}', one.idle_turns))  # fmt: skip
    yield gauge("longest_stall_turns", "The longest run of turns that improved nothing.", ("", one.longest_stall))
    yield gauge("stalled_cases", "Cases with a run of turns that is a stall.", ("", one.stalled_cases))
