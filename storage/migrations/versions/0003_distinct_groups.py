"""A request holds the groups of which an approval each must come, so that an edited row voids its votes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("action_requests", sa.Column("distinct_groups", sa.JSON(), nullable=False, server_default="[]"))
    op.alter_column("action_requests", "distinct_groups", server_default=None)
