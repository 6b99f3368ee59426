"""Schema: query, mutation and subscription types assembled, with descriptions and error masking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import strawberry
from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext

from schema.descriptions import describe
from schema.errors import render
from schema.mutations.sessions import Mutation
from schema.queries import Query
from schema.scalars import SCALARS
from schema.subscriptions import Subscription
from schema.types.document import SignatureField
from schema.types.participant import Participant


class NamedOperation(SchemaExtension):
    """Refuses a request for several operations without a name: Strawberry would execute the first."""

    def on_validate(self) -> Iterator[None]:
        """Adds the error before the document is validated."""
        context = self.execution_context
        definitions = context.graphql_document.definitions if context.graphql_document else ()
        several = sum(isinstance(each, OperationDefinitionNode) for each in definitions) > 1
        if several and context._provided_operation_name is None:
            context.pre_execution_errors = [GraphQLError("Name the operation that is meant: there are several.")]
        yield


class Schema(strawberry.Schema):
    """Strawberry's schema with masked errors, and with class docstrings as descriptions of types."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for type_ in self._schema.type_map.values():
            if type_.description is None:
                type_.description = _docstring_summary(type_.extensions.get("strawberry-definition"))
        describe(self._schema)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Masks errors in place; only unexpected ones are logged."""
        for error in errors:
            render(error)


def _docstring_summary(definition: Any) -> str | None:
    """The first paragraph of the docstring of a type's class."""
    docstring: str | None = getattr(
        getattr(definition, "origin", None) or getattr(definition, "wrapped_cls", None), "__doc__", None
    )
    return None if docstring is None else " ".join(docstring.partition("\n\n")[0].split())


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[Participant, SignatureField],
    extensions=[NamedOperation],
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=False),
)
