"""Comparison: executes one operation by graphql-core and by its plan, in two equal worlds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest
from execution_world import World
from graphql import ExecutionResult, GraphQLError, execute, subscribe
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.exceptions import CannotGetOperationTypeError

from schema import schema as whole
from schema.execution import Plan, PlanCache, Response, encode
from schema.root import Schema

_TRACE = re.compile(rb"[0-9a-f]{32}")


@dataclass
class Comparison:
    """Compares, and counts what was compared."""

    schema: Schema = whole
    context: Callable[[int, float], Any] = lambda seed, faults: World(seed, faults).context()
    plans: PlanCache = field(init=False)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.plans = PlanCache(self.schema, size=64)

    async def holds(self, text: str, variables: Mapping[str, Any] | None, name: str | None, seed: int, faults: float) -> bool:
        """Asserts that both say the same. Says whether there was anything to execute."""
        plan = self.plans.plan(text, name)
        if isinstance(plan, list):
            self.counts["refused"] += 1
            await self._same_refusal(text, variables, name, plan)
            return False
        self.counts[plan.operation_type] += 1
        given = dict(variables or {})
        if plan.operation_type == "subscription":
            await self._same_stream(plan, given, seed, faults)
            return True
        theirs = await by_core(self.schema, plan, self.context(seed, faults), given)
        await self._same(plan.execute(self.context(seed, faults), given), theirs)
        if plan.operation_type == "query" and self.schema is whole and not theirs.errors:
            # What has been shown twice is kept, and no other than what is made anew.
            context = self.context(seed, faults)
            for _ in range(3):
                await self._same(plan.execute(context, given), theirs)
        self.counts["kept"] = max(self.counts["kept"], len(self.plans.fragment_cache))
        return True

    async def _same(self, answering: Awaitable[Response], theirs: ExecutionResult) -> None:
        errors = theirs.errors or []
        try:
            ours = await answering
        except TypeError:
            # A value of JSON that is none cannot be told by anybody.
            with pytest.raises(TypeError):
                encode(theirs.data)
            return
        assert [_cause(each) for each in ours.errors] == [_cause(each) for each in errors]
        self.schema.process_errors(errors)
        assert _shown(ours.body) == _shown(_told(theirs))
        self.counts["errors"] += len(errors)
        self.counts["failed"] += bool(errors)

    async def _same_refusal(
        self, text: str, variables: Mapping[str, Any] | None, name: str | None, ours: list[GraphQLError]
    ) -> None:
        try:
            theirs = await self.schema.execute(text, dict(variables or {}), context_value=None, operation_name=name)
        except CannotGetOperationTypeError:
            assert [each.message for each in ours] == [f"Unknown operation named '{name}'."]
            return
        assert theirs.errors is not None
        assert [each.formatted for each in ours] == [each.formatted for each in theirs.errors]

    async def _same_stream(self, plan: Plan, given: dict[str, Any], seed: int, faults: float) -> None:
        theirs = subscribe(
            self.schema._schema,
            plan.document,
            context_value=self.context(seed, faults),
            variable_values=given,
            operation_name=plan.operation.name.value if plan.operation.name else None,
            executor_class=self.schema.execution_context_class,
            operation_extensions=None,
        )
        theirs = await theirs if optimized_is_awaitable(theirs) else theirs
        coerced = plan.coerce_variables(given)
        context = self.context(seed, faults)
        stream = coerced if isinstance(coerced, list) else await coerced.subscribe(context)
        if isinstance(theirs, ExecutionResult):
            assert isinstance(stream, list)
            self.schema.process_errors(theirs.errors or [])
            assert [each.formatted for each in stream] == [each.formatted for each in theirs.errors or ()]
            return
        assert not isinstance(stream, list)
        assert not isinstance(coerced, list)
        mine: Any = stream
        async with aclosing(mine), aclosing(theirs):
            while True:
                expected = await _next(theirs)
                event = await _next(mine)
                if isinstance(expected, Exception) or expected is None:
                    assert type(expected) is type(event)
                    return
                await self._same(coerced.execute(context, event), expected)
                self.counts["events"] += 1


async def _next(stream: Any) -> Any:
    try:
        return await anext(stream)
    except StopAsyncIteration:
        return None
    except Exception as error:
        return error


async def by_core(schema: Schema, plan: Plan, context: object, given: dict[str, Any]) -> ExecutionResult:
    found: Any = execute(
        schema._schema,
        plan.document,
        context_value=context,
        variable_values=given,
        operation_name=plan.operation.name.value if plan.operation.name else None,
        is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        executor_class=schema.execution_context_class,
        operation_extensions=None,
    )
    result: ExecutionResult = await found if optimized_is_awaitable(found) else found
    return result


def _told(result: ExecutionResult) -> bytes:
    errors = {"errors": [each.formatted for each in result.errors]} if result.errors else {}
    return encode({"data": result.data, **errors})


def _cause(error: GraphQLError) -> tuple[object, ...]:
    cause: Any = error.original_error
    return (error.path, error.locations, type(cause), str(cause))


def _shown(body: bytes) -> bytes:
    return _TRACE.sub(b"*", body)
