"""Rows without an audit key are found at once; an index that no query uses goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("audit_without_key", "audit_events", ["chain"], postgresql_where=sa.text("key_id is null"))
    op.drop_index("requests_by_target", "action_requests")
