"""How much a document may ask for: measured in one pass before anything is validated, however its fragments multiply.

Every fragment is measured once. What it comes to is added wherever it is spread, so that a document whose expansion would
never end costs no more than its own length.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

from gateway.config import LimitSettings
from providers.errors import Forbidden, SigningError, TooLarge

_LIST: Final = 10
"""So many items a list counts for of which nobody says how many there may be."""
_MUTATION: Final = 100
"""What a mutation counts for: most are several calls to a provider."""
_READ: Final = 50
"""What a node counts for by itself: each may be a call to a provider."""
_LISTS: Final = ("ids", "names", "providers")
"""Arguments that say by their length how many items there will be."""
_NODES: Final = "nodes"
_COUNTABLE: Final = 10**9
_SIZES: Final = ("first", "last")
_INTROSPECTION: Final = frozenset({"__schema", "__type"})
_INTROSPECTION_DEPTH: Final = 24
"""As deep as the tools ask that write types out of a schema, whose lists within lists take several levels each."""

_log = logging.getLogger("countersign.limits")
_Parent = GraphQLObjectType | GraphQLInterfaceType | None


@dataclass(frozen=True, slots=True)
class _Measure:
    """What a selection comes to, its fragments in their places."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0
    introspection: int = 0
    """How deep it asks about the schema."""

    def beside(self, other: _Measure) -> _Measure:
        """Both together."""
        return _Measure(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.directives + other.directives,
            self.cost + other.cost,
            max(self.introspection, other.introspection),
        )


_NOTHING: Final = _Measure()


class Limits:
    """Says what is too much about a document; ``introspective`` is whether it may ask about the schema."""

    def __init__(self, schema: GraphQLSchema, settings: LimitSettings, *, introspective: bool = True) -> None:
        self._schema = schema
        self._settings = settings
        self._introspective = introspective

    def __call__(self, document: DocumentNode) -> Sequence[GraphQLError]:
        """An error for each bound that one of its operations goes beyond."""
        survey = _Survey(self._schema, document, self._settings.first)
        errors: list[GraphQLError] = []
        for operation in document.definitions:
            if isinstance(operation, OperationDefinitionNode):
                found = self._too_much(survey.operation(operation))
                errors += [GraphQLError(each.message, [operation], original_error=each) for each in found]
        return errors

    def require_affordable(
        self, document: DocumentNode, operation: OperationDefinitionNode, lengths: Mapping[str, int]
    ) -> None:
        """Raises ``TooLarge`` where an operation comes to too much, now that the lengths of lists in variables are known."""
        found = _Survey(self._schema, document, self._settings.first, lengths).operation(operation)
        for error in self._too_much(found):
            raise error

    def _too_much(self, found: _Measure) -> Iterator[SigningError]:
        limits = self._settings
        bounds = (
            ("depth", found.depth, limits.depth, "nests its fields", "levels deep"),
            ("aliases", found.aliases, limits.aliases, "has", "aliases"),
            ("root_fields", found.fields, limits.root_fields, "has", "fields at its root"),
            ("directives", found.directives, limits.directives, "has", "directives"),
            ("cost", found.cost, limits.cost, "may come to", "fields, its lists counted"),
        )
        for name, asked, most, verb, what in bounds:
            if asked > most and not self._measured_only(name, asked):
                told = f"{asked:,}" if asked < _COUNTABLE else "more than a billion"
                bound = f"at most {most:,} are taken here (limits.{name})"
                yield TooLarge(f"This operation {verb} {told} {what}; {bound}. Ask for less at a time.")
        if found.introspection > _INTROSPECTION_DEPTH:
            what = f"at most {_INTROSPECTION_DEPTH} levels are taken"
            yield TooLarge(f"This operation asks {found.introspection} levels deep about the schema; {what}.")
        if found.introspection and not self._introspective:
            yield Forbidden("This gateway does not tell its schema. Read schema.graphql, which comes with it.")

    def _measured_only(self, name: str, asked: int) -> bool:
        if name != "cost" or self._settings.cost_mode == "enforce":
            return False
        _log.info("an operation may come to %d fields, where limits.cost is %d", min(asked, _COUNTABLE), self._settings.cost)
        return True


