"""Execution context: the state that resolvers, value completion and null propagation share during one execution."""

from __future__ import annotations

from asyncio import Future, gather
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from graphql import GraphQLError
from graphql.execution import Executor
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from schema.execution.compiler.arguments import CoerceArguments, immutable

ResponsePath: TypeAlias = "tuple[ResponsePath | None, str | int]"
"""Response path (https://spec.graphql.org/draft/#sec-Path) as a linked list: the parent's path, and the key or index in it."""

ExecuteSelectionSet: TypeAlias = Callable[[Any, "ExecutionContext", "ResponsePath | None"], Any]
"""Executes a selection set on an object value. Returns the response object, or ``Pending``; raises what makes it null."""

CoercedArguments: TypeAlias = Mapping[str, Any]
"""Argument values by the names of a function's parameters, to be read only."""

CoreExecutor: TypeAlias = Executor[Any]
"""graphql-core's own state of an execution, made only where one of its functions has to be called."""


class ResolverInfo:
    """The ``info`` of resolvers: the context, and nothing else of graphql-core's."""

    __slots__ = ("context",)

    def __init__(self, context: object) -> None:
        self.context = context


class ExecutionContext:
    """State of one execution: variables, coerced arguments, field errors, null paths, and detached work.

    ``coerced_arguments`` outlives the execution, so that an operation with the same variables coerces them once.
    """

    __slots__ = (
        "_coerced_arguments",
        "_core",
        "_make_core",
        "_null_paths",
        "context",
        "detached",
        "errors",
        "info",
        "root",
        "variables",
    )

    def __init__(
        self,
        context: object,
        root: object,
        variables: VariableValues,
        coerced_arguments: dict[CoerceArguments, CoercedArguments],
        make_core: Callable[[ExecutionContext], CoreExecutor],
    ) -> None:
        self.context = context
        self.info = ResolverInfo(context)
        self.root = root
        self.variables = variables
        self.errors: list[GraphQLError] = []
        self.detached: list[Future[list[Any]]] = []
        """Awaitables that nothing waits for, because null propagation has removed their place."""
        self._coerced_arguments = coerced_arguments
        self._null_paths: set[ResponsePath | None] = set()
        self._make_core = make_core
        self._core: CoreExecutor | None = None

    @property
    def core(self) -> CoreExecutor:
        """The same execution as graphql-core's state."""
        if self._core is None:
            self._core = self._make_core(self)
        return self._core

    def add_error(self, error: GraphQLError, path: ResponsePath | None) -> None:
        """Null propagation: makes a path null and records why, unless the path or a parent of it is null already."""
        ancestor = path
        while ancestor is not None:
            if ancestor in self._null_paths:
                return
            ancestor = ancestor[0]
        if None in self._null_paths:
            return
        self._null_paths.add(path)
        self.errors.append(error)

    def arguments(self, coerce: CoerceArguments) -> CoercedArguments:
        """Coerces arguments with these variables: once, where no resolver could change any of the values."""
        arguments = self._coerced_arguments.get(coerce)
        if arguments is None:
            arguments = coerce(self.variables)
            if immutable(arguments.values()):
                self._coerced_arguments[coerce] = arguments
        return arguments

    def detach(self, awaitables: Sequence[Awaitable[Any]]) -> None:
        """Starts awaitables whose place is null already, as graphql-core does; ``close`` cancels them."""
        self.detached.append(gather(*awaitables, return_exceptions=True))

    async def close(self) -> None:
        """Cancels detached awaitables, and returns when they have ended."""
        for each in self.detached:
            each.cancel()
        await gather(*self.detached, return_exceptions=True)


def path_as_list(path: ResponsePath | None) -> list[str | int]:
    """A response path as an error shows it."""
    keys: list[str | int] = []
    while path is not None:
        path, key = path
        keys.append(key)
    return keys[::-1]


def core_path(path: ResponsePath) -> Path:
    """A response path as graphql-core has it, without the names of types."""
    parent, key = path
    return Path(None if parent is None else core_path(parent), key, None)
