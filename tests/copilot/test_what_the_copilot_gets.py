"""Every request of a turn is looked through for what must not be in it: secrets, people's data, what was rejected."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from copilot.assistant_terms import CaseTurn, Exchange
from copilot.case_pseudonyms import CasePseudonyms, sha256_of
from policy.case_fingerprints import fingerprint
from policy.case_terms import Author, Draft, DraftKind, Evidence, Sentence, Source, StatementKind, StatementState
from tests.copilot import labelled
from tests.copilot.case_turns import LOG, Sources, case_turn, look, sent, stated, states, take
from tests.messages_api import MessagesApi, serving
from tests.messages_stream import call, streams, words
from tests.policy.case_builders import evidence, held, statement

SECRET = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
VALUES = {
    "account": "jkowalski7",
    "person": "Jadwiga Kowalska-Brandt",
    "address": "jadwiga@contractor.example",
    "session": "sess-77f0aa",
    "ip": "203.0.113.77",
    "file": "acme-backup-final",
    "named file": "config-export.zip",
    "invoice": "INV-2026-00418",
    "amount": "48120.55",
    "phone": "+44 7700 900123",
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "key": "ak_demo_bob_001",
    "secret": SECRET,
    "national id": "078-05-1120",
}
"""Made up, of every sort that must stay here."""
FACTS = {
    "principal": VALUES["account"],
    "name": VALUES["person"],
    "email": VALUES["address"],
    "session": VALUES["session"],
    "ip": VALUES["ip"],
    "attachment_name": VALUES["file"],
    "invoice_total": VALUES["amount"],
    "api_key": VALUES["key"],
    "nested": {"card": VALUES["card"], "billing": [{"iban": VALUES["iban"]}]},
    "action": "download",
}
ALL = "; ".join(VALUES.values())
RULES = Author(prompt_version="rules.v1")


@pytest.fixture
async def api() -> AsyncIterator[MessagesApi]:
    async with serving() as running:
        running.always = streams(words("Done."))
        yield running


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON document, keys included, and every string in strings that hold JSON themselves."""
    if isinstance(value, str):
        yield value
        for line in value.split("\n"):
            start = line.find('{"') if line.startswith('{"') else line.find('"') if ': "' in line else -1
            if start >= 0:
                try:
                    yield from strings(json.loads(line[start:]))
                except ValueError:
                    continue
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from (name, *strings(one))
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


def leaked(api: MessagesApi, values: Iterable[str]) -> set[str]:
    """Those of the values that stand in any request."""
    everything = "\n".join(strings(api.requests))
    return {value for value in values if value in everything}


def full_case(text: str, facts: dict[str, Any] | None = None) -> CaseTurn:
    """A case that says a text wherever a case can say something."""
    items = (
        evidence("E1", Source.ATTACHMENT_TRAIL, excerpt=text, facts=facts or {}, place=text, query={"words": text}),
        evidence("E2", Source.TICKET, excerpt=text, query={"t": 1}, facts={"text": text, "author": "customer"}),
    )
    told = statement("S1", text=text, cites=("E1",), owner_label=text)
    settled = statement("S2", StatementKind.QUESTION, StatementState.RESOLVED, text, resolution=text)
    draft = Draft("D1", DraftKind.SECURITY_HANDOFF, 1, (Sentence(f"Confirmed: {text}", ("S1@1",), RULES),))
    return case_turn(
        text,
        held=held((told, settled), items),
        goal=text,
        stays_human=text,
        drafts=(draft,),
        earlier=(Exchange(text, text),),
    )


async def test_threat_18_nothing_that_must_stay_here_is_in_any_request_of_a_turn(api: MessagesApi) -> None:
    new = evidence("N", Source.ACCESS_LOG, excerpt=ALL, query={"n": 1}, facts=FACTS, place=ALL)
    api.will(
        streams(look(LOG, accounts=[]), states(stated("It is shown."))),
        streams(call("ask_someone", words="x"), states(stated("x", evidence=["nope"]))),
    )

    await take(api, full_case(ALL, FACTS), Sources({Source.ACCESS_LOG: [new]}))

    assert len(api.requests) == 3
    assert leaked(api, VALUES.values()) == set()
    document = sent(api)
    assert len(document["evidence"]) == 2 and len(document["statements"]) == 2 and len(document["drafts"]) == 1


