"""A handoff packet as Markdown, for people. Every text that is not ours goes through `plain_markdown.plain`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from copilot.handoff import Dissent, Packet, Part
from copilot.handoff_gaps import completeness
from copilot.plain_markdown import LEGEND, plain
from policy.case_terms import Author, Evidence, Statement
from policy.digest import utc_text
from policy.latching import Latch
from policy.terms import PersonKey

_HEADINGS: Mapping[Part, str] = {
    Part.FACTS: "Reproduced facts",
    Part.QUESTIONS: "Open questions",
    Part.CONFLICTS: "Conflicts",
    Part.DISSENT: "Dissent",
    Part.NEXT_ACTIONS: "Requested next actions",
    Part.EVIDENCE: "Evidence",
    Part.TIMELINE: "Timeline",
    Part.APPROVALS: "Approvals",
}


def page(packet: Packet) -> str:
    """The whole packet. Raises NotCanonical for a time of ours without a zone."""
    sections = {
        Part.FACTS: [_statement(one) for one in packet.facts],
        Part.QUESTIONS: [_statement(one) for one in packet.questions],
        Part.CONFLICTS: [_conflict(one) for one in packet.conflicts],
        Part.DISSENT: [_dissent(one) for one in packet.dissent],
        Part.NEXT_ACTIONS: [_action(one) for one in packet.next_actions],
        Part.EVIDENCE: _evidence(packet.evidence),
        Part.TIMELINE: _timeline(packet.timeline),
        Part.APPROVALS: [
            f"- {plain(one.what)}, approved by {_who(one.by)} at {utc_text(one.at)}"
            + (f", digest {plain(one.digest)}" if one.digest else "")
            for one in packet.approvals
        ],
    }
    lines = [*_head(packet), *_latch(packet.latch), *_gaps(packet)]
    for part in Part:
        lines += ["", f"## {_HEADINGS[part]}", "", *(sections[part] or _empty(packet, part))]
        if part is Part.FACTS and packet.unconfirmed:
            lines += ["", "## Not confirmed", "", *(_statement(one) for one in packet.unconfirmed)]
        if part is Part.TIMELINE and packet.undated:
            lines += ["", "### Without a time", "", *(_undated(one) for one in packet.undated)]
    return "\n".join(lines) + "\n"


def _head(packet: Packet) -> Iterator[str]:
    yield f"# Handoff to {packet.recipient.value}: {plain(packet.title)}"
    yield ""
    yield f"Case {plain(packet.case_id)}, ticket {plain(packet.ticket_id)}. Made by {_who(packet.made_by)} at"
    yield f"{utc_text(packet.made_at)}."
    yield ""
    yield LEGEND


def _latch(latch: Latch) -> Iterator[str]:
    yield from ("", "## Security latch", "", f"The latch is **{latch.state.value}**.")
    if latch.holds_back:
        yield f"Held back: {', '.join(one.value.replace('_', ' ') for one in sorted(latch.holds_back))}."
    yield ""
    for one in latch.reasons:
        yield f"- {one.rule.value.replace('_', ' ')}: {plain(one.sentence)} ({_ids(one.evidence)})"
    for release in latch.releases:
        yield f"- released by {_who(release.by)} at {utc_text(release.at)}, because: {plain(release.reason)}"
        yield from (f"  - of {one.rule.value.replace('_', ' ')}: {plain(one.sentence)}" for one in release.reasons)


def _gaps(packet: Packet) -> Iterator[str]:
    found = completeness(packet)
    yield from ("", "## Completeness", "")
    if found.is_complete:
        yield "Every part is there, or somebody states that it is empty."
    for part in found.missing:
        yield f"- **Missing:** {_HEADINGS[part].lower()}"
    for words in found.shortcomings:
        yield f"- {plain(words)}"


def _empty(packet: Packet, part: Part) -> list[str]:
    said = [one for one in packet.stated_empty if one.part is part and one.words.strip()]
    if not said:
        return ["**Missing: nothing is here, and nobody states that there is none.**"]
    return [f"- {plain(one.words)} (stated by {_who(one.by)} at {utc_text(one.at)})" for one in said]


def _statement(one: Statement) -> str:
    return f"- {plain(one.text)} ({_facts_of(one)})"


def _conflict(one: Statement) -> str:
    settled = f"; settled: {plain(one.resolution)}" if one.resolution else ""
    return f"- {plain(one.text)} ({_facts_of(one)}{settled})"


def _dissent(one: Dissent) -> str:
    reason = plain(one.reason) if one.reason.strip() else "**nobody recorded why**"
    when = "" if one.at is None else f" at {utc_text(one.at)}"
    return f"- {plain(one.statement.text)} ({_facts_of(one.statement)}): disputed by {_who(one.by)}{when}: {reason}"


def _action(one: Statement) -> str:
    owner = _who(one.owner) if one.owner is not None else plain(one.owner_label) if one.owner_label.strip() else ""
    label = f" ({plain(one.owner_label)})" if one.owner is not None and one.owner_label.strip() else ""
    due = "**no date**" if one.due_at is None else f"by {utc_text(one.due_at)}"
    return f"- {plain(one.text)}: {owner or '**no owner**'}{label}, {due} ({_facts_of(one)})"


def _facts_of(one: Statement) -> str:
    rests = f"rests on {_ids(one.evidence)}" if one.evidence else "rests on no evidence"
    return (
        f"{plain(one.statement_id)}, revision {one.revision}, {one.kind.value.replace('_', ' ')}, {one.state.value},"
        f" by {_author(one.author)}, {rests}"
    )


def _evidence(evidence: Sequence[Evidence]) -> list[str]:
    if not evidence:
        return []
    return [
        "| id | source | kind | retrieved | place | excerpt | SHA-256 |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {plain(one.evidence_id)} | {one.source.value.replace('_', ' ')} ({one.authority.value}) |"
            f" {one.kind.value} | {utc_text(one.retrieved_at)} | {plain(one.place)} | {plain(one.excerpt)} |"
            f" {plain(one.sha256)} |"
            for one in evidence
        ),
    ]


def _timeline(dated: Sequence[Evidence]) -> list[str]:
    if not dated:
        return []
    rows = (f"| {_time(one.observed_at)} | {plain(one.evidence_id)} | {plain(one.excerpt)} |" for one in dated)
    return ["| observed | evidence | what the source says |", "|---|---|---|", *rows]


def _undated(one: Evidence) -> str:
    as_said = "" if one.observed_at is None else f", the source says {plain(one.observed_at.isoformat())}"
    return f"- {plain(one.evidence_id)}{as_said}: {plain(one.excerpt)}"


def _time(at: datetime | None) -> str:
    return "" if at is None else utc_text(at)


def _author(author: Author) -> str:
    if author.person is not None:
        return _who(author.person)
    if author.model:
        return f"model {plain(author.model)}, prompt {plain(author.prompt_version)}"
    return "the rules"


def _who(person: PersonKey | None) -> str:
    return "nobody known" if person is None else plain(str(person))


def _ids(ids: Sequence[str]) -> str:
    return ", ".join(map(plain, ids))
