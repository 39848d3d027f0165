"""`countersign passkeys`, for the first ones, which nobody else could approve."""

from __future__ import annotations

import argparse
from uuid import UUID

import psycopg
import pytest

from bot.commands import passkeys as command
from tests.keys import AUDIT_KEY, VOTE_KEY


def test_an_operator_lets_the_first_passkey_count_from_the_terminal(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("DATABASE_URL", database_url), ("COUNTERSIGN_VOTE_KEY", VOTE_KEY)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COUNTERSIGN_AUDIT_KEY", AUDIT_KEY)
    passkey_id = UUID(int=7)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "insert into passkeys values (%s, 'T0ACME00001/U0SANA00001', 'Sana', 'id', 'key', 'waiting', 0, now(), '',"
            " null, '', '', null)",
            (passkey_id,),
        )
    wanted = argparse.Namespace(passkey=str(passkey_id))

    codes = [command.approve(wanted), command.approve(wanted), command.revoke(wanted), command.revoke(wanted)]

    assert codes == [0, 1, 0, 1]
    assert command.show(argparse.Namespace()) == 0
    assert "revoked" in capsys.readouterr().out
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("select name, payload->>'by' from audit_events order by seq").fetchall()
    assert [row[0] for row in rows] == ["passkey_approved", "passkey_revoked"]
    assert all(row[1].startswith("operator:") for row in rows)
