"""The trace of a case for a terminal: what was sent with all that is behind it, then the whole collaboration."""

from __future__ import annotations

from collections.abc import Iterator

from copilot.case_trace import Cited, Edit, Sent, SentSentence
from copilot.trace_document import CaseTrace, origin_words, summary, trace_words
from copilot.trace_steps import Changed, Listed, Part, Said, Step
from copilot.trace_words import Names, actor, author, in_line, moment, visible, who, words
from policy.case_entries import Entry, Overridden


def trace_text(trace: CaseTrace) -> str:
    """The whole trace. Nothing in it moves a cursor, whatever others wrote."""
    lines = [f"Trace of a case: {in_line(trace.story.opened.title)}", "", trace.record.sentence, ""]
    lines += [f"{label}: {_block(text, '  ')}" for label, text in summary(trace)]
    lines += ["", "WHAT WAS SENT", ""]
    if not trace.sent:
        lines.append("Nothing was sent.")
    for number, one in enumerate(trace.sent, start=1):
        lines += [*_sent(number, one, trace.names), ""]
    lines += ["THE WHOLE COLLABORATION, IN ORDER", ""]
    for step in trace.steps:
        lines += [*_step(step), ""]
    return "\n".join(lines)


def _sent(number: int, sent: Sent, names: Names) -> Iterator[str]:
    out = sent.released
    yield f"{number}. To {in_line(out.audience)}, {moment(sent.entry.at)}"
    yield f"   draft {in_line(out.draft_id)}, revision {out.revision}, request {in_line(out.request_id)}"
    yield f"   approved by {in_line(', '.join(who(one, names) for one in out.approvers) or 'nobody known')}"
    yield f"   SHA-256 of the text {in_line(out.text_sha256)}"
    for entry, mark in sent.overrides:
        yield f"   {_override(entry, mark, names)}"
    if sent.revision is None:
        yield "   INCOMPLETE: the record has no such revision"
    for place, one in enumerate(sent.sentences, start=1):
        yield f"   {number}.{place}  {_block(one.sentence.text, '        ')}"
        yield from (f"        {line}" for line in _sentence(one, names))


def _sentence(one: SentSentence, names: Names) -> Iterator[str]:
    yield in_line(origin_words(one, names))
    for edit in one.edits[1:]:
        yield in_line(_edit(edit, names))
        yield f"  {in_line(edit.difference.as_text)}"
    for entry, mark in one.overrides:
        yield _override(entry, mark, names)
    for cited in one.cited:
        yield from _cited(cited, names)
    yield f"trace: {in_line(trace_words(one))}"


def _edit(edit: Edit, names: Names) -> str:
    why = ": ".join(part for part in (words(edit.cause), edit.reason) if part)
    return f"changed in revision {edit.revision} by {author(edit.author, names)}{f' ({why})' if why else ''}"


def _override(entry: Entry, mark: Overridden, names: Names) -> str:
    return f"mark '{in_line(words(mark.code))}' overridden by {_actor(entry.actor, names)}: {in_line(mark.reason)}"


def _cited(cited: Cited, names: Names) -> Iterator[str]:
    if cited.statement is None:
        yield f"cites {in_line(cited.cite)}, which the case did not have"
        return
    one = cited.statement
    yield f"rests on {in_line(cited.cite)}, {words(one.kind)}, {one.state}: {_block(one.text, '          ')}"
    for entry, step in cited.history:
        done = "new" if step.event is None else step.event.value
        reason = f": {in_line(step.reason)}" if step.reason else ""
        yield f"  {moment(entry.at)}  {done} by {_actor(entry.actor, names)}{reason}"
    for item in cited.evidence:
        yield f"  {in_line(item.evidence_id)} from {words(item.source)} ({item.authority}), {in_line(item.place)}"
        yield f"    observed {moment(item.observed_at)}, retrieved {moment(item.retrieved_at)}"
        yield f"    SHA-256 {in_line(item.sha256) if item.sha256 else 'none: nothing was read'}"
        yield f"    {_block(item.excerpt, '            ')}"
    for missing in cited.missing:
        yield f"  {in_line(missing)} was never retrieved"


def _step(step: Step) -> Iterator[str]:
    yield f"{step.number:>4}  {moment(step.at)}  {in_line(step.title)}"
    yield f"      by {in_line(step.by)}"
    for part in step.parts:
        yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    match part:
        case Said(label, text):
            yield f"      {label}: {_block(text, '        ')}"
        case Changed(caption, found):
            yield f"      {caption}:"
            yield from (f"        {_block(one.as_text, '          ')}" for one in found)
        case Listed(caption, columns, rows):
            yield f"      {caption}:"
            for row in rows:
                cells = (f"{name}: {_block(cell, '            ')}" for name, cell in zip(columns, row, strict=True))
                first, *others = cells
                yield f"        - {first}"
                yield from (f"          {cell}" for cell in others)


def _actor(text: str, names: Names) -> str:
    return in_line(actor(text, names))


def _block(text: str, indent: str) -> str:
    """Text of others, its further lines under its first."""
    return visible(text).replace("\n", f"\n{indent}")
