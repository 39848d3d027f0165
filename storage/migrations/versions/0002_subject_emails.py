"""A request holds the addresses of the people it is done to, so that they exclude at the vote and at the run too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("action_requests", sa.Column("subject_emails", sa.JSON(), nullable=False, server_default="[]"))
    # What was shown as the person so far is the address the directory had.
    op.execute("update action_requests set subject_emails = json_build_array(subject_label) where subject_label <> ''")
    op.alter_column("action_requests", "subject_emails", server_default=None)
