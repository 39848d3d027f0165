"""Slack is no second factor: what approves the worst is a passkey over exactly that, at the vote and before the run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import escape
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from policy.errors import PolicyUnusable
from storage.embedded import EmbeddedServer
from tests.passkeys import (
    Authenticator,
    approve,
    ask,
    b64url,
    give_passkey,
    open_page,
    send,
)
from tests.policy.builders import roomy_policy
from tests.running import RunningDesk, running_desk
from tests.threats.cases import card_of, change, open_case, open_form, settled
from tests.threats.conftest import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUSPEND = {"email": "erin@acme.example"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningDesk]:
    folder = roomy_policy(tmp_path_factory.mktemp("policy"))
    with fresh_database(postgres) as url:
        environment = {"COUNTERSIGN_POLICY": str(folder)}
        async with running_desk(url, tmp_path_factory.mktemp("desk"), environment=environment) as running:
            yield running


@pytest_asyncio.fixture(loop_scope="module")
async def critical(desk: RunningDesk) -> tuple[UUID, str]:
    """A suspension that waits for two people with passkeys: its id, and where its card stands."""
    parent = await open_case(desk)
    request_id = await open_form(desk, parent, "user.suspend", SUSPEND)
    return request_id, await card_of(desk, request_id)


async def status_of(desk: RunningDesk, request_id: UUID) -> str:
    return str(await desk.value("select status from action_requests where id = :id", id=request_id))


async def votes_on(desk: RunningDesk, request_id: UUID) -> int:
    return int(await desk.value("select count(*) from votes where request_id = :id", id=request_id))


async def test_step_up_a_press_alone_approves_nothing_critical_and_a_passkey_does(
    desk: RunningDesk, critical: tuple[UUID, str]
) -> None:
    request_id, ts = critical
    sana, victor = await give_passkey(desk, "sana"), await give_passkey(desk, "victor")

    url = await ask(desk, "sana", ts)
    assert await votes_on(desk, request_id) == 0
    page = await open_page(desk, url)
    assert await votes_on(desk, request_id) == 0
    status, words = await send(desk, page.path, sana.get(page.challenge))
    await approve(desk, "victor", ts, victor)

    assert (status, page.status) == (200, 200), words
    await desk.until(lambda: _is(desk, request_id, "executed"))
    assert (
        await desk.value("select count(*) from votes where request_id = :id and assertion is null", id=request_id) == 0
    )


async def _is(desk: RunningDesk, request_id: UUID, status: str) -> bool:
    return await status_of(desk, request_id) == status


async def asked(desk: RunningDesk, ts: str, who: str = "sana", **options: Any) -> tuple[Authenticator, str, bytes]:
    """Somebody pressed Approve: their passkey, the path of their page, and what it wants to have signed."""
    passkey = await give_passkey(desk, who, **options)
    page = await open_page(desk, await ask(desk, who, ts))
    return passkey, page.path, page.challenge


async def refused_for(desk: RunningDesk, request_id: UUID, step: str = "vote_refused") -> tuple[str, str]:
    """The rule and the reason of the newest refusal on the request's ticket."""
    ticket_id = await desk.value("select ticket_id from action_requests where id = :id", id=request_id)
    found = [one.payload for one in await desk.trail(ticket_id) if one.name == step]
    return (str(found[-1]["rule"]), str(found[-1]["reason"])) if found else ("", "")


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        ({"is_user_verified": False}, "user was not verified"),
        ({"origin": "https://evil.example"}, "Unexpected client data origin"),
        ({"rp_id": "evil.example"}, "Unexpected RP ID hash"),
        ({"is_cross_origin": True}, "a page of another site around ours"),
    ],
)
async def test_step_up_what_a_passkey_signed_elsewhere_or_without_its_user_counts_for_nothing(
    desk: RunningDesk, critical: tuple[UUID, str], lie: dict[str, Any], why: str
) -> None:
    request_id, ts = critical
    passkey, path, challenge = await asked(desk, ts, **lie)

    status, _ = await send(desk, path, passkey.get(challenge))

    rule, reason = await refused_for(desk, request_id)
    assert (status, rule) == (403, "core-no-unconfirmed-vote") and why in reason
    assert await votes_on(desk, request_id) == 0


async def test_step_up_another_persons_passkey_confirms_nothing(desk: RunningDesk, critical: tuple[UUID, str]) -> None:
    request_id, ts = critical
    _, path, challenge = await asked(desk, ts)
    victors = await give_passkey(desk, "victor")

    status, _ = await send(desk, path, victors.get(challenge))

    assert status == 403 and "has not enrolled" in (await refused_for(desk, request_id))[1]
    assert await votes_on(desk, request_id) == 0


