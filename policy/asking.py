"""Putting one question to both halves of the gate, the Cedar policies and the typed invariants, under one policy.

What each ruling of the gate is made of: the settings in force, what a decision is held against, and the question asked
of both. `weigh` makes one finding of the two answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from policy import entities, invariants
from policy.compiling import PolicyNote
from policy.confirming import Confirmations
from policy.engine import Answer, PolicyEngine, Question
from policy.errors import PolicyUnusable
from policy.invariants import Sight, Step
from policy.loading import BreakGlassSettings, RiskSettings
from policy.passkeys import Site
from policy.terms import ActionFacts, Proposer, RequestFacts, Risk
from policy.votes import VoteSigner
from policy.weighing import Finding, weigh

_RESTORE = "restore the core.cedar that came with this version of the bot"


class Asking:
    """Asks both under one loaded policy. Raises PolicyUnusable if an invariant lacks in one of the two."""

    def __init__(self, engine: PolicyEngine, signer: VoteSigner, site: Site | None = None) -> None:
        core = {policy_id for policy_id in engine.notes if policy_id.startswith("core-")}
        problems = [f"core.cedar: {one} is missing; {_RESTORE}" for one in invariants.ORDER if one not in core]
        problems += [
            f"core.cedar: {one} has no counterpart in code; {_RESTORE}" for one in sorted(core - set(invariants.ORDER))
        ]
        if problems:
            raise PolicyUnusable(problems)
        self._engine = engine
        self._signer = signer
        self.confirmations = Confirmations(signer, site)

    @property
    def policy_version(self) -> str:
        """Names the policy in force; part of every digest."""
        return self._engine.version

    @property
    def groups(self) -> frozenset[str]:
        """The groups that policies may name."""
        return self._engine.settings.groups

    @property
    def notes(self) -> Mapping[str, PolicyNote]:
        """What is said about each policy, by its id."""
        return self._engine.notes

    def keeps_waiting(self, risk: Risk) -> bool:
        """Whether a waiting request of this risk may outlive a change of the policy, if `rule_on_keeping` says so."""
        return self._engine.keeps_waiting(risk)

    def asks_for_passkey(self, risk: Risk) -> bool:
        """Whether an approval at this risk counts only once its voter confirmed it with a passkey."""
        return self._engine.asks_for_passkey(risk)

    def asked_of(self, risk: Risk) -> RiskSettings:
        """What the site's settings ask of requests of this risk: quorum, times, whom to tell."""
        return self._engine.asked_of(risk)

    @property
    def break_glass(self) -> BreakGlassSettings | None:
        """What the site's settings say of break-glass; None where there is none."""
        return self._engine.settings.break_glass

    def _weigh_proposal(self, action: ActionFacts, proposer: Proposer) -> tuple[Finding, Finding]:
        actor, action = entities.actor_ref(proposer), self._in_force(action)
        questions = [Question(actor, one, entities.PROPOSAL, {}) for one in ("propose", "runUnattended")]
        facts = [entities.actor_entity(proposer), *entities.proposal_entities(action)]
        propose, unattended = self._engine.ask_many(questions, facts)
        return (
            weigh(propose, invariants.broken_by_proposal(proposer, action, is_unattended=False)),
            weigh(unattended, invariants.broken_by_proposal(proposer, action, is_unattended=True)),
        )

    def _weigh_decision(
        self, request: RequestFacts, actors: Sequence[Proposer], sight: Sight, step: Step
    ) -> tuple[Finding, ...]:
        try:
            return tuple(weigh(*both) for both in self._ask_both(request, actors, sight, step))
        except TypeError as error:  # a moment without a time zone can be compared with nothing
            return (Finding.failed((str(error),)),) * len(actors)

    def _ask_both(
        self, request: RequestFacts, actors: Sequence[Proposer], sight: Sight, step: Step
    ) -> tuple[tuple[Answer, frozenset[str]], ...]:
        """Cedar's answer and the invariants broken in code, for each. Raises TypeError."""
        request = replace(request, action=self._in_force(request.action))
        context = entities.decision_context(
            shown_digest=sight.shown_digest,
            policy_version=sight.policy_version,
            now=sight.now,
            zone=self._engine.settings.zone,
            asks_for_passkey=sight.asks_for_passkey,
        )
        facts = [*map(entities.actor_entity, actors), *entities.request_entities(request)]
        broken = [invariants.broken_by_decision(actor, request, sight, step) for actor in actors]
        target = entities.request_ref(request)
        questions = [Question(entities.actor_ref(actor), step.value, target, context) for actor in actors]
        return tuple(zip(self._engine.ask_many(questions, facts), broken, strict=True))

    def _broken_by_state(self, request: RequestFacts, sight: Sight, step: Step) -> frozenset[str]:
        """What keeps anybody from it under the settings in force. Raises TypeError."""
        return invariants.broken_by_state(replace(request, action=self._in_force(request.action)), sight, step)

    def _sight(self, request: RequestFacts, shown_digest: str, now: datetime, *, is_asking: bool = True) -> Sight:
        """`is_asking`: what the risk asks for beside the click is asked for."""
        asks = is_asking and self.asks_for_passkey(request.action.risk)
        return Sight(shown_digest, self._policy_over(request), now, asks)

    def _policy_over(self, request: RequestFacts) -> str:
        """The version a decision is held against: the request's own where this policy is the one that decides it.

        That is where it was shown under this policy, or where this policy kept it, which spares it nothing but being of
        another version. A process that has not loaded the newest files must not decide what those brought or kept.
        """
        if request.decided_under == self.policy_version and self._engine.keeps_waiting(request.action.risk):
            return request.policy_version
        return request.decided_under if request.policy_version == self.policy_version else self.policy_version

    def _in_force(self, action: ActionFacts) -> ActionFacts:
        """A break-glass request with the group that the settings in force name, whatever it came with."""
        if action.break_glass is None:
            return action
        group = None if self.break_glass is None else self.break_glass.group
        return replace(action, break_glass=replace(action.break_glass, group=group))

    def _needed(self, request: RequestFacts) -> int:
        if request.action.break_glass is not None and self.break_glass is not None:
            return max(request.quorum, self.break_glass.quorum)
        return max(request.quorum, self._engine.quorum(request.action.risk), len(self._groups_for(request.action)))

    def _groups_needed(self, request: RequestFacts) -> frozenset[str]:
        if request.action.break_glass is not None:
            return request.distinct_groups
        return request.distinct_groups | self._groups_for(request.action)

    def _groups_for(self, action: ActionFacts) -> frozenset[str]:
        """The groups that the settings ask for at its risk, and those that it asks for itself."""
        return self._engine.distinct_groups(action.risk) | action.also_needs
