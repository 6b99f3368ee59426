"""What the answer shows of objects that cannot change, kept as JSON for as long as somebody else holds them.

A selection is unchanging where all of it is: attributes of frozen objects, and functions of those alone. A field function
that takes no ``info`` has to be such a function.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from functools import partial
from typing import Any
from weakref import WeakSet, ref

import orjson
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from schema.execution.answer import written
from schema.execution.field import Field
from schema.execution.known import Known
from schema.execution.resolve import Attribute, Function, Manner
from schema.execution.run import Path, Pending, Run, Select

_MOST = 32 * 2**20


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

    ``shown`` is what is kept, by the ``id`` of each object.
    """

    __slots__ = ("__weakref__", "_seen", "_select", "_shelves", "_values", "shown")

    def __init__(self, select: Select, values: type, shelves: Shelves) -> None:
        self._select = select
        self._values = values
        self._shelves = shelves
        self._seen: dict[int, ref[Any]] = {}
        self.shown: dict[int, orjson.Fragment] = {}
        shelves.add(self)

    def __len__(self) -> int:
        return len(self._seen)

    def __call__(self, source: Any, run: Run, path: Path | None) -> Any:
        """The answer's object of a value."""
        return self.shown.get(id(source)) or self._show(source, run, path)

    def clear(self) -> None:
        """Forgets everything."""
        self._seen.clear()
        self.shown.clear()

    def _show(self, source: Any, run: Run, path: Path | None) -> Any:
        failures = len(run.errors)
        shown = self._select(source, run, path)
        if type(source) is not self._values or type(shown) is Pending or len(run.errors) != failures:
            return shown
        key = id(source)
        if key not in self._seen:
            self._seen[key] = ref(source, partial(self._forget, key))
            return shown
        if (text := written(shown)) is None:
            return shown
        # Copied, as what orjson gives holds on to 4 kB however short it is.
        kept = self.shown[key] = orjson.Fragment(bytes(memoryview(text)))
        self._shelves.grown(len(text))
        return kept

    def _forget(self, key: int, _: object) -> None:
        self._seen.pop(key, None)
        self.shown.pop(key, None)


def unchanging(field: Field, how: Manner | None, selections: set[Any]) -> bool:
    """Whether a field of an object that cannot change is always the same; ``selections`` are those that are."""
    alone = isinstance(how, Function) and how.info is None and not how.coroutine and how.arguments.fixed
    if not (alone or isinstance(how, Attribute)):
        return False
    type_ = get_named_type(field.definition.type)
    return is_leaf_type(type_) or (isinstance(type_, GraphQLObjectType) and field.selecting(type_) in selections)


def frozen(known: Known, type_: GraphQLObjectType) -> type | None:
    """The class that a type describes, if its objects cannot change."""
    values = known.described(type_)
    if values is None or not is_dataclass(values):
        return None
    return values if values.__dataclass_params__.frozen else None  # type: ignore[attr-defined]
