"""Fragment cache: keeps the JSON of frozen objects by selection set, for as long as somebody else holds the object.

A selection set is cached where all of its fields are pure: plain attributes of a frozen object, and the properties and
resolvers that are declared ``pure``. Any other is called for every response.

Objects of which only a moment passes, as when they were seen, may share one ``content_identity``, and name in
``OBSERVATION_FIELDS`` the attributes that it does not stand for: the JSON of one is then that of all that share it.
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
from schema.execution.compiler.resolver_kinds import AttributeResolver, FunctionResolver
from schema.execution.compiler.runtime_types import RuntimeTypes
from schema.execution.execution_context import ExecuteSelectionSet, ExecutionContext, ResponsePath
from schema.execution.pending import Pending
from schema.execution.response import dump_json

_MAX_BYTES = 32 * 2**20
_IDENTITY = attrgetter("content_identity")


class FragmentCache:
    """All cached fragments of one schema. When ``max_bytes`` have been written, every fragment is dropped at once."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes_written = 0
        self._selections: WeakSet[CachedSelectionSet] = WeakSet()

    def __len__(self) -> int:
        """The objects that are held weakly, each once for every selection set that was executed on it."""
        return sum(len(each) for each in self._selections)

    def register(self, selection: CachedSelectionSet) -> None:
        """Has the fragments of a selection set counted and dropped with all others."""
        self._selections.add(selection)

    def count_bytes(self, size: int) -> None:
        """Counts the bytes of a fragment that was added."""
        self._bytes_written += size
        if self._bytes_written > self._max_bytes:
            self._bytes_written = 0
            for selection in self._selections:
                selection.clear()


class CachedSelectionSet:
    """A pure selection set of one frozen class. The second response that shows an object adds its fragment to the cache.

    Most objects are shown once, and would only fill it. Fragments are found by the ``id`` of the object, or of its
    ``content_identity``; a weak reference removes them with it.
    """

    __slots__ = ("__weakref__", "_cache", "_class", "_execute", "_fragments", "_has_identity", "_references")

    def __init__(self, execute: ExecuteSelectionSet, class_: type, cache: FragmentCache) -> None:
        self._execute = execute
        self._class = class_
        self._cache = cache
        self._has_identity = hasattr(class_, "content_identity")
        self._references: dict[int, ref[Any]] = {}
        self._fragments: dict[int, orjson.Fragment] = {}
        cache.register(self)

    def __len__(self) -> int:
        return len(self._references)

    def __call__(self, source: Any, execution: ExecutionContext, path: ResponsePath | None) -> Any:
        """The fragment of an object, or its response object where it has none yet."""
        if type(source) is not self._class:
            return self._execute(source, execution, path)
        owner = _IDENTITY(source) if self._has_identity else source
        return self._fragments.get(id(owner)) or self._execute_and_add(owner, source, execution, path)

    def cached_list(self, sources: Sequence[Any]) -> list[Any] | orjson.Fragment | None:
        """The fragments of a list's objects, where all have one; a single one, where the list itself is shown again."""
        if not self._fragments:
            return None
        if (whole := self._fragments.get(id(sources))) is not None:
            return whole
        try:
            owners = map(_IDENTITY, sources) if self._has_identity else sources
            fragments = [*map(self._fragments.get, map(id, owners))]
        except AttributeError:  # an item of another class
            return None
        if None in fragments:
            return None
        return self._add_when_repeated(sources, fragments) if type(sources).__weakrefoffset__ else fragments

    def clear(self) -> None:
        """Drops every fragment."""
        self._references.clear()
        self._fragments.clear()

    def _execute_and_add(self, owner: Any, source: Any, execution: ExecutionContext, path: ResponsePath | None) -> Any:
        errors = len(execution.errors)
        response = self._execute(source, execution, path)
        if type(response) is Pending or len(execution.errors) != errors:
            return response
        return self._add_when_repeated(owner, response)

    def _add_when_repeated(self, owner: Any, response: Any) -> Any:
        """Adds the fragment of a response object that is made for the second time; returns what the response shows."""
        key = id(owner)
        if key not in self._references:
            self._references[key] = ref(owner, partial(self._remove, key))
            return response
        if (text := dump_json(response)) is None:
            return response
        # Copied, because bytes from orjson hold on to 4 kB however short they are.
        fragment = self._fragments[key] = orjson.Fragment(bytes(memoryview(text)))
        self._cache.count_bytes(len(text))
        return fragment

    def _remove(self, key: int, _: object) -> None:
        self._references.pop(key, None)
        self._fragments.pop(key, None)


def is_pure(class_: type, field: Field, pure_selections: set[ExecuteSelectionSet]) -> bool:
    """Whether a field of a frozen class is pure, and so is its subselection, which is then in ``pure_selections``."""
    kind = field.kind
    match kind:
        case AttributeResolver():
            if kind.name in getattr(class_, "OBSERVATION_FIELDS", ()) or not (
                kind.pure or _is_plain_attribute(class_, kind.name)
            ):
                return False
        case FunctionResolver():
            if not (kind.pure and kind.arguments.literal):
                return False
        case _:
            return False
    type_ = get_named_type(field.definition.type)
    return is_leaf_type(type_) or (isinstance(type_, GraphQLObjectType) and field.subselection(type_) in pure_selections)


def cacheable_class(runtime_types: RuntimeTypes, type_: GraphQLObjectType) -> type | None:
    """The frozen dataclass that a type is bound to; None where its objects may change."""
    class_ = runtime_types.model_class(type_)
    if class_ is None or not is_dataclass(class_):
        return None
    return class_ if class_.__dataclass_params__.frozen else None  # type: ignore[attr-defined]


def _is_plain_attribute(class_: Any, name: str) -> bool:
    return name in {each.name for each in fields(class_)}
