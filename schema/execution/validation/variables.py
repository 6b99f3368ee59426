"""Variable coercion (CoerceVariableValues): plain values at the cost of looking at them, all others by graphql-core."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, cast

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

_MAX_ERRORS = 50
_PLAIN_TYPES = {GraphQLString.name: str, GraphQLID.name: str, GraphQLBoolean.name: bool, GraphQLInt.name: int}
_NO_VALUES = VariableValues({}, {})
_UNBOUNDED = sys.maxsize


class _Variable(NamedTuple):
    """A declared variable. ``plain_type`` is the class whose values need no conversion, None where all do."""

    name: str
    signature: GraphQLVariableSignature
    plain_type: type | None
    required: bool
    max_length: int


class VariableCoercion:
    """Coerces the variables that one operation declares, each within the bounds of every place that it stands in.

    ``suggestions`` says that errors may name what was probably meant.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        definitions: Sequence[VariableDefinitionNode],
        bounds: InputBounds | None = None,
        uses: Uses = MappingProxyType({}),
        *,
        suggestions: bool = True,
    ) -> None:
        self._schema = schema
        self._definitions = definitions
        self._bounds = bounds
        self._uses = uses
        self._suggestions = suggestions
        self._variables = [self._variable(each) for each in definitions]

    def coerce(self, inputs: Mapping[str, Any] | None) -> VariableValues | list[GraphQLError]:
        """The values of the variables by their types; errors where one does not fit.

        Raises ``Invalid`` or ``TooLarge`` for a value beyond a bound, before anything is converted.
        """
        if not self._variables:
            return _NO_VALUES
        inputs = inputs or {}
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for name, signature, plain_type, required, max_length in self._variables:
            value = inputs.get(name, Undefined)
            if value is Undefined:
                if required or plain_type is None:
                    break
                sources[name] = VariableValueSource(signature)
                continue
            if value is None:
                if required:
                    break
            elif plain_type is str:
                if type(value) is not str or len(value) > max_length:
                    break
            elif type(value) is not plain_type or (type(value) is int and not GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT):
                break
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        else:
            return VariableValues(sources, coerced)
        return self._coerce_by_core(inputs)

    def _variable(self, definition: VariableDefinitionNode) -> _Variable:
        signature = cast(GraphQLVariableSignature, get_variable_signature(self._schema, definition))
        required = is_non_null_type(signature.type)
        nullable_type = signature.type.of_type if is_non_null_type(signature.type) else signature.type
        max_length = self._max_length(signature.name)
        has_default = definition.default_value is not None
        plain = bool(max_length) and (required or not has_default)
        return _Variable(
            signature.name, signature, _PLAIN_TYPES.get(str(nullable_type)) if plain else None, required, max_length
        )

    def _coerce_by_core(self, inputs: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        declared = {each.name: inputs[each.name] for each in self._variables if each.name in inputs}
        if self._bounds is not None:
            budget = self._bounds.budget()
            for name, value in declared.items():
                for use in self._uses.get(name, ()):
                    use.check(value, budget)
        hidden = not self._suggestions
        return get_variable_values(self._schema, self._definitions, declared, _MAX_ERRORS, hide_suggestions=hidden)

    def _max_length(self, name: str) -> int:
        """The characters that a text may have as this variable; 0 where its length is not all there is to check."""
        bounds = [use.bound for use in self._uses.get(name, ())]
        if not all(isinstance(each, TextBound | NumberBound) for each in bounds):
            return 0
        return min((each.most for each in bounds if isinstance(each, TextBound)), default=_UNBOUNDED)
