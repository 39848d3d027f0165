"""Threats 9, 10 and 11: what an approver sees, as Slack stored it, whatever the ticket and the model say."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest

from copilot.suggestions import ActionOffer, FoundValue, SuggestedAction, TicketText, TriageResult
from policy.terms import Provenance, Severity
from tests.running import RunningDesk
from tests.threats.cases import (
    Case,
    action_ids,
    assert_ran_once,
    card_of,
    change,
    elements,
    json_text,
    last_refusal,
    message_at,
    new_key,
    open_case,
    open_form,
    posted,
    settled,
    votes,
)
from tests.threats.planted import with_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

INTERNAL = ("desk-triage", "desk-approvals")

HOSTILE: dict[str, str] = {
    "a mention of everybody": "<!channel> <!here> <!everyone> @channel @here please look",
    "a mention of a person and a group": "<@U0SANA00001> <!subteam^S0SECURITY1> already approved this",
    "a link with another face": "<https://evil.example/approve|Approve> [Approve](https://evil.example) https://evil.example",
    "markup": "*Approved by Sana* _really_ ~not~ `code` ```block``` > quote\n• list",
    "a card of its own": "\n\n---\n✅ *Approved*\nVotes needed: none\nWho can approve: everybody\nProposed by: Sana",
    "right-to-left marks": "revoke \u202egnihton\u202c \u2066evil\u2069 \u200f now",
    "zero-width characters": "ak_de\u200bmo_b\u200cob\u200d_0\ufeff01\u2060",
    "look-alike letters": "аk_dеmo_bоb_001 оwned by Воb",
    "controls": "a\x07b\x1b[31mred\x1b[0m\x00c\x85d\u2028e\u2029f",
    "tags and variation selectors": "x\U000e0041\U000e0042\ufe0f\ufe0ey",
    "date and command tokens": "<!date^1392734382^{date} at {time}^https://evil.example|now> <#C0APPROVE01>",
    "entities": "&lt;!channel&gt; &amp;lt;@U0SANA00001&amp;gt; <<!channel>>",
    "a long line": "w" * 5000,
    "many lines": "\n" * 900 + "the end",
    "blocks as text": '{"type": "actions", "elements": [{"type": "button", "action_id": "request.approve"}]}',
    "emoji names": ":white_check_mark: :heavy_check_mark: :approved: :lock:",
}

TOO_LARGE = "bо" * 1450
"""Letters of two alphabets in one word: every other one has to be spelt out, which no card has room for."""

FORBIDDEN_MARKS = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
OUR_OWN_MARKS = "\n\t\u2068\u2069\u200d\ufe0f"
"""Line breaks, the isolates that our views put around a right-to-left name, and what holds an emoji together."""


def complaints(message: dict[str, Any], own_people: frozenset[str]) -> list[str]:
    """What in a stored message of ours could come alive, hide or mislead."""
    found = []
    for one in elements(message.get("blocks", [])):
        kind = one.get("type")
        if kind in ("link", "broadcast", "usergroup", "channel", "image"):
            found.append(f"a live {kind}")
        if kind == "user" and one.get("user_id") not in own_people:
            found.append(f"a mention of {one.get('user_id')}")
        if kind == "mrkdwn" and not _is_ours(str(one.get("text"))):
            found.append(f"markup with words of others: {one['text'][:60]!r}")
        if kind == "plain_text" and one.get("emoji") is not False:
            found.append("plain text in which emoji names come alive")
        text = one.get("text")
        if isinstance(text, str) and kind in ("text", "plain_text", "mrkdwn"):
            found += [f"a raw {unicodedata.name(c, hex(ord(c)))}" for c in text if _is_hidden(c)]
    fallback = str(message.get("text", ""))
    found += ["an unescaped < in the fallback text"] * ("<" in fallback)
    found += [f"a raw {hex(ord(c))} in the fallback text" for c in fallback if _is_hidden(c)]
    return found


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in FORBIDDEN_MARKS and character not in OUR_OWN_MARKS


def _is_ours(markup: str) -> bool:
    import re

    date = r"<!date\^\d+\^\{date_short_pretty\} at \{time\}\|[0-9 :UTC-]+>"
    return re.fullmatch(rf"(?:[🔴🟠🟡🟢]|[\w ,.'()/#%*\n-]|{date})*", markup) is not None


def own_people(desk: RunningDesk) -> frozenset[str]:
    return frozenset(user.id for user in desk.slack.world.users.values() if user.team_id == "T0ACME00001")


def cards(desk: RunningDesk) -> list[dict[str, Any]]:
    return [
        message
        for name in INTERNAL
        for message in desk.slack.world.logs[desk.slack.world.channel(name).id].messages.values()
        if message.get("bot_id") == desk.slack.app.bot_id
    ]


async def ticket_with(desk: RunningDesk, text: str, who: str = "mallory") -> Any:
    ts = await desk.slack.person(who).post("ext-external", text)
    return await desk.until(lambda: desk.value("select id from tickets where slack_ts = :ts", ts=ts))


# --- 10: markup and hidden characters ------------------------------------------------------------------------------


async def test_threat_10_nothing_of_a_requesters_words_comes_alive_in_an_internal_card(desk: RunningDesk) -> None:
    desk.slack.admin.rename("trent", display_name="<!channel> *Sana*\u202e", real_name="<@U0SANA00001> \u200bSana")
    for words in HOSTILE.values():
        await ticket_with(desk, words, who="trent")
    await desk.until(lambda: desk.value("select count(*) = :n from tickets", n=len(HOSTILE)))
    await desk.until(lambda: _all_posted(desk, len(HOSTILE)), seconds=30)
    await desk.idle()

    found = {message["ts"]: complaints(message, own_people(desk)) for message in cards(desk)}
    assert len(found) >= len(HOSTILE)
    assert {ts: said for ts, said in found.items() if said} == {}


async def _all_posted(desk: RunningDesk, count: int) -> bool:
    sql = "select count(*) from deliveries where kind = 'triage_card' and state = 'posted'"
    return int(await desk.value(sql)) == count


async def test_threat_10_the_check_finds_what_it_is_there_to_find() -> None:
    planted: Sequence[dict[str, Any]] = (
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<https://evil.example|Approve>"}}]},
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<!channel>"}}]},
        {"blocks": [{"type": "rich_text", "elements": [{"type": "link", "url": "https://evil.example"}]}]},
        {"blocks": [{"type": "rich_text", "elements": [{"type": "broadcast", "range": "channel"}]}]},
        {"blocks": [{"type": "rich_text", "elements": [{"type": "user", "user_id": "U0MALLORY01"}]}]},
        {"blocks": [{"type": "rich_text", "elements": [{"type": "text", "text": "a\u202eb"}]}]},
        {"blocks": [{"type": "rich_text", "elements": [{"type": "text", "text": "a\u200bb"}]}]},
        {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": ":lock:", "emoji": True}}]},
        {"text": "<@U0SANA00001>"},
    )

    for message in planted:
        assert complaints(message, frozenset()), message


async def test_threat_10_the_approval_card_spells_out_a_look_alike_and_nothing_runs_on_it(desk: RunningDesk) -> None:
    case = await open_case(desk)

    # Cyrillic letters in the key's id: the directory knows no such key, so no request comes of it.
    lead = desk.slack.person("olivia")
    await lead.click("desk-triage", case.triage_ts, action_id="action.choose")
    await desk.until(lead.modals)
    await lead.submit(values={"action": "api_key.revoke"})
    answer = await lead.submit(values={"keyId": case.key_id.replace("a", "а")})
    lead.reload()
    assert answer["response_action"] == "errors"

    reply = await open_form(desk, case, "ticket.reply_to_customer", {"text": "Ꭺpproved by the аdmin, раss it on"})
    card = message_at(desk, "desk-approvals", await card_of(desk, reply))
    assert complaints(card, own_people(desk)) == []
    assert "\\\\u0430" in json_text(card)


# --- 9: the model writes the approval dialog -----------------------------------------------------------------------


class LyingTriager:
    """A model that was talked into it: it lies in every text it may write, and about where it found a value."""

    LIES = (
        "Harmless housekeeping, already approved by the security team. Votes needed: none.",
        "<https://evil.example|Approve> *Risk: low* <!channel>\u202e",
    )

    def __init__(self, key_id: str, provenance: Provenance) -> None:
        self._key_id = key_id
        self._provenance = provenance

    async def triage(self, ticket: TicketText, offers: Sequence[ActionOffer]) -> TriageResult:
        value = FoundValue(value=self._key_id, provenance=self._provenance, evidence=self.LIES[1])
        return TriageResult(
            severity=Severity.LOW,
            category="other",
            confidence=1.0,
            model="liar-1",
            source="model",
            rationale=" ".join(self.LIES),
            suggestions=(
                SuggestedAction(action_id="api_key.revoke", params={"keyId": value}, why=self.LIES[0]),
                SuggestedAction(action_id="policy.allow_all", params={}, why=self.LIES[0]),
                SuggestedAction(action_id="request.approve", params={"request": value}, why=self.LIES[0]),
            ),
        )

    async def aclose(self) -> None:
        return None


@pytest.mark.parametrize("provenance", list(Provenance), ids=lambda value: value.value)
async def test_threat_09_a_lying_model_writes_no_word_of_the_approval_card_and_starts_nothing(
    desk: RunningDesk, provenance: Provenance
) -> None:
    key_id = await new_key(desk)
    with with_parts(desk, triager=LyingTriager(key_id, provenance)):
        ticket_id = await ticket_with(desk, "Please look at this.")
        triage_ts = await posted(desk, "triage_card", ticket_id)
        await settled(desk)

    # Whatever it says of where it found the key: nothing is proposed until one of our people confirms it.
    assert await desk.value("select count(*) from action_requests where ticket_id = :id", id=ticket_id) == 0
    lead = desk.slack.person("olivia")
    await lead.click("desk-triage", triage_ts, action_id="suggestion.confirm")
    await desk.until(lead.modals)
    await lead.submit(values={"keyId": key_id})
    lead.reload()
    card = message_at(desk, "desk-approvals", await posted(desk, "approval_card", ticket_id))

    shown = json_text(card)
    assert not [lie for lie in LyingTriager.LIES if lie[:30] in shown]
    for ours in ("Revoke an API key", "Stops the API key at once", "High", key_id, "one person approves"):
        assert ours.lower() in shown.lower(), ours
    [one] = [c for c in cards(desk) if c["ts"] == triage_ts]
    assert complaints(one, own_people(desk)) == []


async def test_threat_09_a_request_looks_the_same_whatever_the_model_said_of_it(desk: RunningDesk) -> None:
    """Two tickets with the same words; one triaged honestly, one by a liar: the same card but for ids and times."""
    honest = await open_case(desk)
    key_id = await new_key(desk)
    with with_parts(desk, triager=LyingTriager(key_id, Provenance.REQUESTER)):
        ticket_id = await ticket_with(desk, f"It leaked on a public page, so please revoke API key {key_id} right now.")
        triage_ts = await posted(desk, "triage_card", ticket_id)
    lead = desk.slack.person("olivia")
    await lead.click("desk-triage", triage_ts, action_id="suggestion.confirm")
    await desk.until(lead.modals)
    await lead.submit(values={"keyId": key_id})
    lead.reload()

    def essence(value: str, key: str, number: int) -> str:
        import re

        return re.sub(
            r"\d{4}-\d\d-\d\d \d\d:\d\d UTC|<!date[^>]*>|\"timestamp\": \d+", "…", value.replace(key, "KEY")
        ).replace(f"#{number} ", "#N ")

    async def substance(ticket: Any, key: str) -> str:
        number = await desk.value("select number from tickets where id = :id", id=ticket)
        card = await desk.value("select card from action_requests where ticket_id = :id and risk = 'high'", id=ticket)
        return essence(json_text([block for block in card if "claim" not in json_text(block)]), key, number)

    assert await substance(ticket_id, key_id) == await substance(honest.ticket_id, honest.key_id)


# --- 11: a card that cannot show everything ------------------------------------------------------------------------


async def test_threat_11_a_request_too_large_for_a_card_has_no_approve_button_and_cannot_be_approved(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk)
    request_id = await open_form(desk, case, "ticket.reply_to_customer", {"text": TOO_LARGE})
    card_ts = await card_of(desk, request_id)
    card = message_at(desk, "desk-approvals", card_ts)

    assert action_ids(card) - {"requests.review"} == {
        "request.reject",
        "request.edit",
        "request.withdraw",
        "ticket.open",
    }
    assert "too large to be shown whole" in json_text(card)

    await forge_approval(desk, case, card_ts, str(request_id))
    assert await desk.value("select status from action_requests where id = :id", id=request_id) == "pending"
    assert await last_refusal(desk, case) == "core-no-other-digest"

    sana = desk.slack.person("sana")
    await sana.click("desk-approvals", card_ts, action_id="request.reject")
    await desk.until(sana.modals)
    await sana.submit(values={"reason": "Too long to read."})
    assert await desk.value("select status from action_requests where id = :id", id=request_id) == "rejected"


async def forge_approval(desk: RunningDesk, case: Case, card_ts: str, request_id: str) -> None:
    """sana presses an Approve that is not there."""
    payload = desk.slack.forge.click_payload("sana", "desk-approvals", card_ts, "ticket.open")
    payload["actions"][0] |= {"action_id": "request.approve", "value": request_id}
    await desk.slack.forge.send(payload)
    await settled(desk)
    assert await desk.value("select count(*) from votes where request_id = :id", id=request_id) == 0


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_blocks_too_long", "msg_too_long"])
async def test_threat_11_a_card_that_slack_refuses_is_posted_without_approve_and_cannot_be_approved(
    desk: RunningDesk, error: str
) -> None:
    case = await open_case(desk)
    key_id = await new_key(desk)
    await desk.idle()
    desk.slack.faults.fail_next("chat.postMessage", error=error)

    request_id = await open_form(desk, case, "api_key.revoke", {"keyId": key_id})
    card_ts = await card_of(desk, request_id)
    card = message_at(desk, "desk-approvals", card_ts)

    assert "request.approve" not in action_ids(card)
    await forge_approval(desk, case, card_ts, str(request_id))
    assert await desk.value("select status from directory_keys where key_id = :key", key=key_id) == "active"


async def test_threat_11_a_card_that_slack_never_takes_leaves_a_request_that_nobody_can_approve(
    desk: RunningDesk,
) -> None:
    case = await open_case(desk)
    key_id = await new_key(desk)
    await desk.idle()
    desk.slack.faults.fail_next("chat.postMessage", error="invalid_blocks", times=5)

    request_id = await open_form(desk, case, "api_key.revoke", {"keyId": key_id})
    state = "select state from deliveries where request_id = :id"
    await desk.until(lambda: _equals(desk, "failed", state, id=request_id))
    desk.slack.faults.clear()
    payload = desk.slack.forge.click_payload("sana", "desk-approvals", case.card_ts, "request.approve")
    payload["actions"][0]["value"] = str(request_id)
    await desk.slack.forge.send(payload)
    await settled(desk)

    assert await desk.value("select count(*) from votes where request_id = :id", id=request_id) == 0
    assert await desk.value("select status from directory_keys where key_id = :key", key=key_id) == "active"


async def _equals(desk: RunningDesk, expected: str, sql: str, **params: Any) -> bool:
    return bool(await desk.value(sql, **params) == expected)


async def test_threat_11_the_check_fails_where_the_row_says_that_the_card_showed_everything(desk: RunningDesk) -> None:
    case = await open_case(desk)
    request_id = await open_form(desk, case, "ticket.reply_to_customer", {"text": TOO_LARGE})
    await change(
        desk,
        "update deliveries set shown_digest = (select digest from action_requests where id = :id)"
        " where request_id = :id",
        id=request_id,
    )

    with pytest.raises(AssertionError):
        await forge_approval(desk, case, await card_of(desk, request_id), str(request_id))


async def test_threat_11_the_whole_of_what_runs_stands_on_a_card_that_can_be_approved(desk: RunningDesk) -> None:
    case = await open_case(desk)
    card = message_at(desk, "desk-approvals", case.card_ts)
    for needed in (case.key_id, "bob@acme.example", "Mallory Mercer", "U0OLIVIA001", "api_key.revoke", "Fingerprint"):
        assert needed in json_text(card), needed

    await desk.slack.person("sana").click("desk-approvals", case.card_ts, action_id="request.approve")

    await assert_ran_once(desk, case)
    assert await votes(desk, case) == 1
