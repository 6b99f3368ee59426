"""Operation runner of every transport: a query or mutation gives one response, a subscription a response stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from graphql import FieldNode, GraphQLError, located_error
from strawberry.schema import Schema

from gateway.auth.refusal import CREDENTIALS_EXPIRED
from gateway.auth.viewer import Viewer
from gateway.config import Settings
from providers.clock import Clock
from providers.errors import Forbidden, Invalid
from providers.http.deadline import deadline
from providers.model import Session
from schema.authorization import refusal
from schema.context import Context
from schema.errors import Problem, Refused, conceal, render
from schema.execution import Admission, CoercedOperation, Plan, PlanCache, Response
from schema.inputs.bounds import input_bounds
from schema.limits import Limits
from schema.mutations.payloads import MutationResult
from schema.transport.request import Request, RequestParams
from schema.trusted_documents import TrustedDocuments

QUERY: Final = "query"
MUTATION: Final = "mutation"
SUBSCRIPTION: Final = "subscription"
_MAX_ACCEPTED_LENGTHS: Final = 64
_LOG_CURSORS: Final = frozenset({"eventCursor"})
"""Fields that show where the event log stood when the response was made."""
ENDED: Final = "These credentials have ended. Connect again with new ones."


@dataclass(frozen=True, slots=True)
class StreamedResponse:
    """One response of a stream as JSON; ``cursor`` is that of the event which it shows, where the event has one."""

    body: bytes
    cursor: str | None = None


class ResponseStream(AsyncIterator[StreamedResponse]):
    """Response stream of one operation (MapSourceToResponseEvent), in order. Its holder closes it, which closes its source.

    Iterating raises ``Refused`` where the source fails, or when the viewer's credentials have expired.
    """

    def __init__(
        self,
        execute: Callable[[Any], Awaitable[StreamedResponse]],
        source: AsyncIterator[Any],
        field: FieldNode | None,
        expired: Callable[[], bool],
        begins_after: str | None = None,
    ) -> None:
        self._execute = execute
        self._source = source
        self._field = field
        self.expired = expired
        """Whether the viewer's credentials have expired."""
        self.begins_after = begins_after
        """Cursor behind which the events begin, to resume from where the connection is lost before the first of them."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamedResponse:
        try:
            event = await anext(self._source)
        except StopAsyncIteration:
            raise
        except Exception as error:
            raise _source_error(error, self._field) from error
        if self.expired():
            raise Refused([expired_credentials()])
        return await self._execute(event)

    async def aclose(self) -> None:
        """Closes the source; returns when it has ended."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


