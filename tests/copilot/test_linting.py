"""What the linter marks in a draft, where, how heavy, and which overrides hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.drafting import compose
from copilot.lint_terms import NEVER_OVERRIDDEN, WHOLE_DRAFT, Code, Level, LintResult, Mark, Override, level_of
from copilot.linting import lint
from policy.case_fingerprints import fingerprint
from policy.case_rules import Held
from policy.case_terms import Author, Draft, DraftKind, EvidenceKind, Sentence, Statement, StatementKind, StatementState
from tests.copilot.lint_cases import CASE, DATA, MINIMISED, NAMES, cited, draft_of, fresh, labelled, scores
from tests.policy.case_builders import LEAD, evidence


def marks(cites: str, text: str, code: Code, kind: DraftKind = DraftKind.CUSTOMER_UPDATE) -> list[Mark]:
    found = lint(draft_of((cites, text), kind=kind), CASE, NAMES, MINIMISED).marks
    return [one for one in found if one.code is code]


def quoted(cites: str, text: str, code: Code) -> list[str]:
    return [text[one.start : one.end] for one in marks(cites, text, code)]


def of_sentence(*sentence: Sentence, held: Held = CASE) -> set[Code]:
    draft = Draft("D1", DraftKind.CUSTOMER_UPDATE, 1, sentence)
    return {one.code for one in lint(draft, held).marks if one.sentence != WHOLE_DRAFT}


@pytest.mark.parametrize("is_held_out", [False, True])
def test_the_linter_is_as_good_as_it_was_measured_to_be(is_held_out: bool) -> None:
    part = [one for one in labelled() if one.is_held_out is is_held_out]

    measured = scores(part)

    right = sum(one.right for one in measured.values())
    assert right / (right + sum(one.missed for one in measured.values())) >= 0.9
    assert right / (right + sum(one.wrong for one in measured.values())) >= 0.9


def test_on_sentences_written_after_the_patterns_little_is_marked_in_vain() -> None:
    measured = scores(fresh())

    right = sum(one.right for one in measured.values())
    assert right / (right + sum(one.missed for one in measured.values())) >= 0.8
    assert right / (right + sum(one.wrong for one in measured.values())) >= 0.9


def test_certainty_beside_doubt_is_marked_and_little_in_vain() -> None:
    """Sentences that leave something open and are sure all the same, with as many that are only open."""
    measured = scores(labelled("draft_sentences_certain.tsv"))[Code.OVERSTATED]

    assert measured.recall >= 0.8
    assert measured.precision >= 0.9


def test_threat_09_a_polite_beginning_carries_no_claim_without_a_citation() -> None:
    rows = [line.split("\t") for line in (DATA / "courtesies.tsv").read_text().splitlines()]
    claims = {text for code, text in rows if code == Code.NO_CITATION}
    marked = {text for _, text in rows if marks("none", text, Code.NO_CITATION)}

    assert marked & claims == claims
    assert len(marked - claims) <= len(rows) // 20


def test_threat_09_doubt_in_one_sentence_does_not_carry_the_next() -> None:
    text = "It is not known what was shown. The contractor read each page."

    assert quoted("question", text, Code.OVERSTATED) == ["The contractor read each page."]


@pytest.mark.parametrize("kind", DraftKind)
@pytest.mark.parametrize(
    ("statement_kind", "state", "is_blocked"),
    [
        (StatementKind.HYPOTHESIS, StatementState.PROPOSED, True),
        (StatementKind.HYPOTHESIS, StatementState.ACCEPTED, True),
        (StatementKind.CONFLICT, StatementState.PROPOSED, True),
        (StatementKind.QUESTION, StatementState.PROPOSED, True),
        (StatementKind.QUESTION, StatementState.ACCEPTED, False),
    ],
)
def test_threat_09_what_rests_on_no_evidence_is_not_handed_on(
    kind: DraftKind, statement_kind: StatementKind, state: StatementState, is_blocked: bool
) -> None:
    """As the trace counts it: only a question or a step may stand on the person who took it on."""
    one = Statement("S1", statement_kind, "The token lived on.", (), Author(model="m"), state)
    draft = Draft("D1", kind, 1, (Sentence(f"Open question, not confirmed: {one.text}", ("S1@1",), Author()),))

    blocks = {found.code for found in lint(draft, Held((one,), CASE.evidence)).blocks}

    assert (Code.NO_EVIDENCE in blocks) == is_blocked


def test_there_are_enough_sentences_and_half_of_them_are_harmless() -> None:
    sentences = labelled()

    assert len(sentences) >= 200 and len(set(sentences)) == len(sentences)
    assert 0.45 <= sum(not one.codes for one in sentences) / len(sentences) <= 0.55


@pytest.mark.parametrize(
    ("code", "cites", "text", "span"),
    [
        (Code.EXPOSURE_DENIAL, "fact", "We looked, and your data was not accessed.", "was not accessed"),
        (Code.EXPOSURE_DENIAL, "fact", "So far: no impact.", "no impact"),
        (Code.ROOT_CAUSE, "fact", "It was caused by a bug.", "was caused by"),
        (Code.PROMISE, "fact", "This will never happen again.", "will never"),
        (Code.OVERSTATED, "hypothesis", "It may be so, and it definitely was.", "definitely"),
        (Code.DATE_WITHOUT_OWNER, "fact", "We will write again tomorrow.", "tomorrow"),
        (Code.INTERNAL_NAME, "fact", "Ask Dana  Whitfield.", "Dana  Whitfield"),
        (Code.MINIMISED, "fact", "It was \u201cpayroll-export north\u201d.", "payroll-export north"),
        (Code.MINIMISED, "fact", "The key is AKIAIOSFODNN7EXAMPLE.", "AKIAIOSFODNN7EXAMPLE"),
        (Code.UNSUPPORTED_FIGURE, "fact", "There were 14 sessions.", "14"),
    ],
)
def test_a_mark_has_the_exact_span_and_says_what_to_do(code: Code, cites: str, text: str, span: str) -> None:
    assert span in quoted(cites, text, code)
    assert all(len(one.words) > 25 and one.words.endswith(".") for one in marks(cites, text, code))


@pytest.mark.parametrize(
    "text",
    [
        "Your data was n\u043et access\u0435d.",
        "Your data was  NOT\naccessed.",
        "Your data w\u200bas not acc\u00adessed.",
        "Your data wasn\u2019t accessed.",
    ],
)
def test_threat_09_a_denial_does_not_hide_behind_other_letters(text: str) -> None:
    assert quoted("fact", text, Code.EXPOSURE_DENIAL)


@pytest.mark.parametrize(
    "text",
    [
        "Whether your data was not accessed is open.",
        "It is not confirmed that no data was accessed.",
        "We do not know whether your files are safe.",
    ],
)
def test_a_denial_that_is_taken_back_is_none(text: str) -> None:
    assert not quoted("question", text, Code.EXPOSURE_DENIAL)


def test_a_denial_that_only_seems_so_is_a_denial() -> None:
    assert quoted("hypothesis", "It seems that no data was accessed.", Code.EXPOSURE_DENIAL)


def test_doubt_in_one_clause_does_not_cover_the_next() -> None:
    text = "We do not know whether the log is whole, but your data was not accessed."

    assert quoted("fact", text, Code.EXPOSURE_DENIAL) == ["was not accessed"]


def test_a_claim_is_as_sure_as_what_it_cites() -> None:
    assert marks("hypothesis", "A cached session was used.", Code.OVERSTATED)
    assert marks("proposed", "A cached session was used.", Code.OVERSTATED)
    assert not marks("fact", "A cached session was used.", Code.OVERSTATED)
    assert not marks("hypothesis", "A cached session may have been used.", Code.OVERSTATED)


def test_no_evidence_is_said_only_of_a_confirmed_absence() -> None:
    text = "We found no evidence of access."

    assert marks("fact", text, Code.OVERSTATED)
    assert marks("question", text, Code.OVERSTATED)
    assert not marks("absence", text, Code.OVERSTATED)


def test_a_confirmed_fact_stops_carrying_a_sentence_when_its_evidence_is_replaced() -> None:
    later = replace(CASE, evidence=(*CASE.evidence, evidence("E9", query={"n": 1}, minutes=4)))
    sentence = Sentence("Confirmed: a session was opened.", ("fact",), Author())

    assert Code.OVERSTATED not in of_sentence(sentence)
    assert Code.OVERSTATED in of_sentence(sentence, held=later)


def test_what_a_sentence_cites_must_exist_be_current_and_not_be_rejected() -> None:
    rejected = replace(cited("fact"), statement_id="gone", state=StatementState.REJECTED, text="The vault was emptied.")
    invented = replace(cited("fact"), statement_id="made", text="Something else.", evidence=("E77",))
    newer = replace(cited("absence"), revision=2)
    held = Held((rejected, invented, newer, cited("fact")), CASE.evidence)

    def codes(text: str, *cites: str) -> set[Code]:
        return of_sentence(Sentence(text, cites, Author()), held=held)

    assert Code.NO_CITATION in codes("A session was opened.")
    assert Code.UNKNOWN_CITATION in codes("A session was opened.", "nowhere")
    assert Code.REJECTED_CITATION in codes("A session was opened.", "gone")
    assert Code.REJECTED_CITATION in codes("We know: the  vault was EMPTIED, as said.", "fact@1")
    assert Code.SUPERSEDED_CITATION in codes("Nothing is in the log.", "absence@1")
    assert Code.SUPERSEDED_CITATION not in codes("Nothing is in the log.", "absence@2")
    assert Code.INVENTED_EVIDENCE in codes("A session was opened.", "made")
    assert Code.INVENTED_EVIDENCE in codes("A session was opened (E99).", "fact")
    assert Code.INVENTED_EVIDENCE not in codes("A session was opened (E1).", "fact")


def test_threat_09_rejected_content_is_blocked_by_its_fingerprint_alone() -> None:
    held = replace(CASE, rejected=frozenset({fingerprint("The vault was emptied.")}))

    assert Code.REJECTED_CITATION in of_sentence(Sentence("the vault was emptied!", ("fact",), Author()), held=held)


def test_a_time_needs_a_next_step_with_an_owner() -> None:
    text = "Our team will write by 17:00 UTC."

    assert marks("fact", text, Code.DATE_WITHOUT_OWNER)
    assert marks("ownerless", "Our team reads the log.", Code.MISSING_OWNER)
    assert not marks("step", text, Code.DATE_WITHOUT_OWNER)
    assert marks("step", "Our team will write by 18:30 UTC.", Code.UNSUPPORTED_FIGURE)


def test_a_draft_without_a_next_step_and_one_over_an_open_conflict_are_blocked() -> None:
    without = lint(draft_of(("fact", "A session was opened.")), CASE)
    settled = tuple(
        replace(one, state=StatementState.RESOLVED, resolution="r") if one.kind == "conflict" else one
        for one in CASE.statements
    )
    with_step = lint(draft_of(("step", "Our security team reads the log.")), Held(settled, CASE.evidence))

    assert {one.code for one in without.blocks} == {Code.MISSING_NEXT_STEP, Code.OPEN_CONFLICT}
    assert with_step.marks == ()


@pytest.mark.parametrize("kind", DraftKind)
def test_our_own_names_may_be_said_among_us_only(kind: DraftKind) -> None:
    found = marks("fact", "Grafana shows it in #ops.", Code.INTERNAL_NAME, kind)

    assert bool(found) == (kind is DraftKind.CUSTOMER_UPDATE)


@pytest.mark.parametrize("code", Code)
def test_everything_blocks_a_customer_update(code: Code) -> None:
    assert level_of(code, DraftKind.CUSTOMER_UPDATE) is Level.BLOCK


@pytest.mark.parametrize("kind", DraftKind)
def test_what_is_unsupported_or_overstated_blocks_every_draft(kind: DraftKind) -> None:
    always = (*NEVER_OVERRIDDEN, Code.OVERSTATED, Code.NO_CITATION, Code.SUPERSEDED_CITATION, Code.UNSUPPORTED_FIGURE)

    assert {level_of(code, kind) for code in always} == {Level.BLOCK}


DENIAL = "There was no impact."


def overridden(
    text: str = DENIAL, code: Code = Code.EXPOSURE_DENIAL, reason: str = "the store was offline"
) -> LintResult:
    return lint(draft_of(("fact", DENIAL)), CASE, overrides=[Override(code, text, LEAD, reason)])


def test_a_block_is_overridden_with_a_reason_and_the_result_says_so() -> None:
    result = overridden()

    assert [(one.code, override.by) for one, override in result.overridden] == [(Code.EXPOSURE_DENIAL, LEAD)]
    assert Code.EXPOSURE_DENIAL in {one.code for one in result.marks}
    assert Code.EXPOSURE_DENIAL not in {one.code for one in result.blocks}


@pytest.mark.parametrize(
    "result",
    [
        overridden(reason=" "),
        overridden(text="There was no impact!"),
        overridden(code=Code.PROMISE),
        overridden(text=""),
    ],
)
def test_an_override_without_reason_or_for_other_words_does_nothing(result: LintResult) -> None:
    assert Code.EXPOSURE_DENIAL in {one.code for one in result.blocks}
    assert result.overridden == () and len(result.idle) == 1


RESTS_ON: dict[Code, tuple[str, ...]] = {
    Code.NO_CITATION: (),
    Code.UNKNOWN_CITATION: ("nowhere",),
    Code.REJECTED_CITATION: ("gone",),
    Code.SUPERSEDED_CITATION: ("bare@7",),
    Code.INVENTED_EVIDENCE: ("made",),
    Code.NO_EVIDENCE: ("bare",),
}


@pytest.mark.parametrize("kind", DraftKind)
@pytest.mark.parametrize("code", sorted(NEVER_OVERRIDDEN))
def test_threat_09_no_reason_stands_in_for_what_a_sentence_rests_on(code: Code, kind: DraftKind) -> None:
    rejected = replace(cited("fact"), statement_id="gone", state=StatementState.REJECTED, text="Other words here.")
    invented = replace(cited("fact"), statement_id="made", text="More words here.", evidence=("E77",))
    bare = replace(cited("fact"), statement_id="bare", text="Words without ground.", evidence=())
    draft = Draft("D", kind, 1, (Sentence("So it is.", RESTS_ON[code], Author()),))
    held = Held((rejected, invented, bare), CASE.evidence)
    result = lint(draft, held, overrides=[Override(code, "So it is.", LEAD, "yes")])

    assert code in {one.code for one in result.blocks}
    assert len(result.idle) == 1


@given(st.text(max_size=200), st.sampled_from(["none", *(one.statement_id for one in CASE.statements)]))
def test_every_span_lies_in_its_sentence_whatever_is_written(text: str, cites: str) -> None:
    for one in lint(draft_of((cites, text)), CASE, NAMES, MINIMISED).marks:
        assert one.sentence == WHOLE_DRAFT or 0 <= one.start <= one.end <= len(text)


WORDS = st.sampled_from(["no", "data", "was", "not accessed", "root cause", "we will", "never", "because of"])


@settings(deadline=None, max_examples=30)
@given(st.lists(WORDS, min_size=1, max_size=12))
def test_a_very_long_sentence_is_read_to_its_end(words: list[str]) -> None:
    text = f"{' '.join(words * 100)}. Your data was not accessed."

    assert any(one.end == len(text) - 1 for one in marks("fact", text, Code.EXPOSURE_DENIAL))


@pytest.mark.parametrize("kind", DraftKind)
def test_the_templates_own_sentences_are_not_marked(kind: DraftKind) -> None:
    settled = [one for one in CASE.statements if one.kind != "conflict" and one.statement_id != "ownerless"]
    held = Held(tuple(settled), CASE.evidence)

    assert lint(compose("D1", kind, held), held).marks == ()


def test_a_gap_never_carries_a_claim() -> None:
    gaps = tuple(replace(one, kind=EvidenceKind.GAP) for one in CASE.evidence)
    held = replace(CASE, evidence=gaps)

    assert Code.OVERSTATED in of_sentence(Sentence("A session was opened.", ("fact",), Author()), held=held)
