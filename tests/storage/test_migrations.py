"""A database of an earlier version is brought forward with what it holds, and ends as the schema in code says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

from storage.database import driver_url
from storage.embedded import EmbeddedServer
from storage.migrate import alembic_config, upgrade
from storage.schema import Table

NOW = datetime(2026, 3, 25, 13, 46, 11, tzinfo=UTC)


@pytest.fixture
def connection(postgres: EmbeddedServer) -> Iterator[Connection]:
    """A connection to a database that holds nothing yet."""
    name = f"empty_{uuid4().hex[:12]}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as server:
        server.execute(f'create database "{name}"')
    engine = create_engine(driver_url(postgres.get_uri(name)))
    with engine.connect() as connected:
        yield connected
    engine.dispose()
    with psycopg.connect(postgres.get_uri(), autocommit=True) as server:
        server.execute(f'drop database "{name}" with (force)')


def migrate_to(connection: Connection, revision: str) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    connection.commit()


def a_request(connection: Connection, subject_label: str) -> None:
    """A ticket and a request as the first version stored them."""
    ticket_id, values = uuid4(), {"now": NOW, "subject": subject_label}
    connection.execute(
        text(
            "insert into tickets (id, subject, status, severity, category, channel_kind, intake_source, correlation_id,"
            " requester_kind, requester_label, requester_is_internal, attachment_count, revision, created_at,"
            " updated_at) values (:id, 'x', 'open', 'low', 'other', 'http', 'email', :correlation, 'http', 'm', false,"
            " 0, 0, :now, :now)"
        ),
        values | {"id": ticket_id, "correlation": ticket_id.hex},
    )
    connection.execute(
        text(
            "insert into action_requests (id, ticket_id, ticket_revision, action_id, params, provenance, risk, verdict,"
            " verdict_reason, policy_ids, policy_version, proposer_label, subjects, subject_label, eligible, status,"
            " quorum, card, digest, created_at, expires_at, outcome) values (:id, :ticket, 0, 'api_key.revoke', '{}',"
            " '{}', 'high', 'needs_approval', '', '[]', 'v', 'triage', '[]', :subject, '[]', 'pending', 1, '[]', 'd',"
            " :now, :now, '')"
        ),
        values | {"id": uuid4(), "ticket": ticket_id},
    )


def test_requests_of_before_keep_the_address_of_whom_they_are_done_to(connection: Connection) -> None:
    migrate_to(connection, "0001")
    a_request(connection, "bob@acme.example")
    a_request(connection, "")
    connection.commit()

    upgrade(connection)

    found = connection.execute(text("select subject_label, subject_emails from action_requests order by subject_label"))
    assert [tuple(row) for row in found] == [("", []), ("bob@acme.example", ["bob@acme.example"])]


def test_requests_of_before_know_what_they_act_on(connection: Connection) -> None:
    migrate_to(connection, "0001")
    a_request(connection, "bob@acme.example")
    a_request(connection, "")
    key = """{"keyId": "ak_1"}"""
    connection.execute(text("update action_requests set params = :key where subject_label <> ''"), {"key": key})
    connection.execute(text("update action_requests set action_id = 'ticket.close' where subject_label = ''"))
    connection.commit()

    upgrade(connection)

    found = connection.execute(text("select target, 'ticket:' || ticket_id from action_requests order by target"))
    rows = [tuple(row) for row in found]
    assert rows[0][0] == "keyId:ak_1"
    assert rows[1][0] == rows[1][1]


def test_the_migrations_lead_to_the_schema_in_code(connection: Connection) -> None:
    upgrade(connection)
    context = MigrationContext.configure(
        connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in Table.metadata.tables}
    )

    assert compare_metadata(context, Table.metadata) == []
