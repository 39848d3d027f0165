"""Text that nobody vouches for, made visible: nothing hides, nothing is lost without being counted."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.views.plain import EMPTY, escape_markup, has_hidden_characters, mono, one_line, visible

ANYTHING = st.text(alphabet=st.characters(exclude_categories=[]), max_size=300)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a\u202eb", "a⟦U+202E⟧b"),
        ("a\u2066b\u2069", "a⟦U+2066⟧b⟦U+2069⟧"),
        ("zero\u200bwidth", "zero⟦U+200B⟧width"),
        ("soft\u00adhyphen", "soft⟦U+00AD⟧hyphen"),
        ("nul\x00", "nul⟦U+0000⟧"),
        ("tag\U000e0041", "tag⟦U+E0041⟧"),
        ("lone\ud800", "lone⟦U+D800⟧"),
        ("blank\u3164", "blank⟦U+3164⟧"),
        ("p\u0430y", "p\u0430⟦U+0430⟧y"),
        ("\U0001d5ef", "\U0001d5ef⟦U+1D5EF⟧"),
        ("⟦U+0041⟧", "⟦U+27E6⟧U+0041⟦U+27E7⟧"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("a" + " " * 40 + "b", "a ⟦40 spaces⟧ b"),
        ("a" + "\n" * 13 + "b", "a\n⟦12 empty lines⟧\nb"),
        ("a\n\nb", "a\n\nb"),
        ("no\u00a0break", "no break"),
        ("Привет, мир", "Привет, мир"),
        ("Grüße, señor", "Grüße, señor"),
        ("❤️ 日本語", "❤️ 日本語"),
        ("", EMPTY),
        (" \n ", EMPTY),
    ],
)
def test_what_is_written_is_shown_like_this(written: str, shown: str) -> None:
    assert visible(written, 1000) == shown


def test_a_cut_text_says_how_much_is_missing_and_where_it_is() -> None:
    shown = visible("x" * 40_000, 100, where="see the message")

    assert len(shown) <= 100
    kept = len(shown) - len(shown.lstrip("x"))
    assert shown.endswith(f"⟦{40_000 - kept:,} more characters: see the message⟧")


def test_a_thousand_lines_are_cut_at_the_line_limit() -> None:
    shown = visible("line\n" * 1_000, 5_000, max_lines=8)

    assert shown.count("\n") < 8
    assert "more characters" in shown


def test_a_name_stays_on_one_line() -> None:
    assert one_line("Bob\nVotes needed  none", 100) == "Bob Votes needed  none"


def test_a_right_to_left_name_cannot_pull_its_neighbours_along() -> None:
    assert one_line("שלום", 100) == "\u2068שלום\u2069"


def test_marks_piled_on_a_letter_are_spelled_out() -> None:
    assert visible("a" + "\u0301" * 6, 500) == "a" + "\u0301" * 4 + "⟦U+0301⟧" * 2


@given(ANYTHING, st.integers(60, 400))
def test_no_text_is_longer_than_its_limit_or_hides_anything(text: str, limit: int) -> None:
    shown = visible(text, limit)

    assert len(shown) <= limit
    for character in shown.replace("\ufe0f", ""):
        assert character == "\n" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("ak_demo_bob_001", '"ak_demo_bob_001"'),
        ("b\u043eb", '"b\\u043e(о)b"'),
        ("Schlüssel", '"Schl\\u00fc(ü)ssel"'),
        ("a\u200bb", '"a\\u200bb"'),
        ("\u202e", '"\\u202e"'),
        ("שלום", '"\\u05e9\\u05dc\\u05d5\\u05dd"'),
        ("😀", '"\\ud83d\\ude00(😀)"'),
        (" x\n", '" x\\n"'),
        ("\x7f", '"\\u007f"'),
        ({"b": 1, "a": [True, None]}, '{"a": [true, null], "b": 1}'),
    ],
)
def test_an_exact_value_is_shown_like_this(value: object, shown: str) -> None:
    assert mono(value) == shown  # type: ignore[arg-type]  # JSON of several shapes


@given(ANYTHING)
def test_two_different_values_never_look_the_same(text: str) -> None:
    # What can be read back cannot have been mistaken for anything else.
    without_glyphs = re.sub(r"(?<=[0-9a-f]{4})\([^\x00-\x7f]+\)", "", mono(text))

    assert without_glyphs.isascii()
    assert json.loads(without_glyphs) == json.loads(json.dumps(text))


def test_a_value_with_something_invisible_is_known_as_such() -> None:
    assert has_hidden_characters("ak\u200b_1")
    assert not has_hidden_characters("Grüße,\nOlivia")


def test_fallback_text_is_escaped() -> None:
    assert escape_markup("<!channel> & <@U1>") == "&lt;!channel&gt; &amp; &lt;@U1&gt;"
