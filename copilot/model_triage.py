"""Triage by a model.

What the model says is a suggestion from an untrusted source. Here, in this order:

1. the ticket is sent as data, with pseudonyms for secrets and personal data (`minimising`);
2. the answer must have the agreed shape, else the fallback answers and says why; then the pseudonyms are resolved;
3. actions that were not offered, and parameters they don't take or that hold a pseudonym nobody knows, are dropped;
4. where a value was found is decided from the ticket's text, whatever the model claims;
5. rules set a floor under the severity, and the signals they found stay.

Nothing the service does or says makes `triage` raise. Importing this takes seconds, for the SDK behind it: do it at
start, not in a handler.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from copilot.minimising import for_people, holds_pseudonym, minimise
from copilot.model_client import Client, NoAnswer, answer_of, ask, output_format
from copilot.offline_triage import ticket_text
from copilot.prompts import ProposedAction, ProposedTriage, restored, system_prompt, user_prompt
from copilot.proposals import MOST_SUGGESTIONS
from copilot.quotes import QUOTE_LIMIT, clause_around, legible
from copilot.severity import most_severe, severity_floor
from copilot.signals import KINDS, ticket_signals
from copilot.suggestions import (
    ActionOffer,
    FoundValue,
    Signal,
    SuggestedAction,
    TicketText,
    Triager,
    TriageResult,
)
from policy.terms import Provenance

SOURCE: Final = "model"
_MAX_TOKENS = 4_000
_MOST_SIGNALS = 20
_log = logging.getLogger(__name__)


class ModelTriager:
    """Triage by a model, with another triager for when it has no usable answer."""

    def __init__(
        self,
        client: Client,
        model: str,
        fallback: Triager,
        deadline_seconds: float = 45.0,
        make_boundary: Callable[[], str] = lambda: f"ticket-{secrets.token_hex(16)}",
    ) -> None:
        self._client = client
        self._model = model
        self._fallback = fallback
        self._deadline_seconds = deadline_seconds
        self._make_boundary = make_boundary

    async def triage(self, ticket: TicketText, offers: Sequence[ActionOffer]) -> TriageResult:
        """Ask the model; within the deadline, retries included, or the fallback answers with the reason."""
        text = ticket_text(ticket)
        offline = await self._fallback.triage(ticket, offers)
        try:
            async with asyncio.timeout(self._deadline_seconds):
                answered_by, proposed = await self._ask(ticket, offers)
        except TimeoutError:
            return self._fall_back(ticket, offline, f"no answer within {self._deadline_seconds:g} seconds")
        except NoAnswer as problem:
            return self._fall_back(ticket, offline, str(problem))
        return _checked(proposed, answered_by, ticket, text, offers, offline)

    async def aclose(self) -> None:
        """Close the client's connections."""
        await self._client.close()

    def _fall_back(self, ticket: TicketText, offline: TriageResult, reason: str) -> TriageResult:
        _log.warning("ticket %s: the model gave no usable triage (%s)", ticket.ticket_number, reason)
        return offline.model_copy(update={"fallback_reason": reason})

    async def _ask(self, ticket: TicketText, offers: Sequence[ActionOffer]) -> tuple[str, ProposedTriage]:
        boundary = self._make_boundary()
        minimised = minimise(*map(legible, ticket.messages), attached=ticket.attachment_names)
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": _MAX_TOKENS,
            "system": system_prompt(offers, boundary),
            "messages": [{"role": "user", "content": user_prompt(ticket, minimised.texts, boundary)}],
            "output_config": output_format(ProposedTriage),
        }
        envelope = await ask(self._client, body)
        _log.info(
            "ticket %s: %s used %d tokens in, %d out, stopped by %s",
            ticket.ticket_number,
            self._model,
            envelope.usage.input_tokens or 0,
            envelope.usage.output_tokens or 0,
            envelope.stop_reason,
        )
        return legible(envelope.model)[:100], restored(answer_of(envelope, ProposedTriage), for_people(minimised.table))


def _checked(
    proposed: ProposedTriage,
    answered_by: str,
    ticket: TicketText,
    text: str,
    offers: Sequence[ActionOffer],
    offline: TriageResult,
) -> TriageResult:
    rule_signals = ticket_signals(ticket.requester_line, text)
    floor, _ = severity_floor(text, rule_signals)
    return TriageResult(
        severity=most_severe(proposed.severity, floor),
        category=proposed.category,
        confidence=proposed.confidence,
        model=answered_by,
        source=SOURCE,
        rationale=legible(proposed.rationale)[:2000],
        signals=_with_proposed(rule_signals, proposed, text),
        suggestions=_with_notes(proposed.suggestions, text, offers, offline),
    )


def _with_proposed(rule_signals: Sequence[Signal], proposed: ProposedTriage, text: str) -> tuple[Signal, ...]:
    """The rules' signals, then the model's where the quote really stands in the ticket."""
    signals = dict.fromkeys(rule_signals)
    for signal in proposed.signals:
        quote = legible(signal.quote).strip()[:QUOTE_LIMIT]
        is_new = not any(quote in earlier.quote for earlier in signals if earlier.kind == signal.kind)
        if signal.kind in KINDS and quote and quote in text and is_new:
            signals[Signal(kind=signal.kind, quote=quote)] = None
    return tuple(signals)[:_MOST_SIGNALS]


def _with_notes(
    proposed: Sequence[ProposedAction], text: str, offers: Sequence[ActionOffer], offline: TriageResult
) -> tuple[SuggestedAction, ...]:
    """The rules' own notes first (fixed words of ours), then the model's actions as far as they were offered."""
    offered = {offer.action_id: offer for offer in offers}
    kept: list[SuggestedAction] = [
        suggestion
        for suggestion in offline.suggestions
        if all(value.provenance is Provenance.SYSTEM for value in suggestion.params.values())
    ]
    seen = {_fingerprint(suggestion) for suggestion in kept}
    for action in proposed:
        offer = offered.get(action.action_id)
        suggestion = _suggested(action, offer, text) if offer is not None else None
        if suggestion is not None and _fingerprint(suggestion) not in seen:
            seen.add(_fingerprint(suggestion))
            kept.append(suggestion)
    return tuple(kept[:MOST_SUGGESTIONS])


def _fingerprint(suggestion: SuggestedAction) -> tuple[str, str]:
    values = {name: found.value for name, found in suggestion.params.items()}
    return suggestion.action_id, json.dumps(values, sort_keys=True)


def _suggested(action: ProposedAction, offer: ActionOffer, text: str) -> SuggestedAction | None:
    """One action with our own word on where each value stands; None if it doesn't take these parameters."""
    properties = offer.params_schema.get("properties")
    required = offer.params_schema.get("required")
    values = {param.name: legible(param.value).strip() for param in action.params}
    takes_them = not isinstance(properties, Mapping) or values.keys() <= properties.keys()
    has_all = not isinstance(required, Sequence) or set(required) <= values.keys()
    if not takes_them or not has_all or len(values) != len(action.params) or not all(values.values()):
        return None
    if any(map(holds_pseudonym, values.values())):
        return None
    return SuggestedAction(
        action_id=action.action_id,
        params={name: _found(value, text) for name, value in values.items()},
        why=legible(action.why)[:500],
    )


def _found(value: str, text: str) -> FoundValue:
    place = text.find(value)
    if place < 0:
        return FoundValue(value=value, provenance=Provenance.MODEL)
    evidence = clause_around(text, place, place + len(value))
    return FoundValue(value=value, provenance=Provenance.REQUESTER, evidence=evidence)
