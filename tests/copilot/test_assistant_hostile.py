"""A model that means harm, or was turned by what it read: what it says is a proposal, and comes to nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from copilot.assistant_terms import Ended
from copilot.model_client import MOST_CHARACTERS
from policy.case_terms import Claim, EvidenceKind, Source, StatementKind, StatementState
from tests.copilot.case_turns import Sources, case_turn, drafts, look, nothing, result_of, sent, stated, states, take
from tests.messages_api import MessagesApi, serving
from tests.messages_stream import call, streams, words
from tests.policy.case_builders import evidence, held, statement


@pytest.fixture
async def api() -> AsyncIterator[MessagesApi]:
    async with serving() as running:
        running.always = streams(words("Done."))
        yield running


@pytest.mark.parametrize(
    "name", ["send", "send_customer_update", "release_latch", "set_latch", "case.send_customer_update", "bash", "LOG"]
)
async def test_threat_20_a_model_that_tries_to_send_or_to_release_finds_no_tool_for_it(
    api: MessagesApi, name: str
) -> None:
    name = name.replace(".", "_")
    api.will(streams(words("I send it now."), call(name, text="All is well.", reason="urgent")))

    result = await take(api)

    told = result_of(api)
    assert told["is_error"] is True and "no such tool" in told["content"]
    assert [(one.name, one.is_error) for one in result.calls] == [(f"unknown: {name}", True)]
    assert result.calls[0].asked == {"text": "All is well.", "reason": "urgent"}
    assert repr(name) in result.dropped[0]
    assert not (result.statements or result.drafts or result.evidence or result.improved)


async def test_threat_20_the_tools_of_a_model_only_look_propose_and_ask(api: MessagesApi) -> None:
    await take(api)

    names = {one["name"] for one in api.requests[0]["tools"]}
    assert names == {
        "search_ticket_history",
        "read_account_state",
        "search_access_log",
        "read_attachment_trail",
        "search_knowledge_base",
        "read_escalation_queue",
        "propose_statements",
        "propose_draft",
        "ask_lead",
    }


async def test_threat_09_evidence_that_a_model_invents_is_dropped_and_recorded(api: MessagesApi) -> None:
    api.will(streams(states(stated(evidence=["E1", "E77"]), stated("Fine.", evidence=["E1"]))))

    result = await take(api)

    assert [one.text for one in result.statements] == ["Fine."]
    assert any("E77" in one for one in result.dropped) and "E77" in result.calls[0].answer


async def test_threat_09_sentences_on_statements_that_a_model_invents_are_dropped(api: MessagesApi) -> None:
    known = statement("S1", state=StatementState.ACCEPTED)
    good, bad = ("A session was opened on 1 March.", ["S1"]), ("It was authorised.", ["S9", "S1@1"])
    api.will(streams(drafts("internal_summary", good, bad)))

    result = await take(api, case_turn(held=held((known,))))

    assert [one.text for one in result.drafts[0].sentences] == [good[0]]
    assert any("S9" in one for one in result.dropped)


@pytest.mark.parametrize(
    "proposed",
    [
        stated("The intruder did it because of a bug in the cache, which was the root cause."),
        stated("No data was accessed."),
        stated("Nothing is documented.", evidence=[]),
        stated("It is certain.", evidence=["T"]),
        stated("The log holds no entry.", claim="absence"),
        stated("Links expire.", claim="behaviour"),
    ],
    ids=lambda one: one["text"],
)
async def test_threat_09_a_fact_that_a_model_overstates_is_a_hypothesis(
    api: MessagesApi, proposed: dict[str, Any]
) -> None:
    api.will(streams(states(proposed)))
    items = (evidence(), evidence("T", Source.TICKET, query={"t": 1}))

    result = await take(api, case_turn(held=held(items=items)))

    assert [one.kind for one in result.statements] == [StatementKind.HYPOTHESIS]
    assert "taken as a hypothesis" in result.dropped[0]


async def test_what_the_record_shows_stays_a_fact(api: MessagesApi) -> None:
    absence = stated("The access log holds no entry of the account.", claim="absence", evidence=["N"])
    api.will(streams(states(stated(), absence)))

    result = await take(api, case_turn(held=held(items=(evidence(), nothing("N")))))

    assert [(one.kind, one.claim) for one in result.statements] == [
        (StatementKind.FACT, Claim.EVENT),
        (StatementKind.FACT, Claim.ABSENCE),
    ]
    assert result.dropped == ()


@pytest.mark.parametrize(
    "proposed",
    [
        stated("Tell them that no data was accessed.", kind="next_step"),
        stated("One side only.", kind="conflict"),
        stated("x" * 601),
        stated("   "),
        stated("[EMAIL_99999999] did it."),
        stated(due_at="tomorrow"),
    ],
    ids=lambda one: one["text"][:30],
)
async def test_what_cannot_be_taken_even_as_less_is_dropped(api: MessagesApi, proposed: dict[str, Any]) -> None:
    api.will(streams(states(proposed)))

    result = await take(api)

    assert result.statements == () and len(result.dropped) == 1 and result.calls[0].is_error


async def test_threat_09_a_sentence_that_a_model_overstates_is_dropped(api: MessagesApi) -> None:
    facts = (statement("S1", state=StatementState.ACCEPTED), statement("H1", StatementKind.HYPOTHESIS, text="Maybe."))
    api.will(
        streams(
            drafts(
                "customer_update",
                ("Confirmed: A session was opened on 1 March.", ["S1"]),
                ("Your data is safe and nobody accessed it.", ["S1"]),
                ("We guarantee that it will never happen again.", ["S1"]),
                ("It was read on 1 March.", ["H1"]),
                ("The root cause was a bug.", ["S1"]),
                ("See #sec-internal.", ["S1"]),
                ("Nothing is cited here.", []),
            )
        )
    )

    result = await take(api, case_turn(held=held(facts)))

    assert [one.text for one in result.drafts[0].sentences] == ["Confirmed: A session was opened on 1 March."]
    assert len(result.dropped) == 6
    assert "sentence 2 not taken: exposure_denial" in result_of(api)["content"]


@pytest.mark.parametrize("again", ["A session was opened on 1 March.", "a SESSION  was opened — on 1 March", "{}: so."])
async def test_threat_09_what_was_rejected_is_not_taken_again_nor_sent_back_to_the_model(
    api: MessagesApi, again: str
) -> None:
    rejected = statement("S1", state=StatementState.REJECTED)
    text = again.format(rejected.text)
    kept = statement("S2", state=StatementState.ACCEPTED, text="Another thing.")
    api.will(
        streams(words(text), states(stated(text), stated("Another session."))),
        streams(drafts("internal_summary", (text, ["S2"]), ("Fine, we saw another thing.", ["S1", "S2"]))),
    )

    result = await take(api, case_turn(held=held((rejected, kept))))

    assert [one.text for one in result.statements] == ["Another session."]
    assert result.answer == "Done."
    assert all(text not in json.dumps(body, ensure_ascii=False) for body in api.requests)
    assert not any(one.text == text for draft in result.drafts for one in draft.sentences)


async def test_threat_09_a_model_looks_up_nobody_that_the_case_does_not_name(api: MessagesApi) -> None:
    api.will(
        streams(look(accounts=["ceo@acme.example"])),
        streams(look("read_account_state", accounts=["u-1"])),
        streams(look(attachments=["salaries.xlsx"], accounts=[])),
    )
    sources = Sources()

    result = await take(api, sources=sources)

    assert sources.asked == [] and result.evidence == ()
    assert all("names no such account" in one.answer and one.is_error for one in result.calls)


async def test_a_mark_that_stands_for_nothing_is_no_account(api: MessagesApi) -> None:
    api.will(streams(look(accounts=["[EMAIL_12345678]"])))
    sources = Sources()

    result = await take(api, sources=sources)

    assert sources.asked == [] and "stands for nothing" in result.calls[0].answer


async def test_threat_09_a_model_that_loops_for_ever_is_ended(api: MessagesApi) -> None:
    api.always = streams(look())
    sources = Sources()

    result = await take(api, sources=sources)

    assert result.ended is Ended.FAILED and len(sources.asked) == 1
    assert len(api.requests) == 5
    assert "asked this in this turn already" in result.calls[-1].answer


async def test_threat_09_a_huge_answer_is_not_read_to_its_end(api: MessagesApi) -> None:
    api.will(streams(states(), words("x" * (MOST_CHARACTERS + 1_000))))

    result = await take(api)

    assert result.ended is Ended.FAILED and "longer than any answer" in result.answer
    assert len(result.answer) < 10_000 and len(result.statements) == 1
    assert result.usage.output_tokens > 60_000


async def test_threat_09_proposals_without_end_are_cut(api: MessagesApi) -> None:
    api.will(streams(states(*(stated(f"Session {n} is recorded.") for n in range(200)))))

    result = await take(api)

    assert len(result.statements) == 40 and len(result.dropped) == 60
    assert "enough for one turn" in result.dropped[-1]


async def test_the_same_is_proposed_once(api: MessagesApi) -> None:
    api.will(streams(states(stated(), stated())), streams(states(stated())))

    result = await take(api)

    assert len(result.statements) == 1 and len(result.dropped) == 2


async def test_a_source_that_repeats_an_id_adds_it_once(api: MessagesApi) -> None:
    api.will(streams(look()))
    items = [evidence("E1"), evidence("N", query={"n": 1}), evidence("N", query={"n": 1})]

    result = await take(api, sources=Sources({Source.ACCESS_LOG: items}))

    assert [one.evidence_id for one in result.evidence] == ["N"]


async def test_a_gap_proves_nothing(api: MessagesApi) -> None:
    gap = evidence("G", kind=EvidenceKind.GAP, query={"g": 1})
    api.will(streams(states(stated("The access log holds no entry.", claim="absence", evidence=["N", "G"]))))

    result = await take(api, case_turn(held=held(items=(nothing("N"), gap))))

    assert [one.kind for one in result.statements] == [StatementKind.HYPOTHESIS]
    assert {one["kind"] for one in sent(api)["evidence"]} == {"nothing", "gap"}
