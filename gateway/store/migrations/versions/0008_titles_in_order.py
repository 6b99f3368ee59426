"""Trigram indexes in the sort orders of sessions, and due sort keys of sessions without a due date."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_FORMER_NEVER = 253_370_764_800_000_000
"""Microseconds since 1970 of the year 9999, the former due sort key of sessions without a due date."""
_NEVER = 221_845_392_000_000_000
"""The year 9000, to which their creation (since 1970) is added from now on."""
_LATEST = 29_348_006_400_000_000
"""The year 2900: sessions created later sort as if created then."""

_POSTGRESQL = (
    'CREATE INDEX session_by_due ON session (due_at, provider, "key")',
    'CREATE INDEX session_by_branch_due ON session (provider, kind, status, due_at, "key")',
    "CREATE INDEX session_by_trigram ON session USING gin (trigrams(title_folded)) WITH (fastupdate = off)",
    """
    CREATE FUNCTION trigrams(words text, at bigint) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
    DECLARE
        found text[] := '{}';
        span text := at >> 41;
    BEGIN
        FOR place IN 1 .. length(words) - 2 LOOP
            found := array_append(found, substr(words, place, 3) || span);
        END LOOP;
        RETURN found;
    END $$
    """,
    "CREATE INDEX session_by_trigram_created ON session USING gin (trigrams(title_folded, created_at)) WITH (fastupdate = off)",
    "CREATE INDEX session_by_trigram_due ON session USING gin (trigrams(title_folded, due_at)) WITH (fastupdate = off)",
    "ANALYZE session",
)
_POSTGRESQL_ASIDE = (
    "DROP INDEX IF EXISTS session_by_trigram",
    "DROP INDEX IF EXISTS session_by_gram",
    "DROP FUNCTION IF EXISTS grams(text)",
    "DROP INDEX session_by_due",
    "DROP INDEX session_by_branch_due",
)
_POSTGRESQL_BACK = (
    "DROP INDEX session_by_trigram_due",
    "DROP INDEX session_by_trigram_created",
    "DROP FUNCTION trigrams(text, bigint)",
)


_MADE = """
        INSERT INTO title
            SELECT coalesce((SELECT max(id) + 1 FROM title WHERE id BETWEEN first AND first + 16777215), first),
                coalesce((SELECT max(due) + 1 FROM title WHERE due BETWEEN first_due AND first_due + 16777215), first_due),
                NEW.provider, NEW."key", NEW.title_folded, NEW.created_at, NEW.due_at
            FROM (SELECT NEW.created_at / 1000000 * 16777216 AS first, NEW.due_at / 1000000 * 16777216 AS first_due)
            WHERE NEW.title_folded IS NOT NULL;
"""
"""Numbers a title with the next free numbers: each second has room for 2^24."""
_GONE = """DELETE FROM title WHERE provider = OLD.provider AND "key" = OLD."key";"""
_TABLE = """
    CREATE TABLE title (
        id INTEGER PRIMARY KEY,
        due INTEGER NOT NULL UNIQUE,
        provider VARCHAR(64) NOT NULL,
        "key" TEXT NOT NULL,
        folded TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        due_at BIGINT NOT NULL,
        UNIQUE (provider, "key")
    )
"""
_FILL = """
    INSERT INTO title
        SELECT created_at / 1000000 * 16777216
                + row_number() OVER (PARTITION BY created_at / 1000000 ORDER BY provider, "key") - 1,
            due_at / 1000000 * 16777216 + row_number() OVER (PARTITION BY due_at / 1000000 ORDER BY provider, "key") - 1,
            provider, "key", title_folded, created_at, due_at
        FROM session WHERE title_folded IS NOT NULL
