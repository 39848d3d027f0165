"""Short messages: to the customer, in words that give away nothing internal, and to our own people.

The customer texts name no approver, no policy, no parameter and no rule; they are the only texts of ours that may stand
where outsiders read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from handlers.views.blocks import (
    TEXT_LENGTH,
    Block,
    bullets,
    context,
    labelled,
    line,
    link,
    person,
    plain,
    rich,
    say,
    utc,
    when,
)
from handlers.views.facts import GroupChangeFacts, PolicyNewsFacts, RequestCardFacts
from handlers.views.plain import EMPTY, escape_markup, one_line, visible
from handlers.views.rendered import Rendered
from policy.terms import RequestStatus, Verdict

_REPLY_LENGTH = 1500
_COMMENT_LENGTH = 500
_NAMED = 40
_PEOPLE_NAMED = 20
_VERSION_LENGTH = 12
_PROBLEMS_SHOWN = 10
_PROBLEM_LENGTH = 320

# Work on the ticket itself: the requester either sees it anyway (a reply) or is not told of it.
_UNANNOUNCED = ("ticket.", "case.")
_ANNOUNCED = frozenset({"ticket.close", "ticket.reopen"})

_CUSTOMER_OUTCOMES = {
    RequestStatus.EXECUTED: "the change has been made.",
    RequestStatus.REJECTED: "we reviewed it and will not make this change. Reply here if you have questions.",
    RequestStatus.DENIED: "it could not be carried out, and nothing has been changed. We will follow up here.",
    RequestStatus.EXPIRED: "it was not decided in time, and nothing has been changed. We will follow up here.",
    RequestStatus.FAILED: "we tried to make the change and it did not work. We are looking into it.",
    RequestStatus.UNKNOWN: "we are checking whether the change has taken effect and will follow up here.",
}
_TICKET_OUTCOMES = {
    "ticket.close": "has been closed. Reply here if you need anything else.",
    "ticket.reopen": "is open again.",
}


@dataclass(frozen=True)
class Notice(Rendered):
    """A message to one of those who use the desk."""

    title: str
    """What it is, in two or three words, for where it stands alone."""


def acknowledgement(number: int) -> Rendered:
    """To the customer: it has arrived."""
    return _said(f"Thank you, we have received your request. It is ticket #{number}; we will reply in this thread.")


def customer_outcome(number: int, action_id: str, status: RequestStatus) -> Rendered | None:
    """To the customer: what came of it. None where the customer is not told: not settled yet, or internal work."""
    if action_id in _ANNOUNCED:
        done = status is RequestStatus.EXECUTED
        return _said(f"Your ticket #{number} {_TICKET_OUTCOMES[action_id]}") if done else None
    if action_id.startswith(_UNANNOUNCED) or status not in _CUSTOMER_OUTCOMES:
        return None
    return _said(f"About your request (ticket #{number}): {_CUSTOMER_OUTCOMES[status]}")


def customer_reply(text: str) -> Rendered:
    """To the customer: an approved reply, in exactly the words that were approved, with no markup coming alive."""
    words = text if text.strip() else EMPTY
    parts = [words[at : at + TEXT_LENGTH] for at in range(0, len(words), TEXT_LENGTH)]
    return Rendered(escape_markup(words), tuple(rich(line(say(part))) for part in parts))


def files_comment(comment: str) -> Rendered:
    """To our own people: what the files beneath are. Slack takes no blocks beside files that it takes as surely."""
    return Rendered(escape_markup(visible(comment, _COMMENT_LENGTH)), ())


def refusal(reply: str) -> Notice:
    """Ephemeral, to the person who clicked: that it did not count, and why."""
    shown = visible(reply, _REPLY_LENGTH)
    return Notice(escape_markup(shown), (rich(line(say("⛔ Not done  ", bold=True), say(shown))),), "Not done")


def proposed(request: RequestCardFacts) -> Notice:
    """To the proposer: what became of the proposal."""
    title = one_line(request.action_title, 150)
    if request.verdict is Verdict.DENY:
        return refusal(request.verdict_reason)
    if request.verdict is Verdict.ALLOW:
        text = f"{title} on ticket #{request.ticket_number}: allowed by policy, running now."
        return _told("Proposed", text, "✅ Proposed")
    needed = "one approval" if request.quorum <= 1 else f"{request.quorum} approvals"
    text = f"{title} on ticket #{request.ticket_number} now waits for {needed} in the approvals channel."
    return _told("Proposed", text, "✅ Confirmed and proposed")


def vote_recorded(request: RequestCardFacts) -> Notice:
    """Ephemeral, to the voter: it counted."""
    text = f"Your vote on “{one_line(request.action_title, 150)}” is recorded."
    return _told("Vote recorded", text, "✅ Thank you")


def confirm_with_passkey(url: str, expires_at: datetime) -> Notice:
    """Ephemeral, to whoever pressed Approve: nothing counts yet, and where to make it count."""
    lines = [
        line(say("🔑 One more step  ", bold=True), say("This counts only once you confirm it with your passkey.")),
        line(link(url, "Read it once more and confirm it"), say("  ·  until "), when(expires_at)),
        line(say("The link is for you alone, and works once.", italic=True)),
    ]
    text = "One more step: this counts only once you confirm it with your passkey."
    return Notice(f"{text} {url}", (rich(*lines),), "One more step")


def withdrawn(request: RequestCardFacts) -> Notice:
    """Ephemeral, to the proposer: it ended here."""
    text = f"“{one_line(request.action_title, 150)}” on ticket #{request.ticket_number} is withdrawn; nothing was run."
    return _told("Withdrawn", text, "✅ Withdrawn")


def still_waiting(request: RequestCardFacts, people: Sequence[tuple[str, str]], group: str | None) -> Rendered:
    """In the thread of an approval card: who could decide it and has not, named so that Slack tells them.

    `people`: (Slack user id, name). `group`: the one it was escalated to; None for a reminder.
    """
    title = f"{one_line(request.action_title, 150)}, ticket #{request.ticket_number}"
    lead = "⏰ Still waiting" if group is None else f"📣 Escalated to {one_line(group, 60)}"
    runs: list[Block] = []
    for user_id, name in people[:_NAMED]:
        runs += [say(", "), person(user_id, one_line(name, 80))]
    hidden = len(people) - _NAMED
    more = [say(f" and {hidden} more")] if hidden > 0 else []
    could = "could decide it and has not:" if len(people) == 1 else "could decide it and have not:"
    who = [say(f"{could} "), *runs[1:], *more] if runs else [say("Nobody of them can decide it at the moment.")]
    lines = [
        line(say(f"{lead}: ", bold=True), say(f"{title}. It expires "), when(request.expires_at), say(".")),
        line(*who),
        line(say("The card above says what it is. Who may vote is as it was.", italic=True)),
    ]
    return Rendered(escape_markup(f"{lead}: {title}. It expires {utc(request.expires_at)}."), (rich(*lines),))


def opened(number: int) -> Notice:
    """To one of our own, who made a ticket by command or shortcut."""
    return _told("Ticket opened", f"Ticket #{number} is open.", "✅ Done")


def not_known() -> Notice:
    """A button, command or value that belongs to nothing we have."""
    text = "I do not know what this belongs to: it may be old, or from another workspace. Nothing was done."
    return _told("Not done", text)


def not_understood(words: str) -> Notice:
    """A command that could not be read, with the help under it."""
    lead = line(say(f"I could not read “{one_line(words, 100)}”. These are the commands:"))
    text = f"I could not read “{one_line(words, 100)}”. Try /countersign help."
    return Notice(escape_markup(text), (rich(lead), *help_text().blocks), "Not understood")


def trouble(reference: str = "") -> Notice:
    """Something of ours is down: it was not waved through, and it may be tried again."""
    text = "Something on our side is not answering, so nothing was done. Please try again in a minute."
    return _told("Not done", text + (f" Reference: {one_line(reference, 80)}." if reference else ""))


def too_slow() -> Notice:
    """Something of ours took too long to say whether it was done: the card tells."""
    text = "Something on our side did not answer in time. If nothing has changed here in a minute, please try again."
    return _told("No answer in time", text)


def group_change(change: GroupChangeFacts) -> Rendered:
    """To our own people in the approvals channel: who may decide is not who it was."""
    named = (
        ("Added", change.added),
        ("No longer in it", change.removed),
        ("In the group and not in the settings: cannot approve", change.powerless),
    )
    lead = f"The members of the group “{one_line(change.group, 100)}” changed."
    lines = [labelled(words, *_people(people)) for words, people in named if people]
    told = [
        f"{words}: {', '.join(one_line(name, 80) for _, name in people[:_PEOPLE_NAMED])}."
        for words, people in named
        if people
    ]
    text = " ".join([lead, *told])
    return Rendered(escape_markup(text), (rich(line(say("👥 "), say(lead, bold=True)), bullets(lines)),))


def policy_news(news: PolicyNewsFacts) -> Rendered:
    """To our own people in the approvals channel: by which policy is decided, and what is wrong with another."""
    in_force, other = (one_line(one[:_VERSION_LENGTH], 80) for one in (news.in_force, news.other))
    if not news.problems:
        told = "the files are good again, and it is in force as before" if in_force == other else f"it was {other}"
        return _said(f"The policy in force is version {in_force}; {told}.", "📜 Policy")
    lead = "The policy files changed and were not taken: they have problems."
    shown = [one_line(one, _PROBLEM_LENGTH) for one in news.problems[:_PROBLEMS_SHOWN]]
    more = len(news.problems) - len(shown)
    rest = (
        f"Version {in_force} stays in force. Mend the files, and they are read again; the bot does not start on these."
    )
    if more:
        rest = f"{more} more: countersign policy check lists them all. {rest}"
    blocks = (
        rich(line(say("📜 "), say(lead, bold=True)), bullets([line(say(one)) for one in shown])),
        context(plain(rest)),
    )
    return Rendered(escape_markup(" ".join([lead, *shown[:1], rest])), blocks)


def _people(people: Sequence[tuple[str, str]]) -> Iterator[Block]:
    for place, (user_id, name) in enumerate(people[:_PEOPLE_NAMED]):
        if place:
            yield say(", ")
        yield person(user_id, one_line(name, 80))
        yield say(f" {one_line(user_id, 40)}", code=True)
    if len(people) > _PEOPLE_NAMED:
        yield say(f" and {len(people) - _PEOPLE_NAMED} more; the audit trail names them all")


def nothing_here() -> Rendered:
    """App Home for everyone who does not work the desk."""
    return _said("This page is for the people who work the desk. To ask for help, write in your usual channel.")


def help_text() -> Notice:
    """What `/countersign` can do."""
    commands = (
        ("tickets", "the list of tickets"),
        ("ticket N", "one ticket's page"),
        ("audit N", "one ticket's audit trail"),
        ("new TEXT", "make a ticket of TEXT"),
        ("passkey", "enrol a passkey, or revoke one of yours"),
        (
            "break-glass N ACTION WHY",
            "propose an action on ticket N as an emergency, where the settings allow that: others approve it, more"
            " people are told, and it is reviewed afterwards",
        ),
        (
            "stop WHAT REASON",
            "let nothing of it be approved or run: all, an action such as api_key.revoke, or a @person",
        ),
        ("resume WHAT REASON", "lift that stop"),
        ("stops", "the stops in force"),
        ("help", "this text"),
    )
    lines = [line(say(f"/countersign {usage}", code=True), say(f"  {words}")) for usage, words in commands]
    blocks: tuple[Block, ...] = (
        rich(line(say("What you can ask for", bold=True)), bullets(lines)),
        context(plain("“Make a ticket” in a message's menu does the same for a message that is already there")),
    )
    text = f"/countersign {', '.join(usage for usage, _ in commands)}"
    return Notice(text, blocks, "What you can ask for")


def _told(title: str, text: str, lead: str = "") -> Notice:
    said = _said(text, lead)
    return Notice(said.text, said.blocks, title)


def _said(text: str, lead: str = "") -> Rendered:
    runs = [say(f"{lead}  ", bold=True)] if lead else []
    return Rendered(escape_markup(f"{lead}: {text}" if lead else text), (rich(line(*runs, say(text))),))
