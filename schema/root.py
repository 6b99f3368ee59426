"""The schema, assembled."""

from __future__ import annotations

from collections.abc import Iterator

import strawberry
from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext

from schema.mutations import Mutation
from schema.problems import render
from schema.queries import Query
from schema.scalars import SCALARS
from schema.subscriptions import Subscription
from schema.types.document import SignatureField
from schema.types.participant import Participant


class NamedOperation(SchemaExtension):
    """Refuses to choose between several operations: Strawberry would run the first."""

    def on_validate(self) -> Iterator[None]:
        """Before the document is validated."""
        context = self.execution_context
        definitions = context.graphql_document.definitions if context.graphql_document else ()
        several = sum(isinstance(each, OperationDefinitionNode) for each in definitions) > 1
        if several and context._provided_operation_name is None:
            context.pre_execution_errors = [GraphQLError("Name the operation that is meant: there are several.")]
        yield


class Schema(strawberry.Schema):
    """Strawberry's schema, with errors that are fit to be shown."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Renders errors in place; only unexpected ones are logged."""
        for error in errors:
            render(error)


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[Participant, SignatureField],
    extensions=[NamedOperation],
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=False),
)
