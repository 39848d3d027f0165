"""What is said of an outcome: one sentence for operators, one for the requester's thread or none.

The requester may be anyone, so their sentence names no key, person, cause or colleague: it must be harmless even
if the request was an attack.
"""

from __future__ import annotations

from dataclasses import dataclass

from policy.terms import CanonicalParams


@dataclass(frozen=True)
class Words:
    """Both sentences of one outcome."""

    summary: str
    customer_summary: str = ""


# action id -> (what was done, what was so already, what the requester hears)
_DONE: dict[str, tuple[str, str, str]] = {
    "ticket.add_internal_note": ("Added the internal note.", "The note was there already.", ""),
    "ticket.set_severity": ("Set the severity to {severity}.", "The severity was {severity} already.", ""),
    "ticket.set_category": ("Set the category to {category}.", "The category was {category} already.", ""),
    "ticket.assign": ("Assigned the ticket to {assignee}.", "The ticket was {assignee}'s already.", ""),
    # The reply itself is what the requester hears.
    "ticket.reply_to_customer": ("Added the reply to the customer.", "The reply was there already.", ""),
    "case.send_customer_update": ("Added the update for the customer.", "The update was there already.", ""),
    "case.hand_off": ("Kept the handoff with the ticket.", "The handoff was there already.", ""),
    "ticket.close": (
        "Closed the ticket.",
        "The ticket was closed already.",
        "We have closed this request. Reply here if you still need help.",
    ),
    "ticket.reopen": (
        "Reopened the ticket.",
        "The ticket was open already.",
        "We have reopened this request and are looking at it again.",
    ),
    "api_key.revoke": (
        "Revoked the API key {keyId}.",
        "The API key {keyId} was revoked already.",
        "Our team has reviewed this and taken an API key out of use.",
    ),
    "api_key.restore": (
        "Restored the API key {keyId}.",
        "The API key {keyId} was active already.",
        "Our team has reviewed this and put an API key back into use.",
    ),
    "user.suspend": (
        "Suspended {email}.",
        "{email} was suspended already.",
        "Our team has reviewed this and changed the access of an account.",
    ),
    "user.restore": (
        "Restored {email}.",
        "{email} was active already.",
        "Our team has reviewed this and changed the access of an account.",
    ),
}

_REFUSED = {
    "no_such_ticket": "There is no such ticket.",
    "no_such_key": "The directory has no API key {keyId}. Nothing was changed.",
    "no_such_person": "The directory has nobody with the address {email}. Nothing was changed.",
    "called_off": "It was called off before it began. Nothing was changed.",
    "key_reused": "Another change was made under this run's name before. Nothing was changed.",
}

COULD_NOT_FINISH = "We could not finish a change on this request. Our team is looking into it."


def words_for(action_id: str, params: CanonicalParams, code: str) -> Words:
    """Both sentences for a target's answer; an answer nobody knows is quoted to operators as it is."""
    if code in ("changed", "unchanged") and action_id in _DONE:
        changed, unchanged, heard = _DONE[action_id]
        return Words(_filled(changed if code == "changed" else unchanged, params), heard)
    refused = _filled(_REFUSED.get(code, f"The target refused: {code[:80]}."), params)
    # A ticket action that failed is our own affair; a requester waits only for what was to be done for them.
    is_our_own = action_id.startswith(("ticket.", "case."))
    is_awaited = not is_our_own or action_id in ("ticket.reply_to_customer", "case.send_customer_update")
    return Words(refused, COULD_NOT_FINISH if is_awaited else "")


def _filled(sentence: str, params: CanonicalParams) -> str:
    # Not str.format: a value is text, never a template.
    for name, value in params.items():
        sentence = sentence.replace("{" + name + "}", str(value))
    return sentence
