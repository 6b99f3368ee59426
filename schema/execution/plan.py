"""Query plan: one operation of a document, compiled, to be executed any number of times with different variables."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from types import MappingProxyType
from typing import Any

from graphql import DocumentNode, ExecutionResult, FragmentDefinitionNode, GraphQLError, OperationDefinitionNode
from graphql.execution import create_source_event_stream, default_field_resolver, default_type_resolver
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.values import VariableValues
from strawberry.execution import optimized_is_awaitable
from strawberry.schema import Schema

from providers.lru import LruCache
from schema.execution.compiler.arguments import CoerceArguments, immutable
from schema.execution.compiler.operation import CompiledOperation
from schema.execution.compiler.runtime_types import RuntimeTypes
from schema.execution.execution_context import CoercedArguments, CoreExecutor, ExecutionContext
from schema.execution.fragment_cache import FragmentCache
from schema.execution.operation_traits import condition_variables, is_introspection, root_coordinates, selected_names
from schema.execution.pending import Pending
from schema.execution.response import Response, request_error, response
from schema.execution.validation.input_bounds import InputBounds, ListBound, Use, Uses
from schema.execution.validation.variables import VariableCoercion

_MAX_COMPILED = 16
_MAX_INTROSPECTIONS = 8


@dataclass(frozen=True, slots=True)
class PlanEnvironment:
    """Shared by the plans of one schema: bounds of inputs, caches, and how errors are rendered for clients.

    ``suggestions`` says that errors may name what was probably meant; ``conceal`` takes names of the schema out of an error
    that has been rendered. ``flagged_fields`` are names of fields: each plan says whether it selects one.
    """

    schema: Schema
    runtime_types: RuntimeTypes
    bounds: InputBounds | None = None
    suggestions: bool = True
    flagged_fields: frozenset[str] = frozenset()
    conceal: Callable[[GraphQLError], None] | None = None
    fragment_cache: FragmentCache = field(default_factory=FragmentCache)
    introspections: LruCache[Plan, Response] = field(default_factory=lambda: LruCache(_MAX_INTROSPECTIONS))
    """Responses of the operations that ask about the schema alone, which are always the same."""

    def render(self, errors: list[GraphQLError]) -> None:
        """Renders errors for clients, in place."""
        self.schema.process_errors(errors)
        if self.conceal is not None:
            for error in errors:
                self.conceal(error)


class Plan:
    """One operation of one document: ``operation_type`` is query, mutation or subscription.

    It is compiled once for each set of conditions (``@skip``, ``@include``) that its variables have made.
    """

    def __init__(
        self,
        environment: PlanEnvironment,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        uses: Uses = MappingProxyType({}),
    ) -> None:
        schema = environment.schema._schema
        definitions = operation.variable_definitions or ()
        declared = {each.variable.name.value for each in definitions}
        self.operation_type = operation.operation.value
        self.is_cached = False
        """Whether the plan cache has it: what is kept for long refers to no other."""
        self.document = document
        self.operation = operation
        self.environment = environment
        self._fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
        self._variables = VariableCoercion(schema, definitions, environment.bounds, uses, suggestions=environment.suggestions)
        self._conditions = tuple(sorted(condition_variables(document) & declared))
        self._compiled: LruCache[tuple[object, ...], CompiledOperation] = LruCache(_MAX_COMPILED)
        if not self._conditions:
            self._compile(())  # now, because an operation that cannot be compiled has no plan
        self.is_flagged = not environment.flagged_fields.isdisjoint(selected_names(document))
        """Whether the document selects one of the environment's flagged fields."""
        self.list_variables = tuple(name for name, places in uses.items() if any(_is_list_argument(each) for each in places))
        """Variables that are a whole list argument: the cost of the operation depends on their lengths."""
        self.accepted_lengths: set[tuple[int, ...]] = set()
        """Lengths of the list variables that were found to be within the cost limit."""
        self.is_conditional = bool(self._conditions)
        """Whether variables decide what is selected."""
        self.max_compiled = min(_MAX_COMPILED, 3 ** min(len(self._conditions), 3))
        """Compilations that may be kept: one for each set of conditions, each true, false or null."""
        self.root_fields = root_coordinates(schema, operation, self._fragments)
        """Schema coordinates of the root fields."""
        self.is_introspection = is_introspection(operation) and not declared

    def coerce_variables(self, variables: Mapping[str, Any] | None = None) -> CoercedOperation | list[GraphQLError]:
        """The operation with its variables coerced (CoerceVariableValues); rendered errors where they do not fit.

        Raises ``Invalid`` or ``TooLarge`` for a variable beyond its bound, with the path of the input that it is.
        """
        values = self._variables.coerce(variables)
        if isinstance(values, list):
            self.environment.render(values)
            return values
        return CoercedOperation(self, values)

    async def execute(self, context: object, variables: Mapping[str, Any] | None = None, root: object = None) -> Response:
        """Executes the operation. ``root`` is the source event, for a subscription."""
        coerced = self.coerce_variables(variables)
        return request_error(coerced) if isinstance(coerced, list) else await coerced.execute(context, root)

    def execute_root(self, execution: ExecutionContext) -> Any:
        """The response's data, or ``Pending``. Raises the error that makes all of it null."""
        conditions = tuple([execution.variables.coerced.get(name) for name in self._conditions])
        compiled = self._compiled.peek(conditions) or self._compile(conditions)
        return compiled.execute(execution)

    async def complete_without_resolving(self, context: object, value: object) -> Response | None:
        """The response where nothing is executed and no variable read: each root field has this value, or this error.

        None where variables decide what is selected.
        """
        compiled = self._compiled.peek(())
        if compiled is None:
            return None
        execution = ExecutionContext(context, None, VariableValues({}, {}), {}, self.core_executor)
        try:
            data = compiled.complete_without_resolving(execution, value)
            if type(data) is Pending:
                data = await data.coroutine()
        except GraphQLError as error:
            execution.add_error(error, None)
            data = None
        return self.respond(data, execution.errors)

    def core_executor(self, execution: ExecutionContext) -> CoreExecutor:
        """The same execution as graphql-core's state."""
        schema = self.environment.schema
        make: Any = schema.execution_context_class
        executor: CoreExecutor = make(
            schema._schema,
            self._fragments,
            {name: FragmentDetails(each) for name, each in self._fragments.items()},
            execution.root,
            execution.context,
            self.operation,
            execution.variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            operation_extensions=None,
        )
        return executor

    def respond(self, data: object, errors: list[GraphQLError]) -> Response:
        """The response, its errors rendered."""
        if errors:
            self.environment.render(errors)
        return response(data, errors)

    def _compile(self, conditions: tuple[object, ...]) -> CompiledOperation:
        environment = self.environment
        compiled = CompiledOperation(
            environment.schema,
            environment.runtime_types,
            environment.fragment_cache,
            self.operation,
            self._fragments,
            VariableValues({}, dict(zip(self._conditions, conditions, strict=True))),
        )
        self._compiled.put(conditions, compiled)
        return compiled


