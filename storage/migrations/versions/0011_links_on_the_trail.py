"""Which accounts were linked is held against the trail at each decision, so its few rows have an index of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "audit_of_links",
        "audit_events",
        ["seq"],
        postgresql_where=sa.text("chain = 'system' and name in ('people_linked', 'people_unlinked')"),
    )


def downgrade() -> None:
    op.drop_index("audit_of_links", "audit_events")