class Operations:
    """Plans, admits and executes the operations of a schema. Each event has a context and a deadline of its own."""

    def __init__(self, schema: Schema, make_context: Callable[[Viewer], Context], settings: Settings, clock: Clock) -> None:
        limits, is_open = settings.limits, settings.server.profile == "open"
        self._limits = Limits(schema._schema, limits, introspective=is_open)
        self._trusted = TrustedDocuments(settings)
        self._plans = PlanCache(
            schema,
            check=self._limits,
            tokens=limits.tokens,
            characters=limits.document,
            bounds=input_bounds(schema._schema),
            suggestions=is_open,
            flagged_fields=_LOG_CURSORS,
            conceal=None if is_open else conceal,
            admission=Admission(self._trusted.is_trusted),
        )
        self._make_context = make_context
        self._clock = clock
        self._seconds = limits.deadline

    def expired(self, viewer: Viewer) -> bool:
        """Whether a viewer's credentials have expired."""
        return viewer.expired(self._clock.now())

    def head_cursor(self, viewer: Viewer) -> str | None:
        """The cursor of the newest event of the log; None where there is no event log."""
        return self._make_context(viewer).signing.events.head_cursor

    def cached_plan(self, request: Request) -> Plan | None:
        """The cached plan of a request; None where it has to be planned. Raises ``Refused``, as ``plan`` does."""
        params = request.params
        if params.coerced is not None:
            return params.coerced.plan
        plan = self._plans.cached(self._trusted.text(params), params.operation_name)
        if isinstance(plan, list):
            raise Refused(plan)
        return plan

    async def plan(self, request: Request) -> Plan:
        """The plan of a request whose document is not cached. Documents are planned in turn, so that none holds the loop.

        Raises ``Refused`` for a document that is not valid, or not trusted.
        """
        params = request.params
        text, client = self._trusted.text(params), request.viewer().id
        plan = await self._plans.plan_in_turn(text, params.operation_name, client=client)
        if isinstance(plan, list):
            raise Refused(plan)
        return plan

    async def declines(self, params: RequestParams, *, viewer: Viewer) -> bool:
        """Whether an operation is refused whatever its variables are: it is invalid, or out of this viewer's scopes."""
        request = Request(params, viewer=lambda: viewer)
        try:
            plan = self.cached_plan(request) or await self.plan(request)
        except Refused:
            return True
        return refusal(plan, viewer) is not None

    def respond(self, plan: Plan, request: Request) -> Awaitable[Response]:
        """Executes a query or mutation. Raises ``Refused`` for a request error."""
        coerced = self._coerce(plan, request)
        if isinstance(coerced, CoercedOperation):
            return self._execute(coerced, request)
        return self._refuse(plan, request, coerced)

    async def stream(self, plan: Plan, request: Request) -> ResponseStream:
        """Begins an operation of any type. Raises ``Refused`` for a request error."""
        coerced = self._coerce(plan, request)

        def expired() -> bool:
            return self.expired(request.viewer())

        if not isinstance(coerced, CoercedOperation):
            refused = await self._refuse(plan, request, coerced)
            return ResponseStream(lambda _: _streamed(refused), _single_event(), None, expired)
        request.release_params()

        async def execute(event: Any) -> StreamedResponse:
            cursor = getattr(event, "cursor", None)
            return StreamedResponse((await self._execute(coerced, request, event)).body, cursor)

        if plan.operation_type != SUBSCRIPTION:
            return ResponseStream(execute, _single_event(), None, expired)
        context = self._context(request)
        with deadline(self._clock, self._seconds):
            source = await coerced.subscribe(context)
        if isinstance(source, list):
            raise Refused(source)
        return ResponseStream(execute, aiter(source), _root_field(plan), expired, context.begins_after)

    def _coerce(self, plan: Plan, request: Request) -> CoercedOperation | Forbidden | Invalid:
        """The operation with coerced variables, or why it is refused before any is converted. Raises ``Refused``.

        Kept with the parameters of a query whose variables are immutable, which are the same object for equal requests.
        """
        params = request.params
        if params.coerced is not None:
            return params.coerced
        forbidden = refusal(plan, request.viewer())
        if forbidden is not None:
            return forbidden
        try:
            coerced = plan.coerce_variables(params.variables)
            if isinstance(coerced, list):
                raise Refused(coerced)
            if plan.list_variables:
                self._require_affordable(coerced)
        except Invalid as error:
            return error
        if plan.is_cached and plan.operation_type == QUERY and coerced.is_immutable:
            params.coerced = coerced
        return coerced

    def _require_affordable(self, coerced: CoercedOperation) -> None:
        """Raises ``TooLarge`` where lists among the variables take the operation cost beyond its limit."""
        plan, values = coerced.plan, coerced.variables.coerced
        lists = {name: values.get(name) for name in plan.list_variables}
        lengths = {name: len(value) if isinstance(value, list) else 1 for name, value in lists.items() if value is not None}
        key = tuple(lengths.get(name, 0) for name in plan.list_variables)
        if key not in plan.accepted_lengths:
            self._limits.require_affordable(plan.document, plan.operation, lengths)
            if len(plan.accepted_lengths) < _MAX_ACCEPTED_LENGTHS:
                plan.accepted_lengths.add(key)

    async def _refuse(self, plan: Plan, request: Request, error: Forbidden | Invalid) -> Response:
        """The response of an operation that is not executed: problems of a mutation, else errors. Raises ``Refused``."""
        response = None
        if plan.operation_type == MUTATION:
            result = MutationResult(problems=[Problem.of(error)])
            response = await plan.complete_without_resolving(self._context(request), result)
        elif plan.operation_type == SUBSCRIPTION and isinstance(error, Forbidden):
            raise _source_error(error, _root_field(plan))
        elif isinstance(error, Forbidden):
            response = await plan.complete_without_resolving(self._context(request), error)
        if response is None:
            shown = GraphQLError(error.message, original_error=error)
            render(shown)
            raise Refused([shown])
        return response

    async def _execute(self, coerced: CoercedOperation, request: Request, event: object = None) -> Response:
        """Executes an operation, or an event of it.

        Where it selects the log's cursor, that is taken before anything is read: what is read later may show more than the
        cursor says, and never less.
        """
        with deadline(self._clock, self._seconds):
            context = self._context(request)
            if coerced.plan.is_flagged:
                context.log_cursor = await context.signing.events.log_cursor()
                if isinstance(event, Session):  # it was read before
                    event = replace(await context.signing.queries.last_known(event.ref), stale=event.stale)
            return await coerced.execute(context, event)

    def _context(self, request: Request) -> Context:
        context = self._make_context(request.viewer())
        context.resume_after = request.resume_after
        return context


def expired_credentials() -> GraphQLError:
    """The error of an operation whose viewer's credentials have expired."""
    return GraphQLError(ENDED, extensions={"code": CREDENTIALS_EXPIRED})


async def _streamed(response: Response) -> StreamedResponse:
    return StreamedResponse(response.body)


async def _single_event() -> AsyncIterator[None]:
    yield None


def _root_field(plan: Plan) -> FieldNode | None:
    nodes = plan.operation.selection_set.selections
    return nodes[0] if nodes and isinstance(nodes[0], FieldNode) else None


def _source_error(error: Exception, field: FieldNode | None) -> Refused:
    """The failure of a source stream, located at the field that it belongs to."""
    name = None if field is None else field.alias or field.name
    located = located_error(error) if field is None or name is None else located_error(error, [field], [name.value])
    render(located)
    return Refused([located])
