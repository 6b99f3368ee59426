"""Metric rows, by minute and by hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrades the schema."""
    _complete_former()
    op.create_table(
        "metric",
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("span", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("at", "provider", "span", "gateway"),
    )


def downgrade() -> None:
    """Downgrades the schema."""
    op.drop_table("metric")


def _complete_former() -> None:
    """Completes databases of the first builds of the revision before this one, which lack what it had in the end."""
    there = sa.inspect(op.get_bind())
    if not any(column["name"] == "version" for column in there.get_columns("event")):
        op.add_column("event", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        with op.batch_alter_table("event") as event:
            event.alter_column("version", existing_type=sa.Integer(), existing_nullable=False, server_default=None)
    if not any(column["name"] == "looked_at" for column in there.get_columns("sync")):
        with op.batch_alter_table("sync") as sync:
            sync.alter_column("synced_at", existing_type=sa.BigInteger(), nullable=True)
            sync.add_column(sa.Column("looked_at", sa.BigInteger(), nullable=True))
            sync.add_column(sa.Column("swept_at", sa.BigInteger(), nullable=True))
            sync.add_column(sa.Column("sweep", sa.BigInteger(), nullable=True))
    for table, name, length in (("session", "reference", 1024), ("mailbox", "email", 320)):
        [type_] = [column["type"] for column in there.get_columns(table) if column["name"] == name]
        if getattr(type_, "length", None) is not None:
            with op.batch_alter_table(table) as changed:
                changed.alter_column(name, existing_type=sa.String(length=length), type_=sa.Text())
