"""Threats 4 and 13: payloads signed as Slack signs them, whose content no client of Slack's would have made.

All of them are sent in the name of sana, who may approve: whatever is refused here is refused for the payload.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio

from bot.web import SLACK_PATH
from tests.running import RunningDesk
from tests.threats.cases import (
    Case,
    action_ids,
    assert_ran_once,
    assert_undecided,
    change,
    changed,
    click_of,
    json_text,
    last_refusal,
    message_at,
    open_case,
    press_forged,
    refused_clicks,
    settled,
    status,
    submission_of,
    votes,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(http_desk: RunningDesk) -> RunningDesk:
    """Over HTTP here: what is not understood is answered at once, where a socket would be silent for three seconds."""
    return http_desk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(desk: RunningDesk) -> Case:
    """A second request that waits, of another ticket."""
    return await open_case(desk)


HUGE = "9" * 200_000
NOWHERE = "00000000-0000-4000-8000-000000000000"

FORGERIES: dict[str, tuple[str, Any]] = {
    "a value of the ticket": ("actions.0.value", "TICKET"),
    "a value of another request": ("actions.0.value", "OTHER REQUEST"),
    "a value of nothing": ("actions.0.value", NOWHERE),
    "a value that is no id": ("actions.0.value", "approve"),
    "a value that is a statement": ("actions.0.value", "'; update action_requests set status='approved'; --"),
    "a value that is huge": ("actions.0.value", HUGE),
    "an empty value": ("actions.0.value", ""),
    "a value that is null": ("actions.0.value", None),
    "a value that is a list": ("actions.0.value", ["x"]),
    "a value that is a record": ("actions.0.value", {"id": "x"}),
    "a value that is a number": ("actions.0.value", 1),
    "no value": ("actions.0.value", ...),
    "another message": ("container.message_ts", "TRIAGE CARD"),
    "the card of another request": ("container.message_ts", "OTHER CARD"),
    "a message of long ago": ("container.message_ts", "1000000000.000100"),
    "a message that is null": ("container.message_ts", None),
    "no message": ("container.message_ts", ...),
    "another channel": ("container.channel_id", "C0EXTEXT001"),
    "an unknown channel": ("container.channel_id", "C0NOWHERE01"),
    "no container": ("container", ...),
    "a container that is text": ("container", "message"),
    "the container of a view": ("container", {"type": "view", "view_id": "V1"}),
    "another app": ("api_app_id", "A0DEPLOY001"),
    "an app that is a record": ("api_app_id", {"id": "A0CSAPP0001"}),
    "another team of hers": ("user.team_id", "T0EXTERN001"),
    "an enterprise of hers": ("user.team_id", "E0GLOBEX001"),
    "no team of hers": ("user.team_id", ...),
    "a team of hers that is null": ("user.team_id", None),
    "no user": ("user", ...),
    "a user that is text": ("user", "U0SANA00001"),
    "a user without an id": ("user.id", ...),
    "a user id that is a list": ("user.id", ["U0SANA00001"]),
    "a user id in lower case": ("user.id", "u0sana00001"),
    "a user id with something behind it": ("user.id", "U0SANA00001 "),
    "a user id that is huge": ("user.id", "U" + HUGE),
    "another action": ("actions.0.action_id", "request.approve_all"),
    "another action in capitals": ("actions.0.action_id", "REQUEST.APPROVE"),
    "an action with something behind it": ("actions.0.action_id", "request.approve\n"),
    "always allow": ("actions.0.action_id", "request.always_allow"),
    "an action that is huge": ("actions.0.action_id", HUGE),
    "an action that is a record": ("actions.0.action_id", {"id": "request.approve"}),
    "no action id": ("actions.0.action_id", ...),
    "no actions": ("actions", ...),
    "an empty list of actions": ("actions", []),
    "actions that are null": ("actions", None),
    "actions that are text": ("actions", "request.approve"),
    "an action that is text": ("actions", ["request.approve"]),
    "another kind of payload": ("type", "block_suggestion"),
    "a kind that Slack does not have": ("type", "approve"),
    "no kind": ("type", ...),
}


@pytest.mark.parametrize(("path", "value"), FORGERIES.values(), ids=FORGERIES)
async def test_threat_04_a_forged_press_decides_nothing(
    desk: RunningDesk, waiting: Case, other: Case, path: str, value: Any
) -> None:
    meant = {
        "TICKET": str(waiting.ticket_id),
        "OTHER REQUEST": str(other.request_id),
        "TRIAGE CARD": waiting.triage_ts,
        "OTHER CARD": other.card_ts,
    }
    payload = changed(
        click_of(desk, waiting, "sana"), path, meant.get(value, value) if isinstance(value, str) else value
    )

    outcome = await desk.slack.forge.send(payload, kind="interactive")

    assert outcome.acked or path in ("type", "user", "user.id", "actions", "actions.0.action_id")
    await assert_undecided(desk, waiting)
    await assert_undecided(desk, other)


async def test_threat_04_only_the_first_of_several_actions_counts_and_it_must_be_ours(
    desk: RunningDesk, waiting: Case
) -> None:
    payload = click_of(desk, waiting, "sana")
    payload["actions"].insert(0, payload["actions"][0] | {"action_id": "ticket.open"})

    await desk.slack.forge.send(payload)

    await assert_undecided(desk, waiting)


async def test_threat_04_each_refusal_leaves_words_for_the_person_and_a_line_on_the_trail(
    desk: RunningDesk, waiting: Case
) -> None:
    sana = desk.slack.person("sana")
    sana.reload()
    before = len(await refused_clicks(desk))

    await press_forged(desk, waiting, "sana", container__message_ts=waiting.triage_ts)
    await settled(desk)

    [said] = sana.ephemerals("desk-approvals")
    assert said["text"]
    found = await refused_clicks(desk)
    assert len(found) == before + 1
    assert found[-1]["what"] == "request.approve"


async def test_threat_04_the_press_is_looked_up_by_where_the_message_stands(desk: RunningDesk) -> None:
    """A copy of the card in another place is not the card. If our own rows say that it is, it is: so this can fail."""
    case = await open_case(desk)
    original = message_at(desk, "desk-approvals", case.card_ts, viewer="sana")
    copied = desk.slack.bot_post("deploybot", "general", original["text"], blocks=copy.deepcopy(original["blocks"]))
    on_the_copy = {"container__channel_id": "C0GENERAL01", "container__message_ts": copied}

    await press_forged(desk, case, "sana", **on_the_copy)
    await assert_undecided(desk, case)

    sql = "update deliveries set channel = 'C0GENERAL01', ts = :ts where request_id = :id and kind = 'approval_card'"
    await change(desk, sql, ts=copied, id=case.request_id)
    await press_forged(desk, case, "sana", **on_the_copy)
    with pytest.raises(AssertionError):
        await assert_undecided(desk, case)


async def test_threat_04_mallory_presses_approve_on_a_copy_of_the_card_in_the_shared_channel(
    desk: RunningDesk, waiting: Case
) -> None:
    original = message_at(desk, "desk-approvals", waiting.card_ts, viewer="sana")
    copied = desk.slack.bot_post(
        "deploybot", "ext-external", original["text"], blocks=copy.deepcopy(original["blocks"])
    )
    mallory = desk.slack.person("mallory")

    outcome = await mallory.click("ext-external", copied, action_id="request.approve")

    # Slack hands the press to the app whose message it is: ours never hears of it.
    assert outcome is not None
    assert not outcome.acked
    await assert_undecided(desk, waiting)


@pytest.mark.parametrize("where", ["the copy", "the original"])
async def test_threat_04_nor_does_a_press_of_hers_that_is_forged_to_reach_us(
    desk: RunningDesk, waiting: Case, where: str
) -> None:
    ts = desk.slack.bot_post("deploybot", "ext-external", "a copy", blocks=[])
    mallory = desk.slack.person("mallory")
    mallory.reload()
    place: dict[str, Any] = {"container__channel_id": "C0EXTEXT001", "container__message_ts": ts}
    # The URL of the genuine press would answer her where the original stands.
    place |= {"channel__id": "C0EXTEXT001", "response_url": ...}

    await press_forged(desk, waiting, "mallory", **(place if where == "the copy" else {}))

    await assert_undecided(desk, waiting)
    said = mallory.ephemerals("ext-external")
    # On the original she is told nothing: she is not in that channel. On the copy she learns nothing of the request.
    assert len(said) == (1 if where == "the copy" else 0)
    assert waiting.key_id not in json_text(said)
    if where == "the original":
        assert await last_refusal(desk, waiting) == "core-no-outsider"


SUBMISSIONS: dict[str, tuple[str, str, dict[str, str]]] = {
    "a confirmation": ("confirm_suggestion", "SUGGESTION", {"keyId": "KEY"}),
    "a form": ("propose_action", '{"ticket": "TICKET", "action": "api_key.revoke"}', {"keyId": "KEY"}),
    "a choice": ("choose_action", "TICKET", {"action": "api_key.revoke"}),
    "a rejection": ("reject_request", "REQUEST", {"reason": "mine"}),
}


@pytest.mark.parametrize("who", ["mallory", "erin", "gina", "dana", "countersign"])
@pytest.mark.parametrize(("callback_id", "metadata", "values"), SUBMISSIONS.values(), ids=SUBMISSIONS)
async def test_threat_04_a_modal_that_somebody_never_had_is_refused_whatever_its_metadata_names(
    desk: RunningDesk,
    waiting: Case,
    who: str,
    callback_id: str,
    metadata: str,
    values: dict[str, str],
) -> None:
    before = await desk.value("select count(*) from action_requests")
    names = {
        "SUGGESTION": str(waiting.suggestion_id),
        "TICKET": str(waiting.ticket_id),
        "REQUEST": str(waiting.request_id),
        "KEY": waiting.key_id,
    }
    for name, value in names.items():
        metadata = metadata.replace(name, value)
        values = {key: given.replace(name, value) for key, given in values.items()}

    outcome = await desk.slack.forge.send(submission_of(desk, waiting, who, callback_id, metadata, values))

    assert outcome.body is not None
    assert outcome.body["response_action"] == "update"
    assert not action_ids(outcome.body["view"])
    assert waiting.key_id not in json_text(outcome.body)
    assert await desk.value("select count(*) from action_requests") == before
    await assert_undecided(desk, waiting)


@pytest.mark.parametrize(
    "metadata",
    ["", "approve", "{}", "[]", "null", HUGE, '{"request": "1"}', NOWHERE, "\x00", "../../etc/passwd"],
    ids=lambda value: repr(value[:20]),
)
@pytest.mark.parametrize(
    "callback_id", ["reject_request", "confirm_suggestion", "choose_action", "propose_action", "x"]
)
async def test_threat_04_metadata_of_nothing_leads_nowhere(
    desk: RunningDesk, waiting: Case, callback_id: str, metadata: str
) -> None:
    values = {"reason": "no", "keyId": waiting.key_id, "action": "api_key.revoke"}

    outcome = await desk.slack.forge.send(submission_of(desk, waiting, "sana", callback_id, metadata, values))

    assert outcome.acked
    await assert_undecided(desk, waiting)


async def test_threat_04_a_submission_cannot_say_approve(desk: RunningDesk, waiting: Case) -> None:
    for callback_id in ("approve_request", "request.approve", "reject_request"):
        payload = submission_of(
            desk, waiting, "sana", callback_id, str(waiting.request_id), {"choice": "approve", "decision": "approve"}
        )
        await desk.slack.forge.send(payload)

    await assert_undecided(desk, waiting)


async def test_threat_04_a_suggestion_of_another_ticket_cannot_be_confirmed_with_other_values_by_an_outsider(
    desk: RunningDesk, waiting: Case, other: Case
) -> None:
    before = await desk.value("select count(*) from action_requests")
    payload = submission_of(
        desk, waiting, "mallory", "confirm_suggestion", str(other.suggestion_id), {"keyId": "ak_demo_erin_001"}
    )

    await desk.slack.forge.send(payload)

    assert await desk.value("select count(*) from action_requests") == before


async def test_threat_04_a_suggestion_confirmed_once_gives_no_second_request(desk: RunningDesk, waiting: Case) -> None:
    before = await desk.value("select count(*) from action_requests")

    for key_id in (waiting.key_id, "ak_demo_erin_001"):
        await desk.slack.forge.send(
            submission_of(desk, waiting, "olivia", "confirm_suggestion", str(waiting.suggestion_id), {"keyId": key_id})
        )

    assert await desk.value("select count(*) from action_requests") == before
    await assert_undecided(desk, waiting)


async def test_threat_04_an_old_press_signed_afresh_adds_nothing_once_it_has_run(desk: RunningDesk) -> None:
    case = await open_case(desk)
    old = {who: click_of(desk, case, who) for who in ("sana", "victor")}
    await desk.slack.forge.send(old["sana"])
    await assert_ran_once(desk, case)
    await change(desk, "update directory_keys set status = 'active' where key_id = :key", key=case.key_id)

    for payload in old.values():
        await desk.slack.forge.send(payload)
    await settled(desk)

    assert await votes(desk, case) == 1
    assert await desk.value("select status from directory_keys where key_id = :key", key=case.key_id) == "active"
    assert await last_refusal(desk, case) == "core-no-settled-request"


# --- 13: state kept by the client --------------------------------------------------------------------------------


CLAIMS: dict[str, dict[str, Any]] = {
    "in the state": {"state": {"values": {"request": {"status": {"value": "approved"}}}, "approved": True}},
    "in the message": {"message": {"text": "Approved by sana and victor", "metadata": {"event_payload": {"ok": True}}}},
    "in the blocks": {"message": {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": "approved"}}]}},
    "in fields of its own": {"approved": True, "status": "approved", "digest": "0" * 64, "quorum": 0, "votes": [1, 2]},
    "about the user": {
        "user": {
            "id": "U0MALLORY01",
            "team_id": "T0EXTERN001",
            "is_admin": True,
            "groups": ["security"],
            "is_email_confirmed": True,
        }
    },
    "in the authorizations": {
        "authorizations": [{"team_id": "T0ACME00001", "user_id": "U0SANA00001"}],
        "context_team_id": "T0ACME00001",
        "actor_team_id": "T0ACME00001",
    },
}


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS)
async def test_threat_13_what_a_payload_claims_of_the_request_or_the_person_changes_no_answer(
    desk: RunningDesk, waiting: Case, claims: dict[str, Any]
) -> None:
    await desk.slack.forge.send(click_of(desk, waiting, "mallory") | claims)

    await assert_undecided(desk, waiting)
    assert await last_refusal(desk, waiting) == "core-no-outsider"


async def test_threat_13_a_press_that_claims_to_be_approved_is_one_vote_on_what_is_stored(desk: RunningDesk) -> None:
    from tests.threats.cases import card_of, open_form

    parent = await open_case(desk)
    request_id = await open_form(desk, parent, "user.suspend", {"email": "erin@acme.example"})
    payload = desk.slack.forge.click_payload(
        "sana", "desk-approvals", await card_of(desk, request_id), "request.approve"
    )

    await desk.slack.forge.send(payload | CLAIMS["in fields of its own"] | CLAIMS["in the state"])
    await settled(desk)

    row = (await desk.rows("select status, quorum from action_requests where id = :id", id=request_id))[0]
    assert tuple(row) == ("pending", 2)
    assert await desk.value("select status from directory_people where email = 'erin@acme.example'") == "active"


# --- the request was alive all along, and over signed HTTP ----------------------------------------------------------


async def test_threat_04_the_true_press_still_counts_after_all_of_this(desk: RunningDesk, waiting: Case) -> None:
    assert await status(desk, waiting) == "pending"

    await desk.slack.forge.send(click_of(desk, waiting, "sana"))

    await assert_ran_once(desk, waiting)


def signed(secret: str, body: str, at: float) -> dict[str, str]:
    digest = hmac.new(secret.encode(), f"v0:{int(at)}:{body}".encode(), hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": str(int(at)),
        "X-Slack-Signature": f"v0={digest}",
    }


async def test_threat_04_over_http_only_what_slack_signed_within_five_minutes_is_heard(desk: RunningDesk) -> None:
    case = await open_case(desk)
    body = urlencode({"payload": json.dumps(click_of(desk, case, "sana"))})
    secret, now = desk.slack.app.signing_secret, time.time()
    good = signed(secret, body, now)
    attempts = {
        "another secret": signed("0" * 32, body, now),
        "another body": signed(secret, body + "x", now),
        "ten minutes old": signed(secret, body, now - 600),
        "ten minutes ahead": signed(secret, body, now + 600),
        "no signature": {k: v for k, v in good.items() if k != "X-Slack-Signature"},
        "no timestamp": {k: v for k, v in good.items() if k != "X-Slack-Request-Timestamp"},
        "a fresh timestamp beside an old signature": signed(secret, body, now - 600)
        | {"X-Slack-Request-Timestamp": str(int(now))},
        "an empty signature": good | {"X-Slack-Signature": ""},
    }

    async with aiohttp.ClientSession() as session:
        for name, headers in attempts.items():
            async with session.post(desk.process.http_url + SLACK_PATH, data=body, headers=headers) as answer:
                assert answer.status == 401, name
            await assert_undecided(desk, case)
        async with session.post(desk.process.http_url + SLACK_PATH, data=body, headers=good) as answer:
            assert answer.status == 200

    await assert_ran_once(desk, case)
