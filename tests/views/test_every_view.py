"""Laws that hold for all views, whatever anyone wrote: Slack takes them, and nothing in them comes alive."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_slack.blockkit.validation import check_message_blocks, check_view
from tests.views import builders as b
from tests.views.block_kit import message_faults, objects, view_faults
from tests.views.gallery import hostile_events, hostile_ticket, messages_of, views_of

MARK = "hostilemarker"
ATTACKS = [
    "<!channel> <!here> <@U0BOB000001> <#C0HELP00001> <!subteam^S1>",
    "<http://evil.example|Approve here> https://evil.example www.evil.example",
    "*bold* _italic_ ~struck~ `code` ```block``` > quote :smile: :white_check_mark:",
    "\u202egnp.exe \u2066x\u2069 \u200bzero\u200dwidth\ufeff \U000e0041tag",
    "nul\x00 bell\x07 escape\x1b[31m delete\x7f return\r\n line\u2028paragraph\u2029",
    "p\u0430yp\u0430l \uff41\uff42 𝗯𝗼𝗹𝗱 b\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
    "lone \ud800 surrogate, &lt;!channel&gt; &amp;lt;",
    "⟦U+0041⟧ ⟦9,999 more characters⟧",
    "✅ Approved by @sana\nVotes needed  none\n" * 3,
]
LONG = [
    "x" * 40_000,
    "line\n" * 1_000,
    "<!channel>" * 4_000,
    "\u202e" * 3_000,
    "а" * 3_000,
    "\n" * 5_000,
    '"\\' * 5_000,
]
OWN_MARKUP = re.compile(r"<!date\^\d+\^\{date_short_pretty\} at \{time\}\|[0-9: -]+UTC>")
# The only invisible characters a view may add: the isolates around a right-to-left name, and emoji presentation.
OWN_INVISIBLE = "\u2068\u2069\ufe0f"


def test_every_view_of_an_ordinary_ticket_is_taken_by_slack() -> None:
    events = tuple(b.event(seq=n) for n in range(16))

    _assert_taken(messages_of(b.ticket(), "Not now."), views_of(b.ticket(), events))


@pytest.mark.parametrize("attack", ATTACKS + LONG, ids=lambda text: repr(text[:24]))
def test_every_view_of_a_hostile_ticket_is_taken_by_slack(attack: str) -> None:
    ticket = hostile_ticket(f"{MARK} {attack}")

    _assert_taken(messages_of(ticket, attack), views_of(ticket, hostile_events(attack)))


@pytest.mark.parametrize("attack", [*ATTACKS, LONG[0], LONG[1]], ids=lambda text: repr(text[:24]))
def test_a_ticket_with_forty_of_everything_still_fits(attack: str) -> None:
    ticket = hostile_ticket(attack, many=40)

    _assert_taken(messages_of(ticket, attack), views_of(ticket, hostile_events(attack)))


@pytest.mark.parametrize("attack", ATTACKS + LONG, ids=lambda text: repr(text[:24]))
def test_nothing_a_requester_wrote_reaches_markup(attack: str) -> None:
    words = f"{MARK} {attack}"
    ticket = hostile_ticket(words)
    drawn: list[Any] = [each.blocks for each in messages_of(ticket, words).values()]
    drawn += views_of(ticket, hostile_events(words)).values()

    for each in objects(drawn):
        if each.get("type") == "mrkdwn":
            assert MARK not in each["text"]
            assert each["verbatim"] is True
            assert not re.search(r"[<>&@`:]", OWN_MARKUP.sub("", each["text"]))
        if each.get("type") == "plain_text":
            assert each["emoji"] is False


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: repr(text[:24]))
def test_no_mention_link_or_broadcast_of_theirs_comes_alive(attack: str) -> None:
    ticket = hostile_ticket(attack)
    drawn: list[Any] = [each.blocks for each in messages_of(ticket, attack).values()]
    drawn += views_of(ticket, hostile_events(attack)).values()

    kinds = {each["type"] for each in objects(drawn) if "type" in each}
    mentioned = {each["user_id"] for each in objects(drawn) if each.get("type") == "user"}
    assert not kinds & {"link", "channel", "usergroup", "broadcast", "emoji", "markdown", "image"}
    assert mentioned <= {"U0SANA00001", "U0OLIVIA001", "U0VICTOR001"}


@pytest.mark.parametrize("attack", ATTACKS + LONG, ids=lambda text: repr(text[:24]))
def test_the_fallback_text_holds_no_live_markup(attack: str) -> None:
    for name, each in messages_of(hostile_ticket(attack), attack).items():
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", each.text), name
        assert each.text.strip(), name


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: repr(text[:24]))
def test_no_invisible_character_of_theirs_is_left_invisible(attack: str) -> None:
    ticket = hostile_ticket(attack)
    drawn: dict[str, Any] = {name: each.blocks for name, each in messages_of(ticket, attack).items()}
    drawn |= views_of(ticket, hostile_events(attack))
    # The approved reply goes out as it was approved: the approver saw each character of it.
    del drawn["customer_reply"]

    for name, blocks in drawn.items():
        shown = "".join(_texts(blocks))
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066\u2067\ufeff\ud800]", shown), name


@given(st.text(max_size=400), st.integers(1, 4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_at_all_makes_views_that_slack_takes(words: str, many: int) -> None:
    ticket = hostile_ticket(words, many=many)

    _assert_taken(messages_of(ticket, words), views_of(ticket, hostile_events(words)))


def test_the_same_facts_always_make_the_same_view() -> None:
    assert json.dumps(views_of(b.ticket(), ())) == json.dumps(views_of(b.ticket(), ()))


def _assert_taken(messages: dict[str, Any], views: dict[str, Any]) -> None:
    for name, each in messages.items():
        blocks = list(each.blocks)
        assert message_faults(blocks) == [], name
        assert check_message_blocks(blocks) == [], name
        assert 0 < len(each.text) <= 4000 or name == "customer_reply", name
    for name, view in views.items():
        assert view_faults(view) == [], name
        assert check_view(view) == [], name
        assert len(json.dumps(view)) < 250_000, name


def _texts(value: Any) -> list[str]:
    return [text for each in objects(value) if isinstance(text := each.get("text"), str)]
