"""What the database says of decisions is compared with what cannot be forged in it, and every difference is named."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from bot.cli import main
from handlers.flows.draw_receipt import NoReceipt, draw_receipt
from handlers.flows.judged_facts import digest_as_shown
from handlers.flows.write_checkpoints import write_checkpoints
from policy.votes import VoteSigner
from storage import evidence, receipts, remembered, verification
from storage.database import Database, Transaction
from storage.embedded import EmbeddedServer
from storage.notary import Notary
from storage.places import FilePlace
from tests.keys import AUDIT_KEYS, CHECKPOINT_KEY
from tests.running import RunningDesk, running_desk
from tests.threats.cases import Case, assert_ran_once, change, click_of, open_case
from tests.threats.conftest import fresh_database
from tests.threats.planted import SIGNER

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTARY = Notary(bytes.fromhex(CHECKPOINT_KEY))
TRUSTED = {NOTARY.public_key}
OTHER = Notary(b"\x07" * 32)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decided(desk: RunningDesk) -> Case:
    """A revocation that was approved and has run."""
    case = await open_case(desk)
    await desk.slack.forge.send(click_of(desk, case, "sana"))
    await assert_ran_once(desk, case)
    return case


@asynccontextmanager
async def tampered(desk: RunningDesk, statements: Sequence[str], **params: Any) -> AsyncIterator[Transaction]:
    """A transaction in which the superuser has done this; all of it is undone afterwards."""
    async with desk.database.transaction() as tx:
        assert (await verification.verify(tx)).first_break is None
        await tx.execute(text("set local session_replication_role = replica"))
        for statement in statements:
            named = {name: value for name, value in params.items() if f":{name}" in statement}
            await tx.execute(text(statement), named)
        yield tx
        await tx.rollback()


async def test_what_nobody_touched_holds(desk: RunningDesk, waiting: Case, decided: Case) -> None:
    async with tampered(desk, []) as tx:
        assert await evidence.check(tx, SIGNER, digest_as_shown) == []


FORGED_VOTE = (
    "insert into votes (request_id, voter, voter_label, choice, reason, digest, cast_at, slack_request_id, signature,"
    " key_id) select :waiting, voter, voter_label, choice, reason, (select digest from action_requests where id ="
    " :waiting), cast_at, slack_request_id, signature, key_id from votes where request_id = :decided"
)
TAMPERINGS: dict[str, tuple[Sequence[str], str]] = {
    "a vote copied to another request": ((FORGED_VOTE,), "is forged or was changed"),
    "a vote under a key nobody knows": (
        ("update votes set key_id = 'ffffffff' where request_id = :decided",),
        "names the vote key 'ffffffff'",
    ),
    "a voter replaced": (
        ("update votes set voter = 'T0ACME00001/U0VICTOR001' where request_id = :decided",),
        "is on the trail and not in the table",
    ),
    "a vote taken out": (("delete from votes where request_id = :decided",), "is on the trail and not in the table"),
    "a vote turned round": (("update votes set choice = 'reject' where request_id = :decided",), "is forged"),
    "a status set to approved": (
        ("update action_requests set status = 'approved' where id = :waiting",),
        "is approved with 0 of the 1 approvals that it needs",
    ),
    "a status set to executed": (
        ("update action_requests set status = 'executed' where id = :waiting",),
        "is executed, and there is no record of a run",
    ),
    "a status set back": (
        ("update action_requests set status = 'pending' where id = :decided",),
        "has the status pending, and the trail leads to executed",
    ),
    "a verdict loosened": (
        ("update action_requests set verdict = 'allow', quorum = 0, status = 'approved' where id = :waiting",),
        "has the verdict allow, and the trail says needs_approval",
    ),
    "a quorum lowered": (
        ("update action_requests set quorum = 0 where id = :waiting",),
        "has the quorum 0, and the trail says 1",
    ),
    "a status set to withdrawn": (
        ("update action_requests set status = 'withdrawn' where id = :waiting",),
        "has the status withdrawn, and the trail leads to pending",
    ),
    "a group that must approve put in": (
        ("update action_requests set distinct_groups = '[\"support\"]' where id = :decided",),
        "has the groups that must approve ['support'], and the trail says []",
    ),
    "an editor put in": (
        ("update action_requests set editors = '[\"T0ACME00001/U0SANA00001\"]' where id = :decided",),
        "has the editors ['T0ACME00001/U0SANA00001'], and the trail says []",
    ),
    "a request put in another's place": (
        ("update action_requests set replaces = :waiting, revision = 2 where id = :decided",),
        "has the revision 2, and the trail says 1",
    ),
    "a digest replaced": (
        ("update action_requests set digest = repeat('0', 64) where id = :decided",),
        "has the digest 0000",
    ),
    "a run without an approval": (
        (
            "insert into executions (request_id, idempotency_key, state, attempts, detail, started_at)"
            " values (:waiting, 'x', 'done', 1, '{}', now())",
        ),
        "was run, and its status is pending",
    ),
    "a run taken out": (
        ("delete from executions where request_id = :decided",),
        "is executed, and there is no record of a run",
    ),
    "a run's key": (
        ("update executions set idempotency_key = 'another' where request_id = :decided",),
        "has a run with the key 'another', and the trail says",
    ),
    "a run's state": (
        ("update executions set state = 'failed' where request_id = :decided",),
        "has a run with the state 'failed', and the trail says 'done'",
    ),
    "a run's detail": (
        ('update executions set detail = \'{"revoked": "ak_other"}\' where request_id = :decided',),
        "has a run with the detail {'revoked': 'ak_other'}, and the trail says",
    ),
    "a request taken out": (
        ("delete from votes where request_id = :decided", "delete from action_requests where id = :decided"),
        "is on the trail (ticket:",
    ),
    "a request put in": (
        (
            "insert into action_requests select (jsonb_populate_record(r, jsonb_build_object('id',"
            " '00000000-0000-4000-8000-000000000001'))).* from action_requests r where id = :waiting",
        ),
        "is in the table and not on the trail",
    ),
}


EDITED = {
    "params": '\'{"keyId": "ak_other"}\'',
    "action_id": "'ticket.add_internal_note'",
    "card": "'[]'",
    "provenance": "'{}'",
    "proposer": "'T0ACME00001/U0VICTOR001'",
    "subjects": "'[]'",
    "subject_emails": "'[]'",
    "policy_version": "'another'",
    "expires_at": "expires_at + interval '1 day'",
    "ticket_revision": "ticket_revision + 1",
}
TAMPERINGS |= {
    f"the {column} of a request edited": (
        (f"update action_requests set {column} = {value} where id = :decided",),
        "its digest does not follow from the rows",
    )
    for column, value in EDITED.items()
}
TAMPERINGS["a requester edited"] = (
    ("update tickets set requester = 'T0ACME00001/U0VICTOR001' where id = (select ticket_id from action_requests"
     " where id = :decided)",),
    "its digest does not follow from the rows",
)  # fmt: skip
TAMPERINGS["a requester of no kind"] = (
    ("update tickets set requester_kind = 'x' where id = (select ticket_id from action_requests where id = :decided)",),
    "no digest can be taken of it",
)


@pytest.mark.parametrize(("statements", "says"), TAMPERINGS.values(), ids=TAMPERINGS)
async def test_threat_21_what_is_forged_in_the_tables_is_named(
    desk: RunningDesk, waiting: Case, decided: Case, statements: Sequence[str], says: str
) -> None:
    async with tampered(desk, statements, waiting=waiting.request_id, decided=decided.request_id) as tx:
        found = await evidence.check(tx, SIGNER, digest_as_shown)

    assert any(says in one for one in found), found


async def test_threat_21_votes_do_not_verify_under_another_key(desk: RunningDesk, decided: Case) -> None:
    """The planted violation of the above: the signature is what is checked."""
    stranger = VoteSigner.of_secrets(b"\x09" * 32)

    async with tampered(desk, []) as tx:
        found = await evidence.check(tx, stranger, digest_as_shown)

    assert any("cannot be checked" in one for one in found)
    assert any(f"request {decided.request_id} is executed with 0 of the 1" in one for one in found)


async def test_checkpoints_that_cannot_be_sent_are_said_and_sent_later(desk: RunningDesk, tmp_path: Path) -> None:
    place = FilePlace(tmp_path / "mounted" / "checkpoints.jsonl")
    for _ in range(2):
        await write_checkpoints(desk.parts.reception.desk, NOTARY, [place])
    said = "select count(*) from audit_events where name = 'checkpoint_not_sent'"
    assert await desk.value(said) == 1
    (tmp_path / "mounted").mkdir()

    await write_checkpoints(desk.parts.reception.desk, NOTARY, [place])

    lines = [json.loads(line) async for line in place.lines()]
    assert [line["head"]["number"] for line in lines] == list(range(1, len(lines) + 1))
    assert len(lines) == await desk.value("select max(number) from audit_checkpoints")


async def test_threat_19_what_keeps_a_checkpoint_from_a_place_is_said_on_the_trail(
    desk: RunningDesk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another line at the place than the database has: one of the two went another way."""
    place = FilePlace(tmp_path / "checkpoints.jsonl")
    await write_checkpoints(desk.parts.reception.desk, NOTARY, [place])
    file = tmp_path / "checkpoints.jsonl"
    [*before, last] = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*before, last.replace('"size":', '"size":1')]))

    await write_checkpoints(desk.parts.reception.desk, NOTARY, [place])

    said = await desk.value(
        "select payload->>'reason' from audit_events where name = 'checkpoint_not_sent' and payload->>'what' = :what",
        what=place.name,
    )
    assert "is another than the database's" in said and "is another than the database's" in caplog.text


