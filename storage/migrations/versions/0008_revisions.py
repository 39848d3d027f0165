"""A request may replace an earlier one, and names those who had a part in that; those that wait are found by action."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("action_requests", sa.Column("replaces", sa.UUID(), nullable=True))
    op.add_column("action_requests", sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("action_requests", sa.Column("editors", sa.JSON(), nullable=False, server_default="[]"))
    op.alter_column("action_requests", "revision", server_default=None)
    op.alter_column("action_requests", "editors", server_default=None)
    op.create_foreign_key("action_requests_replaces_fkey", "action_requests", "action_requests", ["replaces"], ["id"])
    op.create_index(
        "requests_replaced_once",
        "action_requests",
        ["replaces"],
        unique=True,
        postgresql_where=sa.text("replaces is not null"),
    )
    op.create_index(
        "requests_waiting", "action_requests", ["action_id"], postgresql_where=sa.text("status = 'pending'")
    )
