"""Slack's wire form of a text, read back as the words a person wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.slack_text import as_written


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ("<mailto:bob@acme.example|bob@acme.example>'s account", "bob@acme.example's account"),
        ("see <https://acme.example/a?b=1&amp;c=2>", "see https://acme.example/a?b=1&c=2"),
        ("see <http://acme.example|acme.example>", "see acme.example"),
        ("<https://evil.example|https://acme.example>", "https://acme.example (https://evil.example)"),
        ("<@U0SANA00001> approve", "@U0SANA00001 approve"),
        ("<@U0SANA00001|sana> approve", "@sana approve"),
        ("<#C0HELP00001|help>", "#help"),
        ("<!channel> <!subteam^S0SECURITY1|@security>", "@channel @security"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
    ],
)
def test_a_text_reads_as_it_was_written(wire: str, words: str) -> None:
    assert as_written(wire) == words


@given(st.text())
def test_whatever_somebody_types_comes_back_unchanged(typed: str) -> None:
    wire = typed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    assert as_written(wire) == typed
