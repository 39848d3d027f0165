"""The steps of the trail about stops are read for each decision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "audit_of_stops",
        "audit_events",
        ["seq"],
        postgresql_where=sa.text("chain = 'system' and name in ('stop_set', 'stop_lifted')"),
    )


def downgrade() -> None:
    op.drop_index("audit_of_stops", "audit_events")
