"""Event log, poll times of sessions, leases, and the inbox of webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrades the schema."""
    _complete_former()
    with op.batch_alter_table("session") as session:
        session.add_column(sa.Column("changed_at", sa.BigInteger(), nullable=False, server_default="0"))
        session.add_column(sa.Column("poll_at", sa.BigInteger(), nullable=True))
        session.add_column(sa.Column("watched_until", sa.BigInteger(), nullable=True))
        session.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.execute(sa.text("UPDATE session SET changed_at = observed_at"))
    op.execute(sa.text("UPDATE session SET poll_at = 0 WHERE NOT settled"))
    with op.batch_alter_table("session") as session:
        session.alter_column("changed_at", existing_type=sa.BigInteger(), existing_nullable=False, server_default=None)
        session.alter_column("version", existing_type=sa.Integer(), existing_nullable=False, server_default=None)
        session.alter_column("reference", existing_type=sa.String(length=1024), existing_nullable=True, type_=sa.Text())
        session.create_index("session_by_poll", ["provider", "poll_at"])
        session.create_index("session_by_watch", ["provider", "watched_until"])
    with op.batch_alter_table("mailbox") as mailbox:
        mailbox.alter_column("email", existing_type=sa.String(length=320), existing_nullable=False, type_=sa.Text())
    with op.batch_alter_table("sync") as sync:
        sync.alter_column("synced_at", existing_type=sa.BigInteger(), nullable=True)
        sync.add_column(sa.Column("looked_at", sa.BigInteger(), nullable=True))
        sync.add_column(sa.Column("swept_at", sa.BigInteger(), nullable=True))
        sync.add_column(sa.Column("sweep", sa.BigInteger(), nullable=True))
    op.create_table(
        "event",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("session_key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=24), nullable=True),
        sa.Column("from_status", sa.String(length=24), nullable=True),
        sa.Column("to_status", sa.String(length=24), nullable=True),
        sa.Column("participant", sa.Text(), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.Column("provider_status", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=True),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("event_by_session", "event", ["provider", "session_key", "seq"], unique=False)
    op.create_index("event_by_time", "event", ["observed_at"], unique=False)
    log = op.create_table(
        "log",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("trimmed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(log, [{"id": 1, "head": 0, "trimmed": 0}])
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("event_name", sa.Text(), nullable=True),
        sa.Column("session_key", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("verification", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("problem", sa.LargeBinary(), nullable=True),
        sa.Column("duplicate_of", sa.String(length=32), nullable=True),
        sa.Column("same_id", sa.Text(), nullable=True),
        sa.Column("same_body", sa.String(length=64), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("delivery_by_time", "delivery", ["received_at", "id"], unique=False)
    op.create_index("delivery_by_due", "delivery", ["due_at"], unique=False)
    op.create_index("delivery_by_id", "delivery", ["provider", "same_id"], unique=True)
    op.create_index("delivery_by_body", "delivery", ["provider", "same_body"], unique=True)


def downgrade() -> None:
    """Downgrades the schema."""
    for index in ("delivery_by_body", "delivery_by_id", "delivery_by_due", "delivery_by_time"):
        op.drop_index(index, table_name="delivery")
    op.drop_table("delivery")
    op.drop_table("lease")
    op.drop_table("log")
    op.drop_index("event_by_time", table_name="event")
    op.drop_index("event_by_session", table_name="event")
    op.drop_table("event")
    op.execute(sa.text("DELETE FROM sync WHERE synced_at IS NULL"))
    with op.batch_alter_table("sync") as sync:
        for column in ("sweep", "swept_at", "looked_at"):
            sync.drop_column(column)
        sync.alter_column("synced_at", existing_type=sa.BigInteger(), nullable=False)
    with op.batch_alter_table("session") as session:
        session.drop_index("session_by_watch")
        session.drop_index("session_by_poll")
        for column in ("version", "watched_until", "poll_at", "changed_at"):
            session.drop_column(column)
        session.alter_column(
            "reference",
            existing_type=sa.Text(),
            existing_nullable=True,
            type_=sa.String(length=1024),
            postgresql_using="substr(reference, 1, 1024)",
        )
    with op.batch_alter_table("mailbox") as mailbox:
        mailbox.alter_column(
            "email",
            existing_type=sa.Text(),
            existing_nullable=False,
            type_=sa.String(length=320),
            postgresql_using="substr(email, 1, 320)",
        )


def _complete_former() -> None:
    """Completes databases of the first builds, which lack what the two revisions before this one had in the end."""
    there = sa.inspect(op.get_bind())
    if any(column["name"] == "final" for column in there.get_columns("session")):
        op.execute(sa.text("ALTER TABLE session RENAME COLUMN final TO settled"))
    if not there.has_table("secret"):
        op.add_column("saga", sa.Column("result", sa.LargeBinary(), nullable=True))
        op.add_column("promise", sa.Column("saga", sa.String(length=64), nullable=True))
        op.add_column("promise", sa.Column("before", sa.LargeBinary(), nullable=True))
        op.create_index("promise_by_saga", "promise", ["saga"], unique=False)
        op.create_table(
            "secret",
            sa.Column("kind", sa.String(length=16), nullable=False),
            sa.Column("key", sa.String(length=128), nullable=False),
            sa.Column("body", sa.LargeBinary(), nullable=False),
            sa.Column("expires_at", sa.BigInteger(), nullable=True),
            sa.PrimaryKeyConstraint("kind", "key"),
        )
