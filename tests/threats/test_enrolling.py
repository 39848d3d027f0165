"""A passkey counts only once a second person let it, and only as long as nobody took it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from handlers.flows.judged_facts import digest_as_shown
from handlers.flows.reseal_passkeys import reseal_passkeys
from policy.votes import VoteSigner
from storage import evidence, verification
from storage.embedded import EmbeddedServer
from tests.keys import VOTE_KEY
from tests.passkeys import Authenticator, give_passkey, links_in, open_page, send
from tests.running import RunningDesk, running_desk
from tests.threats.cases import BOB, VICTOR, change, link, settled, unlink
from tests.threats.conftest import fresh_database
from tests.threats.planted import SIGNER, with_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningDesk]:
    with fresh_database(postgres) as url:
        async with running_desk(url, tmp_path_factory.mktemp("desk")) as running:
            yield running


async def enrolment(desk: RunningDesk, who: str) -> tuple[str, bytes]:
    """Somebody asks to enrol a passkey: the path of their page, and what it wants to have signed."""
    person = desk.slack.person(who)
    known = len(links_in([one.get("blocks") for one in person.ephemerals("general")]))
    await person.command("/countersign", "passkey", channel="general")
    told = person.ephemerals
    url = (await desk.until(lambda: links_in([one.get("blocks") for one in told("general")])[known:]))[-1]
    page = await open_page(desk, url)
    return page.path, page.challenge


async def enrolled(desk: RunningDesk, who: str) -> tuple[UUID, str, Authenticator]:
    """Somebody enrolled a passkey: its id, where its card stands, and the device."""
    path, challenge = await enrolment(desk, who)
    device = Authenticator()
    status, words = await send(desk, path, device.create(challenge))
    assert status == 200, words
    sql = "select id from passkeys where credential_id = :id"
    passkey_id = await desk.value(sql, id=device.credential_id)
    place = "select ts from deliveries where args->>'passkeyId' = :id and state = 'posted'"
    ts = str(await desk.until(lambda: desk.value(place, id=str(passkey_id))))
    return passkey_id, ts, device


async def state_of(desk: RunningDesk, passkey_id: UUID) -> str:
    return str(await desk.value("select state from passkeys where id = :id", id=passkey_id))


async def press(desk: RunningDesk, who: str, ts: str, what: str) -> None:
    await desk.slack.person(who).click("desk-approvals", ts, action_id=f"passkey.{what}")
    await settled(desk)


async def findings(desk: RunningDesk) -> list[str]:
    async with desk.database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None
        return [one for one in await evidence.check(tx, SIGNER, digest_as_shown) if one.startswith("passkey")]


async def refusals(desk: RunningDesk) -> list[str]:
    sql = "select payload->>'rule' from audit_events where name = 'passkey_refused' order by seq"
    return [row[0] for row in await desk.rows(sql)]


async def test_step_up_a_passkey_waits_until_somebody_else_of_security_approves_it(desk: RunningDesk) -> None:
    passkey_id, ts, _ = await enrolled(desk, "sana")

    await press(desk, "sana", ts, "approve")
    await press(desk, "olivia", ts, "approve")
    assert await state_of(desk, passkey_id) == "waiting"
    assert (await refusals(desk))[-2:] == ["core-no-own-passkey", "not-permitted"]
    await press(desk, "victor", ts, "approve")

    assert await state_of(desk, passkey_id) == "approved"
    history = desk.slack.person("bob").history
    await desk.until(lambda: any("counts from now on" in str(one) for one in history("desk-approvals")))
    assert await findings(desk) == []


async def test_step_up_an_account_that_is_linked_to_the_owners_does_not_approve_it(desk: RunningDesk) -> None:
    passkey_id, ts, _ = await enrolled(desk, "bob")
    await link(desk, BOB, VICTOR)
    try:
        await press(desk, "victor", ts, "approve")
    finally:
        await unlink(desk, BOB, VICTOR)

    assert await state_of(desk, passkey_id) == "waiting"
    assert (await refusals(desk))[-1] == "core-no-own-passkey"


async def test_step_up_an_approval_counts_only_on_the_passkeys_own_card(desk: RunningDesk) -> None:
    mine, my_card, _ = await enrolled(desk, "sana")
    other, other_card, _ = await enrolled(desk, "bob")
    payload = desk.slack.forge.click_payload("victor", "desk-approvals", my_card, "passkey.approve")
    payload["actions"][0]["value"] = str(other)

    await desk.slack.forge.send(payload)
    await settled(desk)

    assert other_card != my_card
    assert [await state_of(desk, one) for one in (mine, other)] == ["waiting", "waiting"]


async def test_a_passkey_is_revoked_at_once_by_its_owner_or_by_security_and_stays_so(desk: RunningDesk) -> None:
    (first, first_card, _), (second, second_card, _) = await enrolled(desk, "sana"), await enrolled(desk, "sana")

    await press(desk, "olivia", first_card, "revoke")
    assert await state_of(desk, first) == "waiting"
    await press(desk, "sana", first_card, "revoke")
    await press(desk, "bob", second_card, "revoke")

    assert [await state_of(desk, one) for one in (first, second)] == ["revoked", "revoked"]
    assert await findings(desk) == []


async def test_step_up_a_passkey_is_not_enrolled_with_a_link_used_twice_or_another_persons_answer(
    desk: RunningDesk,
) -> None:
    before = await desk.value("select count(*) from passkeys")
    path, challenge = await enrolment(desk, "victor")
    others_path, _ = await enrolment(desk, "bob")
    device = Authenticator()

    assert (await send(desk, others_path, device.create(challenge)))[0] == 403
    assert (await send(desk, path, Authenticator(is_user_verified=False).create(challenge)))[0] == 403
    assert (await send(desk, path, Authenticator(origin="https://evil.example").create(challenge)))[0] == 403
    assert (await send(desk, path, device.create(challenge)))[0] == 200
    status, words = await send(desk, path, Authenticator().create(challenge))

    assert status == 403 and "used already" in words
    assert await desk.value("select count(*) from passkeys") == before + 1


async def test_who_does_not_work_on_the_desk_is_given_no_link(desk: RunningDesk) -> None:
    before = await desk.value("select count(*) from private_links")

    await desk.slack.person("erin").command("/countersign", "passkey", channel="general")
    await settled(desk)

    assert await desk.value("select count(*) from private_links") == before


async def test_step_up_the_trail_shows_a_passkey_that_was_written_or_changed_in_the_database(
    desk: RunningDesk,
) -> None:
    device = await give_passkey(desk, "sana")
    assert await findings(desk) == []
    planted = (
        "insert into passkeys select gen_random_uuid(), owner, owner_label, 'forged', public_key, 'approved', 0,"
        " enrolled_at, approved_by, approved_at, seal, seal_key_id, null from passkeys where credential_id = :id"
    )

    await change(desk, "update passkeys set public_key = 'another' where credential_id = :id", id=device.credential_id)
    changed = await findings(desk)
    await change(desk, planted, id=device.credential_id)
    added = [one for one in await findings(desk) if one not in changed]

    assert any("fingerprint" in one for one in changed) and any("seal" in one for one in changed)
    assert len(added) == 1 and "not on the trail" in added[0]
    await change(desk, "delete from passkeys where credential_id in (:id, 'forged')", id=device.credential_id)
    assert any("is on the trail and not in the table" in one for one in await findings(desk))


async def test_a_rotated_vote_key_keeps_the_passkeys_that_it_still_vouches_for(desk: RunningDesk) -> None:
    device = await give_passkey(desk, "victor")
    new = VoteSigner.of_secrets(b"\x07" * 32, [bytes.fromhex(VOTE_KEY)])
    key = "select seal_key_id from passkeys where credential_id = :id"
    before = await desk.value(key, id=device.credential_id)

    with with_parts(desk, signer=new):
        assert await reseal_passkeys(desk.parts.reception.desk) > 0
        assert await reseal_passkeys(desk.parts.reception.desk) == 0

    assert await desk.value(key, id=device.credential_id) != before
    with with_parts(desk, signer=VoteSigner.of_secrets(b"\x08" * 32)):
        assert await reseal_passkeys(desk.parts.reception.desk) == 0
