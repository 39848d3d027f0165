"""What the gate says of the desk itself: who may look, lift a stop, review a break-glass run, let a passkey count."""

from __future__ import annotations

from dataclasses import replace

from policy import entities, invariants
from policy.asking import Asking
from policy.engine import Question
from policy.passkeys import Passkey
from policy.reviews import Review
from policy.stops import Stop
from policy.terms import Person, Ruling
from policy.weighing import describe, weigh


class DeskRulings(Asking):
    """Rulings on people and on what is no request."""

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

    def _rule_on_passkey(self, action: str, passkey: Passkey, person: Person, broken: frozenset[str]) -> Ruling:
        question = Question(entities.actor_ref(person), action, entities.passkey_ref(passkey), {})
        facts = [entities.actor_entity(person), entities.passkey_entity(passkey)]
        return describe(weigh(self._engine.ask(question, facts), broken), self._engine.notes)
