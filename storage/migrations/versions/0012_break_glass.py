"""Requests that were started by break-glass, and the reviews that must follow them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("action_requests", sa.Column("break_glass", sa.Text(), nullable=True))
    op.create_table(
        "break_glass_reviews",
        sa.Column("request_id", sa.Uuid(), sa.ForeignKey("action_requests.id"), primary_key=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remind_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("reviewed_by_label", sa.Text(), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.CheckConstraint("(reviewed_at is null) = (reviewed_by is null)", name="a_review_has_an_author"),
    )
    op.create_index(
        "reviews_open", "break_glass_reviews", ["remind_at"], postgresql_where=sa.text("reviewed_at is null")
    )


def downgrade() -> None:
    op.drop_table("break_glass_reviews")
    op.drop_column("action_requests", "break_glass")
