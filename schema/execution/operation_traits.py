"""Operation traits: what the text of an operation alone says about it, found once per plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)

_CONDITIONS = (GraphQLSkipDirective.name, GraphQLIncludeDirective.name)


def selected_names(document: DocumentNode) -> set[str]:
    """The names of all fields that any operation or fragment of a document selects."""
    names: set[str] = set()

    class Search(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            names.add(node.name.value)

    visit(document, Search())
    return names


def condition_variables(document: DocumentNode) -> set[str]:
    """The variables of ``@skip`` and ``@include``, which decide what is selected."""
    names: set[str] = set()

    class Search(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            if node.name.value in _CONDITIONS:
                names.update(each.value.name.value for each in node.arguments or () if isinstance(each.value, VariableNode))

    visit(document, Search())
    return names


def root_coordinates(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> frozenset[str]:
    """The schema coordinates of an operation's root fields, whatever the conditions on them, but for ``__typename``."""
    root = schema.get_root_type(operation.operation)
    coordinates, unvisited, spread = set[str](), [operation.selection_set], set[str]()
    while unvisited:
        for each in unvisited.pop().selections:
            if isinstance(each, FieldNode):
                coordinates.add(f"{root.name if root else None}.{each.name.value}")
            elif isinstance(each, InlineFragmentNode):
                unvisited.append(each.selection_set)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in spread:
                spread.add(each.name.value)
                unvisited.append(fragments[each.name.value].selection_set)
    return frozenset(each for each in coordinates if not each.endswith(".__typename"))


def is_introspection(operation: OperationDefinitionNode) -> bool:
    """Whether every root field is a meta-field, as ``__schema``: the response depends on the schema alone."""
    selections = operation.selection_set.selections
    return all(isinstance(each, FieldNode) and each.name.value.startswith("__") for each in selections)
