"""Statement cache: title searches of one shape share one compiled statement, with their values bound on execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from sqlalchemy import Integer, Text, bindparam

from gateway.store import tables
from gateway.store.engine.datatype import FoldedText, Instant
from gateway.store.list_query.filter import SessionFilter, SessionOrder
from gateway.store.list_query.keyset import Keyset, PageRequest, Position
from gateway.store.list_query.text_folding import indexed_part

_TIMES: Final = ("created_from", "created_to", "due_from", "due_to")
_EDGES: Final = ("after", "before")
_POSITION: Final = {"at": Instant(), "provider": tables.session.c.provider.type, "key": tables.session.c.key.type}
_TYPES: Final[Mapping[str, Any]] = {
    "part": FoldedText(),
    "indexed_part": Text(),
    "limit": Integer(),
    **dict.fromkeys((*_TIMES, "low", "high"), Instant()),
    **{f"{edge}_{name}": type_ for edge in _EDGES for name, type_ in _POSITION.items()},
}


@dataclass(frozen=True, slots=True)
class QueryShape:
    """Cache key of a title search: its order and direction, and the names of its bound values.

    It covers searches whose only criteria are the title and the time that is sorted by.
    """

    order: SessionOrder
    backwards: bool
    bound: frozenset[str]

    @classmethod
    def of(cls, part: str, criteria: SessionFilter, keyset: Keyset) -> tuple[Self, Mapping[str, Any]]:
        """The shape of a search for a part of a title, and the values to bind."""
        low, high = keyset.time_bounds(criteria)
        values = {"part": part, "indexed_part": indexed_part(part), "limit": keyset.page.limit, "low": low, "high": high}
        values |= {name: getattr(criteria, name) for name in _TIMES}
        for edge in _EDGES:
            if (position := getattr(keyset.page, edge)) is not None:
                values |= {f"{edge}_{name}": getattr(position, name) for name in _POSITION}
        values = {name: value for name, value in values.items() if value is not None}
        return cls(keyset.order, keyset.page.backwards, frozenset(values)), values

    def parameter(self, name: str) -> Any:
        """The bind parameter of a value; None where searches of this shape have no such value."""
        return bindparam(name, type_=_TYPES[name]) if name in self.bound else None

    @property
    def criteria(self) -> SessionFilter:
        """The filter by time, with parameters in the place of values."""
        return SessionFilter(**{name: self.parameter(name) for name in _TIMES})

    @property
    def keyset(self) -> Keyset:
        """The keyset, with parameters in the place of values."""
        after, before = map(self._edge, _EDGES)
        page = PageRequest(limit=self.parameter("limit"), after=after, before=before, backwards=self.backwards)
        return Keyset(self.order, page)

    def _edge(self, edge: str) -> Position | None:
        return Position(*(self.parameter(f"{edge}_{name}") for name in _POSITION)) if f"{edge}_at" in self.bound else None
