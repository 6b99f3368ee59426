"""Field merging: bounds the pairs of fields with one response key, before validation compares them pair by pair.

graphql-core compares every field with every other of the same response key (https://spec.graphql.org/draft/#sec-Field-Selection-Merging),
and what is selected of them with one another: 245 times one field took a second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from providers.errors import TooLarge

_MAX_PAIRS: Final = 2_000
_MAX_FIELDS: Final = 10_000
_MAX_DEPTH: Final = 64
"""Ends the walk of fragments that spread themselves, which validation refuses later."""


def require_few_pairs(document: DocumentNode) -> None:
    """Raises ``TooLarge`` where an operation repeats its fields too often, with its fragments in their places.

    Level by level: the fields under one response key are one group, and a fragment is in a group once. The walk ends at the
    bounds.
    """
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    pairs = fields = 0
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            continue
        groups: list[tuple[int, Sequence[SelectionSetNode]]] = [(0, (definition.selection_set,))]
        while groups:
            level, selected = groups.pop()
            for same in _merged(selected, fragments):
                fields += len(same)
                pairs += len(same) * (len(same) - 1) // 2
                if pairs > _MAX_PAIRS or fields > _MAX_FIELDS:
                    raise TooLarge("This document selects the same fields too often. Select each field once.")
                below = [each.selection_set for each in same if each.selection_set]
                if below and level < _MAX_DEPTH:
                    groups.append((level + 1, below))


def _merged(
    selected: Iterable[SelectionSetNode], fragments: dict[str, FragmentDefinitionNode]
) -> Iterable[Sequence[FieldNode]]:
    """The fields of merged selection sets, grouped by response key."""
    groups: defaultdict[str, list[FieldNode]] = defaultdict(list)
    unvisited, spread = list(selected), set[str]()
    while unvisited:
        for each in unvisited.pop().selections:
            if isinstance(each, FieldNode):
                groups[(each.alias or each.name).value].append(each)
            elif isinstance(each, InlineFragmentNode):
                unvisited.append(each.selection_set)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in spread:
                spread.add(each.name.value)
                if each.name.value in fragments:
                    unvisited.append(fragments[each.name.value].selection_set)
    return groups.values()
