"""A request knows what it acts on, and who was told meanwhile that it waits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# As `handlers.flows.propose_action` names it for the actions there were so far.
_TARGET = (
    "update action_requests set target = case"
    " when action_id like 'api_key.%' and params->>'keyId' is not null then 'keyId:' || (params->>'keyId')"
    " when action_id like 'user.%' and params->>'email' is not null then 'email:' || (params->>'email')"
    " else 'ticket:' || ticket_id end"
)


def upgrade() -> None:
    op.add_column("action_requests", sa.Column("target", sa.Text(), nullable=False, server_default=""))
    op.execute(_TARGET)
    op.alter_column("action_requests", "target", server_default=None)
    op.create_index("requests_by_target", "action_requests", ["target", "action_id", "created_at"])
    op.create_index(
        "requests_turned_down",
        "action_requests",
        ["action_id", "decided_at"],
        postgresql_where=sa.text("status in ('rejected', 'withdrawn', 'expired')"),
    )
    op.add_column("action_requests", sa.Column("reminded_at", sa.DateTime(timezone=True)))
    op.add_column("action_requests", sa.Column("escalated_at", sa.DateTime(timezone=True)))
