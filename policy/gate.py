"""The gate: every question of 'may this happen?' is answered here, and nowhere else.

Each answer is given twice, by the Cedar policies and by the typed invariants, and is a yes only if both say so
(`policy.asking`, `policy.weighing`). Nothing here reads a clock, a database or Slack: people arrive as they were read
live, requests as they are stored, and what a caller leaves out makes the answer no.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from policy import invariants
from policy.case_release import RELEASES
from policy.desk_rulings import DeskRulings
from policy.engine import Answer
from policy.invariants import Step
from policy.passkeys import Passkey
from policy.run_rulings import RunRulings
from policy.terms import Assertion, Choice, Person, Proposer, RequestFacts, RequestStatus, Ruling, Vote
from policy.weighing import Finding, describe, held_why, refusal, told_why, weigh


@dataclass(frozen=True)
class Views:
    """A ruling with what each of the two gates said for itself."""

    ruling: Ruling
    by_cedar: Answer
    broken_in_code: frozenset[str]


class Gate(RunRulings, DeskRulings):
    """All rulings under one loaded policy, those on what people do with a waiting request among them."""

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

        `assertion`: what the voter confirmed it with, which has to hold if there is one, whatever the risk asks for;
        `passkeys`: theirs, as they are stored now. An agent may be handed in: it is answered, and always refused.
        """
        sight = self._sight(request, shown_digest, now)
        sight = replace(sight, asks_for_passkey=sight.asks_for_passkey or assertion is not None)
        why = ""
        if isinstance(voter, Person):
            vote = Vote(request.request_id, voter.key, choice, shown_digest, now, "", assertion=assertion)
            why = self.confirmations.why_not(vote, passkeys, is_new=True)
            voter = replace(voter, has_confirmed=not why)
        (finding,) = self._weigh_decision(request, [voter], sight, Step.of(choice))
        if finding.is_allowed and assertion is not None and why:  # A rejection, for which neither gate asks for one.
            finding = Finding.refused(["core-no-unconfirmed-vote"])
        return self._told(told_why(describe(finding, self._engine.notes), why), request, voter)

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
        ruling = describe(weigh(answer, broken), self._engine.notes)
        return Views(self._told(ruling, request, voter), answer, broken)

    def rule_on_withdrawal(self, request: RequestFacts, person: Person) -> Ruling:
        """Say whether `person`, read live at the click, may take a waiting request back: whoever proposed it, and
        nobody else.

        It lets nothing happen, so no permit is asked and neither deadline nor digest matters. The key must be equal, as
        wherever somebody is let in.
        """
        broken = invariants.broken_by_actor(person)
        if broken:
            return describe(Finding.refused(broken), self._engine.notes)
        if person.key != request.proposer:
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
            sight = self._sight(request, digest_now, now)
            broken = by_actor or self._broken_by_state(request, sight, Step.APPROVE)
        except TypeError as error:
            return refusal("gate-error", {"errors": [str(error)]})
        if broken:
            return self._told(describe(Finding.refused(broken), self._engine.notes), request, editor)
        if request.action.break_glass is not None:
            return refusal("break-glass-is-not-edited")
        if request.action.action_id in RELEASES:
            return refusal("release-is-not-edited")
        propose, _ = self._weigh_proposal(request.action, editor)
        return describe(propose, self._engine.notes)

    def _told(self, ruling: Ruling, request: RequestFacts, actor: Proposer) -> Ruling:
        """With why a case keeps it back: only whoever is of a group of this desk is told of the case."""
        is_of_desk = isinstance(actor, Person) and bool(actor.groups & self.groups)
        return held_why(ruling, request.action.held_back, is_told=is_of_desk)

    def eligible(self, request: RequestFacts, people: Iterable[Person], *, now: datetime) -> tuple[Person, ...]:
        """Those of `people` who could approve the request as it stands, in their order, each once.

        It is asked about the people, so a request that has no digest yet, because its card names them, is fine.
        """
        distinct = list({person.key: person for person in people}.values())
        shown = replace(request, digest="about-to-be-shown")
        sight = self._sight(shown, shown.digest, now, is_asking=False)
        findings = self._weigh_decision(shown, distinct, sight, Step.APPROVE)
        return tuple(person for person, finding in zip(distinct, findings, strict=True) if finding.is_allowed)
