"""Up to when each channel's history was looked at whole, and the starts that say which channels are taken."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "history_looks",
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        "audit_of_starts", "audit_events", ["seq"], postgresql_where=sa.text("chain = 'system' and name = 'started'")
    )


def downgrade() -> None:
    op.drop_index("audit_of_starts", "audit_events")
    op.drop_table("history_looks")
