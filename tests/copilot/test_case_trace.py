"""Where each sentence that was sent came from, and what its trace lacks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.case_trace import SentSentence, everything_sent
from policy import case_entries as e
from policy.case_moves import StatementEvent
from policy.case_terms import Author, DraftKind, Sentence, Statement, StatementKind
from tests.copilot.case_stories import INTAKE, LEAD, MEMBER, MODEL, SECURITY, Record, evidence, look, scenario_b

PERSON = Author(LEAD)
UPDATE = DraftKind.CUSTOMER_UPDATE


def with_a_fact() -> Record:
    """A case with one accepted fact, S1, on evidence."""
    case = Record()
    case.add(e.Retrieved(look(case.now)))
    case.propose(Statement("S1", StatementKind.FACT, "A preview was recorded.", ("E3",), MODEL))
    return case.move("S1", StatementEvent.ACCEPTED)


def last(case: Record) -> tuple[SentSentence, ...]:
    return everything_sent(case.story)[-1].sentences


def test_every_sentence_of_scenario_b_has_a_full_trace() -> None:
    update, handoff = everything_sent(scenario_b().story)

    assert update.is_traced and handoff.is_traced
    assert [one.is_courtesy for one in update.sentences] == [True, False, False, False]
    assert update.released.approvers == (MEMBER, SECURITY)
    assert update.asked is not None and update.asked.seq < update.entry.seq


def test_a_sentence_is_followed_through_its_edits_to_who_wrote_it_first() -> None:
    corrected = everything_sent(scenario_b().story)[0].sentences[1]

    assert corrected.origin == MODEL and corrected.sentence.author == PERSON
    assert [(edit.revision, edit.author, edit.cause) for edit in corrected.edits] == [
        (1, MODEL, ""),
        (2, PERSON, "overstated_certainty"),
    ]
    assert [mark.code for _, mark in corrected.overrides] == ["overstated"]


def test_what_it_rests_on_is_there_with_hash_source_time_and_history() -> None:
    cited = everything_sent(scenario_b().story)[0].sentences[1].cited[0]

    assert [one.evidence_id for one in cited.evidence] == ["E3", "E2"]
    assert all(one.sha256 and one.place and one.retrieved_at for one in cited.evidence)
    assert [step.event for _, step in cited.history] == [None, StatementEvent.ACCEPTED]


def test_a_sentence_that_was_taken_out_and_written_anew_begins_anew() -> None:
    case = with_a_fact()
    model, own = (
        Sentence("A preview was recorded.", ("S1@1",), MODEL),
        Sentence("A preview was recorded.", ("S1@1",), PERSON),
    )
    other = Sentence("Thank you for your patience.", (), MODEL)
    case.draft("D1", UPDATE, model, other).draft("D1", UPDATE, other, by=PERSON)
    case.draft("D1", UPDATE, other, own, by=PERSON).ask("r1", "D1").release("r1", "D1", "customer", MEMBER)

    assert [one.origin for one in last(case)] == [MODEL, PERSON]
    assert [edit.revision for edit in last(case)[1].edits] == [3]


def test_a_sentence_said_twice_is_two_sentences() -> None:
    case, text, cites = with_a_fact(), "A preview was recorded.", ("S1@1",)
    case.draft("D1", UPDATE, Sentence(text, cites, MODEL))
    case.draft("D1", UPDATE, Sentence(text, cites, PERSON), Sentence(text, cites, PERSON), by=PERSON)
    case.ask("r1", "D1").release("r1", "D1", "customer", MEMBER)

    assert [one.origin for one in last(case)] == [MODEL, PERSON]


GAPS = {
    "no citation": ("Your files were seen.", (), "it cites no statement"),
    "invented statement": ("A preview was recorded.", ("S9@1",), "it cites a statement that the case did not have"),
    "another revision": ("A preview was recorded.", ("S1@4",), "it cites a statement that had changed"),
    "rejected statement": ("Nothing was seen.", ("S2@1",), "it says, or cites, what was rejected"),
    "no evidence": ("It was an accident.", ("S3@1",), "statement S3 rests on no evidence"),
    "invented evidence": ("A preview was recorded.", ("S4@1",), "it rests on evidence that was never retrieved"),
}


@pytest.mark.parametrize(("text", "cites", "gap"), GAPS.values(), ids=GAPS)
def test_threat_a_sentence_that_rests_on_nothing_has_no_full_trace(text: str, cites: tuple[str, ...], gap: str) -> None:
    case = with_a_fact()
    case.propose(Statement("S2", StatementKind.FACT, "Nothing was seen.", ("E3",), MODEL))
    case.move("S2", StatementEvent.REJECTED, reason="not so")
    case.propose(Statement("S3", StatementKind.HYPOTHESIS, "It was an accident.", (), MODEL))
    case.propose(Statement("S4", StatementKind.FACT, "A preview was recorded by hand.", ("E99",), MODEL))
    case.draft("D1", UPDATE, Sentence(text, cites, MODEL)).ask("r1", "D1").release("r1", "D1", "customer", MEMBER)

    (sent,) = everything_sent(case.story)

    assert gap in sent.sentences[0].gaps
    assert not sent.is_traced


def test_threat_what_nobody_approved_has_no_full_trace() -> None:
    case = with_a_fact()
    case.draft("D1", UPDATE, Sentence("A preview was recorded.", ("S1@1",), MODEL)).release("r1", "D1", "customer")

    assert last(case)[0].gaps == ("nobody is known to have approved it",)


def test_a_statement_rejected_after_the_draft_was_written_is_a_gap_when_it_goes_out() -> None:
    case = with_a_fact()
    case.draft("D1", UPDATE, Sentence("A preview was recorded.", ("S1@1",), MODEL)).ask("r1", "D1")
    case.move("S1", StatementEvent.REOPENED, reason="the log was corrected").release("r1", "D1", "customer", MEMBER)

    assert last(case)[0].gaps == ("it cites a statement that had changed",)


def test_a_next_step_of_a_person_rests_on_whoever_owns_it() -> None:
    case = with_a_fact()
    case.propose(Statement("P1", StatementKind.NEXT_STEP, "Read the log.", (), PERSON, owner=MEMBER, due_at=INTAKE))
    case.propose(Statement("P2", StatementKind.NEXT_STEP, "Ask the vendor.", (), MODEL))
    said = [Sentence("Next: read the log.", ("P1@1",), MODEL), Sentence("Next: ask the vendor.", ("P2@1",), MODEL)]
    case.draft("D1", UPDATE, *said).release("r1", "D1", "customer", MEMBER)

    assert [one.gaps for one in last(case)] == [(), ("statement P2 rests on no evidence",)]


def test_a_next_step_that_a_model_proposed_rests_on_the_lead_who_accepted_it() -> None:
    case = with_a_fact()
    case.propose(
        Statement("P2", StatementKind.NEXT_STEP, "Ask the vendor.", (), MODEL, owner_label="support", due_at=INTAKE)
    )
    case.move("P2", StatementEvent.ACCEPTED)
    said = Sentence("Next: ask the vendor.", ("P2@1",), MODEL)
    case.draft("D1", UPDATE, said).release("r1", "D1", "customer", MEMBER)

    assert last(case)[0].gaps == ()


def test_evidence_that_came_after_the_draft_does_not_carry_it() -> None:
    case = with_a_fact()
    case.propose(Statement("S5", StatementKind.FACT, "It was opened.", ("E7",), MODEL))
    case.draft("D1", UPDATE, Sentence("It was opened.", ("S5@1",), MODEL))
    late = evidence("E7", look(INTAKE)[2].source, "opened", case.now)
    case.add(e.Retrieved((late,))).release("r1", "D1", "customer", MEMBER)

    assert last(case)[0].gaps == ("it rests on evidence that was never retrieved",)
    assert last(case)[0].cited[0].missing == ("E7",)


SENTENCES = st.lists(
    st.builds(Sentence, st.sampled_from(["A b c.", "A b d.", "Thanks.", "E f g h.", ""]), st.just(("S1@1",)),
              st.sampled_from([MODEL, PERSON, Author()])), max_size=5,
)  # fmt: skip


@given(st.lists(SENTENCES, min_size=1, max_size=4))
def test_law_every_sent_sentence_has_one_origin_and_edits_that_end_in_it(revisions: list[list[Sentence]]) -> None:
    case = with_a_fact()
    for said in revisions:
        case.draft("D1", UPDATE, *said)
    case.release("r1", "D1", "customer", MEMBER)

    sent = last(case)

    assert [one.sentence for one in sent] == revisions[-1]
    for one in sent:
        assert [edit.difference.before is None for edit in one.edits] == [True] + [False] * (len(one.edits) - 1)
        assert [edit.revision for edit in one.edits] == sorted({edit.revision for edit in one.edits})
        assert one.edits[-1].difference.after is not None and one.edits[-1].difference.after.text == one.sentence.text
