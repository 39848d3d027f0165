"""The HTTP door: every wrong field by its name, 202 only for what is stored, one ticket for one correlation id."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from handlers.http_intake import SIGNATURE_HEADER, TIMESTAMP_HEADER, Asked, sign
from tests.faults.rig import eventually, holds
from tests.running import INTAKE_SECRET, INTAKE_TOKEN, RunningDesk, running_desk

BEARER = {"Authorization": f"Bearer {INTAKE_TOKEN}"}
INTAKE_PATH = "/api/v1/intake"
GOOD = {"channel": "email", "correlationId": "asi03-bypass-001", "requester": "mallory@external.example", "text": "Hi."}


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with running_desk(database_url, tmp_path) as desk:
        yield desk


Answer = tuple[int, Any]


async def post(desk: RunningDesk, body: bytes | Mapping[str, Any], headers: Mapping[str, str] = BEARER) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = desk.process.http_url + "/api/v1/intake"
    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=headers) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if answer.content_type == "application/json" else text


async def raw(desk: RunningDesk, path: str, headers: bytes, body: bytes = b"", method: bytes = b"POST") -> str:
    """Bytes no client library would send; the whole answer."""
    import asyncio

    host, port = desk.process.http_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = method + b" " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
    writer.write(head + str(len(body)).encode() + b"\r\n" + headers + b"\r\n" + body)
    answer = (await reader.read()).decode(errors="replace")
    writer.close()
    return answer


async def test_every_wrong_field_is_answered_with_its_name_and_what_is_expected(desk: RunningDesk) -> None:
    wrong: dict[str, tuple[Any, str]] = {
        "channel": ("E-Mail!", "must match"),
        "correlationId": ("with space", "must match"),
        "requester": ("", "must not be empty"),
        "text": (17, "must be text"),
        "subject": ("x" * 201, "at most 200"),
        "attachmentCount": (-1, "greater than or equal to 0"),
        "requestedModelOverride": (["gpt"], "must be text"),
        "priority": ("high", "is not a field"),
    }

    status, answer = await post(desk, GOOD | {name: value for name, (value, _) in wrong.items()})

    assert status == 400
    assert set(answer["fields"]) == set(wrong)
    for name, (_, expected) in wrong.items():
        assert expected in answer["fields"][name], (name, answer["fields"][name])
    assert await desk.value("select count(*) from inbox") == 0


NO_TICKETS: list[tuple[bytes, str]] = [
    (b"", "JSON object"),
    (b"not json", "JSON object"),
    (b"[1]", "JSON object"),
    (b"null", "JSON object"),
    (b'{"channel": "email"', "JSON object"),
    (b"\xff\xfe\x00", "UTF-8"),
    (b"[" * 100_000, "JSON object"),
    (b'{"attachmentCount": ' + b"9" * 5000 + b"}", "JSON object"),
    (b"{}", "is required"),
    (json.dumps(GOOD | {"text": "x" * 40_001}).encode(), "40000"),
    (json.dumps(GOOD | {"text": "\ud800"}).encode(), "text"),
    (b'{"\\ud800": 1}', "valid string"),
    (json.dumps(GOOD | {"attachmentCount": True}).encode(), "attachmentCount"),
    (json.dumps(GOOD | {"attachmentCount": 1.5}).encode(), "attachmentCount"),
    (json.dumps(GOOD).encode().replace(b'"Hi."', b"NaN"), "must be text"),
    (b'{"text": "' + b"x" * 1_000_001 + b'"}', "at most 1000000 bytes"),
]


async def test_a_body_that_is_no_ticket_is_refused_with_words(desk: RunningDesk) -> None:
    for body, says in NO_TICKETS:
        status, answer = await post(desk, body)

        assert status == 400, body[:60]
        assert says in json.dumps(answer, ensure_ascii=False), (body[:60], answer)
    assert await desk.value("select count(*) from inbox") == 0
    assert (await post(desk, GOOD))[0] == 202


async def test_text_that_no_database_would_take_becomes_a_ticket_all_the_same(desk: RunningDesk) -> None:
    odd = "\x00 \x07 \u202eevil\u202c \u200b <!channel> " + "line\n" * 1000
    body = GOOD | {"text": odd, "subject": "a\x00b", "requester": "m\x00", "requestedModelOverride": "gpt\x00-9"}

    status, _ = await post(desk, body)
    await desk.the_ticket()
    await desk.idle()

    assert status == 202
    [(subject, override, text)] = await desk.rows(
        "select t.subject, t.requested_model_override, v.text from tickets t join messages m on m.ticket_id = t.id"
        " join message_versions v on v.message_id = m.id where m.audience = 'customer'"
    )
    assert (subject, override) == ("a\ufffdb", "gpt\ufffd-9")
    assert text == odd.replace("\x00", "\ufffd")
    assert await desk.value("select count(*) from procrastinate_jobs") == 0
    assert "Open ticket" in json.dumps(desk.card("triage"))
    await holds(desk.slack, desk.database)


async def test_the_same_correlation_id_is_one_ticket_and_another_body_under_it_is_refused(desk: RunningDesk) -> None:
    first, again, other = await post(desk, GOOD), await post(desk, GOOD), await post(desk, GOOD | {"text": "Other."})
    await desk.the_ticket()
    await desk.idle()
    late = await post(desk, GOOD)

    assert [first[0], again[0], other[0], late[0]] == [202, 202, 409, 202]
    assert [first[1]["duplicate"], again[1]["duplicate"], late[1]["duplicate"]] == [False, True, True]
    assert "correlationId" in other[1]["fields"]
    assert await desk.value("select count(*) from tickets") == 1
    assert await desk.value("select count(*) from inbox") == 1


async def test_202_is_answered_only_for_what_is_stored(desk: RunningDesk) -> None:
    status, answer = await post(desk, GOOD)

    assert status == 202
    assert await desk.value("select count(*) from inbox where dedup_key = 'http:email:asi03-bypass-001'") == 1
    async with aiohttp.ClientSession() as session:
        async with session.get(desk.process.http_url + answer["self"], headers=BEARER) as found:
            assert found.status == 200
        async with session.get(desk.process.http_url + answer["self"]) as nobody:
            assert nobody.status == 401


def signed(
    body: bytes, *, at: float | None = None, secret: str = INTAKE_SECRET, method: str = "POST", path: str = INTAKE_PATH
) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: sign(secret, timestamp, Asked(method, path, body))}


async def test_who_may_hand_in_tickets(desk: RunningDesk) -> None:
    body = json.dumps(GOOD).encode()
    long_ago = time.time() - 330

    assert (await post(desk, body, signed(body)))[0] == 202
    refused = {
        "nothing": {},
        "an unknown token": {"Authorization": "Bearer " + "x" * 32},
        "another scheme": {"Authorization": f"Basic {INTAKE_TOKEN}"},
        "another body's signature": signed(body + b" "),
        "another method's signature": signed(body, method="GET"),
        "another path's signature": signed(body, path=INTAKE_PATH + "/email/asi03-bypass-001"),
        "another secret": signed(body, secret="y" * 32),
        "a stale timestamp": signed(body, at=long_ago),
        "a timestamp from the future": signed(body, at=time.time() + 330),
        "a timestamp that is no number": signed(body) | {TIMESTAMP_HEADER: "soon"},
        "an old timestamp with a new signature": signed(body) | {TIMESTAMP_HEADER: str(int(long_ago))},
    }
    for what, headers in refused.items():
        status, answer = await post(desk, body, headers)
        assert status == 401, what
        assert answer["message"], what
        assert INTAKE_TOKEN not in str(answer) and INTAKE_SECRET not in str(answer)


ODD_HEADERS = [
    b"", b"0", b"-1", b"+1", b"1_0", b"1.5", b"1e3", b"0x10", b"NaN", b"9" * 15, b"9" * 16, b"9" * 400, b"9" * 5000,
    b"\xb2", b"\xff" * 20, b"v2=", b"v1=" + b"0" * 64, b"v2=" + b"f" * 4000, b"Bearer", b"a\tb", b"=;,:%00",
]  # fmt: skip


async def test_a_signature_reads_the_one_ticket_it_was_made_for(desk: RunningDesk) -> None:
    for name in ("mine", "theirs", "a:b"):
        assert (await post(desk, GOOD | {"correlationId": name}))[0] == 202

    async def read(path: str, headers: Mapping[str, str], method: str = "GET") -> int:
        url = URL(desk.process.http_url + path, encoded=True)
        async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as answer:
            return answer.status

    mine, theirs = f"{INTAKE_PATH}/email/mine", f"{INTAKE_PATH}/email/theirs"
    own = signed(b"", method="GET", path=mine)
    assert await read(mine, own) == 200
    for path in (theirs, f"{mine}?a=b", f"{INTAKE_PATH}/email/m%69ne"):
        assert await read(path, own) == 401, path
    assert await read(mine, own, method="HEAD") == 401
    assert await read(theirs, signed(b"", path=theirs)) == 401
    for encoded in (f"{INTAKE_PATH}/email/a:b", f"{INTAKE_PATH}/email/a%3Ab"):
        assert await read(encoded, signed(b"", method="GET", path=encoded)) == 200


async def test_no_other_system_hands_in_tickets_as_slack(desk: RunningDesk) -> None:
    status, answer = await post(desk, GOOD | {"channel": "slack"})

    assert (status, list(answer["fields"])) == (400, ["channel"])
    assert answer["fields"]["channel"] == "must not be 'slack', the name of tickets from Slack itself"
    assert (await post(desk, GOOD | {"channel": "slack-archive"}))[0] == 202


async def test_headers_and_paths_that_are_no_text_do_no_harm(desk: RunningDesk) -> None:
    body = json.dumps(GOOD).encode()
    timestamp = str(int(time.time())).encode()

    for headers in (
        b"Authorization: Bearer \xff\xfe\r\n",
        b"X-Countersign-Timestamp: " + timestamp + b"\r\nX-Countersign-Signature: v1=\xff\r\n",
        b"X-Countersign-Timestamp: \xd9\xa1\r\nX-Countersign-Signature: v1=00\r\n",
        *(b"X-Countersign-Timestamp: %b\r\nX-Countersign-Signature: v2=00\r\n" % odd for odd in ODD_HEADERS),
        *(b"X-Countersign-Timestamp: %b\r\nX-Countersign-Signature: %b\r\n" % (timestamp, odd) for odd in ODD_HEADERS),
        *(b"Authorization: Bearer %b\r\n" % odd for odd in ODD_HEADERS),
        *(b"Authorization: %b\r\n" % odd for odd in ODD_HEADERS),
    ):
        assert " 401 " in (await raw(desk, "/api/v1/intake", headers, body)).splitlines()[0]
    bearer = b"Authorization: Bearer " + INTAKE_TOKEN.encode() + b"\r\n"
    for path in ("email/%00", "email/%ED%A0%80", "%00/x", "email/%E2%80%AE", "email/nothing"):
        answer = await raw(desk, f"/api/v1/intake/{path}", bearer, method=b"GET")
        assert " 404 " in answer.splitlines()[0], (path, answer)
    assert (await post(desk, body))[0] == 202


async def test_a_slack_ticket_is_not_shown_over_http(desk: RunningDesk) -> None:
    ts = await desk.slack.person("erin").post("help", "Mine.")
    await desk.the_ticket()

    answer = await raw(
        desk,
        f"/api/v1/intake/slack/C0HELP00001:{ts}",
        b"Authorization: Bearer " + INTAKE_TOKEN.encode() + b"\r\n",
        method=b"GET",
    )

    assert " 404 " in answer.splitlines()[0]


async def test_a_burst_of_the_same_call_is_one_ticket(desk: RunningDesk) -> None:
    import asyncio

    answers = await asyncio.gather(*(post(desk, GOOD) for _ in range(20)))
    await desk.the_ticket()
    await eventually(lambda: desk.value("select count(*) = 0 from procrastinate_jobs"))

    assert {status for status, _ in answers} == {202}
    assert [answer["duplicate"] for _, answer in answers].count(False) == 1
    assert await desk.value("select count(*) from tickets") == 1