@dataclass(frozen=True, slots=True)
class CoercedOperation:
    """An operation and its coerced variables; ``arguments`` are those that were coerced from them, kept between executions."""

    plan: Plan
    variables: VariableValues
    arguments: dict[CoerceArguments, CoercedArguments] = field(default_factory=dict)

    @property
    def is_immutable(self) -> bool:
        """Whether no resolver could change the value of any variable."""
        return immutable(self.variables.coerced.values())

    def execute(self, context: object, root: object = None) -> Coroutine[Any, Any, Response]:
        """Executes the operation; nothing of it goes on when this has ended. ``root`` is the source event, if there is one."""
        return self._introspect(context) if self.plan.is_introspection else self._execute(context, root)

    async def _introspect(self, context: object) -> Response:
        cache = self.plan.environment.introspections
        result = cache.get(self.plan)
        if result is None:
            result = await self._execute(context, None)
            if not result.errors:
                cache.put(self.plan, result)
        return result

    async def _execute(self, context: object, root: object) -> Response:
        execution = ExecutionContext(context, root, self.variables, self.arguments, self.plan.core_executor)
        try:
            data = self.plan.execute_root(execution)
            if type(data) is Pending:
                data = await data.coroutine()
        except GraphQLError as error:
            execution.add_error(error, None)
            data = None
        finally:
            if execution.detached:
                await execution.close()
        return self.plan.respond(data, execution.errors)

    async def subscribe(self, context: object) -> AsyncIterable[Any] | list[GraphQLError]:
        """The source event stream (CreateSourceEventStream); rendered errors where there is none.

        Each event is executed with a context of its own.
        """
        execution = ExecutionContext(context, None, self.variables, self.arguments, self.plan.core_executor)
        created: Any = create_source_event_stream(execution.core)
        stream: AsyncIterable[Any] | ExecutionResult = await created if isawaitable(created) else created
        if not isinstance(stream, ExecutionResult):
            return stream
        return list(self.plan.respond(None, list(stream.errors or ())).errors)


def _is_list_argument(use: Use) -> bool:
    return len(use.path) == 1 and isinstance(use.bound, ListBound)