class _Survey:
    """One document. ``most`` is what a list counts for whose size a variable says.

    ``lengths`` are those of lists that are variables, by their names; one that is not known counts as one item.
    """

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, most: int, lengths: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._schema = schema
        self._most = most
        self._lengths = lengths
        self._fragments: Mapping[str, FragmentDefinitionNode] = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._measured: dict[tuple[str, int], _Measure | None] = {}

    def operation(self, operation: OperationDefinitionNode) -> _Measure:
        """What an operation comes to; ``fields`` are those at its root."""
        root = self._schema.get_root_type(operation.operation)
        found = self._selection(operation.selection_set, root, _LIST)
        own = len(operation.directives or ())
        more = found.fields * _MUTATION if operation.operation is OperationType.MUTATION else 0
        return found.beside(_Measure(directives=own, cost=more))

    def _selection(self, selected: SelectionSetNode, parent: _Parent, size: int) -> _Measure:
        found = _NOTHING
        for each in selected.selections:
            measured = _NOTHING
            if isinstance(each, FieldNode):
                measured = self._field(each, parent, size)
            elif isinstance(each, InlineFragmentNode):
                within = each.type_condition.name.value if each.type_condition else None
                measured = self._selection(each.selection_set, self._type(within) or parent, size)
            elif isinstance(each, FragmentSpreadNode):
                measured = self._spread(each.name.value, size)
            found = found.beside(measured).beside(_Measure(directives=len(each.directives or ())))
        return found

    def _spread(self, name: str, size: int) -> _Measure:
        """A fragment, measured once for each size of list that it stands in. One within itself is for validation to refuse."""
        key = (name, size)
        if key in self._measured:
            return self._measured[key] or _NOTHING
        fragment = self._fragments.get(name)
        if fragment is None:
            return _NOTHING
        self._measured[key] = None
        found = self._selection(fragment.selection_set, self._type(fragment.type_condition.name.value), size)
        self._measured[key] = found
        return found

    def _field(self, node: FieldNode, parent: _Parent, size: int) -> _Measure:
        name = node.name.value
        definition = parent.fields.get(name) if parent is not None else None
        items, inner = self._sizes(node, definition, size)
        type_ = get_named_type(definition.type) if definition is not None else None
        within = type_ if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) else None
        below = self._selection(node.selection_set, within, inner) if node.selection_set else _NOTHING
        aliases = below.aliases + (node.alias is not None)
        if name in _INTROSPECTION:
            return _Measure(fields=1, aliases=aliases, directives=below.directives, introspection=1 + below.depth)
        each = below.cost + (_READ if name == _NODES and parent is self._schema.query_type else 0)
        return _Measure(1 + below.depth, 1, aliases, below.directives, 1 + items * each, below.introspection)

    def _sizes(self, node: FieldNode, definition: GraphQLField | None, size: int) -> tuple[int, int]:
        """How often what is below a field counts, and for how many the lists in it do."""
        if definition is None:
            return 1, _LIST
        told = self._told(node)
        listed = is_list_type(definition.type.of_type if is_non_null_type(definition.type) else definition.type)
        if listed:
            return (size if told is None else told), _LIST
        return 1, (_LIST if told is None else told)

    def _told(self, node: FieldNode) -> int | None:
        for each in node.arguments or ():
            if each.name.value in _LISTS:
                if isinstance(each.value, ListValueNode):
                    return len(each.value.values)
                return self._lengths.get(each.value.name.value, 1) if isinstance(each.value, VariableNode) else 1
        given = [each.value for each in node.arguments or () if each.name.value in _SIZES]
        if not given:
            return None
        sizes = (int(each.value) if isinstance(each, IntValueNode) and len(each.value) < 10 else self._most for each in given)
        return max(1, *sizes)

    def _type(self, name: str | None) -> _Parent:
        found = self._schema.get_type(name) if name else None
        return found if isinstance(found, GraphQLObjectType | GraphQLInterfaceType) else None
