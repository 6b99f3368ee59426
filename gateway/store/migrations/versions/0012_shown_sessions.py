"""Partial indexes of sessions that are not deleted, and an index of when each last changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_SHOWN = "status <> 'DELETED'"


def upgrade() -> None:
    """Upgrades the schema. The indexes of all sessions stay for former builds."""
    for order in ("created", "due"):
        columns = [f"{order}_at", "provider", "key"]
        where = sa.text(_SHOWN)
        op.create_index(f"session_by_shown_{order}", "session", columns, sqlite_where=where, postgresql_where=where)
    op.create_index("session_by_changed", "session", ["changed_at", "provider", "key"])


def downgrade() -> None:
    """Downgrades the schema."""
    for name in ("session_by_changed", "session_by_shown_due", "session_by_shown_created"):
        op.drop_index(name, table_name="session")
