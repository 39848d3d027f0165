"""Whoever may write rows, and has no key, gets nothing approved with rows about passkeys and the links to use one."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from handlers.flows.decide_passkey import revoke_passkey
from handlers.flows.private_links import Purpose, give_link
from policy.terms import Choice, PersonKey
from storage.embedded import EmbeddedServer
from tests.passkeys import SITE, Authenticator, approve, ask, give_passkey, open_page, send
from tests.policy.builders import roomy_policy
from tests.running import RunningDesk, running_desk
from tests.threats.cases import SANA, VICTOR, card_of, change, open_case, open_form, settled, status, votes
from tests.threats.conftest import fresh_database
from tests.threats.test_enrolling import enrolled, press, refusals, state_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the desk's policy is read from."""
    return roomy_policy(tmp_path_factory.mktemp("policy"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(
    postgres: EmbeddedServer, policy: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningDesk]:
    environment = {"COUNTERSIGN_POLICY": str(policy)}
    with fresh_database(postgres) as url:
        async with running_desk(url, tmp_path_factory.mktemp("desk"), environment=environment) as running:
            yield running


async def forged_link(desk: RunningDesk, request_id: UUID | None, purpose: str, choice: str = "approve") -> str:
    """A link of Sana's that nobody gave, with a token that its forger knows: its path."""
    token = f"{purpose}-{choice}-{request_id}"
    sql = (
        "insert into private_links (token_hash, purpose, person, request_id, digest, choice, slack_request_id,"
        " created_at, expires_at, attempts, seal, seal_key_id) values (:hash, :purpose, :person, :request_id,"
        " coalesce((select digest from action_requests where id = :request_id), ''), :choice, 'x', now(),"
        " now() + interval '1 hour', 0, 'none', 'v1')"
    )
    token_hash = hashlib.sha256(token.encode()).hexdigest()
    await change(desk, sql, hash=token_hash, purpose=purpose, person=SANA, request_id=request_id, choice=choice)
    return f"/passkeys/{purpose}/{token}"


@pytest.mark.parametrize("choice", ["approve", "reject"])
async def test_step_up_a_link_that_somebody_put_into_the_table_decides_nothing(desk: RunningDesk, choice: str) -> None:
    """Where the risk asks for no passkey, too: what came back from the page would be anybody's."""
    case = await open_case(desk)
    path = await forged_link(desk, case.request_id, "confirm", choice)

    opened, (sent, words) = await open_page(desk, path), await send(desk, path, Authenticator().get(b"anything"))

    assert (opened.status, sent) == (410, 403) and "does not hold" in words
    assert await votes(desk, case) == 0 and await status(desk, case) == "pending"


async def test_step_up_a_link_that_somebody_put_into_the_table_enrols_nothing(desk: RunningDesk) -> None:
    path = await forged_link(desk, None, "enrol")

    opened, (sent, words) = await open_page(desk, path), await send(desk, path, Authenticator().create(b"anything"))

    assert (opened.status, sent) == (410, 403) and "does not hold" in words


@pytest.mark.parametrize(
    "changed",
    [
        "person = 'T0ACME00001/U0VICTOR001'",
        "request_id = :other",
        "digest = 'another'",
        "choice = 'reject'",
        "slack_request_id = 'another'",
        "created_at = created_at - interval '1 second'",
        "expires_at = expires_at + interval '1 second'",
        "token_hash = 'another'",
        "purpose = 'enrol'",
    ],
)
async def test_step_up_a_link_that_was_changed_in_the_table_opens_nothing(desk: RunningDesk, changed: str) -> None:
    case, other = await open_case(desk), await open_case(desk)
    parts = desk.parts.reception.desk
    async with desk.database.transaction() as tx:
        given = await give_link(
            parts,
            tx,
            Purpose.VOTE,
            PersonKey.parse(SANA),
            "a click",
            request_id=case.request_id,
            digest=await desk.value("select digest from action_requests where id = :id", id=case.request_id),
            choice=Choice.APPROVE,
        )
    assert (await open_page(desk, given.url)).status == 200
    token = given.url.rsplit("/", 1)[1]
    of_token = hashlib.sha256(token.encode()).hexdigest()
    is_elsewhere = "token_hash" in changed
    values = {"other": other.request_id} if "other" in changed else {}
    sql = f"update private_links set {changed.replace('another', hashlib.sha256(b'moved').hexdigest())}"
    await change(desk, sql + " where token_hash = :hash", hash=of_token, **values)
    path = f"/passkeys/{'enrol' if 'purpose' in changed else 'confirm'}/{'moved' if is_elsewhere else token}"

    page = await open_page(desk, path)

    assert page.status == 410 and "does not hold" in page.text


@pytest.mark.parametrize("choice", list(Choice))
async def test_step_up_what_comes_back_from_a_page_has_to_hold_where_the_risk_asks_for_no_passkey(
    desk: RunningDesk, choice: Choice
) -> None:
    """Over a link of the desk's own: the seal is not the only thing that stands in the way."""
    case = await open_case(desk)
    parts = desk.parts.reception.desk
    async with desk.database.transaction() as tx:
        digest = await desk.value("select digest from action_requests where id = :id", id=case.request_id)
        sana = PersonKey.parse(SANA)
        given = await give_link(
            parts, tx, Purpose.VOTE, sana, "x", request_id=case.request_id, digest=digest, choice=choice
        )

    sent, _ = await send(desk, given.url.removeprefix(SITE.origin), Authenticator().get(b"anything"))

    assert sent == 403 and await votes(desk, case) == 0 and await status(desk, case) == "pending"


# --- passkeys that wait, and those that were revoked --------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        "owner = 'T0ACME00001/U0BOB000001'",
        "credential_id = 'another', public_key = 'another'",
        "public_key = 'another'",
    ],
)
async def test_step_up_a_waiting_passkey_that_was_changed_under_its_card_is_not_approved(
    desk: RunningDesk, changed: str
) -> None:
    passkey_id, ts, _ = await enrolled(desk, "sana")
    await change(desk, f"update passkeys set {changed} where id = :id", id=passkey_id)

    await press(desk, "victor", ts, "approve")

    assert await state_of(desk, passkey_id) == "waiting"
    assert (await refusals(desk))[-1] == "passkey-contradicted"
    await change(desk, "delete from passkeys where id = :id", id=passkey_id)


