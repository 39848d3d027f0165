"""Rows without an audit key, and those that say who is in a group, are found at once; what is superfluous goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("audit_without_key", "audit_events", ["chain"], postgresql_where=sa.text("key_id is null"))
    op.create_index(
        "audit_of_groups",
        "audit_events",
        ["seq"],
        postgresql_where=sa.text("chain = 'system' and name = 'group_changed'"),
    )
    op.drop_column("watched_groups", "members")
