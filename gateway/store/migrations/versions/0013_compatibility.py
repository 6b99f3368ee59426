"""Compatibility row: the oldest revision whose builds can use this database (expand/contract migration).

A migration that contracts the schema, or asks more of writers, sets ``oldest`` to the first revision whose builds need
nothing of what is gone. That is a release after the one that stopped using it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrades the schema."""
    compatibility = op.create_table(
        "compatibility",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("oldest", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(compatibility, [{"id": 1, "oldest": "0008"}])


def downgrade() -> None:
    """Downgrades the schema."""
    op.drop_table("compatibility")
