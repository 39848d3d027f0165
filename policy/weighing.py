"""Putting Cedar's answer and the typed invariants' answer on one scale, and the result into words.

A finding is a yes only if Cedar allows, without an error, and both name the same broken invariants: none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from policy.compiling import CORE_PREFIX, PolicyNote
from policy.engine import Answer
from policy.invariants import ORDER
from policy.replies import NOT_PERMITTED, PERMITTED, REASONS, REPLIES, SITE_RULE
from policy.terms import Ruling


@dataclass(frozen=True)
class Finding:
    """The two answers, weighed."""

    is_allowed: bool
    code: str
    policy_ids: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_broken(self) -> bool:
        """Whether this is a denial because the question could not be answered, rather than by a rule."""
        return self.code in ("gate-error", "gate-disagreement")

    @classmethod
    def allowed(cls, policy_ids: tuple[str, ...]) -> Finding:
        return cls(True, PERMITTED, policy_ids)

    @classmethod
    def refused(cls, policy_ids: Iterable[str]) -> Finding:
        """By these rules; the most useful one gives its name, and by none of them if nothing permits it."""
        ids = tuple(sorted(policy_ids, key=_usefulness))
        return cls(False, ids[0] if ids else NOT_PERMITTED, ids)

    @classmethod
    def failed(cls, errors: tuple[str, ...]) -> Finding:
        return cls(False, "gate-error", details={"errors": list(errors)})


def weigh(answer: Answer, broken: frozenset[str]) -> Finding:
    """Weigh Cedar's answer against the invariants found broken in code."""
    if answer.errors:
        return Finding.failed(answer.errors)
    by_cedar = frozenset(one for one in answer.policy_ids if one.startswith(CORE_PREFIX))
    # Not only yes against no: the same rules must have been broken, or one of the two is wrong about something.
    if by_cedar != broken or (answer.is_allowed and broken):
        return Finding(False, "gate-disagreement", details={"cedar": sorted(by_cedar), "code": sorted(broken)})
    return Finding.allowed(answer.policy_ids) if answer.is_allowed else Finding.refused(answer.policy_ids)


def deciding(finding: Finding) -> tuple[str, ...]:
    """What the audit trail names for a denial: the rules, or why there are none."""
    return finding.policy_ids or (finding.code,)


def describe(finding: Finding, notes: Mapping[str, PolicyNote], about: Mapping[str, Any] | None = None) -> Ruling:
    """A finding in words."""
    note = notes.get(finding.code)
    if finding.is_allowed:
        reason = " ".join(notes[one].reason for one in finding.policy_ids)
    else:
        reason = note.reason if note else REASONS[finding.code]
    reply = REPLIES.get(finding.code) or (note.reply if note else None) or SITE_RULE.words
    return Ruling(
        finding.is_allowed, finding.code, reason, reply, finding.policy_ids, {**finding.details, **(about or {})}
    )


def refusal(code: str, details: Mapping[str, Any] | None = None) -> Ruling:
    """A refusal by the gate itself, without a policy."""
    return Ruling(False, code, REASONS[code], REPLIES[code], (), dict(details or {}))


def told_why(ruling: Ruling, why: str) -> Ruling:
    """A refusal for want of a passkey with what exactly is wrong, for the trail."""
    return replace(ruling, reason=f"{ruling.reason} {why}") if ruling.code == "core-no-unconfirmed-vote" else ruling


def held_why(ruling: Ruling, held_back: str, *, is_told: bool = False) -> Ruling:
    """A refusal by what a case keeps back, with why: for the trail, and in the reply to people of the desk."""
    if ruling.code != "core-no-held-back":
        return ruling
    reply = f"{held_back} {ruling.reply}" if is_told else ruling.reply
    return replace(ruling, reason=f"{ruling.reason} {held_back}", reply=reply)


def _usefulness(policy_id: str) -> tuple[int, str]:
    # The site's own rules come last: the invariants are about who somebody is, and that comes first.
    return (ORDER.index(policy_id), "") if policy_id in ORDER else (len(ORDER), policy_id)
