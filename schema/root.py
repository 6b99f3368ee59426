"""The schema, assembled."""

from __future__ import annotations

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext

from schema.mutations import Mutation
from schema.problems import render
from schema.queries import Query
from schema.scalars import SCALARS
from schema.types.document import SignatureField
from schema.types.participant import Participant


class Schema(strawberry.Schema):
    """Strawberry's schema, with errors that are fit to be shown."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Renders errors in place; only unexpected ones are logged."""
        for error in errors:
            render(error)


schema = Schema(
    query=Query,
    mutation=Mutation,
    types=[Participant, SignatureField],
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=False),
)
