"""The gate: every question of 'may this happen?' is answered here, and nowhere else.

Each answer is given twice, by the Cedar policies and by the typed invariants, and is a yes only if both say so
(`policy.weighing`). Nothing here reads a clock, a database or Slack: people arrive as they were read live, requests
as they are stored, and what a caller leaves out makes the answer no.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from policy import entities, invariants
from policy.break_glass import approval_words
from policy.compiling import PolicyNote
from policy.confirming import Confirmations
from policy.engine import Answer, PolicyEngine, Question
from policy.errors import PolicyUnusable
from policy.invariants import Sight, Step
from policy.limits import limit_words
from policy.loading import BreakGlassSettings, RiskSettings
from policy.one_person import humans
from policy.passkeys import Passkey, Site
from policy.reviews import Review
from policy.stops import Stop
from policy.terms import (
    ActionFacts,
    Assertion,
    Choice,
    Judgement,
    Person,
    PersonKey,
    Proposer,
    RequestFacts,
    RequestStatus,
    Risk,
    Ruling,
    Tally,
    Verdict,
    Vote,
)
from policy.votes import VoteSigner, tally
from policy.weighing import Finding, deciding, describe, refusal, weigh

_RESTORE = "restore the core.cedar that came with this version of the bot"


@dataclass(frozen=True)
class Views:
    """A ruling with what each of the two gates said for itself."""

    ruling: Ruling
    by_cedar: Answer
    broken_in_code: frozenset[str]


class Gate:
    """Judges proposals, votes, runs and views under one loaded policy. Raises PolicyUnusable if an invariant lacks."""

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

    def judge_proposal(self, action: ActionFacts, proposer: Proposer) -> Judgement:
        """Say whether `proposer` may put this forward and, if so, whether it may run without an approval."""
        propose, unattended = self._weigh_proposal(action, proposer)
        for finding in (propose, unattended):
            # A question that went wrong is a denial even if the other one was answered.
            if finding.is_broken or (finding is propose and not propose.is_allowed):
                words, reply = self._denial_words(finding, action)
                return Judgement(Verdict.DENY, words, deciding(finding), 0, 0, reply=reply)
        glass = None if action.break_glass is None else self.break_glass
        ttl_seconds = self._engine.ttl_seconds(action.risk) if glass is None else glass.ttl_seconds
        if unattended.is_allowed:
            reason = " ".join(self._engine.notes[one].reason for one in unattended.policy_ids)
            return Judgement(Verdict.ALLOW, reason, unattended.policy_ids, 0, ttl_seconds)
        quorum, groups = self._engine.quorum(action.risk), self._engine.distinct_groups(action.risk)
        reason = _approval_words(action, quorum)
        if glass is not None:
            quorum, groups = glass.quorum, frozenset()
            reason = approval_words(action.risk.value, glass.group, quorum)
        if self.asks_for_passkey(action.risk):
            reason += " Each approval is confirmed with a passkey."
        return Judgement(Verdict.NEEDS_APPROVAL, reason, propose.policy_ids, quorum, ttl_seconds, groups)

    def rule_on_vote(
        self,
        request: RequestFacts,
        voter: Proposer,
        choice: Choice,
        *,
        shown_digest: str,
        now: datetime,
        assertion: Assertion | None = None,
        passkeys: Collection[Passkey] = (),
    ) -> Ruling:
        """Say whether `voter`, read live at the click, may say `choice`. Rejecting asks for no passkey, and else for no
        less than approving.

        `assertion`: what the voter confirmed it with; `passkeys`: theirs, as they are stored now. An agent may be
        handed in: it is answered, and always refused.
        """
        sight = self._sight(request, shown_digest, now)
        why = ""
        if isinstance(voter, Person) and sight.asks_for_passkey:
            vote = Vote(request.request_id, voter.key, choice, shown_digest, now, "", assertion=assertion)
            why = self.confirmations.why_not(vote, passkeys, is_new=True)
            voter = replace(voter, has_confirmed=not why)
        (finding,) = self._weigh_decision(request, [voter], sight, Step.of(choice))
        return _told_why(describe(finding, self._engine.notes), why)

    def rule_on_click(
        self, request: RequestFacts, voter: Person, choice: Choice, *, shown_digest: str, now: datetime
    ) -> Ruling:
        """Say whether `voter` might say `choice`, once they confirm it if that is asked for. Nothing counts by it."""
        return self.views_on_vote(request, voter, choice, shown_digest=shown_digest, now=now).ruling

    def views_on_vote(
        self, request: RequestFacts, voter: Person, choice: Choice, *, shown_digest: str, now: datetime
    ) -> Views:
        """The same as `rule_on_click`, with both gates' own answers beside it: for explaining."""
        sight = self._sight(request, shown_digest, now, is_asking=False)
        ((answer, broken),) = self._ask_both(request, [voter], sight, Step.of(choice))
        return Views(describe(weigh(answer, broken), self._engine.notes), answer, broken)

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
            return describe(Finding.refused(broken), self._engine.notes)
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
            return describe(Finding.refused(broken), self._engine.notes)
        if any(vote.choice is not Choice.APPROVE for vote in votes):  # 2, signed or not: a forged no does no harm
            return refusal("rejected")
        if request.quorum < 1:
            return self._rule_on_unattended_run(request, proposer)  # 3
        if request.policy_version != self.policy_version and (refused := self._not_proposable(request, proposer)):
            return refused
        return self._bad_vote(request, votes) or self._rule_on_voters(request, votes, voters, passkeys, sight)  # 4 to 6

    def rule_on_view(self, person: Person) -> Ruling:
        """Say whether `person` may read tickets and trails and work on them."""
        question = Question(entities.actor_ref(person), "view", entities.DESK_REF, {})
        answer = self._engine.ask(question, [entities.actor_entity(person), entities.DESK])
        return describe(weigh(answer, invariants.broken_by_actor(person)), self._engine.notes)

    def rule_on_lift(self, stop: Stop, person: Person) -> Ruling:
        """Say whether `person`, read live and with their other accounts, may lift a stop that is in force."""
        question = Question(entities.actor_ref(person), "lift", entities.STOP, {})
        answer = self._engine.ask(question, [entities.actor_entity(person), entities.stop_entity(stop)])
        return describe(weigh(answer, invariants.broken_by_lift(person, stop)), self._engine.notes)

    def rule_on_review(self, review: Review, person: Person) -> Ruling:
        """Say whether `person`, read live with every account of theirs, may record this review."""
        review = replace(review, group=None if self.break_glass is None else self.break_glass.group)
        question = Question(entities.actor_ref(person), "review", entities.review_ref(review), {})
        answer = self._engine.ask(question, [entities.actor_entity(person), entities.review_entity(review)])
        return describe(weigh(answer, invariants.broken_by_review(person, review)), self._engine.notes)

    def rule_on_enrolment(self, passkey: Passkey, person: Person) -> Ruling:
        """Say whether `person`, read live with every account of theirs, may let somebody's new passkey count."""
        return self._rule_on_passkey("enrol", passkey, person, invariants.broken_by_enrolment(person, passkey))

    def rule_on_revocation(self, passkey: Passkey, person: Person) -> Ruling:
        """Say whether `person`, read live, may take a passkey back, or refuse one that waits."""
        return self._rule_on_passkey("revoke", passkey, person, invariants.broken_by_revocation(person, passkey))

    def rule_on_withdrawal(self, request: RequestFacts, person: Person) -> Ruling:
        """Say whether `person`, read live at the click, may take a waiting request back: whoever proposed it, and
        nobody else.

        It lets nothing happen, so no permit is asked and neither deadline nor digest matters. The key must be equal, as
        wherever somebody is let in.
        """
        broken = invariants.broken_by_actor(person)
        if broken:
            return describe(Finding.refused(broken), self._engine.notes)
        if request.proposer is None or person.key != request.proposer:
            return refusal("not-the-proposer")
        if not request.matches_trail:
            return describe(Finding.refused(["core-no-contradicted-request"]), self._engine.notes)
        if request.status is not RequestStatus.PENDING:
            return describe(Finding.refused(["core-no-settled-request"]), self._engine.notes)
        return describe(Finding.allowed(()), self._engine.notes)

    def rule_on_edit(self, request: RequestFacts, editor: Person, *, digest_now: str, now: datetime) -> Ruling:
        """Say whether `editor`, read live, may put another request in the place of one that waits.

        Whoever could put it forward at this moment may, while it could still be decided. The new one is judged for
        itself, as every proposal is; and nobody who had a part in the old one decides it.
        """
        by_actor = invariants.broken_by_actor(editor)
        try:
            sight = self._sight(request, digest_now, now, is_asking=False)
            broken = by_actor or self._broken_by_state(request, sight, Step.APPROVE)
        except TypeError as error:
            return refusal("gate-error", {"errors": [str(error)]})
        if broken:
            return describe(Finding.refused(broken), self._engine.notes)
        if request.action.break_glass is not None:
            return refusal("break-glass-is-not-edited")
        propose, _ = self._weigh_proposal(request.action, editor)
        return describe(propose, self._engine.notes)

    def eligible(self, request: RequestFacts, people: Iterable[Person], *, now: datetime) -> tuple[Person, ...]:
        """Those of `people` who could approve the request as it stands, in their order, each once.

        It is asked about the people, so a request that has no digest yet, because its card names them, is fine.
        """
        distinct = list({person.key: person for person in people}.values())
        shown = replace(request, digest=request.digest or "about-to-be-shown")
        sight = self._sight(shown, shown.digest, now, is_asking=False)
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

    def _rule_on_passkey(self, action: str, passkey: Passkey, person: Person, broken: frozenset[str]) -> Ruling:
        question = Question(entities.actor_ref(person), action, entities.passkey_ref(passkey), {})
        facts = [entities.actor_entity(person), entities.passkey_entity(passkey)]
        return describe(weigh(self._engine.ask(question, facts), broken), self._engine.notes)

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
        is_ours = request.decided_under == self.policy_version
        if is_ours and self._engine.keeps_waiting(request.action.risk):
            return request.policy_version
        is_other = request.policy_version != self.policy_version
        return self.policy_version if is_ours or is_other else request.decided_under

    def _in_force(self, action: ActionFacts) -> ActionFacts:
        """A break-glass request with the group that the settings in force name, whatever it came with."""
        if action.break_glass is None:
            return action
        group = None if self.break_glass is None else self.break_glass.group
        return replace(action, break_glass=replace(action.break_glass, group=group))

    def _needed(self, request: RequestFacts) -> int:
        if request.action.break_glass is not None and self.break_glass is not None:
            return max(request.quorum, self.break_glass.quorum)
        return max(request.quorum, self._engine.quorum(request.action.risk))

    def _groups_needed(self, request: RequestFacts) -> frozenset[str]:
        if request.action.break_glass is not None:
            return request.distinct_groups
        return request.distinct_groups | self._engine.distinct_groups(request.action.risk)

    def _not_proposable(self, request: RequestFacts, proposer: Proposer | None) -> Ruling | None:
        key = proposer.key if isinstance(proposer, Person) else None
        if proposer is None or key != request.proposer:
            return refusal("proposer-unknown")
        judgement = self.judge_proposal(request.action, proposer)
        if judgement.verdict is Verdict.DENY:
            return refusal("no-longer-proposable", {"why": judgement.reason})
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
        why = {} if not sight.asks_for_passkey else self._unconfirmed(votes, passkeys)
        people = [replace(one, has_confirmed=sight.asks_for_passkey and not why.get(one.key)) for one in people]
        findings = self._weigh_decision(request, people, sight, step)
        for person, finding in zip(people, findings, strict=True):
            if not finding.is_allowed:
                refused = describe(finding, self._engine.notes, {"voter": str(person.key)})
                return _told_why(refused, why.get(person.key, ""))
        policy_ids = sorted({policy_id for finding in findings for policy_id in finding.policy_ids})
        ruling = Finding.allowed(tuple(policy_ids))
        return describe(ruling, self._engine.notes, {"voters": [str(key) for key in keys]})

    def _unconfirmed(self, votes: Sequence[Vote], passkeys: Collection[Passkey]) -> dict[PersonKey, str]:
        """Why votes are not confirmed, by voter; "" for those that all are."""
        found: dict[PersonKey, str] = {}
        for vote in votes:
            found[vote.voter] = found.get(vote.voter) or self.confirmations.why_not(vote, passkeys, is_new=False)
        return found

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
            asks_for_passkey=sight.asks_for_passkey,
        )
        facts = [*map(entities.actor_entity, actors), *entities.request_entities(request)]
        broken = [invariants.broken_by_decision(actor, request, sight, step) for actor in actors]
        target = entities.request_ref(request)
        questions = [Question(entities.actor_ref(actor), step.value, target, context) for actor in actors]
        return tuple(zip(self._engine.ask_many(questions, facts), broken, strict=True))

    def _denial_words(self, finding: Finding, action: ActionFacts) -> tuple[str, str]:
        """The reason, and what whoever proposed it is told."""
        ruling = describe(finding, self._engine.notes)
        if finding.code == "core-no-more-than-the-limit":
            words = limit_words(action.risk, action.of_requester, action.on_target)
            return words, words
        words = ruling.reason
        if finding.code == "core-no-unconfirmed-parameters":
            words += f" Not confirmed: {', '.join(sorted(action.unconfirmed_params))}."
        return words, ruling.reply


def _told_why(ruling: Ruling, why: str) -> Ruling:
    """A refusal for want of a passkey with what exactly is wrong, for the trail."""
    return replace(ruling, reason=f"{ruling.reason} {why}") if ruling.code == "core-no-unconfirmed-vote" else ruling


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
