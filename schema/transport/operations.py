"""Runs operations: a subscription gives one answer for each of its events, a query or a mutation gives one."""

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
from schema.admission import refusal
from schema.context import Context
from schema.errors import Problem, Refused, conceal, render
from schema.execution import Answer as Executed
from schema.execution import Bound, Plan, Plans
from schema.inputs.bounds import declared
from schema.limits import Limits
from schema.mutations.payloads import MutationResult
from schema.transport.request import Question, Request
from schema.trusted_documents import TrustedDocuments

SUBSCRIPTION = "subscription"
_QUERY: Final = "query"
_MOST_WEIGHED: Final = 64
_MUTATION: Final = "mutation"
_CURSORS: Final = frozenset({"eventCursor"})
"""Fields that tell where the event log stood."""
ENDED: Final = "These credentials have ended. Connect again with new ones."


@dataclass(frozen=True, slots=True)
class Answer:
    """One result as JSON; ``cursor`` is that of the event which it shows, where the event has one."""

    body: bytes
    cursor: str | None = None


class Answers(AsyncIterator[Answer]):
    """The answers of one operation, in order. Whoever holds it closes it, which ends what it comes from.

    Iterating raises ``Refused`` where the operation cannot go on.
    """

    def __init__(
        self,
        one: Callable[[Any], Awaitable[Answer]],
        source: AsyncIterator[Any],
        field: FieldNode | None,
        expired: Callable[[], bool],
        begins_after: str | None = None,
    ) -> None:
        self._one = one
        self._source = source
        self._field = field
        self.expired = expired
        """Whether the credentials of whoever asked have ended."""
        self.begins_after = begins_after
        """Cursor behind which the events begin, to resume from where the connection is lost before the first of them."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Answer:
        try:
            event = await anext(self._source)
        except StopAsyncIteration:
            raise
        except Exception as error:
            raise _failed(error, self._field) from error
        if self.expired():
            raise Refused([ended()])
        return await self._one(event)

    async def aclose(self) -> None:
        """Ends the source; returns when it has ended."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


