"""What the gate says of a proposal: whether it may be put forward, and whether it may run without an approval."""

from __future__ import annotations

from policy import entities
from policy.asking import Asking
from policy.break_glass import approval_words
from policy.limits import limit_words
from policy.terms import ActionFacts, Judgement, Person, Proposer, RequestFacts, Ruling, Verdict
from policy.weighing import Finding, deciding, describe, held_why, refusal


class ProposalRulings(Asking):
    """Rulings on what somebody wants to happen, before anybody was shown it."""

    def judge_proposal(self, action: ActionFacts, proposer: Proposer) -> Judgement:
        """Say whether `proposer` may put this forward and, if so, whether it may run without an approval."""
        propose, unattended = self._weigh_proposal(action, proposer)
        for finding in (propose, unattended):
            # A question that went wrong is a denial even if the other one was answered.
            if finding.is_broken or not propose.is_allowed:
                words, reply = self._denial_words(finding, action)
                return Judgement(Verdict.DENY, words, deciding(finding), 0, 0, reply=reply)
        glass = None if action.break_glass is None else self.break_glass
        ttl_seconds = self._engine.ttl_seconds(action.risk) if glass is None else glass.ttl_seconds
        if unattended.is_allowed:
            reason = " ".join(self._engine.notes[one].reason for one in unattended.policy_ids)
            return Judgement(Verdict.ALLOW, reason, unattended.policy_ids, 0, ttl_seconds)
        groups = self._groups_for(action)
        quorum = max(self._engine.quorum(action.risk), len(groups))
        reason = _approval_words(action, quorum)
        if glass is not None:
            quorum, groups = glass.quorum, frozenset()
            reason = approval_words(action.risk.value, glass.group, quorum)
        if self.asks_for_passkey(action.risk):
            reason += " Each approval is confirmed with a passkey."
        return Judgement(Verdict.NEEDS_APPROVAL, reason, propose.policy_ids, quorum, ttl_seconds, groups)

    def _not_proposable(self, request: RequestFacts, proposer: Proposer | None) -> Ruling | None:
        key = proposer.key if isinstance(proposer, Person) else None
        if proposer is None or key != request.proposer:
            return refusal("proposer-unknown")
        judgement = self.judge_proposal(request.action, proposer)
        if judgement.verdict is Verdict.DENY:
            return refusal("no-longer-proposable", {"why": judgement.reason})
        return None

    def _denial_words(self, finding: Finding, action: ActionFacts) -> tuple[str, str]:
        """The reason, and what whoever proposed it is told."""
        ruling = describe(finding, self._engine.notes)
        if finding.code == "core-no-more-than-the-limit":
            words = limit_words(action.risk, action.of_requester, action.on_target)
            return words, words
        ruling = held_why(ruling, action.held_back, is_told=True)
        words = ruling.reason
        if finding.code == "core-no-unconfirmed-parameters":
            words += f" Not confirmed: {', '.join(sorted(action.unconfirmed_params))}."
        return words, ruling.reply


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
