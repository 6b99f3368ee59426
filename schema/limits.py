"""Operation cost: bounds depth, aliases, root fields, directives and cost of a document before it is validated.

Every fragment is measured once, and its measure is added wherever it is spread: a document whose expansion would never end
costs no more than its own length.
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

_DEFAULT_ITEMS: Final = 10
"""Items that a list counts for where no argument says how many there may be."""
_MUTATION_COST: Final = 100
"""Cost of a mutation: most are several calls to a provider."""
_NODE_COST: Final = 50
"""Cost of a node by itself: each may be a call to a provider."""
_ITEM_LISTS: Final = ("ids", "names", "providers")
"""List arguments whose length is the number of items in the response."""
_NODES_FIELD: Final = "nodes"
_MAX_SHOWN: Final = 10**9
_PAGE_SIZES: Final = ("first", "last")
_INTROSPECTION: Final = frozenset({"__schema", "__type"})
_INTROSPECTION_DEPTH: Final = 24
"""As deep as code generators query, whose nested list types take several levels each."""

_log = logging.getLogger("countersign.limits")
_Parent = GraphQLObjectType | GraphQLInterfaceType | None


@dataclass(frozen=True, slots=True)
class _Measure:
    """Measure of a selection set, with its fragments in their places."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0
    introspection: int = 0
    """Depth of the introspection in it."""

    def plus(self, other: _Measure) -> _Measure:
        """The measure of both, side by side."""
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
    """Checks documents against the configured limits; ``introspective`` says whether introspection is allowed."""

    def __init__(self, schema: GraphQLSchema, settings: LimitSettings, *, introspective: bool = True) -> None:
        self._schema = schema
        self._settings = settings
        self._introspective = introspective

    def __call__(self, document: DocumentNode) -> Sequence[GraphQLError]:
        """An error for each limit that one of the document's operations exceeds."""
        survey = _Survey(self._schema, document, self._settings.first)
        errors: list[GraphQLError] = []
        for operation in document.definitions:
            if isinstance(operation, OperationDefinitionNode):
                exceeded = self._exceeded(survey.operation(operation))
                errors += [GraphQLError(each.message, [operation], original_error=each) for each in exceeded]
        return errors

    def require_affordable(
        self, document: DocumentNode, operation: OperationDefinitionNode, lengths: Mapping[str, int]
    ) -> None:
        """Raises ``TooLarge`` where an operation exceeds a limit by the lengths of the lists in its variables."""
        measure = _Survey(self._schema, document, self._settings.first, lengths).operation(operation)
        for error in self._exceeded(measure):
            raise error

    def _exceeded(self, measure: _Measure) -> Iterator[SigningError]:
        limits = self._settings
        bounds = (
            ("depth", measure.depth, limits.depth, "nests its fields", "levels deep"),
            ("aliases", measure.aliases, limits.aliases, "has", "aliases"),
            ("root_fields", measure.fields, limits.root_fields, "has", "fields at its root"),
            ("directives", measure.directives, limits.directives, "has", "directives"),
            ("cost", measure.cost, limits.cost, "may come to", "fields, its lists counted"),
        )
        for name, value, limit, verb, what in bounds:
            if value > limit and not self._is_log_only(name, value):
                shown = f"{value:,}" if value < _MAX_SHOWN else "more than a billion"
                bound = f"at most {limit:,} are taken here (limits.{name})"
                yield TooLarge(f"This operation {verb} {shown} {what}; {bound}. Ask for less at a time.")
        if measure.introspection > _INTROSPECTION_DEPTH:
            what = f"at most {_INTROSPECTION_DEPTH} levels are taken"
            yield TooLarge(f"This operation asks {measure.introspection} levels deep about the schema; {what}.")
        if measure.introspection and not self._introspective:
            yield Forbidden("This gateway does not tell its schema. Read schema.graphql, which comes with it.")

    def _is_log_only(self, name: str, value: int) -> bool:
        if name != "cost" or self._settings.cost_mode == "enforce":
            return False
        _log.info("an operation may come to %d fields, where limits.cost is %d", min(value, _MAX_SHOWN), self._settings.cost)
        return True


class _Survey:
    """Measures one document. A page whose size is a variable counts for ``page_size`` items.

    ``lengths`` are those of list variables, by their names; one that is not there counts as one item.
    """

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, page_size: int, lengths: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._schema = schema
        self._page_size = page_size
        self._lengths = lengths
        self._fragments: Mapping[str, FragmentDefinitionNode] = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._measured: dict[tuple[str, int], _Measure | None] = {}

    def operation(self, operation: OperationDefinitionNode) -> _Measure:
        """The measure of an operation; ``fields`` are those at its root."""
        root = self._schema.get_root_type(operation.operation)
        measure = self._selection(operation.selection_set, root, _DEFAULT_ITEMS)
        own = len(operation.directives or ())
        more = measure.fields * _MUTATION_COST if operation.operation is OperationType.MUTATION else 0
        return measure.plus(_Measure(directives=own, cost=more))

    def _selection(self, selected: SelectionSetNode, parent: _Parent, size: int) -> _Measure:
        measure = _NOTHING
        for each in selected.selections:
            measured = _NOTHING
            if isinstance(each, FieldNode):
                measured = self._field(each, parent, size)
            elif isinstance(each, InlineFragmentNode):
                within = each.type_condition.name.value if each.type_condition else None
                measured = self._selection(each.selection_set, self._type(within) or parent, size)
            elif isinstance(each, FragmentSpreadNode):
                measured = self._spread(each.name.value, size)
            measure = measure.plus(measured).plus(_Measure(directives=len(each.directives or ())))
        return measure

    def _spread(self, name: str, size: int) -> _Measure:
        """A fragment, measured once for each size of list that it stands in. A cycle is refused later, by validation."""
        key = (name, size)
        if key in self._measured:
            return self._measured[key] or _NOTHING
        fragment = self._fragments.get(name)
        if fragment is None:
            return _NOTHING
        self._measured[key] = None
        measure = self._selection(fragment.selection_set, self._type(fragment.type_condition.name.value), size)
        self._measured[key] = measure
        return measure

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
        each = below.cost + (_NODE_COST if name == _NODES_FIELD and parent is self._schema.query_type else 0)
        return _Measure(1 + below.depth, 1, aliases, below.directives, 1 + items * each, below.introspection)

    def _sizes(self, node: FieldNode, definition: GraphQLField | None, size: int) -> tuple[int, int]:
        """How often a field's selection set counts, and for how many items the lists in it do."""
        if definition is None:
            return 1, _DEFAULT_ITEMS
        items = self._requested_items(node)
        listed = is_list_type(definition.type.of_type if is_non_null_type(definition.type) else definition.type)
        if listed:
            return (size if items is None else items), _DEFAULT_ITEMS
        return 1, (_DEFAULT_ITEMS if items is None else items)

    def _requested_items(self, node: FieldNode) -> int | None:
        for each in node.arguments or ():
            if each.name.value in _ITEM_LISTS:
                if isinstance(each.value, ListValueNode):
                    return len(each.value.values)
                return self._lengths.get(each.value.name.value, 1) if isinstance(each.value, VariableNode) else 1
        page_sizes = [each.value for each in node.arguments or () if each.name.value in _PAGE_SIZES]
        if not page_sizes:
            return None
        sizes = (
            int(each.value) if isinstance(each, IntValueNode) and len(each.value) < 10 else self._page_size
            for each in page_sizes
        )
        return max(1, *sizes)

    def _type(self, name: str | None) -> _Parent:
        type_ = self._schema.get_type(name) if name else None
        return type_ if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) else None
