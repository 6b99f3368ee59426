"""Epoch of the event log, by which a cursor names one event of one log."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrades the schema. Cursors of former builds have a number alone; they stay valid up to the present end of the log."""
    op.add_column("log", sa.Column("epoch", sa.String(length=32), nullable=True))
    op.add_column("log", sa.Column("trimmed_mark", sa.BigInteger(), nullable=True))
    op.add_column("log", sa.Column("unmarked", sa.BigInteger(), nullable=True))
    log = sa.table("log", sa.column("epoch"), sa.column("unmarked"), sa.column("head"))
    op.execute(log.update().values(epoch=secrets.token_hex(16), unmarked=log.c.head))


def downgrade() -> None:
    """Downgrades the schema."""
    with op.batch_alter_table("log") as log:
        for column in ("unmarked", "trimmed_mark", "epoch"):
            log.drop_column(column)
