"""Unreadable rows in the checkpoints of provider lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrades the schema."""
    op.add_column("sync", sa.Column("unreadable", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Downgrades the schema."""
    op.drop_column("sync", "unreadable")
