"""The triage that needs no model service: a small trained classifier for the category, rules for the rest.

Same text, same answer, on every machine. What it suggests is drawn from the text by rules that are written out in
`intents` and `proposals`; what it cannot tell, it says it cannot tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from copilot.classifier import Classifier
from copilot.entities import find_emails, find_key_ids, find_user_references
from copilot.intents import Asked, Wish, find_wishes
from copilot.proposals import propose
from copilot.quotes import fold, legible
from copilot.secret_formats import mask_secrets
from copilot.severity import category_level, most_severe, severity_floor
from copilot.signals import ticket_signals
from copilot.suggestions import ActionOffer, Signal, TicketText, TriageResult
from policy.terms import Severity

SOURCE = "offline"
KEY_CATEGORY = "credentials"
_UNSURE_BELOW = 0.4
_SIGNAL_WORDS = {
    "claims_authority": "claims authority",
    "impersonation": "says who they are by name",
    "asks_to_skip_control": "asks to skip a control",
    "instruction_to_bot": "gives the bot instructions",
    "secret_in_text": "contains what looks like a secret",
    "urgency": "presses for time",
}


class OfflineTriager:
    """Triage without a model service."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    async def triage(self, ticket: TicketText, offers: Sequence[ActionOffer]) -> TriageResult:
        """Answer for any text; never raises for what a ticket says."""
        return self.judge(ticket, offers)

    async def aclose(self) -> None:
        """Nothing is held open."""

    def judge(self, ticket: TicketText, offers: Sequence[ActionOffer]) -> TriageResult:
        """The same without a coroutine, for callers outside an event loop."""
        text = ticket_text(ticket)
        signals = ticket_signals(ticket.requester_line, text)
        keys, emails = find_key_ids(text), find_emails(text)
        wishes = find_wishes(fold(text), keys, emails)
        category, confidence = self._category(text, wishes)
        floor, reason = severity_floor(text, signals)
        severity = most_severe(floor, category_level(category))
        people = len(emails) + len(find_user_references(text))
        return TriageResult(
            severity=severity,
            category=category,
            confidence=confidence,
            model=self._classifier.name,
            source=SOURCE,
            rationale=_rationale(category, confidence, severity, reason, signals, wishes, len(keys), people),
            signals=signals,
            suggestions=propose(wishes, names_a_key=bool(keys), offers=offers),
        )

    def _category(self, text: str, wishes: Sequence[Asked]) -> tuple[str, float]:
        """The classifier's best category, unless something is wished for a key: then it is about credentials.

        The confidence, rounded down to hundredths, is a measured one either way: the classifier's, or the rule's.
        """
        probabilities = self._classifier.classify(text)
        if is_about_key(wishes):
            category, measured = KEY_CATEGORY, self._classifier.key_rule_confidence
        else:
            category, measured = max(probabilities, key=lambda name: probabilities[name]), 0.0
        return category, math.floor(max(probabilities[category], measured) * 100) / 100


def is_about_key(wishes: Sequence[Asked]) -> bool:
    """Whether something is wished for an API key, named or not."""
    return any(asked.kind == "key_id" for asked in wishes)


def ticket_text(ticket: TicketText) -> str:
    """The words triage judges: the requester's messages, storable, with known forms of secrets dotted out."""
    return mask_secrets(legible("\n\n".join(ticket.messages)))


def _rationale(
    category: str,
    confidence: float,
    severity: Severity,
    reason: str,
    signals: Sequence[Signal],
    wishes: Sequence[Asked],
    key_count: int,
    people_count: int,
) -> str:
    """Why, in our words only: nothing of the requester's text is repeated here."""
    parts = ["Offline triage (a small trained classifier and fixed rules, no language model)."]
    parts += [_about(wish) for wish in _by_first_kind(wishes)]
    if key_count and not is_about_key(wishes):
        parts.append(
            "An API key was mentioned, but nothing clear is asked for it; an operator must confirm the key id."
        )
    if people_count:
        named = "one address or account" if people_count == 1 else f"{people_count} addresses or accounts"
        parts.append(f"It names {named}.")
    kinds = list(dict.fromkeys(_SIGNAL_WORDS[signal.kind] for signal in signals))
    if kinds:
        parts.append(f"The text {', '.join(kinds)}: not verified, and no reason to skip a check.")
    if severity is not Severity.LOW:
        parts.append(f"Severity is {severity.value} because {reason or 'of its category'}.")
    if confidence < _UNSURE_BELOW:
        parts.append(f"The category ({category}) is a guess; please check it.")
    return " ".join(parts)


def _by_first_kind(wishes: Sequence[Asked]) -> list[Asked]:
    """One wish per action that would follow, so that the rationale does not repeat itself."""
    first: dict[tuple[bool, str], Asked] = {}
    for asked in wishes:
        first.setdefault((asked.wish is Wish.GIVE_BACK, asked.kind), asked)
    return list(first.values())


def _about(asked: Asked) -> str:
    gives_back = asked.wish is Wish.GIVE_BACK
    if asked.kind == "key_id":
        deed = "restored" if gives_back else "revoked"
        if asked.value is None:
            return f"An API key was mentioned without its id; an operator must ask for it before anything is {deed}."
        return f"An API key was mentioned; an operator must confirm the key id before it is {deed}."
    deed = "restored" if gives_back else "suspended"
    if asked.value is None:
        return f"An account is spoken of without an address; an operator must find out whose before it is {deed}."
    return f"A person's account was mentioned; an operator must confirm the address before it is {deed}."
