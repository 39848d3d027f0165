"""The trace of a case as one HTML page: the whole collaboration in order, for an auditor who never saw the case.

It loads nothing and runs nothing: no script, no image, no address is followed, and its own policy forbids it. Every
text of others goes through `_text`. Entries come in the order in which they are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from functools import singledispatch
from html import escape

from copilot.handoff import Approval
from copilot.plain_markdown import EMPTY, is_hidden
from policy.case_terms import Author, Draft, Evidence, Statement
from policy.digest import utc_text
from policy.terms import PersonKey


@dataclass(frozen=True)
class Turn:
    """Somebody said or did something."""

    at: datetime
    author: Author
    words: str


@dataclass(frozen=True)
class Retrieved:
    """Evidence came in."""

    at: datetime
    evidence: Evidence


@dataclass(frozen=True)
class Held:
    """A statement, with all its revisions, oldest first."""

    at: datetime
    revisions: tuple[Statement, ...]


@dataclass(frozen=True)
class Drafted:
    """A revision of a draft, and the one before it."""

    at: datetime
    draft: Draft
    before: Draft | None


@dataclass(frozen=True)
class Approved:
    """Somebody approved something."""

    approval: Approval

    @property
    def at(self) -> datetime:
        """When."""
        return self.approval.at


@dataclass(frozen=True)
class SentSentence:
    """One sentence of what went out."""

    text: str
    origin: Author
    statements: tuple[str, ...]
    evidence: tuple[str, ...]
    approver: PersonKey | None
    """None: nobody is known to have approved it, and the page says so."""


@dataclass(frozen=True)
class Sent:
    """What went out, to whom."""

    at: datetime
    audience: str
    sentences: tuple[SentSentence, ...]


Entry = Turn | Retrieved | Held | Drafted | Approved | Sent

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #57606a; --line: #c9d1d9; --bad: #a40e26; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9da7b3; --line: #3d444d; --bad: #ff8a8f; }
}
body { color: var(--ink); background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 60rem; padding: 1.5rem; }
article { border-top: 1px solid var(--line); padding: .75rem 0; break-inside: avoid; }
h2 { font-size: 1rem; margin: 0; } p { margin: .25rem 0; } bdi { overflow-wrap: anywhere; }
small, th { color: var(--soft); } table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
ins { text-decoration: underline; } del { color: var(--soft); } .missing { color: var(--bad); font-weight: 600; }
@media print { :root { --ink: #000; --paper: #fff; --soft: #333; --line: #999; --bad: #800; } body { padding: 0; } }
"""


def trace_page(title: str, entries: Sequence[Entry]) -> str:
    """The page. Raises NotCanonical for a time without a zone."""
    shown = [
        f'<article aria-labelledby="e{number}">{"".join(_entry(one, number))}</article>'
        for number, one in enumerate(entries, start=1)
    ]
    body = "\n".join(shown) or "<p>Nothing has happened in this case.</p>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Trace of a case</title><style>{_STYLE}</style></head>\n"
        f"<body><main><h1>Trace: {_text(title)}</h1>\n"
        "<p><small>All times are UTC. In ⟦ ⟧ stand characters that cannot be seen.</small></p>\n"
        f"{body}\n</main></body></html>\n"
    )


def _entry(one: Entry, number: int) -> Iterator[str]:
    heading, body = _parts(one)
    yield f'<h2 id="e{number}">{number}. {heading}</h2><p><small><time>{utc_text(one.at)}</time></small></p>{body}'


@singledispatch
def _parts(one: object) -> tuple[str, str]:
    raise TypeError(f"not an entry of a trace: {type(one).__name__}")


@_parts.register
def _(one: Turn) -> tuple[str, str]:
    return f"{_author(one.author)} said", f"<p>{_text(one.words)}</p>"


@_parts.register
def _(one: Retrieved) -> tuple[str, str]:
    found = one.evidence
    rows = {
        "kind": found.kind.value,
        "authority": found.authority.value,
        "observed": found.observed_at.isoformat() if found.observed_at else "no time",
        "place": found.place,
        "SHA-256": found.sha256,
        "excerpt": found.excerpt,
    }
    table = "".join(f'<tr><th scope="row">{name}</th><td>{_text(value)}</td></tr>' for name, value in rows.items())
    source = found.source.value.replace("_", " ")
    return f"Evidence {_text(found.evidence_id)} from {source}", f"<table><tbody>{table}</tbody></table>"


@_parts.register
def _(one: Held) -> tuple[str, str]:
    rows = "".join(
        f"<tr><td>{held.revision}</td><td>{held.kind.value.replace('_', ' ')}, {held.state.value}</td>"
        f"<td>{_text(held.text)}{_because(held.resolution)}</td><td>{_author(held.author)}</td>"
        f"<td>{_ids(held.evidence)}</td></tr>"
        for held in one.revisions
    )
    names = ("revision", "state", "text", "author", "evidence")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    name = _text(one.revisions[-1].statement_id) if one.revisions else ""
    return f"Statement {name}", f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


@_parts.register
def _(one: Drafted) -> tuple[str, str]:
    old = [] if one.before is None else [sentence.text for sentence in one.before.sentences]
    new = [sentence.text for sentence in one.draft.sentences]
    lines = []
    for what, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            lines += [f"<p>{_text(text)}</p>" for text in new[new_from:new_to]]
            continue
        lines += [f"<p><small>taken out:</small> <del>{_text(text)}</del></p>" for text in old[old_from:old_to]]
        lines += [f"<p><small>put in:</small> <ins>{_text(text)}</ins></p>" for text in new[new_from:new_to]]
    kind = one.draft.kind.value.replace("_", " ")
    return f"Draft {_text(one.draft.draft_id)}, {kind}, revision {one.draft.revision}", "".join(lines)


@_parts.register
def _(one: Approved) -> tuple[str, str]:
    said = one.approval
    return f"{_text(str(said.by))} approved {_text(said.what)}", f"<p>Digest {_text(said.digest)}</p>"


@_parts.register
def _(one: Sent) -> tuple[str, str]:
    rows = "".join(
        f"<tr><td>{_text(sentence.text)}</td><td>{_author(sentence.origin)}</td><td>{_ids(sentence.statements)}</td>"
        f"<td>{_ids(sentence.evidence)}</td><td>{_approver(sentence.approver)}</td></tr>"
        for sentence in one.sentences
    )
    names = ("sentence", "origin", "statements", "evidence", "approver")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f"Sent to {_text(one.audience)}", f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _text(text: str) -> str:
    """Text of others, on one line, in its own direction, with what cannot be seen by its number."""
    shown = "".join(f"⟦U+{ord(one):04X}⟧" if one in "⟦⟧" or is_hidden(one) else one for one in text)
    return f"<bdi>{escape(shown)}</bdi>" if shown.strip() else f"<bdi>{EMPTY}</bdi>"


def _because(reason: str) -> str:
    return f" <small>({_text(reason)})</small>" if reason else ""


def _ids(ids: Sequence[str]) -> str:
    return ", ".join(map(_text, ids)) or '<span class="missing">none</span>'


def _approver(person: PersonKey | None) -> str:
    return '<span class="missing">nobody known</span>' if person is None else _text(str(person))


def _author(author: Author) -> str:
    if author.person is not None:
        return _text(str(author.person))
    if author.model:
        return f"model {_text(author.model)}, prompt {_text(author.prompt_version)}"
    return "the rules"
