"""From terms to the entities and contexts that Cedar judges. Mirrors `cedar/schema.cedarschema`.

Identifiers, yes/no, numbers and words of fixed lists: no parameter, name or text goes in. E-mail addresses do for the
one rule that compares them, and `policy.compiling` keeps them from every other.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

from pydantic import JsonValue

from policy.engine import Entity, EntityRef
from policy.passkeys import Passkey
from policy.reviews import Review
from policy.stops import Stop
from policy.terms import ActionFacts, Agent, PersonKey, Proposer, RequesterKind, RequestFacts, folded_address

AGENTS = "agent"
"""The word in `ActionFacts.proposable_by` that lets parts of the bot propose."""

DESK_REF: EntityRef = {"type": "Desk", "id": "desk"}
DESK: Entity = {"uid": DESK_REF, "attrs": {}, "parents": []}
PROPOSAL: EntityRef = {"type": "ActionRequest", "id": "proposal"}
STOP: EntityRef = {"type": "Stop", "id": "stop"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def actor_ref(actor: Proposer) -> EntityRef:
    """How Cedar names a person or a part of the bot."""
    return _ref("Agent", actor.name) if isinstance(actor, Agent) else _person_ref(actor.key)


def actor_entity(actor: Proposer) -> Entity:
    """A person with the groups they are in now, or a part of the bot."""
    if isinstance(actor, Agent):
        return {"uid": actor_ref(actor), "attrs": {}, "parents": []}
    attrs: Entity = {
        "userId": actor.key.user_id,
        "isHome": actor.is_home,
        "isActive": actor.is_active,
        "isFullMember": actor.is_full_member,
        "isHuman": actor.is_human,
        "isEmailConfirmed": actor.is_email_confirmed,
        "hasConfirmed": actor.has_confirmed,
        "linkedUserIds": _user_ids(actor.linked),
        "linkedAddresses": [*sorted({folded_address(one) for one in actor.linked_addresses} - {""})],
    }
    if address := folded_address(actor.email):
        attrs["address"] = address
    return {"uid": actor_ref(actor), "attrs": attrs, "parents": _refs("Group", actor.groups)}


def proposal_entities(action: ActionFacts) -> list[Entity]:
    """The action as it is being put forward: nobody has been shown anything yet."""
    attrs: Entity = {
        "status": _ref("RequestStatus", "proposed"),
        "editors": _person_refs(action.reporters),
        "editorUserIds": _user_ids(action.reporters),
        "digest": "",
        "policyVersion": "",
        "expiresAtMicros": 0,
        "matchesTrail": True,
        "wasRejectedMeanwhile": False,
    }
    return [_ticket(action), {"uid": PROPOSAL, "attrs": attrs | _action_attrs(action), "parents": []}]


def request_entities(request: RequestFacts) -> list[Entity]:
    """A stored request and its ticket."""
    attrs: Entity = {
        "status": _ref("RequestStatus", request.status.value),
        "editors": _person_refs(request.editors),
        "editorUserIds": _user_ids(request.editors),
        "digest": request.digest,
        "policyVersion": request.policy_version,
        "expiresAtMicros": micros(request.expires_at),
        "matchesTrail": request.matches_trail,
        "wasRejectedMeanwhile": request.was_rejected_meanwhile,
    }
    if request.proposer is not None:
        attrs |= {"proposer": _person_ref(request.proposer), "proposerUserId": request.proposer.user_id}
    return [
        _ticket(request.action),
        {"uid": request_ref(request), "attrs": attrs | _action_attrs(request.action), "parents": []},
    ]


def request_ref(request: RequestFacts) -> EntityRef:
    """How Cedar names a request."""
    return _ref("ActionRequest", request.request_id)


def stop_entity(stop: Stop) -> Entity:
    """A stop that somebody wants to lift."""
    attrs: Entity = {"scope": _ref("StopScope", stop.scope.value)}
    if stop.about is not None:
        attrs["aboutUserId"] = stop.about.user_id
    return {"uid": STOP, "attrs": attrs, "parents": []}


def decision_context(
    *, shown_digest: str, policy_version: str, now: datetime, zone: tzinfo, asks_for_passkey: bool
) -> Entity:
    """What approve, reject and run are judged on beside the request; `zone`: the site's, for hour and weekday.

    Raises TypeError for a moment without a time zone.
    """
    moment = micros(now)  # First: a moment without a zone would be taken for one of this machine's.
    local = now.astimezone(zone)
    return {
        "nowMicros": moment,
        "hour": local.hour,
        "weekday": local.isoweekday(),
        "shownDigest": shown_digest,
        "policyVersion": policy_version,
        "asksForPasskey": asks_for_passkey,
    }


def passkey_ref(passkey: Passkey) -> EntityRef:
    """How Cedar names a passkey."""
    return _ref("Passkey", passkey.passkey_id)


def passkey_entity(passkey: Passkey) -> Entity:
    """A passkey that somebody wants to have counted, or taken back."""
    attrs: Entity = {
        "owner": _person_ref(passkey.owner),
        "ownerUserId": passkey.owner.user_id,
        "state": _ref("PasskeyState", passkey.state.value),
    }
    return {"uid": passkey_ref(passkey), "attrs": attrs, "parents": []}


def review_ref(review: Review) -> EntityRef:
    """How Cedar names a review."""
    return _ref("Review", review.request_id)


def review_entity(review: Review) -> Entity:
    """A review that somebody wants to record."""
    attrs: Entity = {"isOpen": review.is_open, "involvedUserIds": _user_ids(review.involved)}
    if review.group is not None:
        attrs["group"] = _ref("Group", review.group)
    return {"uid": review_ref(review), "attrs": attrs, "parents": []}


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970, exactly. Raises TypeError for a moment without a time zone."""
    return (moment - _EPOCH) // _MICROSECOND