"""


def _index(name: str, number: str) -> str:
    return f"""
        CREATE VIRTUAL TABLE {name} USING fts5(
            folded, content='title', content_rowid='{number}', tokenize='trigram case_sensitive 1', detail='none', columnsize=0
        )
    """


_SQLITE = (
    _TABLE,
    _FILL,
    _index("title_by_created", "id"),
    _index("title_by_due", "due"),
    "INSERT INTO title_by_created (title_by_created) VALUES ('rebuild')",
    "INSERT INTO title_by_due (title_by_due) VALUES ('rebuild')",
    """
    CREATE TRIGGER title_made AFTER INSERT ON title BEGIN
        INSERT INTO title_by_created (rowid, folded) VALUES (NEW.id, NEW.folded);
        INSERT INTO title_by_due (rowid, folded) VALUES (NEW.due, NEW.folded);
    END
    """,
    """
    CREATE TRIGGER title_gone AFTER DELETE ON title BEGIN
        INSERT INTO title_by_created (title_by_created, rowid, folded) VALUES ('delete', OLD.id, OLD.folded);
        INSERT INTO title_by_due (title_by_due, rowid, folded) VALUES ('delete', OLD.due, OLD.folded);
    END
    """,
    "CREATE TRIGGER session_made AFTER INSERT ON session BEGIN {made} END",
    """
    CREATE TRIGGER session_moved AFTER UPDATE OF title_folded, created_at, due_at ON session
    WHEN (NEW.title_folded, NEW.created_at, NEW.due_at) IS NOT (OLD.title_folded, OLD.created_at, OLD.due_at) BEGIN
        {gone} {made}
    END
    """,
    "CREATE TRIGGER session_gone AFTER DELETE ON session BEGIN {gone} END",
)
_SQLITE_BACK = (
    "DROP TRIGGER session_gone",
    "DROP TRIGGER session_moved",
    "DROP TRIGGER session_made",
    "DROP TABLE title_by_due",
    "DROP TABLE title_by_created",
    "DROP TABLE title",
)


def upgrade() -> None:
    """Upgrades the schema."""
    never = f"{_NEVER} + CASE WHEN created_at < 0 THEN 0 WHEN created_at > {_LATEST} THEN {_LATEST} ELSE created_at END"
    if _postgresql():
        # Half of all rows may change: indexes are sooner rebuilt than updated.
        _execute((*_POSTGRESQL_ASIDE, _former().TRIGRAMS))
        _never(f"= {_FORMER_NEVER}", never, _NEVER)
        _execute(_POSTGRESQL)
    else:
        _execute(_former().TITLES_IN_SQLITE_GONE)
        _never(f"= {_FORMER_NEVER}", never, _NEVER)
        _spell()
        _execute(tuple(each.replace("{made}", _MADE).replace("{gone}", _GONE) for each in _SQLITE))


def downgrade() -> None:
    """Downgrades the schema."""
    if _postgresql():
        _execute(_POSTGRESQL_BACK)
        _never(f">= {_NEVER}", str(_FORMER_NEVER), _FORMER_NEVER)
    else:
        _execute(_SQLITE_BACK)
        _never(f">= {_NEVER}", str(_FORMER_NEVER), _FORMER_NEVER)
        _spell(back=True)
        _execute(_former().TITLES_IN_SQLITE)


def _never(those: str, never: str, since: int) -> None:
    """Replaces the due sort keys of sessions without a due date."""
    op.drop_index("session_by_term", table_name="session")
    for name in ("session", "mailbox"):
        op.execute(
            sa.update(sa.table(name, sa.column("due_at"))).where(sa.text(f"due_at {those}")).values(due_at=sa.text(never))
        )
    op.execute(sa.text(f"CREATE INDEX session_by_term ON session ((due_at - created_at)) WHERE due_at < {since}"))


def _spell(*, back: bool = False) -> None:
    """Escapes NULs in folded titles, as in PostgreSQL, or restores them."""
    find = "SELECT rowid, title_folded FROM session WHERE instr(title_folded, char(0)) > 0 OR instr(title_folded, char(1)) > 0"
    for number, title in op.get_bind().exec_driver_sql(find).all():
        if back:
            spelled = title.replace("\x01\x01", "\x00").replace("\x01\x02", "\x01")
        else:
            spelled = title.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")
        op.get_bind().exec_driver_sql("UPDATE session SET title_folded = ? WHERE rowid = ?", (spelled, number))


def _former() -> Any:
    return import_module("gateway.store.migrations.versions.0007_list_pages")


def _postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _execute(statements: tuple[str, ...]) -> None:
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)
