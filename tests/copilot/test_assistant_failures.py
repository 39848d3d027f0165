"""When the model's service fails, is late, breaks off or talks nonsense: the turn ends in words of ours, and what was
complete by then is kept and paid for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from copilot.assistant_budget import Limits
from copilot.assistant_terms import Ended
from policy.case_terms import Source
from tests.copilot.case_turns import PRICES, Sources, assistant, case_turn, look, result_of, stated, states, take
from tests.messages_api import Answer, MessagesApi, fails, hangs, hangs_up, says, sends_body, serving
from tests.messages_stream import (
    OUTPUT_TOKENS,
    events,
    fails_midway,
    raw_call,
    sends_events,
    sends_text,
    streams,
    streams_until,
    words,
)


@pytest.fixture
async def api() -> AsyncIterator[MessagesApi]:
    async with serving() as running:
        yield running


TWO = (states(), states(stated("Another session is recorded.")))

FAILURES: list[tuple[Answer, str]] = [
    (fails(429, "rate_limit_error"), "rate limit was reached (429)"),
    (fails(529, "overloaded_error"), "overloaded (529)"),
    (fails(500), "answered 500"),
    (fails(401, "authentication_error"), "key was not accepted (401)"),
    (fails(400, "invalid_request_error"), "answered 400"),
    (fails(413, "request_too_large"), "too long for the service (413)"),
    (hangs_up(), "could not be reached"),
    (streams_until("content_block_stop", *TWO, nth=1), "connection broke off"),
    (streams_until("content_block_stop", *TWO, nth=1, then="end"), "the answer broke off"),
    (streams_until("message_start", *TWO, then="end"), "the answer broke off"),
    (streams_until("message_delta", *TWO, then="end"), "the answer broke off"),
    (fails_midway("overloaded_error", *TWO), "overloaded (529)"),
    (fails_midway("api_error", *TWO), "answered 500"),
    (streams(words("I can't help."), stop_reason="refusal"), "declined to answer"),
    (streams(*TWO, stop_reason="max_tokens"), "cut short"),
    (streams(*TWO, stop_reason="model_context_window_exceeded"), "cut short"),
    (streams(words("Hm."), stop_reason="pause_turn"), "stopped for a reason that is not known"),
    (streams(words("Hm."), stop_reason="tool_use"), "stopped for a reason that is not known"),
    (sends_text("data: {}\n\n"), "the answer broke off"),
    (sends_text("event: message_start\ndata: {no json}\n\n"), "was not a message"),
    (sends_text("event: message_start\ndata: [1, 2]\n\n"), "was not a message"),
    (
        sends_text('event: content_block_delta\ndata: {"type": "content_block_delta", "index": "x"}\n\n'),
        "not a message",
    ),
    (sends_text('event: unheard_of\ndata: {"type": "unheard_of"}\n\n'), "the answer broke off"),
    (sends_text("\xff\x00" * 50), "the answer broke off"),
    (sends_events(events(*TWO)[1:], "end"), "the answer broke off"),
    (sends_body("<html>502</html>", "text/html"), "the answer broke off"),
    (says("no stream"), "the answer broke off"),
]


@pytest.mark.parametrize(("answer", "why"), FAILURES, ids=[f"{n}-{why}" for n, (_, why) in enumerate(FAILURES)])
async def test_a_failing_service_ends_the_turn_in_words_and_keeps_what_was_complete(
    api: MessagesApi, answer: Answer, why: str
) -> None:
    api.will(streams(look(), states(stated("It is recorded.")), words("So far so good.")), answer)
    api.always = fails(500)

    result = await take(api)

    assert result.ended is Ended.FAILED and why in result.answer, result.answer
    assert "scripted" not in result.answer and "html" not in result.answer
    assert result.answer.startswith("So far so good.")
    assert result.statements[0].text == "It is recorded."
    assert [one.evidence_id for one in result.evidence] == ["N1"]
    assert result.usage.output_tokens >= OUTPUT_TOKENS and result.cost_usd == PRICES.cost_usd(result.usage)


async def test_a_service_that_does_not_begin_in_time_is_counted_as_having_read_what_was_sent(api: MessagesApi) -> None:
    api.will(hangs())

    result = await take(api, timeout_seconds=0.2)

    assert result.ended is Ended.FAILED and "did not answer in time" in result.answer
    assert result.usage.input_tokens > 1_000 and result.cost_usd > 0


async def test_an_answer_that_stops_coming_is_given_up_at_the_end_of_the_turns_time(api: MessagesApi) -> None:
    api.will(streams_until("content_block_stop", *TWO, then="hang"))

    result = await take(api, limits=Limits(seconds=0.5), timeout_seconds=30)

    assert result.ended is Ended.FAILED and "nothing within 0.5 seconds" in result.answer
    assert len(result.statements) == 1
    assert result.usage.input_tokens == 100 and result.usage.output_tokens > 30


async def test_a_call_that_was_cut_off_is_not_taken_for_a_whole_one(api: MessagesApi) -> None:
    whole = json.dumps({"statements": [stated("One."), stated("Two.")]})
    cut = raw_call("propose_statements", whole[: whole.index('{"text": "Two') - 2])
    api.will(streams(states(stated("Zero.")), cut, stop_reason="max_tokens"))

    result = await take(api)

    assert result.ended is Ended.FAILED
    assert [one.text for one in result.statements] == ["Zero."]


async def test_what_a_refusal_said_before_it_is_not_kept(api: MessagesApi) -> None:
    api.will(streams(words("Half an answer"), states(), stop_reason="refusal"))

    result = await take(api)

    assert result.statements == () and "Half" not in result.answer
    assert result.usage.output_tokens == OUTPUT_TOKENS


@pytest.mark.parametrize(
    "given", ["{", "", "[]", "null", '"x"', "{}", '{"statements": 1}', '{"statements": [{}]}', "[" * 5_000, "\\u0000"]
)
async def test_a_malformed_call_is_told_so_and_recorded(api: MessagesApi, given: str) -> None:
    api.will(streams(raw_call("propose_statements", given)), streams(words("Sorry.")))

    result = await take(api)

    assert result.ended is Ended.DONE
    assert result_of(api)["is_error"] is True and "form of this tool" in result_of(api)["content"]
    assert [(one.name, one.is_error) for one in result.calls] == [("propose_statements", True)]


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "yesterday"},
        {"since": "2026-03-01T00:00:00"},
        {"until": "0001-01-01T00:00:00+14:00"},
        {"accounts": "u-17"},
        {"limit": 5},
    ],
)
async def test_a_look_of_another_form_is_told_so_and_not_made(api: MessagesApi, asked: dict[str, Any]) -> None:
    api.will(streams(look(**asked)), streams(words("Sorry.")))
    sources = Sources()

    result = await take(api, sources=sources)

    assert result.calls[0].is_error and sources.asked == []


async def test_malformed_calls_are_answered_a_few_times_only(api: MessagesApi) -> None:
    api.always = streams(raw_call("propose_draft", "{"))

    result = await take(api)

    assert result.ended is Ended.FAILED and "no form of ours" in result.answer
    assert len(api.requests) == 4


async def test_a_source_that_fails_is_told_by_the_name_of_its_error_and_the_lead_is_asked(api: MessagesApi) -> None:
    api.will(streams(look()))

    async def breaks(_: object) -> list[object]:
        raise ConnectionError("postgres://user:hunter2@db.internal")

    model = assistant(api)
    tools = {**Sources().tools, Source.ACCESS_LOG: breaks}
    result = await model.take_turn(case_turn(), tools, asyncio.Event())  # type: ignore[arg-type]  # tools that fail
    await model.aclose()

    assert result.ended is Ended.PAUSED
    assert "ConnectionError" in result.calls[0].answer and "hunter2" not in str(result)


async def test_a_limited_service_is_asked_again_as_the_client_is_set(api: MessagesApi) -> None:
    api.will(fails(529, "overloaded_error", {"retry-after": "0"}), streams(words("Done.")))

    result = await take(api, max_retries=1)

    assert result.ended is Ended.DONE and len(api.requests) == 2
    assert result.cost_usd < Decimal("0.01")


async def test_the_prices_are_exact(api: MessagesApi) -> None:
    api.will(streams(words("x" * 4_000)))

    assert (await take(api)).cost_usd == Decimal("0.0048030")
