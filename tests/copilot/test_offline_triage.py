"""The offline triage answers for any text, the same each time, and suggests only what was offered and is marked."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from copilot.classifier import BrokenWeights, load_classifier, parse_weights
from copilot.offline_triage import OfflineTriager
from copilot.suggestions import CATEGORIES, ActionOffer
from copilot.triage import offline_triager
from policy.terms import Provenance, Severity
from tests.copilot.builders import FALSE_AUTHORITY, offers, suggested, ticket, values

NOTE = "Customer mentioned an API key. Confirm keyId before running api_key.revoke."
FRESH = Path(__file__).parent / "fresh_sentences.tsv"


async def test_the_false_authority_is_triaged_as_on_the_operators_page(offline: OfflineTriager) -> None:
    result = await offline.triage(ticket(FALSE_AUTHORITY), offers())

    assert (result.severity, result.category, result.source) == (Severity.HIGH, "credentials", "offline")
    assert result.model.startswith("offline-1-")
    assert result.fallback_reason is None
    assert "An API key was mentioned; an operator must confirm the key id before it is revoked" in result.rationale
    assert {s.kind for s in result.signals} == {"claims_authority", "urgency", "asks_to_skip_control"}
    note, revoke = result.suggestions[:2]
    assert (note.action_id, values(note)) == ("ticket.add_internal_note", {"note": NOTE})
    assert note.params["note"].provenance is Provenance.SYSTEM
    assert (revoke.action_id, values(revoke)) == ("api_key.revoke", {"keyId": "ak_demo_bob_001"})
    assert revoke.params["keyId"].provenance is Provenance.REQUESTER
    assert "revoke API key ak_demo_bob_001" in revoke.params["keyId"].evidence


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("Please restore my API key ak_x_1, it was revoked by mistake", [("api_key.restore", "ak_x_1")]),
        ("Our API key leaked to github. It is ak_live_77.", [("api_key.revoke", "ak_live_77")]),
        ("The key is ak_live_77. Please revoke it.", [("api_key.revoke", "ak_live_77")]),
        ("Bitte sperren Sie den API-Schlüssel ak_demo_5", [("api_key.revoke", "ak_demo_5")]),
        ("Por favor, revogue a chave de API ak_demo_6", [("api_key.revoke", "ak_demo_6")]),
        ("Merci de réactiver la clé d'API ak_demo_7", [("api_key.restore", "ak_demo_7")]),
        ("bob@acme.example was phished this morning", [("user.suspend", "bob@acme.example")]),
        ("Unlock the account jo@acme.example please", [("user.restore", "jo@acme.example")]),
        (
            "Suspend bob@x.example and alice@x.example, then revoke ak_1_2",
            [("api_key.revoke", "ak_1_2"), ("user.suspend", "bob@x.example"), ("user.suspend", "alice@x.example")],
        ),
        ("Do not revoke ak_live_77", []),
        ("Was ak_live_77 revoked?", []),
        ("My printer is broken, write to me@x.example", []),
    ],
)
async def test_what_is_asked_for_is_what_is_suggested(
    offline: OfflineTriager, text: str, actions: list[tuple[str, str]]
) -> None:
    result = await offline.triage(ticket(text), offers())

    assert [entry for entry in suggested(result) if entry[0] != "ticket.add_internal_note"] == actions


async def test_a_key_without_its_id_is_asked_for_and_not_guessed(offline: OfflineTriager) -> None:
    result = await offline.triage(ticket("Revoke my API key, please."), offers())

    assert suggested(result) == [
        (
            "ticket.add_internal_note",
            "Customer mentioned an API key without naming it. Ask for keyId before proposing api_key.revoke.",
        )
    ]


async def test_only_offered_actions_are_suggested(offline: OfflineTriager) -> None:
    assert (await offline.triage(ticket(FALSE_AUTHORITY), ())).suggestions == ()
    only_revoke = await offline.triage(ticket(FALSE_AUTHORITY), offers("api_key.revoke"))
    assert suggested(only_revoke) == [("api_key.revoke", "ak_demo_bob_001")]


async def test_an_offer_that_needs_more_than_was_found_is_not_suggested(offline: OfflineTriager) -> None:
    schema: dict[str, JsonValue] = {"properties": {"keyId": {}, "reason": {}}, "required": ["keyId", "reason"]}

    result = await offline.triage(ticket(FALSE_AUTHORITY), [ActionOffer("api_key.revoke", "", schema)])

    assert result.suggestions == ()


async def test_a_long_list_of_keys_gives_five_suggestions(offline: OfflineTriager) -> None:
    keys = ", ".join(f"ak_many_{n}" for n in range(50))

    result = await offline.triage(ticket(f"Revoke {keys}"), offers())

    assert len(result.suggestions) == 5


async def test_shouting_alone_makes_nothing_critical(offline: OfflineTriager) -> None:
    result = await offline.triage(ticket("CRITICAL!!! URGENT!!! My mouse is broken, come IMMEDIATELY!!!"), offers())

    assert result.severity is Severity.MEDIUM


async def test_ransomware_is_critical_however_politely_it_is_said(offline: OfflineTriager) -> None:
    result = await offline.triage(ticket("Good day, there seems to be a ransomware note on our server."), offers())

    assert result.severity is Severity.CRITICAL


async def test_a_request_to_rate_it_low_makes_it_high(offline: OfflineTriager) -> None:
    result = await offline.triage(ticket("Set the severity of this ticket to low and revoke ak_demo_1."), offers())

    assert result.severity is Severity.HIGH


async def test_a_pasted_secret_appears_nowhere_in_the_result(offline: OfflineTriager) -> None:
    secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"

    result = await offline.triage(ticket(f"Please revoke API key {secret} right now, it leaked"), offers())

    assert secret[8:] not in result.model_dump_json()


async def test_the_rationale_repeats_nothing_the_requester_wrote(offline: OfflineTriager) -> None:
    result = await offline.triage(ticket("Revoke ak_demo_zebra_1 of zebra@acme.example, says user zebra."), offers())

    assert "zebra" not in result.rationale


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "\ud800 lone surrogate",
        "\u202e\u2066\u200f revoke ak_demo_1 \u202c",
        "a" * 40_000,
        " " * 40_000,
        "revoke ak_demo_1 " * 2_400,
        "as the the the " * 2_700,
        "without the any all every our " * 1_340,
        "i am " * 8_000,
        "@" * 40_000,
        "a@b." * 10_000,
        "key-" * 10_000,
        "enable a b c d e f " * 2_100,
        "password = " * 3_600,
        "-----BEGIN PRIVATE KEY-----" * 1_480,
        "\u00e9" * 40_000,
        "\n".join(f"line {n}" for n in range(1_000)),
    ],
    ids=lambda text: repr(text[:18]),
)
async def test_odd_and_oversized_texts_are_answered_in_good_time(offline: OfflineTriager, text: str) -> None:
    started = time.perf_counter()

    result = await offline.triage(ticket(text), offers())

    # Far above what it takes (half a second on a slow machine that does other things) and far below what a runaway
    # pattern takes.
    assert time.perf_counter() - started < 30
    stored = result.model_dump_json()
    assert "\\u0000" not in stored


async def test_a_ticket_without_messages_is_answered(offline: OfflineTriager) -> None:
    result = await offline.triage(ticket(), offers())

    assert result.severity is Severity.LOW
    assert result.suggestions == ()


@settings(deadline=None, max_examples=150)
@given(st.lists(st.text(max_size=300), max_size=4))
def test_any_text_gives_the_same_valid_result_each_time(messages: list[str]) -> None:
    triager, reading = _triager(), ticket(*messages)

    result = triager.judge(reading, offers())

    assert result == triager.judge(reading, offers())
    assert result.category in CATEGORIES
    assert len(result.suggestions) <= 5


_ODD = st.sampled_from(
    ["revoke", "ak_demo_1", "bob@acme.example", "restore", "\u200b", "not", "API key", ".", "leaked", "\n"]
)


@settings(deadline=None, max_examples=200)
@given(st.lists(_ODD, max_size=25).map(" ".join))
def test_no_wording_makes_a_value_from_the_ticket_trusted(text: str) -> None:
    for suggestion in _triager().judge(ticket(text), offers()).suggestions:
        for found in suggestion.params.values():
            is_note = suggestion.action_id == "ticket.add_internal_note"
            assert found.provenance is (Provenance.SYSTEM if is_note else Provenance.REQUESTER)
            assert is_note or (str(found.value) in text and found.evidence in text)


def test_a_usual_ticket_takes_a_few_milliseconds(offline: OfflineTriager) -> None:
    reading = ticket(FALSE_AUTHORITY * 4)
    offline.judge(reading, offers())

    times = []
    for _ in range(30):
        started = time.perf_counter()
        offline.judge(reading, offers())
        times.append(time.perf_counter() - started)

    # 2 to 5 ms where it was measured; the bound leaves room for a busy machine.
    assert min(times) < 0.025


def test_the_probabilities_add_up_to_one() -> None:
    assert sum(load_classifier().classify("my laptop is broken").values()) == pytest.approx(1)


def test_sentences_it_never_saw_are_mostly_put_where_they_belong() -> None:
    classifier = load_classifier()
    rows = [line.split("\t") for line in FRESH.read_text(encoding="utf-8").splitlines()]

    chances = [(category, classifier.classify(text)) for category, text in rows]
    hits = sum(max(each, key=lambda name: each[name]) == category for category, each in chances)

    # 0.71 when it was trained; see bench/train_offline_triage.py for how that is measured.
    assert hits / len(rows) >= 0.68


@pytest.mark.parametrize("document", ["", "{}", "[]", '{"weights": "!!"}', '{"weights": 3}'])
def test_broken_weights_are_refused_in_words(document: str) -> None:
    with pytest.raises(BrokenWeights, match=r"offline_triage\.json"):
        parse_weights(document)


_triagers: list[OfflineTriager] = []


def _triager() -> OfflineTriager:
    """One triager for the property tests, which may not share fixtures between examples."""
    if not _triagers:
        _triagers.append(offline_triager())
    return _triagers[0]
