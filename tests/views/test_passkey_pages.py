"""What a person approves in the browser is what the card shows, and nothing that anyone wrote comes alive there."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from handlers.views.approval_substance import approval_substance
from handlers.views.html import blocks_html
from handlers.views.passkey_pages import confirmation_page, enrolment_page, gone_page
from tests.views.gallery import hostile_request
from tests.views.test_every_view import ATTACKS

NOW = datetime(2026, 3, 25, 13, 46, tzinfo=UTC)
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
HTML = [SCRIPT, "</pre></section><button>Approve</button>", "&lt;b&gt;"]
DRAWN = {"h2", "p", "pre", "ul", "li", "strong", "em", "code", "time", "span", "blockquote", "hr"}


class Read(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("words", [*ATTACKS, *HTML], ids=lambda text: repr(text[:24]))
def test_whatever_was_written_is_text_on_the_page(words: str) -> None:
    substance = approval_substance(hostile_request(words))
    assert substance is not None

    page = Read(blocks_html(substance, {"U0SANA00001": words}))

    assert set(page.tags) <= DRAWN
    assert set(page.attributes) <= {"class", "dir", "data-at"}


@pytest.mark.parametrize("words", HTML)
def test_a_name_is_text_on_every_page(words: str) -> None:
    pages = [
        enrolment_page(person_label=words, expires_at=NOW, options={"user": {"name": words}}),
        gone_page(words),
        confirmation_page(
            person_label=words,
            title=words,
            ticket_number=1,
            quorum=2,
            digest="d1" * 32,
            card=(),
            names={},
            expires_at=NOW,
            options={"challenge": words},
        ),
    ]

    for page in map(Read, pages):
        assert page.tags.count("script") == 1 and page.tags.count("button") <= 1 and "img" not in page.tags
        assert not [name for name in page.attributes if name.startswith("on")]


def test_a_block_that_cannot_be_drawn_is_an_error_and_not_left_out() -> None:
    for block in (
        {"type": "image", "image_url": "x"},
        {"type": "rich_text", "elements": [{"type": "rich_text_table"}]},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "emoji"}]}]},
    ):
        with pytest.raises(LookupError):
            blocks_html([block], {})
