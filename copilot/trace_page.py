"""The trace of a case as one HTML page, for an auditor who never saw the case.

It loads nothing and runs nothing: no script, no image, no address but its own headings', and its own policy forbids the
rest. Every text that is not ours goes through `_text`.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from importlib.resources import files

from copilot.case_trace import Cited, Edit, Sent, SentSentence
from copilot.draft_differences import Change, Difference, Words
from copilot.trace_document import CaseTrace, Record, origin_words, summary, trace_words
from copilot.trace_steps import Changed, Listed, Part, Said, Step, evidence_rows
from copilot.trace_words import Names, actor, author, moment, visible, who, words
from policy.case_entries import Entry, Overridden
from policy.case_terms import Author, Sentence

_GUIDE = (
    "A case is worked on by people and a copilot together. Evidence is read from systems; statements are made of"
    " evidence; drafts are made of sentences that cite statements; and a draft goes out only once people approved its"
    " exact text. Each of these is an entry of the record, which nobody can change afterwards unseen. All times are"
    " UTC. In ⟦ ⟧ stand characters that cannot be seen. The colour beside a sentence says who wrote it first: "
)
_HASHES = frozenset({"SHA-256", "Request", "SHA-256 of the text", "SHA-256 of the value", "asked"})


def trace_page(trace: CaseTrace) -> str:
    """The page of a case whose record holds."""
    opened = trace.story.opened
    body = [
        "<header>",
        f'<p class="kicker">Trace of a case</p><h1>{_text(opened.title)}</h1>',
        _record(trace.record),
        _facts(summary(trace)),
        f'<p class="guide">{_GUIDE}{_badge("person", "a person")} {_badge("model", "a model")}'
        f" {_badge('rules', 'the rules')}</p>",
        '<nav aria-label="Contents"><ol><li><a href="#sent">What was sent</a></li>'
        '<li><a href="#steps">The whole collaboration</a></li></ol></nav></header>',
        '<main><section aria-labelledby="sent"><h2 id="sent">What was sent</h2>',
        *(_message(number, one, trace.names) for number, one in enumerate(trace.sent, start=1)),
        *([] if trace.sent else ["<p>Nothing was sent.</p>"]),
        '</section><section class="timeline" aria-labelledby="steps">',
        f'<h2 id="steps">The whole collaboration, in order ({len(trace.steps)} entries)</h2><ol class="steps">',
        *map(_step, trace.steps),
        "</ol></section></main>",
        f"<footer><p>Case {_text(trace.case_id)}. Verify the whole trail with <code>countersign audit verify</code>,"
        " also against checkpoints kept elsewhere: only these show that the end of a record was cut off.</p></footer>",
    ]
    return _page(f"Trace of case {trace.case_id}", body)


def broken_page(case_id: str, record: Record) -> str:
    """The page of a case whose record does not hold: nothing of it is shown, since nothing of it is known to be so."""
    body = [
        f'<header><p class="kicker">Trace of a case</p><h1>Case {_text(case_id)}</h1></header><main>{_record(record)}',
        "<p>Nothing of the case is shown: what stands in the database may have been changed, added or taken out."
        " <code>countersign audit verify</code> names the first entry that does not hold, and"
        " <code>countersign audit export</code> writes all of them as they are.</p></main>",
    ]
    return _page(f"Trace of case {case_id}", body)


@cache
def _style() -> str:
    return (files(__package__) / "trace_page.css").read_text(encoding="utf-8")


def _page(title: str, body: Sequence[str]) -> str:
    style = _style()
    hashed = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(visible(title))}</title><style>{style}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _record(record: Record) -> str:
    if record.problem:
        return f'<p class="record broken"><strong>The record does not hold.</strong> {_text(record.problem)}</p>'
    return (
        f'<p class="record holds"><strong>The record verifies.</strong> Each of its {record.entries} entries is under'
        f" the desk's audit key and follows from the one before. Checked {moment(record.checked_at)}."
        f'<br>Hash of the last entry: <span class="hash">{_text(record.head)}</span></p>'
    )


def _facts(pairs: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{_value(name, text)}</dd>" for name, text in pairs)
    return f"<dl>{rows}</dl>"


def _message(number: int, sent: Sent, names: Names) -> str:
    out = sent.released
    approvers = "\n".join(who(one, names) for one in out.approvers)
    facts = [
        ("Sent", f"{moment(sent.entry.at)}, entry {sent.entry.seq}"),
        ("Draft", f"{out.draft_id}, revision {out.revision}"),
        ("Request", out.request_id),
        ("SHA-256 of the text", out.text_sha256),
    ]
    approved = _text(approvers) if approvers else _missing("nobody known")
    whole = "".join(f"<li>{_text(one.sentence.text)}</li>" for one in sent.sentences)
    letter = f'<ol class="letter">{whole}</ol>' if whole else f"<p>{_missing('the record has no such revision')}</p>"
    return (
        f'<article class="message" aria-labelledby="m{number}">'
        f'<h3 id="m{number}">{number}. To {_text(out.audience)}</h3>{_facts(facts)}'
        f"<dl><dt>Approved by</dt><dd>{approved}</dd></dl>{_overrides(sent.overrides, names)}{letter}"
        + "".join(_sentence(f"{number}.{place}", one, names) for place, one in enumerate(sent.sentences, start=1))
        + "</article>"
    )


def _sentence(number: str, one: SentSentence, names: Names) -> str:
    trace = _badge("missing" if one.gaps else "full", trace_words(one).capitalize() if one.gaps else _traced(one))
    changes = "".join(_edit(edit, names) for edit in one.edits[1:])
    behind = "".join(_cited(cited, names) for cited in one.cited)
    return (
        f'<section class="sentence {_sort(one.origin)}" aria-labelledby="s{number}">'
        f'<h4 id="s{number}"><span class="number">{number}</span> {_text(one.sentence.text)}</h4>'
        f'<p class="badges">{_badge(_sort(one.origin), origin_words(one, names))}{trace}</p>'
        f"{changes}{_overrides(one.overrides, names)}{behind}</section>"
    )


def _traced(one: SentSentence) -> str:
    return "Courtesy: claims nothing" if one.is_courtesy else "Full trace"


def _edit(edit: Edit, names: Names) -> str:
    cause = f", {_text(words(edit.cause))}" if edit.cause else ""
    why = f": {_text(edit.reason)}" if edit.reason else ""
    return (
        f'<p class="label">Changed in revision {edit.revision} by {_text(author(edit.author, names))}'
        f"{cause}{why}</p>{_difference(edit.difference)}"
    )


def _overrides(found: Sequence[tuple[Entry, Overridden]], names: Names) -> str:
    return "".join(
        f'<p class="label">Mark {_text(words(one.code))} overridden by {_text(actor(entry.actor, names))}:'
        f" {_text(one.reason)}</p>"
        for entry, one in found
    )


def _cited(cited: Cited, names: Names) -> str:
    one = cited.statement
    if one is None:
        return f"<p>{_missing('cites a statement that the case did not have:')} {_text(cited.cite)}</p>"
    history = "".join(
        f"<li><time>{moment(entry.at)}</time> {'new' if step.event is None else step.event.value} by"
        f" {_text(actor(entry.actor, names))}{f': {_text(step.reason)}' if step.reason else ''}</li>"
        for entry, step in cited.history
    )
    found = _table(evidence_rows(cited.evidence, names)) if cited.evidence else ""
    missing = f"<p>{_missing('never retrieved:')} {_text(', '.join(cited.missing))}</p>" if cited.missing else ""
    return (
        f'<p class="label">Rests on {_text(cited.cite)}, {words(one.kind)}, {one.state.value} when it was cited</p>'
        f'<p>{_text(one.text)}</p><ul class="history">{history}</ul>{found}{missing}'
    )


def _step(step: Step) -> str:
    parts = "".join(_parts(step.parts))
    return (
        f'<li><article class="step {step.sort}" aria-labelledby="e{step.number}"><h3 id="e{step.number}">'
        f'<span class="number">{step.number}.</span> {_text(step.title)}</h3>'
        f'<p class="by"><time>{moment(step.at)}</time>, by {_text(step.by)}</p>{parts}</article></li>'
    )


def _parts(parts: Sequence[Part]) -> Iterator[str]:
    waiting: list[tuple[str, str]] = []
    for part in parts:
        if isinstance(part, Said):
            waiting.append((part.label, part.text))
            continue
        if waiting:
            yield _facts(waiting)
            waiting = []
        yield _table(part) if isinstance(part, Listed) else _changed(part)
    if waiting:
        yield _facts(waiting)


def _changed(part: Changed) -> str:
    return f'<p class="label">{_text(part.caption)}</p>' + "".join(map(_difference, part.differences))


def _difference(one: Difference) -> str:
    if one.change is Change.ADDED and one.after is not None:
        return f'<p><span class="label">put in:</span> <ins>{_text(one.after.text)}</ins></p>'
    if one.change is Change.REMOVED and one.before is not None:
        return f'<p><span class="label">taken out:</span> <del>{_text(one.before.text)}</del></p>'
    if one.change is Change.CHANGED:
        return f'<p><span class="label">changed:</span> {" ".join(map(_run, one.words))}{_cites(one)}</p>'
    return f"<p>{_text(one.after.text)}</p>" if one.after is not None else ""


def _run(run: Words) -> str:
    tag = {Change.ADDED: "ins", Change.REMOVED: "del"}.get(run.change, "span")
    return f"<{tag}>{_text(run.text)}</{tag}>"


def _cites(one: Difference) -> str:
    before, after = one.before or Sentence("", (), Author()), one.after or Sentence("", (), Author())
    if before.cites == after.cites:
        return ""
    said = f"cited {', '.join(before.cites) or 'nothing'}; now {', '.join(after.cites) or 'nothing'}"
    return f' <span class="label">{_text(said)}</span>'


def _table(table: Listed) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    rows = "".join(
        f'<tr><th scope="row">{_text(row[0])}</th>'
        + "".join(f"<td>{_value(name, cell)}</td>" for name, cell in zip(table.columns[1:], row[1:], strict=True))
        + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>"
    return f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _value(name: str, text: str) -> str:
    return f'<span class="hash">{_text(text)}</span>' if name in _HASHES else _text(text)


def _text(text: str) -> str:
    """Text of others in its own direction, with what cannot be seen by its number; it makes no tag."""
    return f"<bdi>{escape(visible(text))}</bdi>"


def _badge(sort: str, text: str) -> str:
    return f'<span class="badge {sort}">{_text(text)}</span>'


def _missing(text: str) -> str:
    return f'<span class="missing">{escape(text)}</span>'


def _sort(one: Author) -> str:
    return "person" if one.person is not None else "model" if one.model else "rules"
