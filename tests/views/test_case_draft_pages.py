"""Every sentence of a draft can be read, whatever was written and whatever stands against it: on some page, in turn."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handlers.views import case_ids as ids
from handlers.views.blocks import Block
from handlers.views.case_draft_facts import MarkFacts
from handlers.views.case_draft_modals import draft_modal
from handlers.views.case_facts import DraftFacts
from handlers.views.case_ids import Ref
from handlers.views.facts import Untrusted
from tests.views.case_builders import case, draft, mark, sentence

SLACK_TAKES = 250_000
ALIKE = st.sampled_from(["a", "word ", "\U0001f600", "\u202e", "\u0430", "\n", '"'])
"""What a text is made of: the same sign again and again, which may take twelve characters of JSON."""


@st.composite
def drafts(make: st.DrawFn) -> DraftFacts:
    """Up to as many sentences as a draft may have, of any length that a form takes, and marks anywhere."""
    sizes = make(st.lists(st.tuples(ALIKE, st.integers(1, 3_000)), min_size=1, max_size=200))
    texts = [sign * length for sign, length in sizes]
    marks = make(st.lists(st.builds(_mark, st.integers(-1, len(texts) - 1), st.integers(0, 2_900)), max_size=60))
    crowded = [_mark(make(st.integers(-1, len(texts) - 1)), 7 * at) for at in range(make(st.sampled_from([0, 400])))]
    return draft(sentences=tuple(sentence(text, "S1") for text in texts), marks=(*marks, *crowded))


def _mark(of: int, start: int) -> MarkFacts:
    return mark(sentence=of, start=start, end=start + 3, model="claude-test", said=Untrusted("\U0001f600" * 300))


CROWD = tuple(_mark(1, 8 * at) for at in range(4_000))
"""More marks on one sentence than a view holds."""


def next_page(view: Block) -> Ref | None:
    """Where the button leads, if there is one."""
    buttons = [one for block in view["blocks"] for one in block.get("elements", ())]
    found = [one["value"] for one in buttons if one.get("action_id") == ids.NEXT_OF[ids.PAGE_DRAFT]]
    return Ref.parse(found[0]) if found else None


def numbers(view: Block) -> list[int]:
    """Which sentences stand on a page, by the numbers in front of them."""
    firsts = [block["elements"][0]["elements"][0] for block in view["blocks"] if block["type"] == "rich_text"]
    return [int(run["text"].strip()[:-1]) for run in firsts if run.get("text", "").endswith(".  ")]


def pages(of: DraftFacts) -> list[Block]:
    """All pages of a draft, as somebody reads them who presses Next."""
    found, at = [], 0
    while True:
        found.append(draft_modal(case(), of, at))
        following = next_page(found[-1])
        if following is None:
            return found
        assert following.at > at
        at = following.at


@settings(deadline=None, max_examples=20)
@given(drafts())
@example(draft(sentences=tuple(sentence("\U0001f600" * 1_200, "S1") for _ in range(60)), marks=()))
@example(
    draft(sentences=(sentence("promise " * 11_000, "S1"),) * 3, marks=tuple(_mark(1, 8 * at) for at in range(9_000)))
)
@example(draft(sentences=(sentence("Short.", "S1"),) * 200, marks=tuple(_mark(-1, 0) for _ in range(200))))
def test_every_sentence_of_a_draft_is_on_one_page_and_next_leads_to_it(of: DraftFacts) -> None:
    every = pages(of)

    assert [number for page in every for number in numbers(page)] == [*range(1, len(of.sentences) + 1)]
    for page in every:
        assert len(json.dumps(page)) <= SLACK_TAKES and len(page["blocks"]) <= 100


def test_previous_leads_back_over_the_same_pages() -> None:
    of = replace(draft(marks=()), sentences=tuple(sentence("\U0001f600" * 900, "S1") for _ in range(40)))
    every = pages(of)
    assert len(every) > 2

    at = Ref.parse(every[-1]["private_metadata"]).at
    back: list[Any] = [every[-1]]
    while at:
        buttons = [one for block in back[0]["blocks"] for one in block.get("elements", ())]
        [value] = [one["value"] for one in buttons if one.get("action_id") == ids.PAGE_DRAFT]
        at = Ref.parse(value).at
        back.insert(0, draft_modal(case(), of, at))

    assert back == every


@pytest.mark.parametrize("at", [-1, 3, 10_000])
def test_a_place_that_no_sentence_has_is_the_first_page(at: int) -> None:
    of = draft(sentences=tuple(sentence("Short.", "S1") for _ in range(3)), marks=())

    assert numbers(draft_modal(case(), of, at)) == [1, 2, 3]