class Operations:
    """Runs operations of a schema. Each event has surroundings and a deadline of its own."""

    def __init__(self, schema: Schema, context: Callable[[Viewer], Context], settings: Settings, clock: Clock) -> None:
        limits, open_ = settings.limits, settings.server.profile == "open"
        self._limits = Limits(schema._schema, limits, introspective=open_)
        self._plans = Plans(
            schema,
            check=self._limits,
            tokens=limits.tokens,
            characters=limits.document,
            bounds=declared(schema._schema),
            suggesting=open_,
            marks=_CURSORS,
            conceal=None if open_ else conceal,
        )
        self._trusted = TrustedDocuments(settings)
        self._context = context
        self._clock = clock
        self._seconds = limits.deadline

    def expired(self, viewer: Viewer) -> bool:
        """Whether somebody's credentials have ended."""
        return viewer.expired(self._clock.now())

    def head_cursor(self, viewer: Viewer) -> str | None:
        """The cursor behind which the events begin that somebody follows from now on; None where there is no event log."""
        return getattr(self._context(viewer).signing, "head_cursor", None)

    def plan(self, request: Request) -> Plan:
        """What is to be done. Raises ``Refused`` for what is no valid operation."""
        question = request.question
        if question.bound is not None:
            return question.bound.plan
        plan = self._plans.plan(self._trusted.text(question), question.operation)
        if isinstance(plan, list):
            raise Refused(plan)
        return plan

    def declines(self, question: Question, *, viewer: Viewer) -> bool:
        """Whether nothing of an operation is done whatever its variables are: it is invalid, or out of this viewer's scopes."""
        try:
            plan = self.plan(Request(question))
        except Refused:
            return True
        return refusal(plan, viewer) is not None

    def answer(self, plan: Plan, request: Request) -> Awaitable[Executed]:
        """Does what is no subscription. Raises ``Refused`` where it cannot begin."""
        bound = self._begin(plan, request)
        return self._execute(bound, request) if isinstance(bound, Bound) else self._refuse(plan, request, bound)

    async def operate(self, request: Request) -> Answers:
        """Begins an operation, whatever it is. Raises ``Refused`` where it cannot begin."""
        plan = self.plan(request)
        bound = self._begin(plan, request)

        def expired() -> bool:
            return self.expired(request.who())

        if not isinstance(bound, Bound):
            refused = await self._refuse(plan, request, bound)
            return Answers(lambda _: _shown(refused), _once(), None, expired)
        request.release()

        async def one(event: Any) -> Answer:
            cursor = getattr(event, "cursor", None)
            return Answer((await self._execute(bound, request, event)).body, cursor)

        if plan.kind != SUBSCRIPTION:
            return Answers(one, _once(), None, expired)
        surroundings = self._surroundings(request)
        with deadline(self._clock, self._seconds):
            source = await bound.subscribe(surroundings)
        if isinstance(source, list):
            raise Refused(source)
        return Answers(one, aiter(source), _field(plan), expired, surroundings.begins_after)

    def _begin(self, plan: Plan, request: Request) -> Bound | Forbidden | Invalid:
        """The operation with its variables, or why it is refused before any of them is converted. Raises ``Refused``.

        That of a query is the same for all who ask it, where nothing in it can be changed.
        """
        question = request.question
        if question.bound is not None:
            return question.bound
        forbidden = refusal(plan, request.who())
        if forbidden is not None:
            return forbidden
        try:
            bound = _bound(plan, question)
            if plan.lists:
                self._weigh(bound)
        except Invalid as error:
            return error
        if plan.kind == _QUERY and bound.plain:
            question.bound = bound
        return bound

    def _weigh(self, bound: Bound) -> None:
        """Raises ``TooLarge`` where the lists among the variables make too much of an operation."""
        plan, values = bound.plan, bound.variables.coerced
        found = {name: values.get(name) for name in plan.lists}
        lengths = {name: len(value) if isinstance(value, list) else 1 for name, value in found.items() if value is not None}
        known = tuple(lengths.get(name, 0) for name in plan.lists)
        if known not in plan.weighed:
            self._limits.weigh(plan.document, plan.operation, lengths)
            if len(plan.weighed) < _MOST_WEIGHED:
                plan.weighed.add(known)

    async def _refuse(self, plan: Plan, request: Request, error: Forbidden | Invalid) -> Executed:
        """The answer of an operation of which nothing is done: problems of a mutation, else errors. Raises ``Refused``."""
        answer = None
        if plan.kind == _MUTATION:
            answer = await plan.refuse(self._surroundings(request), MutationResult(problems=[Problem.of(error)]))
        elif plan.kind == SUBSCRIPTION and isinstance(error, Forbidden):
            raise _failed(error, _field(plan))
        elif isinstance(error, Forbidden):
            answer = await plan.refuse(self._surroundings(request), error)
        if answer is None:
            shown = GraphQLError(error.message, original_error=error)
            render(shown)
            raise Refused([shown])
        return answer

    async def _execute(self, bound: Bound, request: Request, event: object = None) -> Executed:
        """Executes an operation, or an event of it. Where it asks for the log's cursor, that is taken before anything is
        read: what is read later may show more than the cursor says, and never less.
        """
        with deadline(self._clock, self._seconds):
            surroundings = self._surroundings(request)
            if bound.plan.marked:
                surroundings.log_cursor = await surroundings.signing.log_cursor()
                if isinstance(event, Session):  # it was read before
                    event = replace(await surroundings.signing.known(event.ref), stale=event.stale)
            return await bound.execute(surroundings, event)

    def _surroundings(self, request: Request) -> Context:
        context = self._context(request.who())
        context.resume_after = request.resume_after
        return context


def _bound(plan: Plan, question: Question) -> Bound:
    """An operation with its variables.

    Raises ``Refused``, and ``Invalid`` for what is beyond a bound.
    """
    bound = plan.bind(question.variables)
    if isinstance(bound, list):
        raise Refused(bound)
    return bound


def ended() -> GraphQLError:
    """That the credentials of whoever asked have ended, as an error to be shown."""
    return GraphQLError(ENDED, extensions={"code": CREDENTIALS_EXPIRED})


async def _shown(executed: Executed) -> Answer:
    return Answer(executed.body)


async def _once() -> AsyncIterator[None]:
    yield None


def _field(plan: Plan) -> FieldNode | None:
    nodes = plan.operation.selection_set.selections
    return nodes[0] if nodes and isinstance(nodes[0], FieldNode) else None


def _failed(error: Exception, field: FieldNode | None) -> Refused:
    """The end of a source, shown at the field that it belongs to."""
    name = None if field is None else field.alias or field.name
    located = located_error(error) if field is None or name is None else located_error(error, [field], [name.value])
    render(located)
    return Refused([located])
