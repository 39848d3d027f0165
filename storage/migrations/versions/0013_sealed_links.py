"""Private links are sealed with the vote key. Those that wait are some minutes old, and are asked for again.

Passkeys are held against the trail where they decide, so their few rows on it have an index of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("delete from private_links")
    op.add_column("private_links", sa.Column("seal", sa.Text(), nullable=False))
    op.add_column("private_links", sa.Column("seal_key_id", sa.Text(), nullable=False))
    op.create_index(
        "audit_of_passkeys",
        "audit_events",
        ["seq"],
        postgresql_where=sa.text(
            "chain = 'system' and name in ('passkey_enrolled', 'passkey_approved', 'passkey_revoked')"
        ),
    )


def downgrade() -> None:
    op.drop_index("audit_of_passkeys", "audit_events")
    op.drop_column("private_links", "seal_key_id")
    op.drop_column("private_links", "seal")
