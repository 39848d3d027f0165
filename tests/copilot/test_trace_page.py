"""The trace as a page: everything is in it, and text of others stays text."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser

import pytest

from copilot.handoff import Approval
from copilot.trace_page import Approved, Drafted, Entry, Held, Retrieved, Sent, SentSentence, Turn, trace_page
from policy.case_terms import Author, Draft, DraftKind, Sentence, Source, StatementKind, StatementState
from tests.copilot.packets import LEAD, NOW, evidence, statement
from tests.copilot.test_handoff import HOSTILE

PAGE_BREAKERS = ["</style><script>x</script>", "\"' onload=x", "</bdi></td></main>", "<!--", "]]>", "&#x202e;", "<b>"]


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


def entries(text: str) -> list[Entry]:
    model = Author(model=text, prompt_version=text)
    first = statement("S1", StatementKind.HYPOTHESIS, text, author=model)
    second = statement("S1", StatementKind.FACT, text, state=StatementState.ACCEPTED, revision=2, resolution=text)
    old = Draft(text, DraftKind.CUSTOMER_UPDATE, 1, (Sentence(text, ("S1",), model), Sentence("Kept.", (), model)))
    new = Draft(text, DraftKind.CUSTOMER_UPDATE, 2, (Sentence("Kept.", (), model), Sentence("x" + text, (), model)))
    return [
        Turn(NOW, Author(person=LEAD), text),
        Retrieved(NOW, evidence(text, Source.ACCESS_LOG, NOW, text)),
        Held(NOW, (first, second)),
        Drafted(NOW, new, old),
        Approved(Approval(text, text, LEAD, NOW)),
        Sent(NOW, text, (SentSentence(text, model, (text,), (text,), LEAD),)),
    ]


def shape(text: str) -> Shape:
    found = Shape()
    found.feed(trace_page(text, entries(text)))
    found.close()
    return found


@pytest.mark.parametrize("text", [*HOSTILE, *PAGE_BREAKERS])
def test_threat_text_of_others_makes_no_tag_and_no_attribute(text: str) -> None:
    assert shape(text).tags == shape("words").tags


@pytest.mark.parametrize("text", HOSTILE)
def test_threat_nothing_hidden_is_in_a_trace(text: str) -> None:
    page = trace_page(text, entries(text)).replace("\n", "").replace("\t", "")

    assert not [one for one in page if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def test_a_trace_loads_nothing_and_says_so_to_the_browser() -> None:
    tags = [tag[0] for tag in shape("words").tags if isinstance(tag, tuple)]

    assert not {"script", "link", "img", "iframe", "a", "form", "object"} & set(tags)
    assert "default-src 'none'" in trace_page("t", [])
    assert "url(" not in trace_page("t", [])


def test_every_text_of_every_entry_is_on_the_page() -> None:
    words = " ".join(shape("wörter").words)

    for said in ("approved", "Evidence", "Statement", "Sent to", "taken out:", "put in:", "Kept.", "access log"):
        assert said in words
    assert words.count("wörter") >= 15


def test_a_sent_sentence_without_approver_or_evidence_stands_out() -> None:
    sent = Sent(NOW, "customer", (SentSentence("Said.", Author(), (), (), None),))

    page = trace_page("t", [sent])

    assert '<span class="missing">nobody known</span>' in page
    assert page.count('<span class="missing">none</span>') == 2


def test_an_empty_trace_says_so() -> None:
    assert "Nothing has happened in this case." in trace_page("t", [])


def test_every_heading_is_the_label_of_its_entry() -> None:
    page = trace_page("t", entries("words"))

    for number in range(1, 7):
        assert page.count(f'aria-labelledby="e{number}"') == page.count(f'<h2 id="e{number}"') == 1