async def test_step_up_an_owner_who_put_another_name_on_their_passkey_does_not_approve_it(desk: RunningDesk) -> None:
    passkey_id, ts, _ = await enrolled(desk, "sana")
    await change(desk, "update passkeys set owner = :owner where id = :id", owner=VICTOR, id=passkey_id)

    await press(desk, "sana", ts, "approve")

    assert await state_of(desk, passkey_id) == "waiting"


async def test_step_up_a_code_that_the_card_did_not_show_is_not_approved(desk: RunningDesk) -> None:
    """The button carries what was shown, so that what is approved is what was read out."""
    passkey_id, ts, _ = await enrolled(desk, "sana")
    payload = desk.slack.forge.click_payload("victor", "desk-approvals", ts, "passkey.approve")
    payload["actions"][0]["value"] = f"{passkey_id} 0000-0000-0000"

    await desk.slack.forge.send(payload)
    await settled(desk)

    assert await state_of(desk, passkey_id) == "waiting"
    assert (await refusals(desk))[-1] == "passkey-contradicted"


async def test_step_up_a_refused_passkey_that_was_made_to_wait_again_is_not_approved(desk: RunningDesk) -> None:
    passkey_id, ts, _ = await enrolled(desk, "sana")
    shown = desk.slack.forge.click_payload("victor", "desk-approvals", ts, "passkey.approve")
    await press(desk, "bob", ts, "revoke")
    await change(desk, "update passkeys set state = 'waiting', revoked_at = null where id = :id", id=passkey_id)

    await desk.slack.forge.send(shown)
    await settled(desk)

    assert await state_of(desk, passkey_id) == "waiting"
    assert (await refusals(desk))[-1] == "passkey-contradicted"


