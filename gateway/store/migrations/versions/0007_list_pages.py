"""Indexes of list pages: skip scans, mailboxes in sort order, and trigrams of titles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FAR_FUTURE = 253_370_764_800_000_000
"""Microseconds since 1970 of the year 9999, the due sort key of sessions without a due date."""

TRIGRAMS = """
CREATE OR REPLACE FUNCTION trigrams(words text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    found text[] := '{}';
BEGIN
    FOR place IN 1 .. length(words) - 2 LOOP
        found := array_append(found, substr(words, place, 3));
    END LOOP;
    RETURN found;
END $$
"""

_POSTGRESQL = (
    TRIGRAMS,
    "CREATE INDEX session_by_trigram ON session USING gin (trigrams(title_folded)) WITH (fastupdate = off)",
)
_POSTGRESQL_BACK = ("DROP INDEX session_by_trigram", "DROP FUNCTION trigrams(text)")

# An index of characters refers to rows by numbers that nothing may change: the implicit ones of a table do not stay.
# Whoever makes the table of sessions anew takes its triggers away and has to make them again.
TITLES_IN_SQLITE = (
    """
    CREATE TABLE title (
        id INTEGER PRIMARY KEY,
        provider VARCHAR(64) NOT NULL,
        "key" TEXT NOT NULL,
        folded TEXT NOT NULL,
        UNIQUE (provider, "key")
    )
    """,
    'CREATE INDEX title_with_nul ON title (provider, "key") WHERE instr(folded, char(0)) > 0',
    """
    CREATE VIRTUAL TABLE title_trigram USING fts5(
        folded, content='title', content_rowid='id', tokenize='trigram case_sensitive 1', detail='none', columnsize=0
    )
    """,
    """
    CREATE TRIGGER title_made AFTER INSERT ON title BEGIN
        INSERT INTO title_trigram (rowid, folded) VALUES (NEW.id, NEW.folded);
    END
    """,
    """
    CREATE TRIGGER title_gone AFTER DELETE ON title BEGIN
        INSERT INTO title_trigram (title_trigram, rowid, folded) VALUES ('delete', OLD.id, OLD.folded);
    END
    """,
    """
    CREATE TRIGGER session_made AFTER INSERT ON session WHEN NEW.title_folded IS NOT NULL BEGIN
        INSERT INTO title (provider, "key", folded) VALUES (NEW.provider, NEW."key", NEW.title_folded);
    END
    """,
    """
    CREATE TRIGGER session_renamed AFTER UPDATE OF title_folded ON session WHEN NEW.title_folded IS NOT OLD.title_folded BEGIN
        DELETE FROM title WHERE provider = OLD.provider AND "key" = OLD."key";
        INSERT INTO title (provider, "key", folded)
            SELECT NEW.provider, NEW."key", NEW.title_folded WHERE NEW.title_folded IS NOT NULL;
    END
    """,
    """
    CREATE TRIGGER session_gone AFTER DELETE ON session BEGIN
        DELETE FROM title WHERE provider = OLD.provider AND "key" = OLD."key";
    END
    """,
    """
    INSERT INTO title (provider, "key", folded)
        SELECT provider, "key", title_folded FROM session WHERE title_folded IS NOT NULL
    """,
)
# The build that first had this revision called its index of characters by another name.
TITLES_IN_SQLITE_GONE = (
    "DROP TRIGGER session_gone",
    "DROP TRIGGER session_renamed",
    "DROP TRIGGER session_made",
    "DROP TABLE IF EXISTS title_trigram",
    "DROP TABLE IF EXISTS title_gram",
    "DROP TABLE title",
)


def upgrade() -> None:
    """Upgrades the schema."""
    op.create_index("session_by_branch_created", "session", ["provider", "kind", "status", "created_at", "key"])
    op.create_index("session_by_branch_due", "session", ["provider", "kind", "status", "due_at", "key"])
    still_open = sa.text("settled IS false" if _postgresql() else "settled IS 0")
    op.create_index("session_by_open", "session", ["provider", "poll_at"], sqlite_where=still_open, postgresql_where=still_open)
    op.drop_index("session_by_provider", table_name="session")
    with op.batch_alter_table("mailbox") as mailbox:
        mailbox.add_column(sa.Column("created_at", sa.BigInteger(), nullable=False, server_default="0"))
        mailbox.add_column(sa.Column("due_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(
        sa.text(
            "UPDATE mailbox SET created_at = session.created_at, due_at = session.due_at FROM session"
            ' WHERE session.provider = mailbox.provider AND session."key" = mailbox.session_key'
        )
    )
    with op.batch_alter_table("mailbox") as mailbox:
        mailbox.alter_column("created_at", existing_type=sa.BigInteger(), existing_nullable=False, server_default=None)
        mailbox.alter_column("due_at", existing_type=sa.BigInteger(), existing_nullable=False, server_default=None)
        _key(mailbox, "provider", "session_key", "email")
    op.create_index("mailbox_by_created", "mailbox", ["email", "created_at", "provider", "session_key"])
    op.create_index("mailbox_by_due", "mailbox", ["email", "due_at", "provider", "session_key"])
    op.execute(sa.text(f"CREATE INDEX session_by_term ON session ((due_at - created_at)) WHERE due_at < {_FAR_FUTURE}"))
    _execute(_POSTGRESQL if _postgresql() else TITLES_IN_SQLITE)


def downgrade() -> None:
    """Downgrades the schema."""
    _execute(_POSTGRESQL_BACK if _postgresql() else TITLES_IN_SQLITE_GONE)
    op.drop_index("session_by_term", table_name="session")
    op.drop_index("mailbox_by_due", table_name="mailbox")
    op.drop_index("mailbox_by_created", table_name="mailbox")
    with op.batch_alter_table("mailbox") as mailbox:
        _key(mailbox, "email", "provider", "session_key")
        mailbox.drop_column("due_at")
        mailbox.drop_column("created_at")
    op.create_index("session_by_provider", "session", ["provider", "settled", "created_at"])
    op.drop_index("session_by_open", table_name="session")
    op.drop_index("session_by_branch_due", table_name="session")
    op.drop_index("session_by_branch_created", table_name="session")


def _key(mailbox: BatchOperations, *columns: str) -> None:
    """A table of SQLite is made anew with the key that it is given; in PostgreSQL the former one goes first."""
    if _postgresql():
        mailbox.drop_constraint("mailbox_pkey", type_="primary")
    mailbox.create_primary_key("mailbox_pkey", list(columns))


def _postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _execute(statements: tuple[str, ...]) -> None:
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)
