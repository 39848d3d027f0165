"""Asking Cedar, so that nothing but a clean 'allow' is an allow.

Cedar by itself skips a policy whose evaluation errs, and a skipped forbid is an open door. Therefore:
  1. policies, schema and settings are parsed and checked once, and entities are always parsed with the schema
     (without it a reference to a person is read as a record that equals nobody)
  2. the principal and the resource must be among the entities
  3. an error in the diagnostics, a decision that is neither allow nor deny, a policy id this engine does not know,
     an allow that names no permit, and any exception are denials that say so
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cedarpy
from pydantic import JsonValue

from policy.compiling import CompiledPolicy, PolicyNote, compile_policy
from policy.loading import OnPolicyChange, PolicySettings, RiskSettings, read_policy_files
from policy.terms import Risk

Entity = dict[str, JsonValue]
"""An entity in Cedar's JSON form: uid, attrs, parents."""
EntityRef = dict[str, JsonValue]
"""{"type": …, "id": …}"""


@dataclass(frozen=True)
class Question:
    """May `principal` do `action` on `resource`, given `context`?"""

    principal: EntityRef
    action: str
    resource: EntityRef
    context: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Answer:
    """What Cedar said. `errors` is never empty where the question could not be answered; then it is a denial."""

    is_allowed: bool
    policy_ids: tuple[str, ...] = ()
    """The policies that decided: permits of an allow, every satisfied forbid of a denial; sorted."""
    errors: tuple[str, ...] = ()


class PolicyEngine:
    """One loaded policy. Immutable: a changed policy is another engine with another `version`."""

    def __init__(self, compiled: CompiledPolicy, settings: PolicySettings, version: str) -> None:
        self._policies = compiled.policies
        self._schema = compiled.schema
        self._notes = dict(compiled.notes)
        self.settings = settings
        self.version = version

    @classmethod
    def load(cls, folder: Path) -> PolicyEngine:
        """Read, parse and check a policy folder once. Raises PolicyUnusable with every problem found."""
        files = read_policy_files(folder)
        return cls(compile_policy(files), files.settings, files.version)

    @property
    def notes(self) -> Mapping[str, PolicyNote]:
        """What is said about each policy, by its id."""
        return self._notes

    def quorum(self, risk: Risk) -> int:
        """How many different people must approve."""
        return self.settings.risk[risk].quorum

    def distinct_groups(self, risk: Risk) -> frozenset[str]:
        """The groups of which one approval each must come, each from another person."""
        return frozenset(self.settings.risk[risk].distinct_groups)

    def keeps_waiting(self, risk: Risk) -> bool:
        """Whether a request that waits may outlive a change of the policy."""
        return self.settings.risk[risk].on_policy_change is OnPolicyChange.KEEP

    def asks_for_passkey(self, risk: Risk) -> bool:
        """Whether an approval counts only with a passkey."""
        return self.settings.asks_for_passkey(risk)

    def ttl_seconds(self, risk: Risk) -> int:
        """How long a request may wait."""
        return self.settings.risk[risk].ttl_seconds

    def asked_of(self, risk: Risk) -> RiskSettings:
        """What the site's settings ask of requests of this risk."""
        return self.settings.risk[risk]

    def ask(self, question: Question, entities: Sequence[Entity]) -> Answer:
        """Put one question. Never raises: what cannot be answered is a denial with its errors."""
        return self.ask_many([question], entities)[0]

    def ask_many(self, questions: Sequence[Question], entities: Sequence[Entity]) -> tuple[Answer, ...]:
        """Put several questions over the same entities; the answers come in their order. Never raises."""
        try:
            known = {_name(entity["uid"]) for entity in entities}
            parsed = cedarpy.Entities.from_json_str(json.dumps(entities, ensure_ascii=True), self._schema)
            answers = cedarpy.is_authorized_batch(
                [_request(one) for one in questions], self._policies, parsed, self._schema
            )
            if len(answers) != len(questions):
                raise ValueError(f"{len(questions)} questions, {len(answers)} answers")
            return tuple(self._read(one, answer, known) for one, answer in zip(questions, answers, strict=True))
        except Exception as error:
            # Broad on purpose: whatever goes wrong while asking, the answer must come out as a denial.
            failed = Answer(is_allowed=False, errors=(f"{type(error).__name__}: {error}",))
            return (failed,) * len(questions)

    def _read(self, question: Question, result: cedarpy.AuthzResult, known: set[tuple[object, object]]) -> Answer:
        policy_ids = tuple(sorted(result.diagnostics.reasons))
        errors = [str(error) for error in result.diagnostics.errors]
        errors += [
            f"{role} {ref} is not among the entities"
            for role, ref in (("principal", question.principal), ("resource", question.resource))
            if _name(ref) not in known
        ]
        errors += [f"unknown policy {policy_id}" for policy_id in policy_ids if policy_id not in self._notes]
        if result.decision is cedarpy.Decision.NoDecision and not errors:
            errors.append("no decision")
        is_allowed = result.decision is cedarpy.Decision.Allow
        if is_allowed and not errors and (not policy_ids or any(self._notes[one].is_forbid for one in policy_ids)):
            errors.append("an allow without a permit")
        return Answer(is_allowed and not errors, policy_ids, tuple(errors))


def _name(ref: JsonValue) -> tuple[object, object]:
    if not isinstance(ref, dict):
        raise ValueError(f"not an entity reference: {ref!r}")
    return ref["type"], ref["id"]


def _request(question: Question) -> dict[str, object]:
    return {
        "principal": question.principal,
        "action": {"type": "Action", "id": question.action},
        "resource": question.resource,
        "context": json.dumps(question.context),
    }
