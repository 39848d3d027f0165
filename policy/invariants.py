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

from policy.passkeys import Passkey, PasskeyState
from policy.reviews import Review
from policy.stops import Stop
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
    asks_for_passkey: bool
    """An approval counts only if its voter confirmed it with a passkey."""


ORDER = (
    "core-no-agent",
    "core-no-outsider",
    "core-no-bot",
    "core-no-inactive-account",
    "core-no-guest",
    "core-no-unconfirmed-email",
    "core-no-unlisted-proposer",
    "core-no-agents-break-glass",
    "core-no-break-glass-of-ones-own",
    "core-no-requester",
    "core-no-proposer",
    "core-no-editor",
    "core-no-subject",
    "core-no-alias",
    "core-no-review-of-ones-own",
    "core-no-contradicted-request",
    "core-no-settled-request",
    "core-no-unapproved-run",
    "core-no-expired-request",
    "core-no-stopped",
    "core-no-held-back",
    "core-no-other-policy",
    "core-no-other-digest",
    "core-no-rejected-twin",
    "core-no-more-than-the-limit",
    "core-no-unconfirmed-parameters",
    "core-no-break-glass-here",
    "core-no-break-glass-without-reason",
    "core-no-break-glass-by-others",
    "core-no-unattended-break-glass",
    "core-no-unattended-risk",
    "core-no-settled-review",
    "core-no-lift-of-ones-own",
    "core-no-own-passkey",
    "core-no-settled-passkey",
    "core-no-unconfirmed-vote",
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
    ("core-no-stopped", lambda request, _, step: step is not Step.REJECT and request.action.is_stopped),
    ("core-no-held-back", lambda request, _, step: step is not Step.REJECT and bool(request.action.held_back)),
    ("core-no-other-policy", lambda request, sight, _: not _same(sight.policy_version, request.policy_version)),
    (
        "core-no-other-digest",
        lambda request, sight, _: not (request.digest and _same(sight.shown_digest, request.digest)),
    ),
    ("core-no-rejected-twin", lambda request, _, step: step is not Step.REJECT and request.was_rejected_meanwhile),
    ("core-no-unconfirmed-parameters", lambda request, _, __: bool(request.action.unconfirmed_params)),
    ("core-no-break-glass-here", lambda request, _, step: step is not Step.REJECT and _has_no_glass(request.action)),
    (
        "core-no-break-glass-without-reason",
        lambda request, _, step: step is not Step.REJECT and _has_no_reason(request.action),
    ),
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
    if action.is_stopped:
        broken.add("core-no-stopped")
    if action.held_back:
        broken.add("core-no-held-back")
    if (action.of_requester.is_full or action.on_target.is_full) and action.break_glass is None:
        broken.add("core-no-more-than-the-limit")
    if action.unconfirmed_params:
        broken.add("core-no-unconfirmed-parameters")
    if is_unattended and action.risk is not Risk.LOW:
        broken.add("core-no-unattended-risk")
    if action.break_glass is not None:
        broken |= _broken_by_starting(actor, action)
        broken |= {"core-no-unattended-break-glass"} if is_unattended else set()
    return frozenset(broken)


def _broken_by_starting(actor: Proposer, action: ActionFacts) -> set[str]:
    """What keeps `actor` from starting a break-glass request."""
    broken = {"core-no-break-glass-here"} if _has_no_glass(action) else set()
    if _has_no_reason(action):
        broken.add("core-no-break-glass-without-reason")
    if isinstance(actor, Agent):
        return broken | {"core-no-agents-break-glass"}
    accounts, parts = (actor.key, *actor.linked), (action.requester.key, *action.reporters, *action.subjects)
    has_part = any(account.is_maybe(part) for account in accounts for part in parts)
    if has_part or _is_maybe_subject(actor, action) or _has_a_subjects_address(actor, action):
        broken.add("core-no-break-glass-of-ones-own")
    return broken


def broken_by_lift(actor: Person, stop: Stop) -> frozenset[str]:
    """What keeps `actor` from lifting `stop`."""
    is_theirs = any(account.is_maybe(stop.about) for account in (actor.key, *actor.linked))
    return broken_by_actor(actor) | ({"core-no-lift-of-ones-own"} if is_theirs else frozenset())


def broken_by_state(request: RequestFacts, sight: Sight, step: Step) -> frozenset[str]:
    """What keeps anybody from taking `step` on the request as it stands."""
    return frozenset(code for code, is_broken in _STATE if is_broken(request, sight, step))


def broken_by_decision(actor: Proposer, request: RequestFacts, sight: Sight, step: Step) -> frozenset[str]:
    """What keeps `actor` from taking `step`, or from counting as an approver when it runs."""
    state = broken_by_state(request, sight, step)
    if isinstance(actor, Agent):
        return state | {"core-no-agent"}
    stake = {code for code, has_stake in _STAKE if has_stake(actor, request)}
    is_unconfirmed = sight.asks_for_passkey and step is not Step.REJECT and not actor.has_confirmed
    glass = request.action.break_glass
    is_other = glass is not None and step is not Step.REJECT and glass.group not in actor.groups
    by_actor = broken_by_actor(actor) | ({"core-no-break-glass-by-others"} if is_other else set())
    return by_actor | stake | state | ({"core-no-unconfirmed-vote"} if is_unconfirmed else set())


def broken_by_review(actor: Person, review: Review) -> frozenset[str]:
    """What keeps `actor` from recording the review of a break-glass request."""
    broken = set(broken_by_actor(actor))
    if any(account.is_maybe(one) for account in (actor.key, *actor.linked) for one in review.involved):
        broken.add("core-no-review-of-ones-own")
    if not review.is_open:
        broken.add("core-no-settled-review")
    return frozenset(broken)


def broken_by_enrolment(actor: Person, passkey: Passkey) -> frozenset[str]:
    """What keeps `actor` from having somebody's new passkey counted."""
    broken = set(broken_by_actor(actor))
    if any(account.is_maybe(passkey.owner) for account in (actor.key, *actor.linked)):
        broken.add("core-no-own-passkey")
    if passkey.state is not PasskeyState.WAITING:
        broken.add("core-no-settled-passkey")
    return frozenset(broken)


def broken_by_revocation(actor: Person, passkey: Passkey) -> frozenset[str]:
    """What keeps `actor` from taking a passkey back: it lets nobody in, so their own they may."""
    broken = set(broken_by_actor(actor))
    if passkey.state is PasskeyState.REVOKED:
        broken.add("core-no-settled-passkey")
    return frozenset(broken)


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
    return _has_a_subjects_address(person, request.action)


def _has_a_subjects_address(person: Person, action: ActionFacts) -> bool:
    theirs = {folded_address(address) for address in person.linked_addresses} - {""}
    return any(folded_address(address) in theirs for address in action.subject_emails)


def _has_no_glass(action: ActionFacts) -> bool:
    return action.break_glass is not None and action.break_glass.group is None


def _has_no_reason(action: ActionFacts) -> bool:
    return action.break_glass is not None and not action.break_glass.has_reason


def _is_waiting(request: RequestFacts) -> bool:
    return request.status is RequestStatus.PENDING


def _is_approved(request: RequestFacts) -> bool:
    return request.status is RequestStatus.APPROVED


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))
