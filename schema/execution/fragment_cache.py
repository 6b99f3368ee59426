"""What the answer shows of objects that cannot change, kept as JSON for as long as somebody else holds them.

A selection is unchanging where all of its fields are pure: plain attributes of frozen objects, and the properties and
resolvers that are declared ``pure``. Any other is called for every response.

Objects of which only a moment passes, as when they were seen, may share one thing that is a ``content_identity``, and name in
``OBSERVATION_FIELDS`` the attributes that it does not stand for: what is kept of one is then kept of all that share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from operator import attrgetter
from typing import Any
from weakref import WeakSet, ref

import orjson
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from schema.execution.compiler.field import Field
from schema.execution.compiler.resolvers import Attribute, Function, Manner
from schema.execution.compiler.runtime_types import Known
from schema.execution.response import written
from schema.execution.run import Path, Pending, Run, Select

_MOST = 32 * 2**20
_LASTING = attrgetter("content_identity")


class Shelves:
    """All that is kept for one schema. When ``most`` bytes have been written, all is forgotten, and it begins anew."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._written = 0
        self._shelves: WeakSet[Kept] = WeakSet()

    def __len__(self) -> int:
        """How many objects are known here, each once for every selection that has shown it."""
        return sum(len(each) for each in self._shelves)

    def add(self, shelf: Kept) -> None:
        """Has a selection's objects counted along."""
        self._shelves.add(shelf)

    def grown(self, size: int) -> None:
        """So many bytes were written."""
        self._written += size
        if self._written > self._most:
            self._written = 0
            for shelf in self._shelves:
                shelf.clear()


class Kept:
    """An unchanging selection of objects of one class. What is shown a second time is kept: most objects never are.

    It is kept by the ``id`` of each object, or of what is lasting of it.
    """

    __slots__ = ("__weakref__", "_lasting", "_seen", "_select", "_shelves", "_shown", "_values")

    def __init__(self, select: Select, values: type, shelves: Shelves) -> None:
        self._select = select
        self._values = values
        self._shelves = shelves
        self._lasting = hasattr(values, "content_identity")
        self._seen: dict[int, ref[Any]] = {}
        self._shown: dict[int, orjson.Fragment] = {}
        shelves.add(self)

    def __len__(self) -> int:
        return len(self._seen)

    def __call__(self, source: Any, run: Run, path: Path | None) -> Any:
        """The answer's object of a value."""
        if type(source) is not self._values:
            return self._select(source, run, path)
        lasting = _LASTING(source) if self._lasting else source
        return self._shown.get(id(lasting)) or self._show(lasting, source, run, path)

    def all(self, sources: Sequence[Any]) -> list[Any] | orjson.Fragment | None:
        """The answer's objects of these values, where all of them are kept: as one, if they are asked for together again."""
        if not self._shown:
            return None
        if (together := self._shown.get(id(sources))) is not None:
            return together
        try:
            lasting = map(_LASTING, sources) if self._lasting else sources
            found = [*map(self._shown.get, map(id, lasting))]
        except AttributeError:  # what is not even of the class
            return None
        if None in found:
            return None
        return self._keep(sources, found) if type(sources).__weakrefoffset__ else found

    def clear(self) -> None:
        """Forgets everything."""
        self._seen.clear()
        self._shown.clear()

    def _show(self, lasting: Any, source: Any, run: Run, path: Path | None) -> Any:
        failures = len(run.errors)
        shown = self._select(source, run, path)
        if type(shown) is Pending or len(run.errors) != failures:
            return shown
        return self._keep(lasting, shown)

    def _keep(self, lasting: Any, shown: Any) -> Any:
        """Keeps what is shown a second time."""
        key = id(lasting)
        if key not in self._seen:
            self._seen[key] = ref(lasting, partial(self._forget, key))
            return shown
        if (text := written(shown)) is None:
            return shown
        # Copied, as what orjson gives holds on to 4 kB however short it is.
        kept = self._shown[key] = orjson.Fragment(bytes(memoryview(text)))
        self._shelves.grown(len(text))
        return kept

    def _forget(self, key: int, _: object) -> None:
        self._seen.pop(key, None)
        self._shown.pop(key, None)


def unchanging(values: type, field: Field, how: Manner | None, selections: set[Any]) -> bool:
    """Whether a field of a frozen class is pure, and so are the fields selected of it; ``selections`` are those that are."""
    match how:
        case Attribute():
            if how.name in getattr(values, "OBSERVATION_FIELDS", ()) or not (
                how.pure or how.name in {each.name for each in fields(values)}
            ):
                return False
        case Function():
            if not (how.pure and how.arguments.fixed):
                return False
        case _:
            return False
    type_ = get_named_type(field.definition.type)
    return is_leaf_type(type_) or (isinstance(type_, GraphQLObjectType) and field.selecting(type_) in selections)


def frozen(known: Known, type_: GraphQLObjectType) -> type | None:
    """The class that a type describes, if its objects cannot change."""
    values = known.described(type_)
    if values is None or not is_dataclass(values):
        return None
    return values if values.__dataclass_params__.frozen else None  # type: ignore[attr-defined]
