"""From what a ticket wishes to actions of the catalogue: suggestions, each value marked with where it was found.

A value from the ticket is always marked REQUESTER; SYSTEM marks only the fixed notes below. Only offered actions are
suggested, and only where the offer takes the parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from copilot.intents import Asked, Wish
from copilot.suggestions import ActionOffer, FoundValue, SuggestedAction
from policy.terms import Provenance

MOST_SUGGESTIONS = 5
NOTE_ACTION = "ticket.add_internal_note"

# (what is wished, about what) -> (action, its parameter)
_ACTIONS: Mapping[tuple[Wish, str], tuple[str, str]] = {
    (Wish.TAKE_AWAY, "key_id"): ("api_key.revoke", "keyId"),
    (Wish.REPORTS_HARM, "key_id"): ("api_key.revoke", "keyId"),
    (Wish.GIVE_BACK, "key_id"): ("api_key.restore", "keyId"),
    (Wish.TAKE_AWAY, "email"): ("user.suspend", "email"),
    (Wish.REPORTS_HARM, "email"): ("user.suspend", "email"),
    (Wish.GIVE_BACK, "email"): ("user.restore", "email"),
}
_ORDER = ("api_key.revoke", "api_key.restore", "user.suspend", "user.restore")
_NOUN = {"keyId": "an API key", "email": "a person's account"}
_SPOKEN_OF = {
    "api_key.revoke": "The requester wants this key to stop working, or says it is exposed.",
    "api_key.restore": "The requester wants this key to work again.",
    "user.suspend": "The requester wants this account stopped, or says it is in the wrong hands.",
    "user.restore": "The requester wants this account to work again.",
}


def propose(wishes: Sequence[Asked], names_a_key: bool, offers: Sequence[ActionOffer]) -> tuple[SuggestedAction, ...]:
    """Suggest at most five offered actions: first the note for the operator, then what the ticket asks for."""
    offered = {offer.action_id: offer for offer in offers}
    wanted = [(action, param, asked) for asked in wishes for action, param in [_ACTIONS[asked.wish, asked.kind]]]
    wanted = [entry for entry in wanted if _takes(offered.get(entry[0]), entry[1])]
    wanted.sort(key=lambda entry: _ORDER.index(entry[0]))
    suggestions: dict[tuple[str, str], SuggestedAction] = {}
    for action, param, asked in wanted:
        if asked.value is not None:
            suggestions.setdefault((action, asked.value), _action(action, param, asked.value, asked.quote))
    note = _note([(action, param, asked.value) for action, param, asked in wanted], names_a_key)
    notes = (note,) if note is not None and _takes(offered.get(NOTE_ACTION), "note") else ()
    return (*notes, *suggestions.values())[:MOST_SUGGESTIONS]


def _action(action: str, param: str, value: str, quote: str) -> SuggestedAction:
    found = FoundValue(value=value, provenance=Provenance.REQUESTER, evidence=quote)
    return SuggestedAction(action_id=action, params={param: found}, why=f"{_SPOKEN_OF[action]} Not verified.")


def _note(wanted: Sequence[tuple[str, str, str | None]], names_a_key: bool) -> SuggestedAction | None:
    """The note for the first action wished; it repeats nothing that the requester wrote."""
    if wanted:
        action, param, value = next((entry for entry in wanted if entry[2] is not None), wanted[0])
        mention = f"Customer mentioned {_NOUN[param]}"
        unnamed = f"{mention} without naming it. Ask for {param} before proposing {action}."
        text = unnamed if value is None else f"{mention}. Confirm {param} before running {action}."
    elif names_a_key:
        text = "Customer mentioned an API key. Confirm keyId before running any action on it."
    else:
        return None
    note = FoundValue(value=text, provenance=Provenance.SYSTEM)
    return SuggestedAction(
        action_id=NOTE_ACTION, params={"note": note}, why="Tells whoever picks this up what to check."
    )


def _takes(offer: ActionOffer | None, param: str) -> bool:
    """Whether an action is offered and this one parameter is all it needs."""
    if offer is None:
        return False
    properties, required = offer.params_schema.get("properties"), offer.params_schema.get("required")
    if not isinstance(properties, Mapping):
        return True
    return param in properties and set(required if isinstance(required, list) else ()) <= {param}
