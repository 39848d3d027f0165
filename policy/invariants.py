"""The invariants once more, as code: what no policy file may ever allow.

The same rules are the forbids of `cedar/core.cedar`, written by another hand in another language. The gate asks
both and denies where they differ, so a slip in either is a refusal and never an open door. Each function answers
with the ids of the rules that are broken.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from policy.terms import (
    ActionFacts,
    Agent,
    Choice,
    Person,
    PersonKey,
    Proposer,
    RequestFacts,
    RequestStatus,
    Risk,
    folded_address,
)


class Step(StrEnum):
    """What is being done to a stored request; the names are Cedar's actions."""

    APPROVE = "approve"
    REJECT = "reject"
    RUN = "run"

    @classmethod
    def of(cls, choice: Choice) -> Step:
        """The step that a person's choice is."""
        return cls.APPROVE if choice is Choice.APPROVE else cls.REJECT


@dataclass(frozen=True)
class Sight:
    """What a decision on a request looks at beside the request itself."""

    shown_digest: str
    policy_version: str
    now: datetime


ORDER = (
    "core-no-agent",
    "core-no-outsider",
    "core-no-bot",
    "core-no-inactive-account",
    "core-no-guest",
    "core-no-unconfirmed-email",
    "core-no-unlisted-proposer",
    "core-no-requester",
    "core-no-proposer",
    "core-no-editor",
    "core-no-subject",
    "core-no-alias",
    "core-no-contradicted-request",
    "core-no-settled-request",
    "core-no-unapproved-run",
    "core-no-expired-request",
    "core-no-other-policy",
    "core-no-other-digest",
    "core-no-rejected-twin",
    "core-no-unconfirmed-parameters",
    "core-no-unattended-risk",
)
"""All of them. Where several are broken the first one is the answer: who somebody is comes before what they tried,
so that an outsider learns nothing about the request."""

_IDENTITY: tuple[tuple[str, Callable[[Person], bool]], ...] = (
    ("core-no-outsider", lambda person: not person.is_home),
    ("core-no-bot", lambda person: not person.is_human),
    ("core-no-inactive-account", lambda person: not person.is_active),
    ("core-no-guest", lambda person: not person.is_full_member),
    ("core-no-unconfirmed-email", lambda person: not person.is_email_confirmed),
)

_STAKE: tuple[tuple[str, Callable[[Person, RequestFacts], bool]], ...] = (
    ("core-no-requester", lambda person, request: person.key.is_maybe(request.action.requester.key)),
    ("core-no-proposer", lambda person, request: person.key.is_maybe(request.proposer)),
    ("core-no-editor", lambda person, request: _is_maybe_one_of(person, request.editors)),
    ("core-no-subject", lambda person, request: _is_maybe_subject(person, request.action)),
    ("core-no-alias", lambda person, request: _has_a_part_under_another_name(person, request)),
)

_STATE: tuple[tuple[str, Callable[[RequestFacts, Sight, Step], bool]], ...] = (
    ("core-no-contradicted-request", lambda request, _, __: not request.matches_trail),
    ("core-no-settled-request", lambda request, _, step: step is not Step.RUN and not _is_waiting(request)),
    ("core-no-unapproved-run", lambda request, _, step: step is Step.RUN and not _is_approved(request)),
    ("core-no-expired-request", lambda request, sight, _: sight.now >= request.expires_at),
    ("core-no-other-policy", lambda request, sight, _: not _same(sight.policy_version, request.policy_version)),
    (
        "core-no-other-digest",
        lambda request, sight, _: not (request.digest and _same(sight.shown_digest, request.digest)),
    ),
    ("core-no-rejected-twin", lambda request, _, step: step is not Step.REJECT and request.was_rejected_meanwhile),
    ("core-no-unconfirmed-parameters", lambda request, _, __: bool(request.action.unconfirmed_params)),
)


def broken_by_actor(actor: Proposer) -> frozenset[str]:
    """What keeps somebody from doing anything at all here."""
    if isinstance(actor, Agent):
        return frozenset()
    return frozenset(code for code, is_broken in _IDENTITY if is_broken(actor))


def broken_by_proposal(actor: Proposer, action: ActionFacts, *, is_unattended: bool) -> frozenset[str]:
    """What keeps `actor` from putting `action` forward, or from having it run without an approval."""
    listed = {"agent"} if isinstance(actor, Agent) else actor.groups
    broken = set(broken_by_actor(actor))
    if not listed & action.proposable_by:
        broken.add("core-no-unlisted-proposer")
    if action.unconfirmed_params:
        broken.add("core-no-unconfirmed-parameters")
    if is_unattended and action.risk is not Risk.LOW:
        broken.add("core-no-unattended-risk")
    return frozenset(broken)


def broken_by_state(request: RequestFacts, sight: Sight, step: Step) -> frozenset[str]:
    """What keeps anybody from taking `step` on the request as it stands."""
    return frozenset(code for code, is_broken in _STATE if is_broken(request, sight, step))


def broken_by_decision(actor: Proposer, request: RequestFacts, sight: Sight, step: Step) -> frozenset[str]:
    """What keeps `actor` from taking `step`, or from counting as an approver when it runs."""
    state = broken_by_state(request, sight, step)
    if isinstance(actor, Agent):
        return state | {"core-no-agent"}
    stake = {code for code, has_stake in _STAKE if has_stake(actor, request)}
    return broken_by_actor(actor) | stake | state


def _is_maybe_one_of(person: Person, keys: Iterable[PersonKey]) -> bool:
    return any(person.key.is_maybe(key) for key in keys)


def _is_maybe_subject(person: Person, action: ActionFacts) -> bool:
    if _is_maybe_one_of(person, action.subjects):
        return True
    addresses = {folded_address(address) for address in action.subject_emails} - {""}
    address = folded_address(person.email)
    # Whoever has no address that could be compared cannot be told from the person it is done to.
    return address in addresses if address else bool(addresses)


def _has_a_part_under_another_name(person: Person, request: RequestFacts) -> bool:
    parts = {request.action.requester.key, request.proposer, *request.editors, *request.action.subjects}
    if any(account.is_maybe(part) for account in person.linked for part in parts):
        return True
    theirs = {folded_address(address) for address in person.linked_addresses} - {""}
    return any(folded_address(address) in theirs for address in request.action.subject_emails)


def _is_waiting(request: RequestFacts) -> bool:
    return request.status is RequestStatus.PENDING


def _is_approved(request: RequestFacts) -> bool:
    return request.status is RequestStatus.APPROVED


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))
