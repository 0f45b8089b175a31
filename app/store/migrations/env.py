"""Runs migrations on the connection that `app.store.migrate` opened."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

import app.store.rows  # noqa: F401  (fills the metadata)

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    # SQLite can't alter most of a table in place.
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
