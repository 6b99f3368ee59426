"""Input survey: checks every literal of a document against its bound, and records where each variable stands."""

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

_MAX_DIGITS = 400
_Parent: TypeAlias = "GraphQLObjectType | GraphQLInterfaceType | None"
_Definition: TypeAlias = "OperationDefinitionNode | FragmentDefinitionNode"


@dataclass(slots=True)
class _DefinitionInputs:
    """Inputs of one operation or fragment: the places of its variables, and the fragments that it spreads."""

    uses: dict[str, list[Use]] = field(default_factory=dict)
    spreads: set[str] = field(default_factory=set)


class InputSurvey:
    """Survey of one document. Raises ``Invalid`` or ``TooLarge`` for a literal beyond its bound."""

    def __init__(self, schema: GraphQLSchema, bounds: InputBounds, document: DocumentNode) -> None:
        self._schema = schema
        self._bounds = bounds
        self._budget = bounds.budget()
        self._fragments: dict[str, _DefinitionInputs] = {}
        self._operations: dict[int, _DefinitionInputs] = {}
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
        """The places of each variable of an operation, also in the fragments that it spreads."""
        own = self._operations[id(operation)]
        uses = {name: list(places) for name, places in own.uses.items()}
        unvisited, seen = list(own.spreads), set(own.spreads)
        while unvisited:
            fragment = self._fragments.get(unvisited.pop())
            if fragment is None:
                continue
            for name, places in fragment.uses.items():
                uses.setdefault(name, []).extend(places)
            unvisited += fragment.spreads - seen
            seen |= fragment.spreads
        return uses

    def _definition(self, node: _Definition, parent: str) -> _DefinitionInputs:
        inputs = _DefinitionInputs()
        self._directives(node.directives, inputs)
        self._selection(node.selection_set, self._type(parent), inputs)
        return inputs

    def _selection(self, selected: SelectionSetNode, parent: _Parent, inputs: _DefinitionInputs) -> None:
        for each in selected.selections:
            self._directives(each.directives, inputs)
            if isinstance(each, FieldNode):
                self._field(each, parent, inputs)
            elif isinstance(each, FragmentSpreadNode):
                inputs.spreads.add(each.name.value)
            elif isinstance(each, InlineFragmentNode):
                within = self._type(each.type_condition.name.value) if each.type_condition else parent
                self._selection(each.selection_set, within, inputs)

    def _field(self, node: FieldNode, parent: _Parent, inputs: _DefinitionInputs) -> None:
        name = node.name.value
        bounds: Mapping[str, InputBound] = self._bounds.of(parent.name, name) if parent else {}
        for each in node.arguments or ():
            argument = each.name.value
            self._value(each.value, bounds.get(argument, STRAY), (argument,), inputs)
        if node.selection_set:
            definition = parent.fields.get(name) if parent else None
            inner = get_named_type(definition.type) if definition else None
            within = inner if isinstance(inner, GraphQLObjectType | GraphQLInterfaceType) else None
            self._selection(node.selection_set, within, inputs)

    def _directives(self, directives: Iterable[DirectiveNode] | None, inputs: _DefinitionInputs) -> None:
        for directive in directives or ():
            for each in directive.arguments or ():
                self._value(each.value, STRAY, (each.name.value,), inputs)

    def _check_defaults(self, operation: OperationDefinitionNode) -> None:
        uses = self.uses(operation)
        for each in operation.variable_definitions or ():
            name = each.variable.name.value
            for use in uses.get(name, ()) if each.default_value else ():
                self._value(each.default_value, use.bound, use.path, _DefinitionInputs())

    def _value(self, node: Any, bound: InputBound, path: tuple[str, ...], inputs: _DefinitionInputs) -> None:
        """Records the variables of a value, and checks the rest of it."""
        if isinstance(node, VariableNode):
            inputs.uses.setdefault(node.name.value, []).append(Use(bound, path))
        elif isinstance(node, ListValueNode) and isinstance(bound, ListBound):
            _check(ListBound(bound.most, _Unchecked()), [None] * len(node.values), path, self._budget)
            for place, each in enumerate(node.values):
                self._value(each, bound.item, (*path, str(place)), inputs)
        elif isinstance(node, ObjectValueNode) and isinstance(one := _item(bound), ObjectBound):
            for member in node.fields:
                name = member.name.value
                self._value(member.value, one.fields.get(name, STRAY), (*path, name), inputs)
        else:
            _check(bound, self._raw(node, bound, path, inputs), path, self._budget)

    def _raw(self, node: ValueNode, bound: InputBound, path: tuple[str, ...], inputs: _DefinitionInputs) -> Any:
        """A literal as JSON; its variables are recorded as the input that they are a part of."""
        if isinstance(node, VariableNode):
            inputs.uses.setdefault(node.name.value, []).append(Use(bound, path))
        elif isinstance(node, ListValueNode):
            return [self._raw(each, bound, path, inputs) for each in node.values]
        elif isinstance(node, ObjectValueNode):
            return {each.name.value: self._raw(each.value, bound, path, inputs) for each in node.fields}
        elif isinstance(node, StringValueNode | EnumValueNode | BooleanValueNode):
            return node.value
        elif isinstance(node, IntValueNode | FloatValueNode):
            if len(node.value) > _MAX_DIGITS:
                raise Invalid("This number has more digits than any that is taken here.", path=path)
            return int(node.value) if isinstance(node, IntValueNode) else float(node.value)
        return None

    def _type(self, name: str) -> _Parent:
        type_ = self._schema.get_type(name)
        return type_ if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) else None


class _Unchecked:
    """The bound of items that are checked one by one."""

    def check(self, value: Any, budget: Budget) -> None:
        """Accepts any value."""


def _item(bound: InputBound) -> InputBound:
    """The bound of one item of a list: a single value stands for a list of one."""
    return _item(bound.item) if isinstance(bound, ListBound) else bound


def _check(bound: InputBound, value: Any, path: tuple[str, ...], budget: Budget) -> None:
    Use(bound, path).check(value, budget)