async def test_step_up_an_assertion_is_good_for_one_request_one_person_and_one_link(
    desk: RunningDesk, critical: tuple[UUID, str]
) -> None:
    """Of another request, of another link to the same one, and a second time on its own."""
    request_id, ts = critical
    other = await open_form(desk, await open_case(desk), "user.suspend", SUSPEND)
    passkey, path, challenge = await asked(desk, ts)
    elsewhere = await open_page(desk, await ask(desk, "sana", await card_of(desk, other)))
    again = await open_page(desk, await ask(desk, "sana", ts))
    signed = passkey.get(challenge)

    assert (await send(desk, elsewhere.path, signed))[0] == 403
    assert (await send(desk, again.path, signed))[0] == 403
    assert "challenge" in (await refused_for(desk, request_id))[1]
    assert await votes_on(desk, other) == await votes_on(desk, request_id) == 0
    assert (await send(desk, path, signed))[0] == 200
    status, words = await send(desk, path, passkey.get(challenge))
    assert status == 403 and "used already" in words
    assert await votes_on(desk, request_id) == 1


async def test_step_up_a_cloned_passkey_that_counts_backwards_is_refused(
    desk: RunningDesk, critical: tuple[UUID, str]
) -> None:
    request_id, ts = critical
    passkey, path, challenge = await asked(desk, ts)
    await change(desk, "update passkeys set sign_count = 9 where credential_id = :id", id=passkey.credential_id)

    status, _ = await send(desk, path, passkey.get(challenge))

    assert status == 403 and "sign count" in (await refused_for(desk, request_id))[1]


async def test_step_up_a_link_ends_after_five_minutes_and_after_five_tries(
    desk: RunningDesk, critical: tuple[UUID, str]
) -> None:
    request_id, ts = critical
    passkey, path, challenge = await asked(desk, ts)
    now = desk.parts.reception.desk.clock
    for _ in range(5):
        assert (await send(desk, path, Authenticator().get(challenge)))[0] == 403
    status, words = await send(desk, path, passkey.get(challenge))
    assert status == 403 and "too often" in words
    late = await open_page(desk, await ask(desk, "sana", ts))

    await change(desk, "update private_links set expires_at = :now", now=now())
    status, words = await send(desk, late.path, passkey.get(late.challenge))

    assert status == 403 and "time of this link is over" in words
    assert (await open_page(desk, late.path)).status == 410
    assert await votes_on(desk, request_id) == 0


async def test_step_up_whoever_left_the_group_after_the_link_was_given_approves_nothing(
    desk: RunningDesk, critical: tuple[UUID, str]
) -> None:
    request_id, ts = critical
    passkey, path, challenge = await asked(desk, ts)
    desk.slack.admin.set_group_members("security", ["victor", "bob"])
    try:
        status, _ = await send(desk, path, passkey.get(challenge))
    finally:
        desk.slack.admin.set_group_members("security", ["sana", "victor", "bob"])

    assert status == 403 and (await refused_for(desk, request_id))[0] == "not-permitted"


async def test_step_up_a_request_edited_between_the_link_and_the_passkey_is_not_approved(desk: RunningDesk) -> None:
    parent = await open_case(desk)
    request_id = await open_form(desk, parent, "user.suspend", SUSPEND)
    passkey, path, challenge = await asked(desk, await card_of(desk, request_id))

    await desk.slack.person("mallory").edit(parent.channel, parent.ts, "Never mind, it is about something else.")
    await desk.until(lambda: _is(desk, request_id, "void"))
    status, _ = await send(desk, path, passkey.get(challenge))

    assert status == 403 and await votes_on(desk, request_id) == 0
    assert (await open_page(desk, path)).status == 410


async def test_step_up_who_has_no_passkey_is_told_how_to_get_one_and_may_reject_without(
    desk: RunningDesk, critical: tuple[UUID, str]
) -> None:
    request_id, ts = critical
    bob = desk.slack.person("bob")

    await bob.click("desk-approvals", ts, action_id="request.approve")
    told = await desk.until(lambda: [str(one) for one in bob.ephemerals("desk-approvals") if "passkey" in str(one)])
    assert "/countersign passkey" in told[-1] and await votes_on(desk, request_id) == 0
    await bob.click("desk-approvals", ts, action_id="request.reject")
    await desk.until(bob.modals)
    await bob.submit(values={"reason": "No."})

    await desk.until(lambda: _is(desk, request_id, "rejected"))


