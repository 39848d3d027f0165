"""Whatever a model proposes and whatever sources bring: each statement of a turn is one that the case's rules take."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.assistant_budget import Limits, Purse
from copilot.assistant_terms import Budget, CaseTurn, Spent, TurnResult
from copilot.case_calls import Calls
from copilot.case_proposals import Proposals
from copilot.case_pseudonyms import CasePseudonyms
from copilot.case_tools import SHAPE_OF
from copilot.lint_terms import Level
from copilot.linting import lint
from copilot.rules_assistant import RulesAssistant
from policy.case_foundations import cannot_confirm, grounds_of
from policy.case_moves import Refusal
from policy.case_rules import Held, add
from policy.case_terms import Author, Draft, Evidence, Source, Statement, StatementKind, StatementState
from tests.copilot.case_turns import PRICES, Sources, case_turn
from tests.copilot.test_statements import ITEMS
from tests.policy.case_builders import evidence, statement

TEXTS = st.sampled_from(
    (
        "A session was opened on 1 March.",
        "a session was opened, on 1 March",
        "No data was accessed.",
        "The root cause was a bug.",
        "We guarantee it.",
        "See [EMAIL_12345678].",
        "jo@contractor.example logged in.",
        "Confirmed: A session was opened on 1 March.",
        "",
        " ",
        "\u0000\ud800",
    )
)
IDS = st.lists(st.sampled_from(("E1", "E2", "N1", "S1", "S1@1", "S2", "X", "")), max_size=3)
STATEMENTS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([*StatementKind, "order"]),
        "claim": st.sampled_from(("event", "absence", "behaviour", "x")),
        "text": TEXTS,
        "evidence": IDS,
        "owner_label": TEXTS,
        "due_at": st.sampled_from(("", "soon", "2026-03-03T10:00:00Z", "2026-03-03")),
    }
)
CALLS = st.one_of(
    st.tuples(st.just("propose_statements"), st.fixed_dictionaries({"statements": st.lists(STATEMENTS, max_size=4)})),
    st.tuples(
        st.just("propose_draft"),
        st.fixed_dictionaries(
            {
                "kind": st.sampled_from(("customer_update", "internal_summary", "poem")),
                "sentences": st.lists(st.fixed_dictionaries({"text": TEXTS, "cites": IDS}), max_size=4),
            }
        ),
    ),
    st.tuples(
        st.just("search_access_log"),
        st.fixed_dictionaries(
            {
                "accounts": st.lists(st.sampled_from(("u-17", "ceo", "[ID_12345678]", "")), max_size=2),
                "attachments": st.just([]),
                "since": st.sampled_from(("", "x", "2026-03-01T00:00:00Z")),
                "until": st.just(""),
            }
        ),
    ),
    st.tuples(st.sampled_from(("send", "release_latch", *SHAPE_OF)), st.just({"x": 1})),
)
BROUGHT = st.lists(
    st.builds(evidence, st.sampled_from(("E1", "N1", "N2")), st.sampled_from(Source)), max_size=3
)  # fmt: skip
HELD = st.builds(
    Held,
    st.sampled_from(
        (
            (),
            (statement("S1"),),
            (statement("S1", state=StatementState.ACCEPTED), statement("S2", text="We guarantee it.")),
            (statement("S1", state=StatementState.REJECTED),),
        )
    ),
    st.just((evidence(), evidence("E2", Source.TICKET, query={"t": 1}))),
)


def made_by(turn: CaseTurn, calls: Sequence[tuple[str, Any]], sources: Sources) -> Proposals:
    """What comes of these calls of a model."""
    pseudonyms = CasePseudonyms(turn.case_key)
    proposals = Proposals(turn, pseudonyms, Author(model="m", prompt_version="p"), turn.held)
    purse = Purse(Budget(), Spent(), PRICES, Limits(), lambda: 0.0)

    async def answer_all() -> None:
        stop = asyncio.Event()
        answers = Calls(turn, sources.tools, proposals, pseudonyms, "line", purse, stop, frozenset(SHAPE_OF))
        for name, given_input in calls:
            await answers.answer(name, json.dumps(given_input))
        assert len(answers.made) == len(calls)

    asyncio.run(answer_all())
    return proposals


def assert_taken_by_the_rules(held: Held, items: Sequence[Evidence], statements: Sequence[Statement]) -> Held:
    after = replace(held, evidence=(*held.evidence, *items))
    assert len({one.evidence_id for one in after.evidence}) == len(after.evidence)
    for one in statements:
        entered = add(after, one)
        assert not isinstance(entered, Refusal), entered
        assert entered == one and one.state is StatementState.PROPOSED
        assert set(one.evidence) <= {item.evidence_id for item in after.evidence}
        after = replace(after, statements=(*after.statements, entered))
    return after


@settings(deadline=None)
@given(HELD, st.lists(CALLS, max_size=6), BROUGHT)
def test_threat_09_nothing_a_model_proposes_is_refused_by_the_rules_or_cites_what_is_not_there(
    held: Held, calls: list[tuple[str, Any]], brought: list[Evidence]
) -> None:
    turn = case_turn(held=held)

    proposals = made_by(turn, calls, Sources({Source.ACCESS_LOG: brought}))

    after = assert_taken_by_the_rules(held, proposals.evidence, proposals.statements)
    for draft in proposals.drafts.values():
        known = {one.statement_id for one in after.statements if one.state is not StatementState.REJECTED}
        assert {cite.partition("@")[0] for one in draft.sentences for cite in one.cites} <= known
        marks = lint(Draft("D", draft.kind, 1, draft.sentences), after).marks
        assert not [mark for mark in marks if mark.level is Level.BLOCK and mark.sentence >= 0]


@settings(deadline=None)
@given(STATEMENTS)
def test_a_fact_of_a_model_is_one_that_the_evidence_it_cites_could_confirm(proposed: dict[str, Any]) -> None:
    turn = case_turn(held=Held((), (evidence(), evidence("E2", Source.TICKET, query={"t": 1}))))

    proposals = made_by(turn, [("propose_statements", {"statements": [{**proposed, "kind": "fact"}]})], Sources())

    for one in proposals.statements:
        if one.kind is StatementKind.FACT:
            assert cannot_confirm(one, grounds_of(proposals.held.evidence, ())) is None


@settings(deadline=None)
@given(
    HELD, st.lists(ITEMS, max_size=6, unique_by=lambda one: one.evidence_id), st.sampled_from(("Look.", "Draft it."))
)
def test_nothing_the_rules_propose_is_refused_by_the_rules(held: Held, items: list[Evidence], instruction: str) -> None:
    async def take() -> TurnResult:
        sources = Sources({Source.TICKET: items[:3], Source.ESCALATION_QUEUE: items})
        return await RulesAssistant().take_turn(case_turn(instruction, held=held), sources.tools, asyncio.Event())

    result = asyncio.run(take())

    assert_taken_by_the_rules(held, result.evidence, result.statements)
