"""Titles by the groups of three characters in them, so that a part of a title is found without reading all.

What is found this way may be too much and is never too little: whether a title really has the part, its own text says.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, column, func, literal, select, text
from sqlalchemy import table as named
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import table

_LEAST: Final = 3
"""A shorter part is in no group, and in most titles."""
_ENOUGH: Final = 48
"""So many characters of a part tell it from others."""
_BALANCE: Final = 25
"""Where both ways cost the same: a page's fifty divided by f are read, or twice f of all, as those lie far apart."""

_title = named("title", column("id"), column("provider"), column("key"))
_trigram = named("title_trigram", column("rowid"), column("title_trigram"))
_FREQUENCY: Final = text(
    """
    WITH known AS (
        SELECT most_common_elems::text::text[] AS groups, most_common_elem_freqs AS frequencies FROM pg_stats
        WHERE schemaname = current_schema() AND tablename = 'session_by_trigram'
    )
    SELECT min(coalesce(known.frequencies[array_position(known.groups, each)], 0)),
           (SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'session'::regclass)
    FROM unnest(trigrams(:part)) AS each LEFT JOIN known ON true
    """
)


def usable(part: str) -> bool:
    """Whether groups can tell which titles have this part. A NUL ends what SQLite reads of a text."""
    return len(part) >= _LEAST and "\x00" not in part


def listed(part: str) -> Select[Any]:
    """The provider and key of every session whose title may have this part, in SQLite.

    Any with a NUL may have it, as groups behind that are not known.
    """
    both = _trigram.join(_title, _title.c.id == _trigram.c.rowid)
    columns = (_title.c.provider, _title.c.key)
    known = select(*columns).select_from(both).where(_trigram.c.title_trigram.match(_phrases(part[:_ENOUGH])))
    either = known.union_all(select(*columns).where(text("instr(folded, char(0)) > 0"))).subquery()
    # Of rows that are in one of two lists, SQLite would read all.
    return select(either.c.provider, either.c.key)


def grouped(part: str, title: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a title may have this part, in PostgreSQL."""
    return func.trigrams(title).bool_op("@>")(func.trigrams(literal(part[:_ENOUGH], table.Words())))


async def rare(connection: AsyncConnection, part: str) -> bool:
    """Whether it costs less to put all titles in order that may have this part than to read on until enough have it.

    PostgreSQL knows how frequent a group is, and takes each for independent of the others: the least frequent of them
    tells more.
    """
    frequency, count = (await connection.execute(_FREQUENCY, {"part": table.Words().spelled(part[:_ENOUGH])})).one()
    return bool(frequency * frequency * count < _BALANCE)


def _phrases(part: str) -> str:
    """One group after the other, and the last, which may share characters with the one before."""
    starts = [*range(0, len(part) - _LEAST + 1, _LEAST), len(part) - _LEAST]
    groups = dict.fromkeys(part[start : start + _LEAST].replace('"', '""') for start in starts)
    return " ".join(f'"{group}"' for group in groups)