async def test_step_up_an_enrolment_that_somebody_wrote_onto_the_trail_is_none(desk: RunningDesk) -> None:
    """As a row of before there was a key: whoever has none can write those."""
    passkey_id, ts, _ = await enrolled(desk, "sana")
    await change(desk, "update passkeys set owner = :owner where id = :id", owner=VICTOR, id=passkey_id)
    forged = (
        "insert into audit_events select chain, -seq, at, name, :owner, replace(payload::text, 'U0SANA00001',"
        " 'U0VICTOR001')::json, prev_hash, hash, null from audit_events where name = 'passkey_enrolled'"
        " and payload->>'passkeyId' = :id"
    )
    await change(desk, forged, owner=VICTOR, id=str(passkey_id))

    await press(desk, "bob", ts, "approve")

    assert await state_of(desk, passkey_id) == "waiting"
    assert (await refusals(desk))[-1] == "passkey-contradicted"


async def revoked_and_put_back(desk: RunningDesk, device: Authenticator) -> None:
    """Its owner takes it back, and somebody changes its row to what it was."""
    parts = desk.parts.reception.desk
    passkey_id = await desk.value("select id from passkeys where credential_id = :id", id=device.credential_id)
    await revoke_passkey(parts, passkey_id, await parts.people.resolve(PersonKey.parse(SANA)))
    await change(desk, "update passkeys set state = 'approved', revoked_at = null where id = :id", id=passkey_id)


async def test_step_up_a_revoked_passkey_whose_row_was_put_back_casts_no_vote(desk: RunningDesk) -> None:
    request_id = await open_form(desk, await open_case(desk), "user.suspend", {"email": "erin@acme.example"})
    ts = await card_of(desk, request_id)
    revoked, kept = await give_passkey(desk, "sana"), await give_passkey(desk, "sana")
    page = await open_page(desk, await ask(desk, "sana", ts))
    await revoked_and_put_back(desk, revoked)

    status_code, _ = await send(desk, page.path, revoked.get(page.challenge))
    assert status_code == 403
    assert await desk.value("select count(*) from votes where request_id = :id", id=request_id) == 0
    assert (await send(desk, page.path, kept.get(page.challenge)))[0] == 200


async def test_step_up_a_revoked_passkey_whose_row_was_put_back_runs_nothing(desk: RunningDesk) -> None:
    request_id = await open_form(desk, await open_case(desk), "user.suspend", {"email": "erin@acme.example"})
    ts = await card_of(desk, request_id)
    sanas = await give_passkey(desk, "sana")
    await approve(desk, "sana", ts, sanas)
    await revoked_and_put_back(desk, sanas)

    await approve(desk, "victor", ts)
    await settled(desk)

    assert await desk.rows("select 1 from executions where request_id = :id", id=request_id) == []
    ticket_id = await desk.value("select ticket_id from action_requests where id = :id", id=request_id)
    [rule] = [one.payload["rule"] for one in await desk.trail(ticket_id) if one.name == "run_refused"]
    assert rule == "core-no-unconfirmed-vote"


async def test_step_up_the_page_decides_by_the_policy_in_force(desk: RunningDesk, policy: Path) -> None:
    """Not by the one that the process began with."""
    parts = desk.parts.reception
    before = parts.desk.gate.policy_version
    site = policy / "site.cedar"
    site.write_text(site.read_text() + "\n// Read again.\n")
    await desk.until(lambda: parts.desk.gate.policy_version != before)
    request_id = await open_form(desk, await open_case(desk), "user.suspend", {"email": "erin@acme.example"})
    sana = await give_passkey(desk, "sana")

    page = await open_page(desk, await ask(desk, "sana", await card_of(desk, request_id)))
    sent, words = await send(desk, page.path, sana.get(page.challenge))

    assert (page.status, sent) == (200, 200), words
