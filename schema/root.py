"""The schema, assembled."""

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
    """Strawberry's schema, with errors that are fit to be shown, and types that say what they are as their classes do."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        for type_ in self._schema.type_map.values():
            if type_.description is None:
                type_.description = _said(type_.extensions.get("strawberry-definition"))
        describe(self._schema)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Renders errors in place; only unexpected ones are logged."""
        for error in errors:
            render(error)


def _said(definition: Any) -> str | None:
    """The first paragraph of what the class of a type says."""
    told: str | None = getattr(getattr(definition, "origin", None) or getattr(definition, "wrapped_cls", None), "__doc__", None)
    return None if told is None else " ".join(told.partition("\n\n")[0].split())


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[Participant, SignatureField],
    extensions=[NamedOperation],
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=False),
)
