"""The words that every view uses for the same thing, so that a state reads alike on a card, a page and a list."""

from __future__ import annotations

from handlers.views.blocks import Block, labelled, line, say
from handlers.views.facts import DestinationFacts, RequesterFacts
from handlers.views.plain import one_line
from policy.terms import Provenance, RequestStatus, Risk, Severity, TicketStatus, Verdict

LABEL_LENGTH = 160
NOT_VERIFIED = "claimed, not verified"

SEVERITY_MARKS = {Severity.LOW: "🟢", Severity.MEDIUM: "🟡", Severity.HIGH: "🟠", Severity.CRITICAL: "🔴"}
RISK_MARKS = {Risk.LOW: "🟢", Risk.MEDIUM: "🟡", Risk.HIGH: "🟠", Risk.CRITICAL: "🔴"}

TICKET_STATUS_WORDS = {TicketStatus.OPEN: "Open", TicketStatus.CLOSED: "Closed"}

REQUEST_STATUS_MARKS = {
    RequestStatus.PENDING: "⏳",
    RequestStatus.APPROVED: "✅",
    RequestStatus.RUNNING: "⚙️",
    RequestStatus.EXECUTED: "✅",
    RequestStatus.FAILED: "❌",
    RequestStatus.UNKNOWN: "❓",
    RequestStatus.REJECTED: "🚫",
    RequestStatus.EXPIRED: "⌛",
    RequestStatus.DENIED: "⛔",
    RequestStatus.WITHDRAWN: "↩️",
    RequestStatus.VOID: "⚠️",
}
REQUEST_STATUS_WORDS = {
    RequestStatus.PENDING: "Waiting for approval",
    RequestStatus.APPROVED: "Approved, about to run",
    RequestStatus.RUNNING: "Approved, running now",
    RequestStatus.EXECUTED: "Done",
    RequestStatus.FAILED: "Failed",
    RequestStatus.UNKNOWN: "Outcome unknown, being checked with the target",
    RequestStatus.REJECTED: "Rejected, nothing was done",
    RequestStatus.EXPIRED: "Expired undecided, nothing was done",
    RequestStatus.DENIED: "Refused by policy, nothing was done",
    RequestStatus.WITHDRAWN: "Withdrawn by its proposer, nothing was done",
    RequestStatus.VOID: "Void: what was shown is no longer what would run, so nothing was done",
}

VERDICT_WORDS = {
    Verdict.ALLOW: "Allowed by policy",
    Verdict.NEEDS_APPROVAL: "Needs approval",
    Verdict.DENY: "Refused by policy",
}

PROVENANCE_WORDS: dict[str, str] = {
    Provenance.REQUESTER: "found only in the requester's words: check it against a source you trust",
    Provenance.MODEL: "written by a model: check it against a source you trust",
    Provenance.DIRECTORY: "from the directory",
    Provenance.OPERATOR: "given or confirmed by an operator",
    Provenance.SYSTEM: "a text of our own",
}

_SIGNAL_WORDS = {
    "claims_authority": "Claims authority",
    "urgency": "Presses for speed",
    "asks_to_skip_control": "Asks to skip a control",
    "instruction_to_bot": "Gives the bot instructions",
    "secret_in_text": "May hold a secret",
    "impersonation": "May impersonate someone",
}

_CHANNEL_WORDS = {
    "slack_internal": "an internal Slack channel",
    "slack_shared": "a Slack channel shared with another company",
    "slack_email": "e-mail to a Slack channel",
    "http": "the HTTP interface",
}

_READ_BY = {
    "slack_internal": "which only our own company read when the ticket came in",
    "slack_shared": "shared with other companies",
    "slack_email": "where the sender of the e-mail does not see it",
}

_STANDING_WORDS = {
    "email": "not verified: anyone can write an e-mail address",
    "http": "not verified: it came over HTTP",
    "workflow": "not verified: the person behind this workflow is unknown",
    "bot": "not verified: posted by a bot",
}


def severity_words(severity: Severity) -> str:
    return f"{SEVERITY_MARKS[severity]} {severity.value.capitalize()}"


def risk_words(risk: Risk) -> str:
    return f"{RISK_MARKS[risk]} {risk.value.capitalize()} risk"


def request_status_words(status: RequestStatus) -> str:
    return f"{REQUEST_STATUS_MARKS[status]} {REQUEST_STATUS_WORDS[status]}"


def category_words(category: str) -> str:
    """`security_incident` as 'security incident'."""
    return one_line(category.replace("_", " "), LABEL_LENGTH)


def provenance_words(provenance: str) -> str:
    return PROVENANCE_WORDS.get(provenance, f"source unknown ({one_line(provenance, 80)}): check it")


def signal_words(kind: str) -> str:
    return _SIGNAL_WORDS.get(kind) or one_line(kind.replace("_", " ").capitalize(), LABEL_LENGTH)


def channel_words(kind: str) -> str:
    return _CHANNEL_WORDS.get(kind) or one_line(kind, LABEL_LENGTH)


def destination_line(destination: DestinationFacts) -> Block:
    """Where a reply goes and who reads there, by ids: names can be changed, and asking for them takes a call."""
    label = "Goes to"
    if destination.channel is not None:
        read_by = _READ_BY.get(destination.channel_kind) or channel_words(destination.channel_kind)
        place = say(one_line(destination.channel, 80), code=True)
        return labelled(label, say("the ticket's thread in the channel "), place, say(f", {read_by}"))
    if destination.user_id is not None:
        name = one_line(destination.user_label, LABEL_LENGTH)
        return labelled(label, say(f"a direct message to {name} "), say(one_line(destination.user_id, 80), code=True))
    if destination.channel_kind == "http":
        return labelled(label, say("nobody in Slack: it is read over HTTP only, by whoever sent the ticket"))
    return labelled(label, say("nobody: the ticket has no thread and no account to write to"))


def count(number: int, singular: str, plural: str | None = None) -> str:
    """'1 message', '2 messages', 'no messages'."""
    noun = singular if number == 1 else plural or f"{singular}s"
    return f"{number or 'no'} {noun}"


def standing_words(requester: RequesterFacts) -> str:
    """What is known about who wrote it, beyond what they say."""
    if not requester.is_person_known:
        return _STANDING_WORDS.get(requester.kind, "not verified")
    return (
        "one of our own, by Slack account"
        if requester.is_internal
        else "outside our company, by Slack account; name not verified"
    )


def requester_words(requester: RequesterFacts) -> str:
    """'mallory@external.example, External Example' on one line, nothing of it verified."""
    company = one_line(requester.company, LABEL_LENGTH) if requester.company else "company unknown"
    return f"{one_line(requester.label, LABEL_LENGTH)}, {company}"


def requester_lines(requester: RequesterFacts, *, label: str = "Requester", claims: int = 3) -> list[Block]:
    """Who it is, from which company, what they claim."""
    lines = [labelled(label, say(requester_words(requester)), say(f"  ·  {standing_words(requester)}", italic=True))]
    for claim in requester.claims[:claims]:
        lines.append(
            labelled("Claims", say(f"“{one_line(claim, LABEL_LENGTH)}”"), say(f"  ·  {NOT_VERIFIED}", italic=True))
        )
    hidden = len(requester.claims) - claims
    if hidden > 0:
        lines.append(line(say(f"{count(hidden, 'further claim')}, on the ticket's page", italic=True)))
    return lines
