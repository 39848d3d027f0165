"""The trail's rows are hashed under a key, and checkpoints say where its chains end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The rows of before keep none: their hashes were taken without a key.
    op.add_column("audit_events", sa.Column("key_id", sa.Text(), nullable=True))
    op.create_table(
        "audit_checkpoints",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "audit_checkpointed",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chain"),
    )
    op.execute(
        "create trigger audit_checkpoints_are_append_only before update or delete on audit_checkpoints"
        " for each row execute function countersign_refuse_change()"
    )
    op.execute(
        "create trigger audit_checkpoints_are_not_truncated before truncate on audit_checkpoints"
        " for each statement execute function countersign_refuse_change()"
    )