def is_requester_known(action: ActionFacts) -> bool:
    """Whether a particular human, and not just an address, a form or an app, is behind the ticket."""
    return action.requester.kind is RequesterKind.SLACK_PERSON and action.requester.key is not None


def _action_attrs(action: ActionFacts) -> Entity:
    attrs: Entity = {
        "actionId": action.action_id,
        "risk": _ref("Risk", action.risk.value),
        "ticket": _ref("Ticket", action.ticket_id),
        "requesterKind": _ref("RequesterKind", action.requester.kind.value),
        "isRequesterKnown": is_requester_known(action),
        "subjects": _person_refs(action.subjects),
        "subjectUserIds": _user_ids(action.subjects),
        "subjectAddresses": [*sorted({folded_address(one) for one in action.subject_emails} - {""})],
        "proposableBy": _refs("Group", action.proposable_by - {AGENTS}),
        "isProposableByAgents": AGENTS in action.proposable_by,
        "hasUnconfirmedParams": bool(action.unconfirmed_params),
        "isStopped": action.is_stopped,
        "isHeldBack": bool(action.held_back),
        "alsoNeeds": _refs("Group", action.also_needs),
        "requesterCount": action.of_requester.so_far,
        "targetCount": action.on_target.so_far,
        "isBreakGlass": action.break_glass is not None,
        "hasBreakGlassReason": action.break_glass is not None and action.break_glass.has_reason,
    }
    if action.break_glass is not None and action.break_glass.group is not None:
        attrs["breakGlassGroup"] = _ref("Group", action.break_glass.group)
    limits = {"requesterLimit": action.of_requester.limit, "targetLimit": action.on_target.limit}
    attrs |= {name: limit for name, limit in limits.items() if limit is not None}
    if (key := action.requester.key) is not None:
        attrs |= {"requester": _person_ref(key), "requesterUserId": key.user_id}
    return attrs


def _ticket(action: ActionFacts) -> Entity:
    return {
        "uid": _ref("Ticket", action.ticket_id),
        "attrs": {
            "status": _ref("TicketStatus", action.ticket_status.value),
            "channelKind": _ref("ChannelKind", action.channel_kind),
            "category": action.ticket_category,
            "severity": _ref("Severity", action.ticket_severity.value),
        },
        "parents": [],
    }


def _ref(kind: str, name: str) -> EntityRef:
    return {"type": kind, "id": name}


def _refs(kind: str, names: Iterable[str]) -> list[JsonValue]:
    return [_ref(kind, name) for name in sorted(names)]


def _person_ref(key: PersonKey) -> EntityRef:
    return _ref("Person", str(key))


def _person_refs(keys: Iterable[PersonKey]) -> list[JsonValue]:
    return [_person_ref(key) for key in sorted(keys)]


def _user_ids(keys: Iterable[PersonKey]) -> list[JsonValue]:
    return [*sorted({key.user_id for key in keys})]
