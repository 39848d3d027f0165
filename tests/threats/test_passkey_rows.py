"""Whoever may write rows, and has no key, gets nothing approved with rows about passkeys and the links to use one."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from handlers.flows.private_links import Purpose, give_link
from policy.terms import Choice, PersonKey
from storage.embedded import EmbeddedServer
from tests.passkeys import SITE, Authenticator, open_page, send
from tests.policy.builders import roomy_policy
from tests.running import RunningDesk, running_desk
from tests.threats.cases import SANA, change, open_case, status, votes
from tests.threats.conftest import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningDesk]:
    environment = {"COUNTERSIGN_POLICY": str(roomy_policy(tmp_path_factory.mktemp("policy")))}
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
