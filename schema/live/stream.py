"""Runs operations: a subscription gives one answer for each of its events, a query or a mutation gives one."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self, cast

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    execute_subscription_event,
    get_operation_ast,
    located_error,
    parse,
    specified_rules,
)
from graphql.execution import execute_root_selection_set
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import validate_document

from providers.clock import Clock
from providers.deadline import deadline
from schema.context import Context
from schema.problems import render

_KEPT = 512
_LONGEST_KEPT = 32_768


@dataclass(frozen=True, slots=True)
class Request:
    """An operation that somebody asks for. ``resume_after`` is the cursor of the last event that they have seen."""

    query: str
    variables: Mapping[str, Any] | None = None
    operation: str | None = None
    resume_after: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One result; ``cursor`` is that of the event which it shows, where the event has one."""

    data: Any
    errors: Sequence[GraphQLError] = ()
    cursor: str | None = None

    def shown(self) -> dict[str, Any]:
        """The result as GraphQL has it."""
        errors = {"errors": [error.formatted for error in self.errors]} if self.errors else {}
        return {"data": self.data, **errors}


class Refused(Exception):
    """An operation that was not begun, or that cannot go on: there is no more data of it."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__()
        for error in errors:
            render(error)
        self.errors = errors

    def shown(self) -> list[Any]:
        """The errors as GraphQL has them."""
        return [error.formatted for error in self.errors]


class Answers(AsyncIterator[Answer]):
    """The answers of one operation, in order. Whoever holds it closes it, which ends what it comes from.

    Iterating raises ``Refused`` where the operation cannot go on.
    """

    def __init__(self, one: Callable[[Any], Awaitable[Answer]], source: AsyncIterator[Any], field: FieldNode | None) -> None:
        self._one = one
        self._source = source
        self._field = field

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Answer:
        try:
            event = await anext(self._source)
        except StopAsyncIteration:
            raise
        except Exception as error:
            raise _failed(error, self._field) from error
        return await self._one(event)

    async def aclose(self) -> None:
        """Ends the source; returns when it has ended."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


class Operations:
    """Runs operations of a schema. Each event has surroundings and a deadline (in seconds) of its own."""

    def __init__(self, schema: strawberry.Schema, context: Callable[[], Context], clock: Clock, seconds: float) -> None:
        self._schema = schema
        self._context = context
        self._clock = clock
        self._seconds = seconds
        # Whoever subscribes to the same thing holds the same document: its nodes weigh more than all the rest.
        self._remembered = lru_cache(_KEPT)(self._read)

    def kind(self, request: Request) -> OperationType:
        """Whether it is a query, a mutation or a subscription. Raises ``Refused`` for what is no valid operation."""
        return self._meant(request)[1].operation

    async def operate(self, request: Request) -> Answers:
        """Begins an operation. Raises ``Refused`` where it cannot begin."""
        document, operation = self._meant(request)
        executor = self._executor(document, request)
        if operation.operation is not OperationType.SUBSCRIPTION:

            async def only(_: object) -> Answer:
                return await self._answer(execute_root_selection_set, executor)

            return Answers(only, _once(), None)

        async def one(event: Any) -> Answer:
            answer = await self._answer(execute_subscription_event, self._executor(document, request, event))
            cursor = getattr(event, "cursor", None)
            return answer if cursor is None else replace(answer, cursor=cursor)

        return Answers(one, await self._source(executor), _field(operation))

    def _executor(self, document: DocumentNode, request: Request, event: object = None) -> Executor[Any]:
        """Built anew for every event: one that is kept would keep what it found out on the way, which is a lot."""
        context = self._context()
        context.resume_after = request.resume_after
        executor = self._schema.execution_context_class.build(
            self._schema._schema,
            document,
            root_value=event,
            context_value=context,
            raw_variable_values=dict(request.variables or {}),
            operation_name=request.operation,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        )
        if isinstance(executor, list):
            raise Refused(executor)
        return executor

    def _meant(self, request: Request) -> tuple[DocumentNode, OperationDefinitionNode]:
        read = self._remembered if len(request.query) <= _LONGEST_KEPT else self._read
        document = read(request.query)
        operation = get_operation_ast(document, request.operation)
        if operation is None:
            named = request.operation is not None
            what = "There is no operation of that name." if named else "Name the operation that is meant: there are several."
            raise Refused([GraphQLError(what)])
        return document, operation

    def _read(self, query: str) -> DocumentNode:
        try:
            document = parse(query)
            errors = validate_document(self._schema._schema, document, tuple(specified_rules))
        except GraphQLError as error:
            raise Refused([error]) from error
        except RecursionError:
            raise Refused([GraphQLError("The operation is nested too deeply.")]) from None
        if errors:
            raise Refused(errors)
        return document

    async def _source(self, executor: Executor[Any]) -> AsyncIterator[Any]:
        with deadline(self._clock, self._seconds):
            found = create_source_event_stream(executor)
            if inspect.isawaitable(found):
                found = await found
        if isinstance(found, ExecutionResult):
            raise Refused(found.errors or ())
        return aiter(found)

    async def _answer(self, execute: Callable[[Executor[Any]], Any], executor: Executor[Any]) -> Answer:
        with deadline(self._clock, self._seconds):
            result = execute(executor)
            if inspect.isawaitable(result):
                result = await result
        found = cast(ExecutionResult, result)
        for error in found.errors or ():
            render(error)
        return Answer(found.data, found.errors or ())


async def _once() -> AsyncIterator[None]:
    yield None


def _field(operation: OperationDefinitionNode) -> FieldNode | None:
    nodes = operation.selection_set.selections
    return nodes[0] if nodes and isinstance(nodes[0], FieldNode) else None


def _failed(error: Exception, field: FieldNode | None) -> Refused:
    """The end of a source, shown at the field that it belongs to."""
    if field is None:
        return Refused([located_error(error)])
    name = field.alias or field.name
    return Refused([located_error(error, [field], [name.value])])