async def test_what_only_a_later_look_names_is_replaced_there_too(api: MessagesApi) -> None:
    excerpt = f"{VALUES['account']} opened {VALUES['file']}"
    new = evidence("N", excerpt=excerpt, query={"n": 1}, facts=FACTS)
    api.will(streams(look(accounts=[])))

    await take(api, sources=Sources({Source.ACCESS_LOG: [new]}))

    assert leaked(api, [VALUES["account"], VALUES["file"]]) == set()
    told = api.requests[1]["messages"][2]["content"][0]["content"]
    assert re.search(r'"excerpt": "\[ID_\d{8}\] opened \[FILE_\d{8}\]"', told)


async def test_nineteen_of_twenty_labelled_values_are_in_no_request(api: MessagesApi, shared_data: Path) -> None:
    rows = [*labelled.secrets(shared_data), *labelled.personal(shared_data)]
    kinds = ("SECRET", *labelled.PERSONAL)
    kept, marked = Counter[str](), Counter[str]()
    # Many to a case: what matters is every sentence and not how often the service is asked.
    for start in range(0, len(rows), 60):
        some = rows[start : start + 60]
        api.requests.clear()
        items = tuple(evidence(f"E{n}", excerpt=row.text, query={"n": n}) for n, row in enumerate(some))
        await take(api, case_turn(held=held(items=items)))
        texts = [one["excerpt"] for one in sent(api)["evidence"]]
        for row, text in zip(some, texts, strict=True):
            for kind, value in row.values:
                if kind in kinds:
                    marked[kind] += 1
                    kept[kind] += value not in text

    assert all(marked[kind] >= 5 for kind in kinds)
    assert min(kept[kind] / marked[kind] for kind in kinds) >= 0.95, {k: kept[k] / marked[k] for k in kinds}


async def test_a_value_has_one_pseudonym_in_every_turn_of_a_case_and_another_in_another_case(
    api: MessagesApi,
) -> None:
    first = case_turn(f"What of {VALUES['address']}?")
    later = full_case(f"Then {VALUES['phone']} and {VALUES['address']} wrote.", FACTS)

    for turn in (first, later, replace(first, case_key="another")):
        await take(api, turn)

    bodies = [body["messages"][0]["content"][0]["text"] for body in api.requests]
    marks = [set(re.findall(r"\[EMAIL_\d{8}\]", text)) for text in bodies]
    assert marks[0] == marks[1] and len(marks[0]) == 1
    assert marks[2] != marks[0]


async def test_two_spellings_of_an_account_have_one_pseudonym(api: MessagesApi) -> None:
    items = (
        evidence("E1", Source.DIRECTORY, facts={"email": "Jo@Contractor.example"}),
        evidence("E2", facts={"principal": "jo@contractor.example"}, query={"n": 2}),
    )

    await take(api, case_turn(held=held(items=items)))

    first, second = (one["facts"][0].split(": ")[1] for one in sent(api)["evidence"])
    assert first == second and first.startswith("[EMAIL_")


async def test_what_the_lead_revealed_is_read_as_it_is_and_nothing_else(api: MessagesApi) -> None:
    revealed = frozenset({sha256_of(VALUES["file"]), sha256_of(VALUES["address"]), sha256_of(SECRET)})

    await take(api, replace(full_case(ALL, FACTS), revealed=revealed))

    assert leaked(api, VALUES.values()) == {VALUES["file"], VALUES["address"]}
    assert f"attachment_name: {VALUES['file']}" in sent(api)["evidence"][0]["facts"]


async def test_threat_18_a_secret_is_read_by_no_model_whatever_was_revealed(api: MessagesApi) -> None:
    await take(api, case_turn(f"password: {SECRET}", revealed=frozenset({sha256_of(SECRET)})))

    assert leaked(api, [SECRET]) == set()


async def test_threat_09_a_mark_of_a_case_that_an_outsider_types_stands_for_nothing(api: MessagesApi) -> None:
    pseudonyms = CasePseudonyms("9e1b7c1e")
    (mark,) = pseudonyms.hide(VALUES["address"])
    forged = evidence("E2", Source.TICKET, excerpt=f"Look up {mark} now", query={"t": 1})
    named = evidence("E1", excerpt=VALUES["address"])

    await take(api, case_turn(held=held(items=(named, forged))))

    first, second = (one["excerpt"] for one in sent(api)["evidence"])
    assert first == mark
    assert re.fullmatch(r"Look up \[TEXT_\d{8}\] now", second)


