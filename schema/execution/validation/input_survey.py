"""Finds every input in a document: literals are checked against their bounds, and of variables is said where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
    get_named_type,
)

from providers.errors import Invalid
from schema.execution.validation.input_bounds import STRAY, Budget, InputBound, InputBounds, ListBound, ObjectBound, Use, Uses

_MOST_DIGITS = 400
_Parent: TypeAlias = "GraphQLObjectType | GraphQLInterfaceType | None"
_Definition: TypeAlias = "OperationDefinitionNode | FragmentDefinitionNode"


@dataclass(slots=True)
class _Found:
    """The variables that stand in one definition, and the fragments that it spreads."""

    uses: dict[str, list[Use]] = field(default_factory=dict)
    spreads: set[str] = field(default_factory=set)


class InputSurvey:
    """One document, read once. Raises ``Invalid`` or ``TooLarge`` for a literal that is too large."""

    def __init__(self, schema: GraphQLSchema, bounds: InputBounds, document: DocumentNode) -> None:
        self._schema = schema
        self._bounds = bounds
        self._budget = bounds.budget()
        self._fragments: dict[str, _Found] = {}
        self._operations: dict[int, _Found] = {}
        for each in document.definitions:
            if isinstance(each, FragmentDefinitionNode):
                self._fragments[each.name.value] = self._definition(each, each.type_condition.name.value)
            elif isinstance(each, OperationDefinitionNode):
                root = schema.get_root_type(each.operation)
                self._operations[id(each)] = self._definition(each, root.name if root else "")
        for each in document.definitions:
            if isinstance(each, OperationDefinitionNode):
                self._check_defaults(each)

    def uses(self, operation: OperationDefinitionNode) -> Uses:
        """Where each variable of an operation stands, in its fragments as well."""
        own = self._operations[id(operation)]
        uses = {name: list(found) for name, found in own.uses.items()}
        waiting, seen = list(own.spreads), set(own.spreads)
        while waiting:
            fragment = self._fragments.get(waiting.pop())
            if fragment is None:
                continue
            for name, found in fragment.uses.items():
                uses.setdefault(name, []).extend(found)
            waiting += fragment.spreads - seen
            seen |= fragment.spreads
        return uses

    def _definition(self, node: _Definition, parent: str) -> _Found:
        found = _Found()
        self._directives(node.directives, found)
        self._selection(node.selection_set, self._type(parent), found)
        return found

    def _selection(self, selected: SelectionSetNode, parent: _Parent, found: _Found) -> None:
        for each in selected.selections:
            self._directives(each.directives, found)
            if isinstance(each, FieldNode):
                self._field(each, parent, found)
            elif isinstance(each, FragmentSpreadNode):
                found.spreads.add(each.name.value)
            elif isinstance(each, InlineFragmentNode):
                within = self._type(each.type_condition.name.value) if each.type_condition else parent
                self._selection(each.selection_set, within, found)

    def _field(self, node: FieldNode, parent: _Parent, found: _Found) -> None:
        name = node.name.value
        bounds: Mapping[str, InputBound] = self._bounds.of(parent.name, name) if parent else {}
        for each in node.arguments or ():
            argument = each.name.value
            self._value(each.value, bounds.get(argument, STRAY), (argument,), found)
        if node.selection_set:
            definition = parent.fields.get(name) if parent else None
            inner = get_named_type(definition.type) if definition else None
            within = inner if isinstance(inner, GraphQLObjectType | GraphQLInterfaceType) else None
            self._selection(node.selection_set, within, found)

    def _directives(self, directives: Iterable[DirectiveNode] | None, found: _Found) -> None:
        for directive in directives or ():
            for each in directive.arguments or ():
                self._value(each.value, STRAY, (each.name.value,), found)

    def _check_defaults(self, operation: OperationDefinitionNode) -> None:
        uses = self.uses(operation)
        for each in operation.variable_definitions or ():
            name = each.variable.name.value
            for use in uses.get(name, ()) if each.default_value else ():
                self._value(each.default_value, use.bound, use.path, _Found())

    def _value(self, node: Any, bound: InputBound, path: tuple[str, ...], found: _Found) -> None:
        """One value in its place; variables in it are noted, the rest is checked."""
        if isinstance(node, VariableNode):
            found.uses.setdefault(node.name.value, []).append(Use(bound, path))
        elif isinstance(node, ListValueNode) and isinstance(bound, ListBound):
            _check(ListBound(bound.most, _Nothing()), [None] * len(node.values), path, self._budget)
            for place, each in enumerate(node.values):
                self._value(each, bound.item, (*path, str(place)), found)
        elif isinstance(node, ObjectValueNode) and isinstance(one := _item(bound), ObjectBound):
            for member in node.fields:
                name = member.name.value
                self._value(member.value, one.fields.get(name, STRAY), (*path, name), found)
        else:
            _check(bound, self._raw(node, bound, path, found), path, self._budget)

    def _raw(self, node: ValueNode, bound: InputBound, path: tuple[str, ...], found: _Found) -> Any:
        """A literal as JSON has it, its variables noted as what they are a part of."""
        if isinstance(node, VariableNode):
            found.uses.setdefault(node.name.value, []).append(Use(bound, path))
        elif isinstance(node, ListValueNode):
            return [self._raw(each, bound, path, found) for each in node.values]
        elif isinstance(node, ObjectValueNode):
            return {each.name.value: self._raw(each.value, bound, path, found) for each in node.fields}
        elif isinstance(node, StringValueNode | EnumValueNode | BooleanValueNode):
            return node.value
        elif isinstance(node, IntValueNode | FloatValueNode):
            if len(node.value) > _MOST_DIGITS:
                raise Invalid("This number has more digits than any that is taken here.", path=path)
            return int(node.value) if isinstance(node, IntValueNode) else float(node.value)
        return None

    def _type(self, name: str) -> _Parent:
        found = self._schema.get_type(name)
        return found if isinstance(found, GraphQLObjectType | GraphQLInterfaceType) else None


class _Nothing:
    """The bound of what is looked at elsewhere."""

    def check(self, value: Any, budget: Budget) -> None:
        """Refuses nothing."""


def _item(bound: InputBound) -> InputBound:
    """The bound of one item where a list is wanted, as a single value stands for a list of one."""
    return _item(bound.item) if isinstance(bound, ListBound) else bound


def _check(bound: InputBound, value: Any, path: tuple[str, ...], budget: Budget) -> None:
    Use(bound, path).check(value, budget)
