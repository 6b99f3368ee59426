"""The variables of an operation: plain ones at the cost of looking at them, all others by graphql-core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

_MOST_ERRORS = 50
_PLAIN = {GraphQLString.name: str, GraphQLID.name: str, GraphQLBoolean.name: bool, GraphQLInt.name: int}
_NONE = VariableValues({}, {})


class Variables:
    """Reads the variables of one operation."""

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = definitions
        self._plain: list[tuple[str, GraphQLVariableSignature, type | None, bool]] = []
        for each in definitions:
            signature = cast(GraphQLVariableSignature, get_variable_signature(schema, each))
            required = is_non_null_type(signature.type)
            inner = signature.type.of_type if is_non_null_type(signature.type) else signature.type
            easy = required or each.default_value is None
            self._plain.append((signature.name, signature, _PLAIN.get(str(inner)) if easy else None, required))

    def read(self, given: Mapping[str, Any] | None) -> VariableValues | list[GraphQLError]:
        """What was given, as the types of the variables want it. Errors where they do not."""
        if not self._plain:
            return _NONE
        inputs = given or {}
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for name, signature, wanted, required in self._plain:
            value = inputs.get(name, Undefined)
            if value is Undefined:
                if required or wanted is None:
                    break
                sources[name] = VariableValueSource(signature)
                continue
            if value is None:
                if required:
                    break
            elif type(value) is not wanted or (type(value) is int and not GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT):
                break
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        else:
            return VariableValues(sources, coerced)
        return get_variable_values(self._schema, self._definitions, dict(inputs), max_errors=_MOST_ERRORS)
