"""Merging of fields: how many pairs of fields of one response key a document has, before they are validated pair by pair.

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

_MOST_PAIRS: Final = 2_000
_MOST_FIELDS: Final = 10_000
_DEEPEST: Final = 64
"""Fragments within themselves have no end, which validation says."""


def require_few_pairs(document: DocumentNode) -> None:
    """Raises ``TooLarge`` where an operation repeats its fields too often, its fragments in their places.

    Level by level: all that is selected under one response key is one group, and a fragment is in a group once. No more is
    looked at than the bounds allow.
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
                if pairs > _MOST_PAIRS or fields > _MOST_FIELDS:
                    raise TooLarge("This document selects the same fields too often. Select each field once.")
                below = [each.selection_set for each in same if each.selection_set]
                if below and level < _DEEPEST:
                    groups.append((level + 1, below))


def _merged(
    selected: Iterable[SelectionSetNode], fragments: dict[str, FragmentDefinitionNode]
) -> Iterable[Sequence[FieldNode]]:
    """The fields of selections that stand in one place, by their response key."""
    found: defaultdict[str, list[FieldNode]] = defaultdict(list)
    waiting, spread = list(selected), set[str]()
    while waiting:
        for each in waiting.pop().selections:
            if isinstance(each, FieldNode):
                found[(each.alias or each.name).value].append(each)
            elif isinstance(each, InlineFragmentNode):
                waiting.append(each.selection_set)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in spread:
                spread.add(each.name.value)
                if each.name.value in fragments:
                    waiting.append(fragments[each.name.value].selection_set)
    return found.values()
