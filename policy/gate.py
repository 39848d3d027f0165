"""The gate: every question of 'may this happen?' is answered here, and nowhere else.

Each answer is given twice, by the Cedar policies and by the typed invariants, and is a yes only if both say so
(`policy.weighing`). Nothing here reads a clock, a database or Slack: people arrive as they were read live, requests
as they are stored, and what a caller leaves out makes the answer no.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from policy import entities, invariants
from policy.engine import PolicyEngine, Question
from policy.errors import PolicyUnusable
from policy.invariants import Sight, Step
from policy.one_person import humans
from policy.terms import (
    ActionFacts,
    Choice,
    Judgement,
    Person,
    PersonKey,
    Proposer,
    RequestFacts,
    Ruling,
    Tally,
    Verdict,
    Vote,
)
from policy.votes import VoteSigner, tally
from policy.weighing import Finding, deciding, describe, refusal, weigh


class Gate:
    """Judges proposals, votes, runs and views under one loaded policy. Raises PolicyUnusable if an invariant lacks."""

    def __init__(self, engine: PolicyEngine, signer: VoteSigner) -> None:
        core = {policy_id for policy_id in engine.notes if policy_id.startswith("core-")}
        problems = [f"core.cedar: {one} is missing" for one in invariants.ORDER if one not in core]
        problems += [f"core.cedar: {one} has no counterpart in code" for one in sorted(core - set(invariants.ORDER))]
        if problems:
            raise PolicyUnusable(problems)
        self._engine = engine
        self._signer = signer

    @property
    def policy_version(self) -> str:
        """Names the policy in force; part of every digest."""
        return self._engine.version

    def judge_proposal(self, action: ActionFacts, proposer: Proposer) -> Judgement:
        """Say whether `proposer` may put this forward and, if so, whether it may run without an approval."""
        propose, unattended = self._weigh_proposal(action, proposer)
        for finding in (propose, unattended):
            # A question that went wrong is a denial even if the other one was answered.
            if finding.is_broken or (finding is propose and not propose.is_allowed):
                reply = describe(finding, self._engine.notes).reply
                return Judgement(Verdict.DENY, self._denial_words(finding, action), deciding(finding), 0, 0, reply)
        ttl_seconds = self._engine.ttl_seconds(action.risk)
        if unattended.is_allowed:
            reason = " ".join(self._engine.notes[one].reason for one in unattended.policy_ids)
            return Judgement(Verdict.ALLOW, reason, unattended.policy_ids, 0, ttl_seconds)
        quorum = self._engine.quorum(action.risk)
        reason = _approval_words(action, quorum)
        return Judgement(Verdict.NEEDS_APPROVAL, reason, propose.policy_ids, quorum, ttl_seconds)

    def rule_on_vote(
        self, request: RequestFacts, voter: Proposer, choice: Choice, *, shown_digest: str, now: datetime
    ) -> Ruling:
        """Say whether `voter`, read live at the click, may say `choice`. Rejecting asks for no less than approving.

        An agent may be handed in: it is answered, and always refused.
        """
        sight = Sight(shown_digest, self.policy_version, now)
        (finding,) = self._weigh_decision(request, [voter], sight, Step.of(choice))
        return describe(finding, self._engine.notes)

    def rule_on_run(
        self,
        request: RequestFacts,
        votes: Sequence[Vote],
        voters: Mapping[PersonKey, Person],
        *,
        digest_now: str,
        now: datetime,
        proposer: Proposer | None = None,
    ) -> Ruling:
        """Say whether an approved request may run now, from the evidence and not from its status.

        `digest_now` is computed afresh from what would run; `voters` are read live; `proposer`, read live, is needed
        where the request has quorum 0. In this order:
          1. the request stands at 'approved', in time, under this policy, with the digest that was shown
          2. nobody rejected it
          3. with quorum 0: the proposer is who the request says, and the policy would still allow it unattended
          4. every vote is for this request and this digest, and its signature verifies
          5. every voter is eligible at this moment, by both gates
          6. enough different people approved; several accounts of one human are one
        """
        sight = Sight(digest_now, self.policy_version, now)
        try:
            broken = invariants.broken_by_state(request, sight, Step.RUN)  # 1
        except TypeError as error:
            return refusal("gate-error", {"errors": [str(error)]})
        if broken:
            return describe(Finding.refused(broken), self._engine.notes)
        if any(vote.choice is not Choice.APPROVE for vote in votes):  # 2, signed or not: a forged no does no harm
            return refusal("rejected")
        if request.quorum < 1:
            return self._rule_on_unattended_run(request, proposer)  # 3
        return self._bad_vote(request, votes) or self._rule_on_voters(request, votes, voters, sight)  # 4 to 6

    def rule_on_view(self, person: Person) -> Ruling:
        """Say whether `person` may read tickets and trails and work on them."""
        question = Question(entities.actor_ref(person), "view", entities.DESK_REF, {})
        answer = self._engine.ask(question, [entities.actor_entity(person), entities.DESK])
        return describe(weigh(answer, invariants.broken_by_actor(person)), self._engine.notes)

    def eligible(self, request: RequestFacts, people: Iterable[Person], *, now: datetime) -> tuple[Person, ...]:
        """Those of `people` who could approve the request as it stands, in their order, each once.

        It is asked about the people, so a request that has no digest yet, because its card names them, is fine.
        """
        distinct = list({person.key: person for person in people}.values())
        shown = replace(request, digest=request.digest or "about-to-be-shown")
        sight = Sight(shown.digest, self.policy_version, now)
        findings = self._weigh_decision(shown, distinct, sight, Step.APPROVE)
        return tuple(person for person, finding in zip(distinct, findings, strict=True) if finding.is_allowed)

    def _rule_on_unattended_run(self, request: RequestFacts, proposer: Proposer | None) -> Ruling:
        key = proposer.key if isinstance(proposer, Person) else None
        if proposer is None or key != request.proposer:
            return refusal("proposer-unknown")
        judgement = self.judge_proposal(request.action, proposer)
        if judgement.verdict is not Verdict.ALLOW:
            return refusal("no-longer-unattended", {"verdict": judgement.verdict.value, "why": judgement.reason})
        return describe(Finding.allowed(judgement.policy_ids), self._engine.notes)

    def _bad_vote(self, request: RequestFacts, votes: Sequence[Vote]) -> Ruling | None:
        for vote in votes:
            about = {"voter": str(vote.voter)}
            if vote.request_id != request.request_id:
                return refusal("vote-of-another-request", about)
            if vote.digest != request.digest:
                return refusal("vote-of-another-digest", about)
            if not self._signer.verify(vote):
                return refusal("vote-signature-broken", about)
        return None

    def _rule_on_voters(
        self, request: RequestFacts, votes: Sequence[Vote], voters: Mapping[PersonKey, Person], sight: Sight
    ) -> Ruling:
        keys = sorted({vote.voter for vote in votes})
        people = [voters[key] for key in keys if key in voters and voters[key].key == key]
        if len(people) != len(keys):
            return refusal("voter-unknown", {"voters": [str(key) for key in keys]})
        findings = self._weigh_decision(request, people, sight, Step.RUN)
        for person, finding in zip(people, findings, strict=True):
            if not finding.is_allowed:
                return describe(finding, self._engine.notes, {"voter": str(person.key)})
        # The stored quorum is a row like any other: it may ask for more than the settings do, never for less.
        needed = max(request.quorum, self._engine.quorum(request.action.risk))
        behind = humans(people)
        if tally(votes, needed, behind) is not Tally.APPROVED:
            return refusal("quorum-not-met", {"needed": needed, "approved": len(set(behind.values()))})
        policy_ids = sorted({policy_id for finding in findings for policy_id in finding.policy_ids})
        ruling = Finding.allowed(tuple(policy_ids))
        return describe(ruling, self._engine.notes, {"voters": [str(key) for key in keys]})

    def _weigh_proposal(self, action: ActionFacts, proposer: Proposer) -> tuple[Finding, Finding]:
        actor = entities.actor_ref(proposer)
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
            context = entities.decision_context(
                shown_digest=sight.shown_digest, policy_version=sight.policy_version, now=sight.now
            )
            facts = [*map(entities.actor_entity, actors), *entities.request_entities(request)]
            broken = [invariants.broken_by_decision(actor, request, sight, step) for actor in actors]
        except TypeError as error:  # a moment without a time zone can be compared with nothing
            return (Finding.failed((str(error),)),) * len(actors)
        target = entities.request_ref(request)
        questions = [Question(entities.actor_ref(actor), step.value, target, context) for actor in actors]
        answers = self._engine.ask_many(questions, facts)
        return tuple(weigh(answer, rules) for answer, rules in zip(answers, broken, strict=True))

    def _denial_words(self, finding: Finding, action: ActionFacts) -> str:
        words = describe(finding, self._engine.notes).reason
        if finding.code == "core-no-unconfirmed-parameters":
            words += f" Not confirmed: {', '.join(sorted(action.unconfirmed_params))}."
        return words


def _approval_words(action: ActionFacts, quorum: int) -> str:
    people = "one person" if quorum == 1 else f"{quorum} different people"
    untouched = "is not the one" if quorum == 1 else "are not the ones"
    words = (
        f"{action.risk.value.capitalize()}-risk action: needs the approval of {people} whom the policy names and who "
        f"did not ask for it, did not propose it and {untouched} it is done to."
    )
    if not entities.is_requester_known(action):
        words += " Nobody knows which human asked, which can narrow the circle further."
    return words
