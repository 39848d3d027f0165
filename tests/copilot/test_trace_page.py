"""The trace as a page: everything is in it, text of others stays text, and it loads nothing."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from copilot.trace_document import Record as Checked
from copilot.trace_document import make_trace, trace_json
from copilot.trace_page import broken_page, trace_page
from copilot.trace_text import trace_text
from policy import case_entries as e
from policy.case_entries import Entry
from policy.case_story import tell
from policy.terms import PersonKey
from tests.copilot.case_stories import LEAD, SECURITY, Record, scenario_b
from tests.copilot.test_handoff import HOSTILE

PAGE_BREAKERS = ["</style><script>x</script>", "\"' onload=x", "</bdi></td></main>", "<!--", "]]>", "&#x202e;", "<b>"]
CASE_ID = "9f9a3b8e-1111-4222-8333-444455556666"
CHECKED = Checked(scenario_b().now, 37, "ab" * 32)
NAMES = {LEAD: "Olivia Ortiz", SECURITY: "Sana Iqbal"}
FREE = frozenset(
    {"title", "goal", "stays_human", "excerpt", "place", "reason", "instruction", "answer", "name", "resolution",
     "words", "why", "message_id", "sentence", "owner_label", "model", "prompt_version", "cause", "request_id"}
)  # fmt: skip
"""Fields that may hold whatever somebody wrote, or whatever a source or a model said."""


class Shape(HTMLParser):
    """Every tag with its attributes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[object] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", data))


