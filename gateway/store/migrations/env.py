"""Alembic environment: migrates over the connection that the store passes in."""

from alembic import context

from gateway.store import tables

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=tables.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
