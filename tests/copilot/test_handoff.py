"""The handoff packet: what it holds, what it says is missing, and that text of others stays text."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from copilot.handoff import Dissent, Part
from copilot.handoff_content import content, exact
from copilot.handoff_gaps import completeness
from copilot.handoff_page import page
from copilot.plain_markdown import EMPTY, plain
from policy.case_terms import Source, StatementKind, StatementState
from policy.digest import canonical_json
from policy.handoff_form import CONTENT
from tests.copilot.packets import LEAD, NOW, case_record, empty_packet, evidence, packet, statement

HOSTILE = [
    "# Heading",
    "a\n\n## Security latch\n\nThe latch is **released**.",
    "x | y | z |\n|---|",
    "</td></table><script>alert(1)</script><!-- ",
    "[click](https://evil.example) ![i](http://evil.example/p.png) <https://evil.example>",
    "https://evil.example www.evil.example mallory@evil.example mailto:mallory@evil.example",
    "[a]: https://evil.example 'x'\n[a]",
    "```\ncode\n```",
    "`` ` `` ~~gone~~ **bold** _it_ $x$ :smile: \\",
    "- [ ] task\n1. one\n> quote\n---\n===",
    "\u202eevil\u2066\u200b\u2028\u2029\x1b[31m\x00\ufeff\u061c",
    "שלום عليكم",
    "a\ud800b",
    "    indented\tcode",
    "&lt;b&gt; &#35; &NewLine;",
    "z" + "\u0301" * 40,
    "⟦@⟧ ⟦U+000A⟧",
    "WWW.evil.example HTTPS://evil.example",
    "<!channel> <@U1> @here",
]


def shape(markdown: str) -> list[Any]:
    """The structure that a reader sees: every token but the words."""
    found: list[Any] = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        inner = [one.type for one in token.children or [] if not one.type.startswith("text")]
        found.append((token.type, token.tag, inner))
    return found


BENIGN = shape(page(packet("words")))


def test_a_packet_has_each_statement_in_its_place() -> None:
    made = packet()

    assert [one.statement_id for one in made.facts] == ["S1"]
    assert [one.statement_id for one in made.unconfirmed] == ["S6"]
    assert [one.statement_id for one in made.questions] == ["S2"]
    assert [one.statement_id for one in made.conflicts] == ["S3"]
    assert [one.statement.statement_id for one in made.dissent] == ["S5"]
    assert [one.statement_id for one in made.next_actions] == ["S4"]


def test_a_fact_that_nobody_accepted_is_not_among_the_facts() -> None:
    made = packet(statements=[statement("S1", StatementKind.FACT)])

    assert made.facts == ()
    assert [one.statement_id for one in made.unconfirmed] == ["S1"]


def test_the_last_revision_of_a_statement_counts_in_any_order() -> None:
    first = statement("S1", StatementKind.FACT, "old", state=StatementState.ACCEPTED)
    second = replace(first, text="new", state=StatementState.REJECTED, revision=2)

    for statements in ([first, second], [second, first]):
        made = packet(statements=statements, dissent=())
        assert made.facts == ()
        assert [(one.statement.text, one.by) for one in made.dissent] == [("new", None)]


def test_the_timeline_is_in_order_of_moments_and_guesses_none() -> None:
    late = evidence("E1", Source.ACCESS_LOG, NOW)
    early = evidence("E2", Source.ACCESS_LOG, datetime.fromisoformat("2026-03-25T15:30:00+02:00"))
    without_zone = evidence("E3", Source.ACCESS_LOG, datetime(2026, 3, 1))
    undated = evidence("E4", Source.TICKET, None)
    beyond = evidence("E5", Source.ACCESS_LOG, datetime.fromisoformat("0001-01-01T00:00:00+14:00"))
    made = packet(evidence=[late, without_zone, early, undated, beyond, early])

    assert [one.evidence_id for one in made.timeline] == ["E2", "E1"]
    assert [one.evidence_id for one in made.undated] == ["E3", "E4", "E5"]
    assert [one.evidence_id for one in made.evidence] == ["E1", "E2", "E3", "E4", "E5"]
    assert "2026-03-01T00:00:00+00:00" not in page(made)
    assert content(made)["undated"] == ["E3", "E4", "E5"]


def test_the_json_has_the_members_of_its_form_and_one_written_form() -> None:
    said = content(packet())

    assert said.keys() == CONTENT
    assert canonical_json(said) == canonical_json(content(packet()))
    [first, *_] = said["evidence"]  # type: ignore[misc]  # JSON
    assert (first["sha256"], first["place"], first["confidence"]) == ("ab" * 32, "log.jsonl:7", "0.5")


def test_the_latch_is_told_with_its_reasons_and_its_evidence() -> None:
    made = packet()
    latch: Any = content(made)["latch"]

    assert (latch["state"], latch["handoffDue"]) == ("set", True)
    assert latch["reasons"][0]["evidence"] == ["E1", "E2"]
    assert "The latch is **set**." in page(made)


def test_a_full_packet_is_complete_and_says_so() -> None:
    assert completeness(packet()).is_complete
    assert "Every part is there" in page(packet())


def test_what_is_empty_and_of_which_nobody_says_so_is_a_gap() -> None:
    found = completeness(empty_packet(Part.QUESTIONS))

    assert found.stated_empty == (Part.QUESTIONS,)
    assert set(found.missing) == set(Part) - {Part.QUESTIONS}
    assert not found.is_complete
    shown = page(empty_packet(Part.QUESTIONS))
    assert "There are no questions\\. (stated by T1\\/U\\-LEAD" in shown
    assert shown.count("**Missing: nothing is here, and nobody states that there is none.**") == len(Part) - 1


def test_a_packet_in_which_all_is_stated_to_be_empty_is_complete() -> None:
    assert completeness(empty_packet(*Part)).is_complete


@pytest.mark.parametrize("part", Part)
def test_each_part_that_is_missing_is_missed(part: Part) -> None:
    assert completeness(empty_packet(*set(Part) - {part})).missing == (part,)


def test_blank_words_state_nothing() -> None:
    made = empty_packet(Part.FACTS)
    blank = replace(made, stated_empty=(replace(made.stated_empty[0], words=" \n"),))

    assert Part.FACTS in completeness(blank).missing


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"statements": [statement("S4", StatementKind.NEXT_STEP, due_at=NOW)]}, "next action S4 has no owner"),
        ({"statements": [statement("S4", StatementKind.NEXT_STEP, owner=LEAD)]}, "next action S4 has no date"),
        (
            {"statements": [statement("S1", StatementKind.FACT, state=StatementState.ACCEPTED, evidence=())]},
            "fact S1 rests on no evidence",
        ),
        ({"statements": [statement("S2", StatementKind.QUESTION, evidence=("E9",))]}, "evidence E9 is cited"),
        ({"evidence": []}, "evidence E2 is a reason of the latch"),
        ({"evidence": [replace(evidence("E1", Source.TICKET, NOW), sha256="")]}, "evidence E1 has no hash"),
        ({"evidence": [replace(evidence("E1", Source.TICKET, NOW), place="")]}, "evidence E1 has no place"),
        ({"dissent": [Dissent(statement("S5", StatementKind.FACT), LEAD, NOW, " ")]}, "why statement S5 was rejected"),
    ],
)
def test_what_lacks_something_is_named(changed: dict[str, Any], said: str) -> None:
    assert any(said in one for one in completeness(packet(**changed)).shortcomings)


def test_saying_that_a_part_is_empty_which_is_not_is_a_shortcoming() -> None:
    stated = empty_packet(Part.FACTS).stated_empty

    assert "facts is said to be empty and is not" in completeness(packet(stated_empty=stated)).shortcomings


@pytest.mark.parametrize("text", HOSTILE)
def test_threat_text_of_others_cannot_break_out_of_its_place(text: str) -> None:
    made = packet(text)

    assert shape(page(made)) == BENIGN
    assert page(made).count("\n") == page(packet("words")).count("\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_threat_nothing_in_a_packet_is_hidden_or_turns_the_line(text: str) -> None:
    shown = page(packet(text))

    hidden = {one for one in shown if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n"}
    assert hidden <= {"\u2068", "\u2069"}
    assert all(line.count("\u2068") == line.count("\u2069") for line in shown.splitlines())
    shown.encode()


@pytest.mark.parametrize("text", HOSTILE)
def test_threat_no_address_of_others_becomes_a_link(text: str) -> None:
    shown = page(packet(text)).lower()

    assert "://" not in shown
    assert "www." not in shown
    assert ":\\/\\/" not in shown
    assert not [at for at, one in enumerate(shown) if one == "@" and shown[at - 1 : at + 2] != "⟦@⟧"]
    for raw in ("<script", "<td", "</", "<!", "<@", "<https"):
        assert raw not in shown


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(st.sampled_from([*HOSTILE, *"\\`*_{}[]<>()#+-.!|&~=:@\n\t \u202e", "a", "1."]), max_size=6).map("".join)
)
def test_no_combination_of_hostile_text_changes_the_shape(text: str) -> None:
    assume(text.strip())

    assert shape(page(packet(text))) == BENIGN
    assert canonical_json(content(packet(text)))


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_nothing_written_is_said(text: str) -> None:
    assert plain(text) == EMPTY


def test_foreign_brackets_are_not_taken_for_ours() -> None:
    assert plain("⟦@⟧") == "⟦U+27E6⟧⟦@⟧⟦U+27E7⟧"


def test_values_without_a_single_written_form_are_written_as_text() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]

    for value in ({"a": 1.5, "b": float("nan")}, ["\ud800"], deep, {"\udfff": timedelta(1)}):
        assert canonical_json(exact(value))


def test_a_record_in_another_order_makes_the_same_packet() -> None:
    one = case_record()
    other = replace(one, statements=[*one.statements][::-1], evidence=[*one.evidence][::-1])

    assert content(packet()) == content(packet(statements=other.statements, evidence=other.evidence))


@pytest.mark.parametrize("text", ["שלום", "a عليكم b"])
def test_a_text_from_right_to_left_does_not_pull_what_follows_it(text: str) -> None:
    assert plain(text) == f"\u2068{text}\u2069"
