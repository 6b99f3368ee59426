"""Pivots and leftovers of sagas."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.engine.datatype import AnyText, Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrades the schema."""
    op.add_column("saga", sa.Column("operation", sa.String(length=32), nullable=True))
    op.add_column("saga", sa.Column("pivot", sa.LargeBinary(), nullable=True))
    op.add_column("saga", sa.Column("reason", AnyText(), nullable=True))
    op.add_column("saga", sa.Column("left_at", Instant(), nullable=True))


def downgrade() -> None:
    """Downgrades the schema."""
    for name in ("left_at", "reason", "pivot", "operation"):
        op.drop_column("saga", name)
