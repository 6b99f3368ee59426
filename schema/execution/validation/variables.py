"""The variables of an operation: plain ones at the cost of looking at them, all others by graphql-core."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    VariableDefinitionNode,
    get_variable_values,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.type import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT

from schema.execution.validation.input_bounds import InputBounds, NumberBound, TextBound, Uses

_MOST_ERRORS = 50
_PLAIN = {GraphQLString.name: str, GraphQLID.name: str, GraphQLBoolean.name: bool, GraphQLInt.name: int}
_NONE = VariableValues({}, {})
_UNBOUNDED = sys.maxsize


class Variables:
    """Reads the variables of one operation: those that it declares, each within the bounds of every place it stands in.

    ``suggesting`` says that errors name what may have been meant.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        definitions: Sequence[VariableDefinitionNode],
        bounds: InputBounds | None = None,
        uses: Uses = MappingProxyType({}),
        *,
        suggesting: bool = True,
    ) -> None:
        self._schema = schema
        self._definitions = definitions
        self._bounds = bounds
        self._uses = uses
        self._suggesting = suggesting
        self._plain: list[tuple[str, GraphQLVariableSignature, type | None, bool, int]] = []
        for each in definitions:
            signature = cast(GraphQLVariableSignature, get_variable_signature(schema, each))
            required = is_non_null_type(signature.type)
            inner = signature.type.of_type if is_non_null_type(signature.type) else signature.type
            easy = required or each.default_value is None
            wanted = _PLAIN.get(str(inner)) if easy else None
            longest = self._longest(signature.name)
            self._plain.append((signature.name, signature, wanted if longest else None, required, longest))

    def read(self, given: Mapping[str, Any] | None) -> VariableValues | list[GraphQLError]:
        """What was given, as the types of the variables want it. Errors where they do not.

        Raises ``Invalid`` or ``TooLarge`` for what is beyond a bound, before anything is converted.
        """
        if not self._plain:
            return _NONE
        inputs = given or {}
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for name, signature, wanted, required, longest in self._plain:
            value = inputs.get(name, Undefined)
            if value is Undefined:
                if required or wanted is None:
                    break
                sources[name] = VariableValueSource(signature)
                continue
            if value is None:
                if required:
                    break
            elif wanted is str:
                if type(value) is not str or len(value) > longest:
                    break
            elif type(value) is not wanted or (type(value) is int and not GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT):
                break
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        else:
            return VariableValues(sources, coerced)
        return self._converted(inputs)

    def _converted(self, inputs: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        declared = {name: inputs[name] for name, *_ in self._plain if name in inputs}
        if self._bounds is not None:
            budget = self._bounds.budget()
            for name, value in declared.items():
                for use in self._uses.get(name, ()):
                    use.check(value, budget)
        hidden = not self._suggesting
        return get_variable_values(self._schema, self._definitions, declared, _MOST_ERRORS, hide_suggestions=hidden)

    def _longest(self, name: str) -> int:
        """The characters that a text may have as this variable; 0 where that is not all there is to check."""
        bounds = [use.bound for use in self._uses.get(name, ())]
        if not all(isinstance(each, TextBound | NumberBound) for each in bounds):
            return 0
        return min((each.most for each in bounds if isinstance(each, TextBound)), default=_UNBOUNDED)
