"""The two answers on one scale: a yes only where both say yes, and what is said of a no."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from policy.engine import Answer, Entity, PolicyEngine, Question
from policy.gate import Gate
from policy.loading import DEFAULT_FOLDER
from policy.replies import NOT_PERMITTED, PERMITTED, REASONS, REPLIES, SITE_RULE
from policy.terms import Agent, Verdict
from policy.weighing import Finding, deciding, describe, refusal, weigh
from tests.policy.builders import ENGINE, SIGNER, action, note, person

PERMIT, OTHER_PERMIT = "staff-may-propose", "staff-sees-the-desk"
GUEST, BOT, SITE = "core-no-guest", "core-no-bot", "unknown-requester-needs-security"


@pytest.mark.parametrize(
    ("answer", "broken", "code", "policy_ids"),
    [
        (Answer(True, (PERMIT,)), (), PERMITTED, (PERMIT,)),
        (Answer(False), (), NOT_PERMITTED, ()),
        (Answer(False, (SITE,)), (), SITE, (SITE,)),
        (Answer(False, (GUEST,)), (GUEST,), GUEST, (GUEST,)),
        # Who somebody is comes first, and the site's own rules last.
        (Answer(False, (GUEST, BOT, SITE)), (GUEST, BOT), BOT, (BOT, GUEST, SITE)),
        # Either of the two alone is not believed, whichever way it errs.
        (Answer(True, (PERMIT,)), (GUEST,), "gate-disagreement", ()),
        (Answer(False, (GUEST,)), (), "gate-disagreement", ()),
        (Answer(False, (GUEST,)), (BOT,), "gate-disagreement", ()),
        (Answer(False), (GUEST,), "gate-disagreement", ()),
        (Answer(True, (GUEST,)), (GUEST,), "gate-disagreement", ()),
        (Answer(True, (PERMIT,), ("it broke",)), (), "gate-error", ()),
        (Answer(False, (GUEST,), ("it broke",)), (GUEST,), "gate-error", ()),
    ],
)
def test_a_yes_needs_both_and_a_difference_is_a_no(
    answer: Answer, broken: Sequence[str], code: str, policy_ids: tuple[str, ...]
) -> None:
    found = weigh(answer, frozenset(broken))

    assert (found.is_allowed, found.code, found.policy_ids) == (code == PERMITTED, code, policy_ids)
    assert found.is_broken is (code in ("gate-error", "gate-disagreement"))
    assert deciding(found) == (policy_ids or (code,))
    if code == "gate-disagreement":
        by_cedar = sorted(one for one in answer.policy_ids if one.startswith("core-"))
        assert found.details == {"cedar": by_cedar, "code": sorted(broken)}
    if code == "gate-error":
        assert found.details == {"errors": ["it broke"]}


def test_the_sites_rules_are_in_the_order_of_their_names_after_all_invariants() -> None:
    assert Finding.refused(["z-rule", GUEST, "a-rule"]).policy_ids == (GUEST, "a-rule", "z-rule")


def test_a_yes_is_said_in_the_words_of_every_permit() -> None:
    said = describe(Finding.allowed((PERMIT, OTHER_PERMIT)), ENGINE.notes)

    assert said.is_allowed and said.code == PERMITTED
    assert said.reason == f"{ENGINE.notes[PERMIT].reason} {ENGINE.notes[OTHER_PERMIT].reason}"


def test_a_no_is_said_in_the_words_of_its_rule_or_of_the_gate() -> None:
    by_rule = describe(Finding.refused([SITE]), ENGINE.notes, {"voter": "H/U"})
    of_the_gate = describe(Finding.failed(("it broke",)), ENGINE.notes, {"voter": "H/U"})
    with_neither = describe(Finding.refused([PERMIT]), ENGINE.notes)

    assert (by_rule.reason, by_rule.reply) == (ENGINE.notes[SITE].reason, ENGINE.notes[SITE].reply)
    assert by_rule.details == {"voter": "H/U"} and by_rule.policy_ids == (SITE,)
    assert (of_the_gate.reason, of_the_gate.reply) == (REASONS["gate-error"], REPLIES["gate-error"])
    assert of_the_gate.details == {"errors": ["it broke"], "voter": "H/U"}
    assert with_neither.reply == SITE_RULE.words


def test_a_refusal_of_the_gates_own_has_its_words_and_details() -> None:
    said = refusal("voter-unknown", {"voters": ["H/U"]})

    assert (said.is_allowed, said.code, said.policy_ids) == (False, "voter-unknown", ())
    assert (said.reason, said.reply) == (REASONS["voter-unknown"], REPLIES["voter-unknown"])
    assert said.details == {"voters": ["H/U"]} and refusal("voter-unknown").details == {}


class _Breaking(PolicyEngine):
    """Cannot answer one kind of question."""

    unanswered = ""

    def ask_many(self, questions: Sequence[Question], entities: Sequence[Entity]) -> tuple[Answer, ...]:
        answers = super().ask_many(questions, entities)
        return tuple(
            Answer(False, errors=("it broke",)) if question.action == self.unanswered else answer
            for question, answer in zip(questions, answers, strict=True)
        )


@pytest.mark.parametrize("unanswered", ["propose", "runUnattended"])
@pytest.mark.parametrize("is_low", [True, False])
def test_a_question_that_went_wrong_is_a_denial_even_if_the_other_was_answered(unanswered: str, is_low: bool) -> None:
    engine = _Breaking.load(DEFAULT_FOLDER)
    facts = note() if is_low else action()
    for proposer in (Agent("triage"), person("U_SAM", "support")):
        assert Gate(engine, SIGNER).judge_proposal(facts, proposer).verdict is not Verdict.DENY

    engine.unanswered = unanswered

    for proposer in (Agent("triage"), person("U_SAM", "support")):
        judged = Gate(engine, SIGNER).judge_proposal(facts, proposer)
        assert (judged.verdict, judged.policy_ids) == (Verdict.DENY, ("gate-error",))
        assert (judged.quorum, judged.ttl_seconds, judged.reply) == (0, 0, REPLIES["gate-error"])
