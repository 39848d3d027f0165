"""Message events over signed HTTP: the busiest thing that Slack sends goes from its signature straight to the inbox.

Bolt would check the same signature with the same class, and then build a client, a context and arguments for a listener
that needs none of them: about as long again as it takes to make the event durable. Whatever is not a message event with
a good signature is left to Bolt, which answers it as it always did; Socket Mode never comes by here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from slack_sdk.signature import SignatureVerifier

from handlers.listeners.intake import take_message
from handlers.reception import Reception


class SignedMessages:
    """Takes message events, in this order: the signature and its age, then what the body says, then the inbox."""

    def __init__(self, signing_secret: str, reception: Reception) -> None:
        self._verifier = SignatureVerifier(signing_secret)
        self._reception = reception

    async def take(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Make a message event durable. False: it is something else, or not signed as it should be.

        Raises DatabaseUnavailable: then it must not be acknowledged.
        """
        if not headers.get("Content-Type", "").startswith("application/json"):
            return False
        envelope = self._verified(headers, body)
        event = envelope.get("event")
        if envelope.get("type") != "event_callback" or not isinstance(event, dict) or event.get("type") != "message":
            return False
        await take_message(self._reception, envelope)
        return True

    def _verified(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """The JSON object that Slack signed; an empty one if it did not, or if it is none."""
        timestamp, signature = headers.get("X-Slack-Request-Timestamp"), headers.get("X-Slack-Signature")
        try:
            if not self._verifier.is_valid(body, timestamp, signature):
                return {}
            found = json.loads(body)
        except (ValueError, TypeError):
            # No number, no text or no JSON, where the verifier and the parser expect one.
            return {}
        return found if isinstance(found, dict) else {}
