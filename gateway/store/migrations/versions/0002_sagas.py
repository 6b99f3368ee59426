"""Saga tables: sagas with their steps, idempotency keys, and encrypted secrets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrades the schema."""
    op.create_table(
        "gateway",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "saga",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("marker", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("saga_by_state", "saga", ["state"], unique=False)
    op.create_table(
        "step",
        sa.Column("saga", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["saga"], ["saga.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("saga", "place"),
    )
    op.create_table(
        "promise",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("saga", sa.String(length=64), nullable=True),
        sa.Column("before", sa.LargeBinary(), nullable=True),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("promise_by_expiry", "promise", ["expires_at"], unique=False)
    op.create_index("promise_by_saga", "promise", ["saga"], unique=False)
    op.create_table(
        "secret",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "key"),
    )


def downgrade() -> None:
    """Downgrades the schema."""
    op.drop_table("secret")
    op.drop_index("promise_by_saga", table_name="promise")
    op.drop_index("promise_by_expiry", table_name="promise")
    op.drop_table("promise")
    op.drop_table("step")
    op.drop_index("saga_by_state", table_name="saga")
    op.drop_table("saga")
    op.drop_table("gateway")
