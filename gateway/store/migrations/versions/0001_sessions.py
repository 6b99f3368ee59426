"""Session tables: sessions, the rows of lists that they were read from, signatures, and staged uploads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrades the schema."""
    op.create_table(
        "part",
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("session_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "key"),
    )
    op.create_index("part_by_session", "part", ["provider", "session_key"], unique=False)
    op.create_table(
        "session",
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("title_folded", sa.Text(), nullable=True),
        sa.Column("reference", sa.String(length=1024), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "key"),
    )
    op.create_index("session_by_created", "session", ["created_at", "provider", "key"], unique=False)
    op.create_index("session_by_due", "session", ["due_at", "provider", "key"], unique=False)
    op.create_index("session_by_provider", "session", ["provider", "settled", "created_at"], unique=False)
    op.create_index("session_by_reference", "session", ["reference"], unique=False, postgresql_using="hash")
    op.create_index("session_by_title", "session", ["title"], unique=False, postgresql_using="hash")
    op.create_table(
        "sync",
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("synced_at", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("provider"),
    )
    op.create_table(
        "upload",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=True),
        sa.Column("media_type", sa.String(length=255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("upload_by_expiry", "upload", ["expires_at"], unique=False)
    op.create_table(
        "mailbox",
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("session_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["provider", "session_key"], ["session.provider", "session.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("email", "provider", "session_key"),
    )
    op.create_table(
        "signature",
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("session_key", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["provider", "session_key"], ["session.provider", "session.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("provider", "session_key", "key"),
    )
    op.create_index("signature_by_time", "signature", ["at", "provider", "session_key", "key"], unique=False)
    op.create_table(
        "tag",
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("session_key", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider", "session_key", "key"],
            ["signature.provider", "signature.session_key", "signature.key"],
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tag", "provider", "session_key", "key"),
    )


def downgrade() -> None:
    """Downgrades the schema."""
    op.drop_table("tag")
    op.drop_index("signature_by_time", table_name="signature")
    op.drop_table("signature")
    op.drop_table("mailbox")
    op.drop_index("upload_by_expiry", table_name="upload")
    op.drop_table("upload")
    op.drop_table("sync")
    op.drop_index("session_by_title", table_name="session")
    op.drop_index("session_by_reference", table_name="session")
    op.drop_index("session_by_provider", table_name="session")
    op.drop_index("session_by_due", table_name="session")
    op.drop_index("session_by_created", table_name="session")
    op.drop_table("session")
    op.drop_index("part_by_session", table_name="part")
    op.drop_table("part")
