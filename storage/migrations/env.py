"""Alembic's entry: runs on the connection that `storage.migrate` hands over."""

from __future__ import annotations

from alembic import context

from storage.schema import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    # The job queue's tables are Procrastinate's own business.
    include_name=lambda name, kind, _parents: not (kind == "table" and str(name).startswith("procrastinate_")),
)
with context.begin_transaction():
    context.run_migrations()
