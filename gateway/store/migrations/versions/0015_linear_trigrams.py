"""Trigram functions in linear time, of the first 1,000 characters of a title.

The loop over ``substr`` and ``array_append`` was quadratic: a title of 20,000 characters took 9.5 s to write, one of 40,000
exceeded the statement timeout.
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_LINEAR = (
    """
    CREATE OR REPLACE FUNCTION trigrams(words text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        WITH head AS MATERIALIZED (SELECT left(words, 1000) AS words)
        SELECT coalesce(array_agg(substr(head.words, place, 3)), '{}')
        FROM head, generate_series(1, length(head.words) - 2) AS place
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION trigrams(words text, at bigint) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        WITH head AS MATERIALIZED (SELECT left(words, 1000) AS words)
        SELECT coalesce(array_agg(substr(head.words, place, 3) || (at >> 41)::text), '{}')
        FROM head, generate_series(1, length(head.words) - 2) AS place
    $$
    """,
)
_LOOP = (
    """
    CREATE OR REPLACE FUNCTION trigrams(words text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
    DECLARE
        found text[] := '{}';
    BEGIN
        FOR place IN 1 .. length(words) - 2 LOOP
            found := array_append(found, substr(words, place, 3));
        END LOOP;
        RETURN found;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION trigrams(words text, at bigint) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
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
)


def upgrade() -> None:
    """Upgrades the functions. Index entries of longer titles stay: matches are compared with the whole title anyway."""
    _replace(_LINEAR)


def downgrade() -> None:
    """Downgrades the schema."""
    _replace(_LOOP)


def _replace(functions: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for each in functions:
            op.execute(each)
