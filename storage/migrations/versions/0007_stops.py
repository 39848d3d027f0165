"""Kill switches, whom a request counts for against the limits, and which request it undoes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stops",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_by_label", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lift_reason", sa.Text(), nullable=True),
    )
    op.create_index(
        "stops_in_force", "stops", ["scope", "value"], unique=True, postgresql_where=sa.text("lifted_at is null")
    )
    op.execute(
        "create trigger stops_are_not_deleted before delete on stops"
        " for each row execute function countersign_refuse_change()"
    )
    op.execute(
        "create trigger stops_are_not_truncated before truncate on stops"
        " for each statement execute function countersign_refuse_change()"
    )
    # A lift fills three columns, once; nothing else changes.
    op.execute(
        "create trigger stops_are_lifted_once before update on stops for each row when (old.lifted_at is not null"
        " or new.lifted_at is null or (new.id, new.scope, new.value, new.reason, new.set_by, new.set_by_label,"
        " new.set_at) is distinct from (old.id, old.scope, old.value, old.reason, old.set_by, old.set_by_label,"
        " old.set_at)) execute function countersign_refuse_change()"
    )
    op.add_column("action_requests", sa.Column("asked_by", sa.Text(), nullable=True))
    op.execute(
        "update action_requests as r set asked_by = case"
        " when t.requester_kind = 'slack_person' and t.requester is not null"
        " then 'person:' || split_part(t.requester, '/', 2)"
        " else 'source:' || t.intake_source || ':' || coalesce(t.slack_channel, '') end"
        " from tickets as t where t.id = r.ticket_id"
    )
    op.alter_column("action_requests", "asked_by", nullable=False)
    op.create_index("requests_by_asker", "action_requests", ["asked_by", "risk", "created_at"])
    op.create_index(
        "requests_under_way",
        "action_requests",
        ["asked_by", "risk"],
        postgresql_where=sa.text("status in ('pending', 'approved', 'running', 'unknown')"),
    )
    op.add_column("action_requests", sa.Column("undoes", sa.Uuid(), nullable=True))
    op.create_index(
        "requests_by_what_they_undo",
        "action_requests",
        ["undoes"],
        postgresql_where=sa.text("undoes is not null"),
    )
