"""What a vote is about, on the approval card: the part that never changes.

It is hashed into the request's digest when the request is made and stored with it, so what was shown can be compared
with what runs. It shows everything or it does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence

from handlers.views.blocks import (
    HEADER_LENGTH,
    MESSAGE_BLOCKS,
    MESSAGE_SIZE,
    Block,
    bullets,
    context,
    header,
    labelled,
    line,
    moment,
    person,
    plain,
    rich,
    say,
    size,
    utc,
)
from handlers.views.break_glass import on_card
from handlers.views.facts import RequestCardFacts, TurnedDownFacts
from handlers.views.parameters import Detail, parameter_blocks
from handlers.views.plain import mono, one_line, visible
from handlers.views.wording import VERDICT_WORDS, count, destination_line, requester_lines, risk_words
from policy.terms import RequestStatus

LIVE_BLOCKS = 8
LIVE_SIZE = 2500
"""Kept free for the live part, whose own limits hold it below this."""

HASH_SHOWN = 12
"""Of the fingerprint and the policy version: enough to compare by eye; the whole is in the audit trail."""

REASON_LENGTH = 160
_EARLIER_SHOWN = 3
_ELIGIBLE_NAMED = 40
_SUBJECT_LENGTH = 150


def approval_substance(request: RequestCardFacts) -> list[Block] | None:
    """The stable part of the card, or None where Slack would not take all of it in one message."""
    # Reading copies repeat what the exact values say already; they give way first, then the escapes of plain prose.
    drafts = (_substance(request, detail) for detail in Detail)
    return next((blocks for blocks in drafts if _fits(blocks)), None)


def _substance(request: RequestCardFacts, detail: Detail) -> list[Block]:
    return [
        header(own_words(request.action_title)),
        *on_card(request),
        *_turned_down(request.turned_down),
        *_revision(request),
        rich(*_what_it_does(request)),
        *destination_blocks(request),
        *parameter_blocks(request.params, detail=detail),
        rich(*_who_asked(request)),
        rich(*_who_decides(request)),
        context(
            plain(f"Action {request.action_id}  ·  policy {request.policy_version[:HASH_SHOWN]}"),
            plain(f"Expires {utc(request.expires_at)}"),
            moment(request.expires_at, "your time"),
        ),
    ]


def destination_blocks(request: RequestCardFacts) -> list[Block]:
    """Where a reply goes: blocks of their own, so that they can be looked for in a stored card before it is sent."""
    return [] if request.destination is None else [rich(destination_line(request.destination))]


def _fits(blocks: Sequence[Block]) -> bool:
    title = blocks[0]["text"]["text"]
    has_room = len(blocks) <= MESSAGE_BLOCKS - LIVE_BLOCKS and size(blocks) <= MESSAGE_SIZE - LIVE_SIZE
    return len(title) <= HEADER_LENGTH and has_room


def _turned_down(earlier: Sequence[TurnedDownFacts]) -> list[Block]:
    """The same was put to people before and did not go through: nobody decides it anew without knowing that."""
    if not earlier:
        return []
    hidden = len(earlier) - _EARLIER_SHOWN
    lines = [_turned_down_once(one) for one in earlier[:_EARLIER_SHOWN]]
    if hidden > 0:
        lines.append(line(say(f"and {count(hidden, 'earlier time')}, in the audit trail")))
    return [rich(line(say("⚠️ The same was proposed before and turned down", bold=True)), bullets(lines))]


def _turned_down_once(one: TurnedDownFacts) -> Block:
    where = f" on ticket #{one.ticket_number}, {utc(one.at)}"
    if one.status is RequestStatus.EXPIRED:
        return line(say(f"Nobody decided it in time{where}"))
    verb = "Rejected by " if one.status is RequestStatus.REJECTED else "Withdrawn by "
    runs = [say(verb), person(one.by_user_id, one_line(one.by_label, 80)), say(where)]
    if one.reason:
        runs.append(say(f": “{one_line(one.reason, REASON_LENGTH, where='see the audit trail')}”"))
    return line(*runs)


def _revision(request: RequestCardFacts) -> list[Block]:
    """That these are not the values which were first put to people, and whose hands they went through."""
    if request.revision <= 1:
        return []
    hands = [run for user_id in request.editors for run in (say(", "), person(user_id, one_line(user_id, 40)))][1:]
    lines = [
        line(
            say(f"✏️ Revision {request.revision}", bold=True),
            say(f": takes the place of revision {request.revision - 1}, whose votes do not count here"),
        )
    ]
    return [rich(*lines, *([labelled("Proposed or edited before by", *hands)] if hands else []))]


def _what_it_does(request: RequestCardFacts) -> list[Block]:
    lines = [
        line(say(risk_words(request.risk), bold=True)),
        labelled("What it does", say(own_words(request.action_effect))),
        labelled("How it is undone", say(own_words(request.undo))),
    ]
    if request.undoes is not None:
        lines.append(labelled("Undoes", say("what was run on this ticket as request "), say(request.undoes, code=True)))
    if request.subject_label:
        lines.append(labelled("Done to", say(_exact_label(request.subject_label))))
    return lines


def _who_asked(request: RequestCardFacts) -> list[Block]:
    return [
        *requester_lines(request.requester, label="Asked by"),
        labelled("Proposed by", person(request.proposer_user_id, one_line(request.proposer_label, 160))),
        labelled("Ticket", say(f"#{request.ticket_number}  {one_line(request.ticket_subject, _SUBJECT_LENGTH)}")),
    ]


def _who_decides(request: RequestCardFacts) -> list[Block]:
    return [
        labelled(VERDICT_WORDS[request.verdict], say(own_words(request.verdict_reason))),
        labelled("Votes needed", say(_quorum_words(request))),
        labelled("Who can approve", *_eligible(request)),
    ]


def own_words(text: str) -> str:
    """Text of ours, in full: the limit is one that no escape can make it reach."""
    return visible(text, 12 * len(text) + 200)


def _exact_label(label: str) -> str:
    return mono(label)[1:-1]


def _quorum_words(request: RequestCardFacts) -> str:
    people = "one person approves" if request.quorum <= 1 else f"{request.quorum} different people approve"
    return f"{people}{from_groups(request)}; one rejection is final"


def from_groups(request: RequestCardFacts) -> str:
    """From which groups votes must come, as the end of a sentence."""
    if not request.distinct_groups:
        return ""
    *others, last = (f"one from {group}" for group in request.distinct_groups)
    return f", among them {', '.join(others)} and {last}" if others else f", among them {last}"


def _eligible(request: RequestCardFacts) -> list[Block]:
    if not request.eligible:
        return [say("nobody at the moment: ask whoever keeps the policy", bold=True)]
    runs: list[Block] = []
    for user_id, name in request.eligible[:_ELIGIBLE_NAMED]:
        runs += [say(", "), person(user_id, one_line(name, 80))]
    hidden = len(request.eligible) - _ELIGIBLE_NAMED
    return runs[1:] + ([say(f" and {hidden} more")] if hidden > 0 else [])
