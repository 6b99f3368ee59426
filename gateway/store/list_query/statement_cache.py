"""What questions for a title have in common that differ in their values alone: they are put into words once, with blanks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from sqlalchemy import Integer, Text, bindparam

from gateway.store import tables
from gateway.store.engine.datatype import Folded, Instant
from gateway.store.list_query.filter import PageRequest, Position, SessionFilter, SessionOrder
from gateway.store.list_query.keyset import Keyset
from gateway.store.list_query.trigram import told

_RANGES: Final = ("created_from", "created_to", "due_from", "due_to")
_EDGES: Final = ("after", "before")
_PLACE: Final = {"at": Instant(), "provider": tables.session.c.provider.type, "key": tables.session.c.key.type}
_TYPES: Final[Mapping[str, Any]] = {
    "part": Folded(),
    "groups": Text(),
    "limit": Integer(),
    **dict.fromkeys((*_RANGES, "low", "high"), Instant()),
    **{f"{edge}_{name}": type_ for edge in _EDGES for name, type_ in _PLACE.items()},
}


@dataclass(frozen=True, slots=True)
class Form:
    """In which order and direction is read, and which ``blanks`` there are. Nothing but a title and instants may matter."""

    order: SessionOrder
    backwards: bool
    blanks: frozenset[str]

    @classmethod
    def of(cls, part: str, wanted: SessionFilter, keyset: Keyset) -> tuple[Self, Mapping[str, Any]]:
        """The form of a question for a part of a title, and what its blanks are filled in with."""
        low, high = keyset.within(wanted)
        values = {"part": part, "groups": told(part), "limit": keyset.part.limit, "low": low, "high": high}
        values |= {name: getattr(wanted, name) for name in _RANGES}
        for edge in _EDGES:
            if (position := getattr(keyset.part, edge)) is not None:
                values |= {f"{edge}_{name}": getattr(position, name) for name in _PLACE}
        filled = {name: value for name, value in values.items() if value is not None}
        return cls(keyset.order, keyset.part.backwards, frozenset(filled)), filled

    def blank(self, name: str) -> Any:
        """What is filled in later; None where the question has no such value."""
        return bindparam(name, type_=_TYPES[name]) if name in self.blanks else None

    @property
    def wanted(self) -> SessionFilter:
        """Between which instants sessions are wanted, with blanks."""
        return SessionFilter(**{name: self.blank(name) for name in _RANGES})

    @property
    def keyset(self) -> Keyset:
        """The slice, with blanks."""
        after, before = map(self._edge, _EDGES)
        return Keyset(self.order, PageRequest(limit=self.blank("limit"), after=after, before=before, backwards=self.backwards))

    def _edge(self, edge: str) -> Position | None:
        return Position(*(self.blank(f"{edge}_{name}") for name in _PLACE)) if f"{edge}_at" in self.blanks else None