async def test_what_was_recorded_until_the_end_is_at_the_place_when_the_desk_stops(
    postgres: EmbeddedServer, tmp_path: Path
) -> None:
    place = FilePlace(tmp_path / "checkpoints.jsonl")
    with fresh_database(postgres) as url:
        environment = {"COUNTERSIGN_CHECKPOINTS": place.name}
        async with running_desk(url, tmp_path, environment=environment) as desk:
            await desk.slack.person("erin").post("help", "Please help.")
            await desk.the_ticket()
        database = Database(url, audit_keys=AUDIT_KEYS, pool_size=1)
        try:
            async with database.transaction() as tx:
                assert (await verification.verify(tx)).first_break is None
                later = datetime.now(UTC) + timedelta(hours=1)
                assert await remembered.check(tx, [line async for line in place.lines()], TRUSTED, now=later) == []
        finally:
            await database.close()


async def receipt_of(desk: RunningDesk, case: Case) -> dict[str, Any]:
    async with desk.database.transaction() as tx:
        now = desk.parts.reception.desk.clock() + timedelta(seconds=1)
        drawn = await draw_receipt(tx, case.request_id, SIGNER, NOTARY, now=now)
    found: dict[str, Any] = json.loads(json.dumps(drawn))
    return found


async def test_a_receipt_is_checked_with_the_public_key_alone(
    desk: RunningDesk, decided: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await write_checkpoints(desk.parts.reception.desk, NOTARY, [FilePlace(tmp_path / "checkpoints.jsonl")])
    receipt = await receipt_of(desk, decided)
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(receipt, indent=1))

    assert receipt["checkpoint"] is not None and len(receipt["votes"]) == 1
    assert {"action_proposed", "vote_cast", "action_executed"} <= {event["name"] for event in receipt["events"]}
    assert main(["audit", "check-receipt", str(file), "--key", NOTARY.public_key]) == 0
    assert f"request {decided.request_id} (api_key.revoke) is executed" in capsys.readouterr().out
    assert main(["audit", "check-receipt", str(file), "--key", OTHER.public_key]) == 1
    assert "signed with the given key" in capsys.readouterr().err