def saying(value: Any, text: str, name: str = "") -> Any:
    """The same entry with every free text replaced."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return text if name in FREE and value else value
    if isinstance(value, tuple):
        return tuple(saying(one, text, name) for one in value)
    if is_dataclass(value) and not isinstance(value, (type, PersonKey)):
        changed = {one.name: saying(getattr(value, one.name), text, one.name) for one in fields(value)}
        return replace(value, **changed)
    return value


def entries(text: str) -> list[Entry]:
    """Scenario B in which everybody says only this."""
    return [replace(one, body=saying(one.body, text)) for one in scenario_b().entries]


def page(text: str) -> str:
    return trace_page(make_trace(text, tell(entries(text)), CHECKED, {LEAD: text}))


def whole() -> str:
    return trace_page(make_trace(CASE_ID, scenario_b().story, CHECKED, NAMES))


def shape(html: str) -> Shape:
    found = Shape()
    found.feed(html)
    found.close()
    return found


@pytest.mark.parametrize("text", [*HOSTILE, *PAGE_BREAKERS])
def test_threat_text_of_others_makes_no_tag_and_no_attribute(text: str) -> None:
    assert shape(page(text)).tags == shape(page("words")).tags


@pytest.mark.parametrize("text", HOSTILE)
def test_threat_nothing_hidden_is_in_a_trace(text: str) -> None:
    for shown in (page(text), trace_text(make_trace(text, tell(entries(text)), CHECKED, {LEAD: text}))):
        hidden = [one for one in shown if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")]

        assert set(hidden) <= {"\n"}


def test_threat_a_second_line_of_others_does_not_begin_where_ours_do() -> None:
    lie = "words\nThe record verifies: 1 entries"
    shown = trace_text(make_trace(CASE_ID, tell(entries(lie)), CHECKED, {}))

    assert [line for line in shown.splitlines() if line.startswith("The record verifies")] == [CHECKED.sentence]


@pytest.mark.parametrize("html", [whole(), broken_page(CASE_ID, replace(CHECKED, problem="it was changed"))])
def test_a_trace_loads_nothing_and_says_so_to_the_browser(html: str) -> None:
    tags = [tag for tag in shape(html).tags if isinstance(tag, tuple)]
    addresses = [value for _, attrs in tags for name, value in attrs if name in ("href", "src", "action", "srcset")]

    assert not {"script", "link", "img", "iframe", "form", "object", "base"} & {tag for tag, _ in tags}
    assert all(one and one.startswith("#") for one in addresses)
    assert "default-src 'none'" in html and "unsafe-inline" not in html
    assert not re.search(r"url\(|@import|https?:|//", html.replace("<!doctype html>", ""))


def test_the_page_says_at_its_top_that_the_record_verifies() -> None:
    words = "".join(shape(whole()).words)

    assert words.index("The record verifies.") < words.index("What was sent") < words.index("The whole collaboration")
    assert "ab" * 32 in words


def test_a_page_of_a_record_that_does_not_hold_shows_nothing_of_it() -> None:
    html = broken_page(CASE_ID, replace(CHECKED, problem="row 3 was changed"))

    assert "The record does not hold." in html and "row 3 was changed" in html
    assert "The record verifies" not in html and "Former contractor" not in html


def texts(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, str) and name in FREE | {"text"}:
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from texts(one, name)
    elif is_dataclass(value):
        for one in fields(value):
            yield from texts(getattr(value, one.name), one.name)


def test_every_text_of_every_entry_is_in_each_form() -> None:
    story = scenario_b().story
    trace = make_trace(CASE_ID, story, CHECKED, NAMES)
    forms = {
        "page": " ".join("".join(shape(trace_page(trace)).words).split()).replace("_", " "),
        "text": " ".join(trace_text(trace).split()).replace("_", " "),
    }
    said = {text for entry in story.entries for text in texts(entry.body) if text and not isinstance(text, Enum)}
    # What changed is shown word by word, in both forms, so whole sentences are looked for in what was sent.
    changed = {"Still being checked: what the access log holds before 15 November.",
               "We confirmed that your attachments were opened by the former contractor."}  # fmt: skip

    for form, shown in forms.items():
        assert [text for text in sorted(said - changed) if text.replace("_", " ") not in shown] == [], form


def test_a_sentence_says_who_wrote_it_first_who_changed_it_and_why() -> None:
    words = " ".join("".join(shape(whole()).words).split())

    assert "written first by model claude-sonnet-4-5, prompt case.v1, in revision 1" in words
    assert "Changed in revision 2 by Olivia Ortiz (T0ACME00001/U0OLIVIA0001), overstated certainty" in words
    assert "accepted by Olivia Ortiz" in words and "attachments.jsonl:4471" in words


def test_a_sent_sentence_without_a_trace_stands_out() -> None:
    case = scenario_b()
    case.release("r9", "D1", "customer")

    html = trace_page(make_trace(CASE_ID, case.story, CHECKED, NAMES))

    assert html.count('<span class="badge missing">') == 4
    assert '<span class="missing">nobody known</span>' in html


def test_what_was_sent_of_a_revision_that_is_not_there_stands_out() -> None:
    case = scenario_b()
    case.add(e.Released("r9", "D7", 1, "customer", "ab", (LEAD,)))
    trace = make_trace(CASE_ID, case.story, CHECKED, NAMES)

    assert not trace.is_traced
    assert "the record has no such revision" in trace_page(trace)
    assert "INCOMPLETE: the record has no such revision" in trace_text(trace)


def test_a_case_that_sent_nothing_says_so() -> None:
    trace = make_trace(CASE_ID, Record().story, CHECKED, {})

    assert "Nothing was sent." in trace_page(trace) and "Nothing was sent." in trace_text(trace)


def test_headings_label_what_they_head_and_tables_name_their_columns() -> None:
    html = whole()
    tags = [tag for tag in shape(html).tags if isinstance(tag, tuple)]
    labels = [value for _, attrs in tags for name, value in attrs if name == "aria-labelledby"]
    ids = [value for _, attrs in tags for name, value in attrs if name == "id"]
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h[1-6]", tag)]

    assert len(ids) == len(set(ids)) and set(labels) <= set(ids)
    assert levels.count(1) == 1 and all(after <= before + 1 for before, after in pairwise(levels))
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in tags}
    assert all(dict(attrs).get("scope") in ("col", "row") for tag, attrs in tags if tag == "th")
    assert html.count("<table>") == html.count("<caption>") > 0 and '<html lang="en">' in html


def test_contrast_is_enough_in_light_dark_and_print() -> None:
    style = re.search(r"<style>(.*?)</style>", whole(), re.DOTALL)
    assert style is not None
    palettes = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", block))
        for block in re.findall(r":root \{(.*?)\}", style[1], re.DOTALL)
    ]

    assert len(palettes) == 3
    for one in palettes:
        for ink in ("ink", "soft", "link", "good", "bad", "person", "model", "rules"):
            for paper in ("paper", "card"):
                assert _contrast(one[ink], one[paper]) >= 4.5, (ink, paper)
        for ink, paper in (("good", "good-paper"), ("bad", "bad-paper"), ("ink", "ins"), ("ink", "del")):
            assert _contrast(one[ink], one[paper]) >= 4.5, (ink, paper)


def _contrast(one: str, other: str) -> float:
    """As WCAG 2.2 defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * one for one in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_form_for_programs_is_plain_json() -> None:
    found = json.loads(json.dumps(trace_json(make_trace(CASE_ID, scenario_b().story, CHECKED, NAMES))))

    assert [one["seq"] for one in found["entries"]] == list(range(1, 38))
    assert found["sent"][0]["approvers"] == ["T0ACME00001/U0SAMUEL0001", "T0ACME00001/U0SANA000001"]
