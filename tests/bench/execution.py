"""Prints what it costs to execute an operation by its plan and by graphql-core, and what plans cost the memory.

Run as ``python -m tests.bench.execution [requests]``: the CPU time of q1, q2 and q3 as ratios of one run, then so many
requests of a hundred distinct operations with random variables.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from types import SimpleNamespace
from typing import Any

import psutil
from graphql import ExecutionResult, execute
from rich.console import Console
from rich.table import Table
from strawberry.execution import optimized_is_awaitable

from gateway.cache.page_cache import ListPage
from gateway.signing import SessionList
from gateway.store import Position, SessionRow
from providers import model
from schema import schema
from schema.execution import Plan, PlanCache, encode
from schema.relay import node_id

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PAGE = 50
BOUND = 20.0
REQUESTS = int(os.environ.get("SOAK_REQUESTS", "100000"))
ID = node_id("Session", "acme", "s1")
Q1 = """query Q1($id: ID!) { session(id: $id) {
  id key kind title status final providerStatus createdAt dueAt signingOrder reference reminderFrequency
} }"""
Q2 = """query Q2 { sessions(first: 50) { nodes {
  id key kind title status final createdAt dueAt reference
  documents { id key title filename role status mediaType sizeBytes }
  participants { id key firstName lastName email role order status signedAt }
} } }"""
Q3 = """query Q3($a: ID!, $b: ID!) {
  a: session(id: $a) { id key title status createdAt }
  b: session(id: $b) { id key title status createdAt }
}"""


def session(number: int) -> model.Session:
    """A session with two documents and two participants."""
    ref = model.SessionRef("acme", f"s{number}")
    documents = tuple(
        model.Document(
            session=ref,
            key=f"d{place}",
            role=model.DocumentRole.TO_SIGN,
            status=model.DocumentStatus.READY,
            title="Lease of the north field",
            filename="lease.pdf",
            media_type="application/pdf",
            size_bytes=48_213,
        )
        for place in range(2)
    )
    participants = tuple(
        model.Participant(
            session=ref,
            key=f"p{place}",
            role=model.ParticipantRole.SIGNER,
            status=model.ParticipantStatus.INVITED,
            order=place,
            first_name="Ada",
            last_name="Lovelace",
            email="ada@people.example",
            signed_at=NOW,
        )
        for place in range(2)
    )
    return model.Session(
        provider="acme",
        key=f"s{number}",
        kind=model.SessionKind.SIGNING,
        status=model.SessionStatus.PENDING,
        title="Lease of the north field",
        reference="lease-4711",
        created_at=NOW,
        due_at=NOW,
        documents=documents,
        participants=participants,
    )


class Shelf:
    """Sessions that are there at once."""

    def __init__(self) -> None:
        self._sessions = [session(number) for number in range(PAGE)]
        self._rows = [SessionRow(each, Position(NOW, each.provider, each.key)) for each in self._sessions]

    async def session(self, ref: model.SessionRef, max_age: object = None) -> model.Session:
        return self._sessions[hash(ref.key) % PAGE]

    async def sessions(self, *wanted: object) -> SessionList:
        """A page of its own each time: what is kept of one that is shown again costs nothing to execute."""
        return SessionList(ListPage(self._rows, more=False), [])

    def context(self) -> Any:
        return SimpleNamespace(signing=SimpleNamespace(queries=self), first=100, log_cursor=None)


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU for one execution, and the bytes of its answer."""

    plan: float
    core: float
    size: int


async def costs(rounds: int = 7) -> dict[str, Cost]:
    """What q1, q2 and q3 cost, each the best of so many rounds."""
    plans = PlanCache(schema)
    shelf = Shelf()
    found: dict[str, Cost] = {}
    for name, text, variables in (("q1", Q1, {"id": ID}), ("q2", Q2, {}), ("q3", Q3, {"a": ID, "b": ID})):
        plan = plans.plan(text)
        assert isinstance(plan, Plan), plan
        answer = await plan.execute(shelf.context(), variables)
        assert not answer.errors

        async def ours(plan: Plan = plan, variables: Mapping[str, Any] = variables) -> object:
            return await plan.execute(shelf.context(), variables)

        async def theirs(plan: Plan = plan, variables: Mapping[str, Any] = variables) -> object:
            return encode({"data": (await by_core(plan, shelf.context(), variables)).data})

        assert await theirs() == answer.body
        count = 20 if name == "q2" else 500
        best = {ours: float("inf"), theirs: float("inf")}
        for _ in range(rounds):
            for work in best:
                best[work] = min(best[work], await _cpu(work, count))
        found[name] = Cost(best[ours], best[theirs], len(answer.body))
    return found


async def by_core(plan: Plan, context: object, variables: Mapping[str, Any]) -> ExecutionResult:
    """The same operation by graphql-core."""
    result: Any = execute(
        schema._schema,
        plan.document,
        context_value=context,
        variable_values=dict(variables),
        is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        executor_class=schema.execution_context_class,
        operation_extensions=None,
    )
    done: ExecutionResult = await result if optimized_is_awaitable(result) else result
    return done


async def _cpu(work: Callable[[], Awaitable[object]], count: int) -> float:
    started = time.process_time()
    for _ in range(count):
        await work()
    return (time.process_time() - started) / count * 1e6


async def soak(requests: int, distinct: int = 100) -> float:
    """Megabytes by which so many requests of distinct operations with random variables make the process grow."""
    plans = PlanCache(schema)
    shelf = Shelf()
    dice = Random(7)
    texts = [f"query Q{n}($id: ID!, $all: Boolean!) {{ session(id: $id) {_selection(dice)} }}" for n in range(distinct)]
    process = psutil.Process()
    before = 0.0
    warm = requests // 10
    for number in range(requests + warm):
        if number == warm:
            gc.collect()
            before = process.memory_info().rss
        plan = plans.plan(dice.choice(texts))
        assert isinstance(plan, Plan), plan
        key = node_id("Session", "acme", f"s{dice.randrange(10**9)}")
        await plan.execute(shelf.context(), {"id": key if number % 50 else number, "all": dice.random() < 0.5})
    gc.collect()
    return (process.memory_info().rss - before) / 2**20


def _selection(dice: Random) -> str:
    leaves = ["id", "key", "title", "status", "createdAt", "final", "reference", "nothing: providerStatus"]
    chosen = " ".join(dice.sample(leaves, dice.randrange(1, len(leaves))))
    person = dice.choice(["id", "key", "email"])
    return f"{{ {chosen} documents @include(if: $all) {{ id title status }} participants {{ {person} }} }}"


async def main(console: Console) -> int:
    """Measures and prints; 1 where a bound does not hold."""
    table = Table("operation", "bytes", "plan, µs", "graphql-core, µs", "ratio", title="CPU per execution")
    for name, cost in (await costs()).items():
        table.add_row(name, str(cost.size), f"{cost.plan:.1f}", f"{cost.core:.1f}", f"{cost.core / cost.plan:.1f}")
    console.print(table)
    grown = await soak(REQUESTS)
    console.print(f"{REQUESTS:,} requests of 100 distinct operations: {grown:+.1f} MB (bound {BOUND:.0f} MB)")
    return int(grown > BOUND)