def places(value: Any, *way: str | int) -> Iterator[tuple[str | int, ...]]:
    """The way to every single value of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from places(one, *way, name)
    if not inner:
        yield way


def with_another(receipt: dict[str, Any], way: Sequence[str | int]) -> dict[str, Any]:
    """The receipt with another value at this place."""
    changed = copy.deepcopy(receipt)
    inner: Any = changed
    for name in way[:-1]:
        inner = inner[name]
    inner[way[-1]] = "x" if inner[way[-1]] != "x" else "y"
    return changed


async def test_threat_19_a_receipt_that_was_changed_anywhere_is_refused(desk: RunningDesk, decided: Case) -> None:
    whole = await receipt_of(desk, decided)
    assert receipts.check(whole, TRUSTED) == []

    ways = list(places(whole))

    assert len(ways) > 100
    for way in ways:
        assert receipts.check(with_another(whole, way), TRUSTED) != [], way


def _sign_again(receipt: dict[str, Any]) -> dict[str, Any]:
    unsigned = {name: value for name, value in receipt.items() if name != "signature"}
    return unsigned | {"signature": NOTARY.sign(receipts.KIND, unsigned)}


async def test_threat_19_whatever_a_receipt_says_of_the_request_follows_from_the_rest_of_it(
    desk: RunningDesk, decided: Case
) -> None:
    """The planted violation: the desk signed what no verified row says."""
    whole = await receipt_of(desk, decided)
    said = [way for way in places(whole) if way[0] in ("form", "statement", "request", "digestMembers", "chain")]
    said += [way for way in places(whole) if way[0] == "votes" and way[-1] not in ("signature", "keyId")]

    assert len(said) > 50
    for way in said:
        assert receipts.check(_sign_again(with_another(whole, way)), TRUSTED) != [], way
    more = whole | {"request": whole["request"] | {"risk": "low"}}
    assert receipts.check(_sign_again(more), TRUSTED) == ["its risk is not what the trail says"]


async def test_threat_19_even_a_signed_receipt_must_agree_with_itself(desk: RunningDesk, decided: Case) -> None:
    """The planted violations: the notary signs what does not hold, and the check finds it all the same."""
    whole = await receipt_of(desk, decided)
    [vote], events = whole["votes"], whole["events"]
    silent = [event for event in events if event["name"] != "vote_cast"]
    turned = [
        event | {"payload": event["payload"] | {"choice": "reject"}} if event["name"] == "vote_cast" else event
        for event in events
    ]
    unstarted = [event for event in events if event["name"] != "action_started"]
    other = [event | {"payload": event["payload"] | {"actionRequestId": "another"}} for event in events]
    planted: list[tuple[dict[str, Any], str]] = [
        ({"votes": [], "events": silent}, "its votes do not carry that"),
        ({"votes": [vote | {"choice": "reject"}], "events": turned}, "its votes do not carry that"),
        ({"votes": []}, "not those of the trail"),
        ({"votes": [vote | {"digest": "0" * 64}]}, "another digest"),
        ({"votes": [vote | {"voter": "T0ACME00001/U0VICTOR001"}]}, "not those of the trail"),
        ({"digestMembers": whole["digestMembers"] | {"quorum": 0}}, "its digest is not that"),
        ({"events": events[::-1]}, "not in order"),
        ({"events": unstarted}, "a step that cannot be"),
        ({"events": [*events[:-1], other[-1]]}, "about another request"),
        ({"checkpoint": (whole["checkpoint"] or {}) | {"index": 999, "head": {}}}, "not a receipt"),
        ({"chain": "ticket:another"}, "another chain than the trail"),
    ]
    for lie, says in planted:
        found = receipts.check(_sign_again(whole | lie), TRUSTED)
        assert any(says in one for one in found), (lie, found)


async def test_threat_19_a_receipt_says_nothing_that_only_a_column_says(desk: RunningDesk, decided: Case) -> None:
    whole = await receipt_of(desk, decided)
    edits = (
        "update action_requests set proposer_label = 'The Boss', outcome = 'All keys are safe.', risk = 'low',"
        " verdict_reason = 'They asked nicely.', policy_ids = '[]', decided_at = now() where id = :id",
        "update votes set voter_label = 'The Boss' where request_id = :id",
    )
    async with tampered(desk, edits, id=decided.request_id) as tx:
        again = await content_of(tx, decided.request_id)

    assert again == {name: value for name, value in whole.items() if name in again}


async def content_of(tx: Transaction, request_id: UUID) -> dict[str, Any]:
    """What a receipt drawn in this transaction, which was verified, says of the decision."""
    now = datetime.now(UTC)
    drawn = json.loads(json.dumps(await draw_receipt(tx, request_id, SIGNER, NOTARY, now=now)))
    return {name: drawn[name] for name in ("request", "digestMembers", "votes", "chain", "events")}


async def test_a_decision_that_does_not_hold_gets_no_receipt(desk: RunningDesk, decided: Case) -> None:
    params = await desk.value("select params::text from action_requests where id = :id", id=decided.request_id)
    edit = "update action_requests set params = cast(:params as json) where id = :id"

    await change(desk, edit, id=decided.request_id, params='{"keyId": "ak_other"}')
    with pytest.raises(NoReceipt, match="was changed"):
        await receipt_of(desk, decided)

    await change(desk, edit, id=decided.request_id, params=params)
    assert receipts.check(await receipt_of(desk, decided), {NOTARY.public_key}) == []
