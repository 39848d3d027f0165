"""What `countersign policy explain` and `replay` found, in lines for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from handlers.flows.explain_decision import Explained
from policy.compiling import PolicyNote
from policy.explaining import Explanation
from policy.replaying import Replay
from policy.terms import Person


def explanation_lines(found: Explained) -> Iterator[str]:
    """Who, what, and for each choice the verdict, its reasons, both gates' views, and what would make it a yes."""
    yield (
        f"request {found.request_id}: {found.title} ({found.action_id}), {found.risk.value} risk, ticket"
        f" #{found.ticket_number}, {found.status.value}, until {found.expires_at:%Y-%m-%d %H:%M} UTC,"
        f" {found.quorum} needed"
    )
    yield f"person {found.person.key}: {_who(found.person)}"
    if not found.has_card:
        yield "no approval card of it stands in Slack, so there is nothing that a vote could be about"
    for answer in found.answers:
        yield from _answer(answer, found.notes)


def _who(person: Person) -> str:
    said = {
        "of the home company": person.is_home,
        "active": person.is_active,
        "a full member": person.is_full_member,
        "human": person.is_human,
        "e-mail confirmed": person.is_email_confirmed,
    }
    flags = ", ".join(words if holds else f"not {words}" for words, holds in said.items())
    groups = f"in {' and '.join(sorted(person.groups))}" if person.groups else "in no policy group"
    # A name is its owner's text: it must not move the cursor of whoever reads this.
    return f"{json.dumps(person.name)}, {flags}, {groups}"


def _answer(answer: Explanation, notes: Mapping[str, PolicyNote]) -> Iterator[str]:
    ruling, by_cedar = answer.views.ruling, answer.views.by_cedar
    yield f"{answer.choice.value}: {'permitted' if ruling.is_allowed else f'refused ({ruling.code})'}"
    for policy_id in ruling.policy_ids:
        yield f"  {policy_id}: {notes[policy_id].reason}"
    if not ruling.policy_ids:
        yield f"  {ruling.reason}"
    decided = f" by {', '.join(by_cedar.policy_ids)}" if by_cedar.policy_ids else ", no permit names them"
    errors = f", with errors: {'; '.join(by_cedar.errors)}" if by_cedar.errors else ""
    yield f"  the policy files say {'yes' if by_cedar.is_allowed else 'no'}{decided}{errors}"
    broken = ", ".join(sorted(answer.views.broken_in_code))
    yield f"  the code says {f'no: {broken}' if broken else 'yes: no invariant is broken'}"
    if not ruling.is_allowed:
        ways = [f"if {' and '.join(way)}" for way in answer.differently]
        yield f"  it would be permitted {', or '.join(ways) if ways else 'under no change that can be named here'}"
        yield f"  they read: {ruling.reply}"


NOT_KNOWN = (
    "tickets are judged by the category, severity and status they have today",
    "who was in a group at the time is known where a decision recorded it, and only of those people",
    "addresses are not kept with votes, so the rule about them, which no policy changes, is left out",
)


def replay_lines(found: Replay) -> Iterator[str]:
    """The summary in words, what is not known, then one line for each change."""
    yield from found.summary()
    for line in NOT_KNOWN:
        yield f"not known: {line}"
    for one in found.changes:
        yield f"{one.kind.value}  ticket #{one.ticket_number}  {one.action_id}  {one.request_id}  {one.what}"


def replay_json(found: Replay) -> str:
    """The same as one object."""
    return json.dumps(
        {
            "requests": found.requests,
            "votes": found.votes,
            "notJudged": {
                "proposals": found.unknown_proposers,
                "votes": found.unknown_voters,
                "approvers": found.unknown_approvers,
            },
            "summary": list(found.summary()),
            "notKnown": list(NOT_KNOWN),
            "changes": [asdict(one) for one in found.changes],
        }
    )