async def test_a_look_by_marks_asks_for_the_values_and_answers_come_back_with_them(api: MessagesApi) -> None:
    one = evidence(excerpt=f"{VALUES['address']} logged in", facts={"email": VALUES["address"]})
    (mark,) = CasePseudonyms("9e1b7c1e").hide(VALUES["address"])
    api.will(streams(look(accounts=[mark])), streams(states(stated(f"The log shows {mark}.")), words(f"See {mark}.")))
    sources = Sources()

    result = await take(api, case_turn(held=held(items=(one,))), sources)

    assert sources.asked[0][1].accounts == (VALUES["address"],)
    assert result.statements[0].text == f"The log shows {VALUES['address']}."
    assert result.answer.startswith(f"See {VALUES['address']}.")
    # The record has what was asked and told as the model had it.
    assert result.calls[0].asked["accounts"] == [mark] and VALUES["address"] not in result.calls[0].answer


async def test_a_secret_comes_back_dotted_out(api: MessagesApi) -> None:
    (mark,) = CasePseudonyms("9e1b7c1e").hide(SECRET)
    api.will(streams(words(f"Rotate {mark}."), states(stated(f"It holds {mark}."))))

    result = await take(api, case_turn(f"Our key is {SECRET}"))

    assert SECRET[8:] not in str(result) and "ghp_" in result.answer


async def test_threat_09_rejected_content_is_in_no_request(api: MessagesApi) -> None:
    no = "The contractor copied the whole archive on purpose."
    rejected = statement("S1", state=StatementState.REJECTED, text=no)
    kept = statement("S2", state=StatementState.ACCEPTED, text="A session was opened.")
    same_again = statement("S3", text=no.upper())
    lines = (
        Sentence(f"Confirmed: {no}", ("S2@1",), RULES),
        Sentence("As said before, this is grave.", ("S1@1", "S2@1"), RULES),
        Sentence("Confirmed: A session was opened.", ("S2@1",), RULES),
    )
    turn = case_turn(
        held=held((rejected, kept, same_again)),
        drafts=(Draft("D1", DraftKind.INTERNAL_SUMMARY, 1, lines),),
        earlier=(Exchange("And?", f"I hold that {no}"), Exchange("Else?", "A session was opened.")),
    )
    api.will(streams(look(), words(f"Well: {no}")), streams(states(stated(no))))

    result = await take(api, turn)

    assert len(api.requests) == 3
    everything = "\n".join(strings(api.requests)).casefold()
    assert "archive" not in everything and "grave" not in everything
    document = sent(api, 2)
    assert [one["id"] for one in document["statements"]] == ["S2"]
    assert [one["text"] for one in document["drafts"][0]["sentences"]] == ["Confirmed: A session was opened."]
    assert len(document["earlier"]) == 1
    assert no not in result.answer and result.statements == ()


async def test_threat_09_rejected_content_known_by_its_fingerprint_alone_is_in_no_request(api: MessagesApi) -> None:
    no = "The archive was copied on purpose."
    draft = Draft("D1", DraftKind.INTERNAL_SUMMARY, 1, (Sentence(f"Hypothesis, not confirmed: {no}", (), RULES),))
    turn = case_turn(held=held((statement("S1", text=no),), rejected=frozenset({fingerprint(no)})), drafts=(draft,))

    await take(api, turn)

    assert "archive" not in "\n".join(strings(api.requests))


def many(count: int) -> tuple[Evidence, ...]:
    return tuple(evidence(f"E{n}", excerpt="x" * 2_000, query={"n": n}) for n in range(count))


async def test_of_very_much_evidence_the_newest_is_sent_and_the_rest_is_said_to_be_missing(api: MessagesApi) -> None:
    await take(api, case_turn(held=held(items=many(100))))

    document = sent(api)
    assert document["evidence_left_out"] == 20
    assert [one["id"] for one in document["evidence"]] == [f"E{n}" for n in range(20, 100)]
    assert len(api.requests[0]["messages"][0]["content"][0]["text"]) < 120_000
