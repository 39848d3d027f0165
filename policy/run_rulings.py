"""What the gate says of stored votes: what they add up to, whether a run may begin, and whether a request may outlive a
change of the policy. The evidence decides, and not what a row says of itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from policy.invariants import Sight, Step
from policy.one_person import humans
from policy.passkeys import Passkey
from policy.proposal_rulings import ProposalRulings
from policy.terms import Choice, Person, PersonKey, Proposer, RequestFacts, RequestStatus, Ruling, Tally, Verdict, Vote
from policy.votes import tally
from policy.weighing import Finding, describe, held_why, refusal, told_why


class RunRulings(ProposalRulings):
    """Rulings on a request by the votes that were cast on it."""

    def tally(
        self,
        request: RequestFacts,
        votes: Sequence[Vote],
        groups_of: Mapping[PersonKey, Collection[str]],
        humans: Mapping[PersonKey, str],
    ) -> Tally:
        """What the votes add up to: when one is cast, and again before the run, with the people as they are then.

        The stored request may ask for more than the settings do, never for less: a row is only a row.
        """
        return tally(votes, self._needed(request), self._groups_needed(request), groups_of, humans)

    def rule_on_keeping(
        self,
        request: RequestFacts,
        votes: Sequence[Vote],
        voters: Mapping[PersonKey, Person],
        proposer: Proposer,
        *,
        digest_now: str,
        now: datetime,
        passkeys: Collection[Passkey] = (),
    ) -> Ruling:
        """Say whether a request that waits under an earlier policy may stay under this one, as it was shown.

        Only if the settings say so for its risk; if it could be put forward today, by who put it forward; if this
        policy asks for no more than its card says; and if each vote on it would count today. From then on every vote
        and the run are judged by this policy.
        """
        # What was started by break-glass was shown with the group that approves it, and ends with the policy.
        may_keep = self._engine.keeps_waiting(request.action.risk) and request.action.break_glass is None
        over = request.policy_version if may_keep else self.policy_version
        sight = replace(self._sight(request, digest_now, now), policy_version=over)
        step = Step.RUN if request.status is RequestStatus.APPROVED else Step.APPROVE
        try:
            broken = self._broken_by_state(request, sight, step)
        except TypeError as error:
            return refusal("gate-error", {"errors": [str(error)]})
        if broken:
            return held_why(describe(Finding.refused(broken), self._engine.notes), request.action.held_back)
        is_as_shown = (
            self._needed(request) == request.quorum and self._groups_needed(request) == request.distinct_groups
        )
        if request.quorum > 0 and not is_as_shown:
            return refusal("more-is-asked-now")
        refused = self._not_proposable(request, proposer) or self._bad_vote(request, votes)
        return refused or self._rule_on_each(request, votes, voters, passkeys, sight, step)

    def rule_on_run(
        self,
        request: RequestFacts,
        votes: Sequence[Vote],
        voters: Mapping[PersonKey, Person],
        *,
        digest_now: str,
        now: datetime,
        proposer: Proposer | None = None,
        passkeys: Collection[Passkey] = (),
    ) -> Ruling:
        """Say whether an approved request may run now, from the evidence and not from its status.

        `digest_now` is computed afresh from what would run; `voters` are read live; `proposer`, read live, is needed
        where the request has quorum 0, or was made under an earlier policy and kept; `passkeys` are the voters' own,
        as they are stored now. In this order:
          1. the request stands at 'approved', in time, under this policy, with the digest that was shown
          2. nobody rejected it
          3. with quorum 0: the proposer is who the request says, and the policy would still allow it unattended;
             where it was kept: they could still put it forward
          4. every vote is for this request and this digest, and its signature verifies
          5. every voter is eligible at this moment, by both gates; where a passkey is asked for, the vote holds what
             the voter's own passkey signed for it, and that passkey still counts
          6. enough different people approved, and of each group that must; several accounts of one human are one
        """
        sight = self._sight(request, digest_now, now)
        try:
            broken = self._broken_by_state(request, sight, Step.RUN)  # 1
        except TypeError as error:
            return refusal("gate-error", {"errors": [str(error)]})
        if broken:
            return held_why(describe(Finding.refused(broken), self._engine.notes), request.action.held_back)
        if any(vote.choice is not Choice.APPROVE for vote in votes):  # 2, signed or not: a forged no does no harm
            return refusal("rejected")
        if request.quorum < 1:
            return self._rule_on_unattended_run(request, proposer)  # 3
        if request.policy_version != self.policy_version and (refused := self._not_proposable(request, proposer)):
            return refused
        return self._bad_vote(request, votes) or self._rule_on_voters(request, votes, voters, passkeys, sight)  # 4 to 6

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
        self,
        request: RequestFacts,
        votes: Sequence[Vote],
        voters: Mapping[PersonKey, Person],
        passkeys: Collection[Passkey],
        sight: Sight,
    ) -> Ruling:
        ruling = self._rule_on_each(request, votes, voters, passkeys, sight, Step.RUN)
        if not ruling.is_allowed:
            return ruling
        keys = {vote.voter for vote in votes}
        behind = humans(voters[key] for key in keys)
        if self.tally(request, votes, {key: voters[key].groups for key in keys}, behind) is Tally.APPROVED:
            return ruling
        needed, groups = self._needed(request), sorted(self._groups_needed(request))
        if len(set(behind.values())) < needed:
            return refusal("quorum-not-met", {"needed": needed, "approved": len(set(behind.values()))})
        return refusal("groups-not-met", {"groups": groups, "approved": sorted(map(str, keys))})

    def _rule_on_each(
        self,
        request: RequestFacts,
        votes: Sequence[Vote],
        voters: Mapping[PersonKey, Person],
        passkeys: Collection[Passkey],
        sight: Sight,
        step: Step,
    ) -> Ruling:
        """Whether everybody who voted may, at this moment."""
        keys = sorted({vote.voter for vote in votes})
        people = [voters[key] for key in keys if key in voters and voters[key].key == key]
        if len(people) != len(keys):
            return refusal("voter-unknown", {"voters": [str(key) for key in keys]})
        why = self._unconfirmed(votes, passkeys)
        people = [replace(one, has_confirmed=not why[one.key]) for one in people]
        findings = self._weigh_decision(request, people, sight, step)
        for person, finding in zip(people, findings, strict=True):
            if not finding.is_allowed:
                refused = describe(finding, self._engine.notes, {"voter": str(person.key)})
                return told_why(refused, why[person.key])
        policy_ids = sorted({policy_id for finding in findings for policy_id in finding.policy_ids})
        ruling = Finding.allowed(tuple(policy_ids))
        return describe(ruling, self._engine.notes, {"voters": [str(key) for key in keys]})

    def _unconfirmed(self, votes: Sequence[Vote], passkeys: Collection[Passkey]) -> dict[PersonKey, str]:
        """Why votes are not confirmed, by voter; "" for those that all are."""
        found: dict[PersonKey, str] = {}
        for vote in votes:
            found[vote.voter] = found.get(vote.voter) or self.confirmations.why_not(vote, passkeys, is_new=False)
        return found
