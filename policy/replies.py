"""What people are told: for each rule one or two sentences that anybody may read, outsider or not.

A reply says which rule and what to do instead. It never names approvers, groups, channels or what a ticket says.
The operators' reasons of the invariants are in `cedar/core.cedar`; those of the gate's own refusals are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

PERMITTED = "permitted"
NOT_PERMITTED = "not-permitted"


class Reply(NamedTuple):
    """What somebody who is refused is told."""

    rule: str
    """Which rule, in words."""
    instead: str
    """What to do now."""

    @property
    def words(self) -> str:
        return f"{self.rule} {self.instead}"


SITE_RULE = Reply(
    "This desk has a rule against that, so nothing was done.",
    "The request stays with the people who may decide it.",
)

REFUSALS: Mapping[str, Reply] = MappingProxyType(
    {
        NOT_PERMITTED: Reply(
            "You are not among the people this desk lets do that, so nothing was done.",
            "If something is missing, write it in the ticket's thread.",
        ),
        "core-no-agent": Reply(
            "Only a person can decide this; a bot cannot.",
            "Leave it to one of the desk's people.",
        ),
        "core-no-bot": Reply(
            "Only a person's own account can do this, not an app, a bot or a workflow.",
            "Do it yourself in Slack.",
        ),
        "core-no-outsider": Reply(
            "Only people of the company that runs this desk can do this.",
            "If you need something, write it in your ticket's thread and someone will take care of it.",
        ),
        "core-no-inactive-account": Reply(
            "This account is not active, so it cannot be used here.",
            "Ask your workspace's administrators to restore it.",
        ),
        "core-no-guest": Reply(
            "Guest accounts cannot do this.",
            "If you need something, write it in your ticket's thread.",
        ),
        "core-no-unconfirmed-email": Reply(
            "Your Slack account's e-mail address is not confirmed, so nothing was done.",
            "Confirm it in Slack and try again.",
        ),
        "core-no-unlisted-proposer": Reply(
            "This action cannot be put forward from your account.",
            "Describe what is needed in the ticket's thread instead.",
        ),
        "core-no-requester": Reply(
            "You asked for this, so somebody else has to decide it.",
            "There is nothing more for you to do.",
        ),
        "core-no-proposer": Reply(
            "You proposed this, so somebody else has to decide it.",
            "There is nothing more for you to do.",
        ),
        "core-no-editor": Reply(
            "You changed this request or made the ticket that it is for, so somebody else has to decide it.",
            "There is nothing more for you to do.",
        ),
        "core-no-subject": Reply(
            "This would be done to you or to something of yours, or nobody can rule that out, so somebody "
            "else has to decide it.",
            "There is nothing more for you to do.",
        ),
        "core-no-alias": Reply(
            "Another account that counts as yours has a part in this, so somebody else has to decide it.",
            "If that account is not yours, tell whoever runs this desk.",
        ),
        "core-no-contradicted-request": Reply(
            "What is stored of this request is not what its record says, so nothing was done.",
            "Tell whoever runs this desk, and propose it again.",
        ),
        "core-no-rejected-twin": Reply(
            "The same was rejected in another request while this one waited, so this one cannot be approved.",
            "If it should happen all the same, propose it again: its card will say who said no and why.",
        ),
        "core-no-settled-request": Reply(
            "This request is no longer waiting for a decision, so nothing was changed.",
            "If something should still happen, propose it again.",
        ),
        "core-no-unapproved-run": Reply(
            "This request does not stand as approved, so it was not run.",
            "Have it approved, or propose it again.",
        ),
        "core-no-expired-request": Reply(
            "The time to decide this request is over.",
            "If it is still needed, propose it again.",
        ),
        "core-no-stopped": Reply(
            "Somebody has stopped this for now, so nothing was done.",
            "It can still be rejected or withdrawn; try again once the stop is lifted.",
        ),
        "core-no-held-back": Reply(
            "The case that this is about keeps it back for now, so nothing was done.",
            "Look at the case, and put forward what it holds now; this one can be rejected or withdrawn.",
        ),
        "core-no-more-than-the-limit": Reply(
            "As many requests of this kind as the desk's rules allow are under way or done, so nothing was proposed.",
            "Propose it again later.",
        ),
        "core-no-lift-of-ones-own": Reply(
            "This stop is about you, or about an account that counts as yours, so somebody else has to lift it.",
            "If that account is not yours, tell whoever runs this desk.",
        ),
        "core-no-other-policy": Reply(
            "The desk's rules changed after this request was made, so it can no longer be decided.",
            "Propose it again.",
        ),
        "core-no-other-digest": Reply(
            "What you were shown is not what the request holds now, so nothing was done.",
            "Look at it again and propose it anew.",
        ),
        "core-no-unconfirmed-parameters": Reply(
            "Some values come only from the message itself.",
            "One of the desk's people has to confirm them first.",
        ),
        "core-no-unattended-risk": Reply(
            "This needs somebody's approval before it can run.",
            "Leave it to those who may decide it.",
        ),
        "core-no-unconfirmed-vote": Reply(
            "This needs more than a click in Slack: it counts only once you confirm it with your passkey.",
            "Press Approve on its card for a link to do so; write /countersign passkey to enrol one.",
        ),
        "core-no-own-passkey": Reply(
            "This passkey is yours, so somebody else has to approve it.",
            "There is nothing more for you to do.",
        ),
        "core-no-settled-passkey": Reply(
            "This passkey was decided on already, so nothing was changed.",
            "If one is still needed, enrol it again.",
        ),
        "core-no-agents-break-glass": Reply(
            "Only a person can start a break-glass request; a bot cannot.",
            "Leave it to one of the desk's people.",
        ),
        "core-no-break-glass-of-ones-own": Reply(
            "You asked for this, made its ticket, or it would be done to you or to something of yours, or nobody can"
            " rule that out; so somebody else has to break the glass for it.",
            "Tell somebody of the desk that it is urgent.",
        ),
        "core-no-break-glass-without-reason": Reply(
            "Breaking the glass needs a reason in words, so nothing was done.",
            "Say what cannot wait, and try again.",
        ),
        "core-no-break-glass-here": Reply(
            "This desk has no break-glass, so nothing was done.",
            "Propose it the usual way.",
        ),
        "core-no-break-glass-by-others": Reply(
            "This is a break-glass request, and you are not among those who approve these.",
            "Leave it to them; you may still be able to reject it.",
        ),
        "core-no-unattended-break-glass": Reply(
            "A break-glass request runs only once people have approved it.",
            "Leave it to those who may decide it.",
        ),
        "core-no-review-of-ones-own": Reply(
            "You, or an account that counts as yours, had a part in this, so somebody else has to review it.",
            "There is nothing more for you to do.",
        ),
        "core-no-settled-review": Reply(
            "No review of this is due, or somebody has recorded it already, so nothing was changed.",
            "If something is to be added, write it in the ticket's thread.",
        ),
        "break-glass-is-not-edited": Reply(
            "A break-glass request is not edited, so nothing was changed.",
            "Whoever started it can withdraw it and start another.",
        ),
        "release-is-not-edited": Reply(
            "What a case lets out is approved as one exact revision, so it is not edited here.",
            "Correct the draft in its case, and ask for that revision's release.",
        ),
        "gate-error": Reply(
            "The rules could not be checked just now, so nothing was done.",
            "Please try again in a few minutes.",
        ),
        "gate-disagreement": Reply(
            "The rules could not be checked reliably, so nothing was done.",
            "The desk's operators were told; wait for them.",
        ),
        "not-the-proposer": Reply(
            "Only the person who proposed this can withdraw it, so nothing was changed.",
            "Leave it to those who may decide it; they can reject it.",
        ),
        "rejected": Reply(
            "This request was rejected, so it was not run.",
            "If it should happen after all, propose it again and say why.",
        ),
        "quorum-not-met": Reply(
            "Not enough people have approved this, so it was not run.",
            "Propose it again.",
        ),
        "groups-not-met": Reply(
            "Enough people have approved this, but not one from each group that has to, so it was not run.",
            "Propose it again.",
        ),
        "more-is-asked-now": Reply(
            "The rules now ask for more approvals than were shown, so this can no longer be decided.",
            "Propose it again.",
        ),
        "no-longer-proposable": Reply(
            "The rules changed, and this could no longer be put forward as it was, so it was not run.",
            "Propose it again.",
        ),
        "vote-of-another-request": Reply(
            "A recorded vote does not belong to this request, so it was not run.",
            "Propose it again.",
        ),
        "vote-of-another-digest": Reply(
            "A recorded vote was for something else than what would run, so it was not run.",
            "Propose it again.",
        ),
        "vote-signature-broken": Reply(
            "A recorded vote could not be verified, so the request was not run.",
            "Propose it again.",
        ),
        "voter-unknown": Reply(
            "It could not be checked who voted, so the request was not run.",
            "Propose it again.",
        ),
        "proposer-unknown": Reply(
            "It could not be checked who proposed this, so it was not run.",
            "Propose it again.",
        ),
        "no-longer-unattended": Reply(
            "The rules no longer let this run without an approval, so it was not run.",
            "Propose it again.",
        ),
    }
)

REPLIES: Mapping[str, str] = MappingProxyType(
    {PERMITTED: "Done.", **{code: reply.words for code, reply in REFUSALS.items()}}
)

REASONS: Mapping[str, str] = MappingProxyType(
    {
        NOT_PERMITTED: "No permit of this desk's policy names this person for this.",
        "gate-error": "The policy could not be evaluated; what cannot be evaluated is denied.",
        "gate-disagreement": (
            "The policy files and the typed invariants do not give the same answer; both must agree."
        ),
        "not-the-proposer": "Whoever pressed Withdraw is not who proposed the request.",
        "rejected": "There is a rejection among the votes; one is final.",
        "quorum-not-met": "Fewer different people approved than are needed.",
        "groups-not-met": "Not every group that must approve has somebody of its own among those who did.",
        "break-glass-is-not-edited": "A break-glass request stays as it was started, or is withdrawn.",
        "release-is-not-edited": "The release of a case's draft stays the revision that it is, or is withdrawn.",
        "more-is-asked-now": "The policy in force asks for more approvals, or for other groups, than the card says.",
        "no-longer-proposable": "Judged again, the policy in force would not let its proposer put this forward.",
        "vote-of-another-request": "A vote names another request than the one it is stored with.",
        "vote-of-another-digest": "A vote was cast for another digest than the request has.",
        "vote-signature-broken": (
            "A vote's signature does not verify: the row was not written by a click, or was changed."
        ),
        "voter-unknown": "Somebody who voted could not be looked up.",
        "proposer-unknown": (
            "The request runs without approval, but its proposer was not handed in or is somebody else."
        ),
        "no-longer-unattended": (
            "Judged again just before running, the policy does not allow this without an approval."
        ),
    }
)