async def test_step_up_a_page_takes_only_what_its_own_script_sends(
    desk: RunningDesk, critical: tuple[UUID, str]
) -> None:
    request_id, ts = critical
    passkey, path, challenge = await asked(desk, ts)
    signed = passkey.get(challenge)

    assert (await send(desk, path, signed, Origin="https://evil.example"))[0] == 403
    assert (await send(desk, path, signed, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
    assert (await send(desk, path, signed, **{"Content-Type": "text/plain"}))[0] == 403
    assert (await send(desk, path, "x" * 20_000))[0] == 413
    for broken in ("", "[]", "{}", '{"id": "é"}', signed | {"more": "1"}, signed | {"id": b64url(b"")}):
        assert (await send(desk, path, broken))[0] in (400, 403)
    page = await open_page(desk, path)

    assert await votes_on(desk, request_id) == 0
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "no-referrer" and page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Frame-Options"] == "DENY"


async def test_threat_12_opening_the_page_of_a_vote_changes_nothing(
    desk: RunningDesk, critical: tuple[UUID, str]
) -> None:
    await give_passkey(desk, "sana")
    url = await ask(desk, "sana", critical[1])
    await settled(desk)
    before = await desk.rows("select * from private_links order by 1")

    pages = [await open_page(desk, url) for _ in range(4)]

    assert {page.status for page in pages} == {200}
    assert await desk.rows("select * from private_links order by 1") == before
    assert await votes_on(desk, critical[0]) == 0


async def test_the_page_shows_every_text_of_the_card(desk: RunningDesk, critical: tuple[UUID, str]) -> None:
    await give_passkey(desk, "sana")
    page = await open_page(desk, await ask(desk, "sana", critical[1]))
    card = await desk.value("select card from action_requests where id = :id", id=critical[0])

    missing = [text for text in texts(card) if escape(text) not in page.text]

    assert missing == [] and len(list(texts(card))) > 10


def texts(found: Any) -> Any:
    """Every literal text of blocks."""
    if isinstance(found, dict):
        if isinstance(found.get("text"), str) and found["type"] != "mrkdwn":
            yield found["text"]
        for value in found.values():
            yield from texts(value)
    elif isinstance(found, list):
        for one in found:
            yield from texts(one)


# --- before the run -----------------------------------------------------------------------------------------------


async def half_approved(desk: RunningDesk, request_id: UUID, ts: str) -> Authenticator:
    """Sana has approved it."""
    passkey = await give_passkey(desk, "sana")
    await approve(desk, "sana", ts, passkey)
    return passkey


async def run_with_victors_vote(desk: RunningDesk, request_id: UUID, ts: str) -> tuple[str, str]:
    await approve(desk, "victor", ts)
    await desk.until(lambda: _is(desk, request_id, "denied"))
    return await refused_for(desk, request_id, "run_refused")


async def test_step_up_a_passkey_that_was_revoked_since_the_vote_runs_nothing(
    desk: RunningDesk, critical: tuple[UUID, str]
) -> None:
    request_id, ts = critical
    passkey = await half_approved(desk, request_id, ts)
    await change(desk, "update passkeys set state = 'revoked' where credential_id = :id", id=passkey.credential_id)

    rule, reason = await run_with_victors_vote(desk, request_id, ts)

    assert rule == "core-no-unconfirmed-vote" and "revoked" in reason
    assert await desk.rows("select 1 from executions where request_id = :id", id=request_id) == []


async def test_step_up_a_passkey_that_somebody_put_into_the_table_runs_nothing(
    desk: RunningDesk, critical: tuple[UUID, str]
) -> None:
    """Approved by nobody but a row: the seal is taken with a key that is not in the database."""
    request_id, ts = critical
    passkey = await half_approved(desk, request_id, ts)
    sql = "update passkeys set approved_by = 'T0ACME00001/U0VICTOR001' where credential_id = :id"
    await change(desk, sql, id=passkey.credential_id)

    rule, reason = await run_with_victors_vote(desk, request_id, ts)

    assert rule == "core-no-unconfirmed-vote" and "approval of the passkey" in reason


async def test_without_a_public_address_the_bot_does_not_start_and_says_the_cure(
    postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with fresh_database(postgres) as url, pytest.raises(PolicyUnusable) as caught:
        async with running_desk(url, tmp_path_factory.mktemp("desk"), environment={"COUNTERSIGN_PUBLIC_URL": ""}):
            pytest.fail("it started")

    [problem] = caught.value.problems
    assert problem.startswith("settings.toml:") and "risk.critical" in problem
    assert "COUNTERSIGN_PUBLIC_URL is missing; set it to" in problem and 'step_up = "none"' in problem
