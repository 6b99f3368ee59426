"""What a call to a provider costs, and what it costs to read a page of its list.

Both are measured in a process of their own, on the event loop that the gateway runs on: ``python -m tests.bench.outgoing``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from statistics import median
from typing import Any, Literal

import httpx
import msgspec
import uvloop
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from providers.adapter import Adapter
from providers.clock import Clock
from providers.easyink import wire as easyink
from providers.http.client import HttpClient
from providers.http.credentials import HeaderAuth
from providers.http.deadline import deadline
from providers.http.http1.transport import Http1Transport
from providers.http.message.response import Response
from providers.http.transport import RequestStream, StreamedResponse
from providers.orders import DocumentOrder, Order, ParticipantOrder
from providers.registry import load, load_sandbox
from providers.saga import Steps
from providers.sandbox.certificate_authority import sample_pdf
from providers.settings import ProviderSettings
from providers.signicat import wire as signicat
from tests.bench.constant import constant

IN_FLIGHT, ANSWER_BYTES, ROUNDS = 32, 1_024, 3
CALLS = {"ours": 6_400, "httpx": 1_600}
SESSIONS, READINGS = 50, 300
BOUND_CALL_US, BOUND_DECODING_US = 100.0, 200.0

Call = Callable[[], Awaitable[object]]


class Settings(ProviderSettings):
    """A provider that always answers the same."""

    kind: Literal["constant"] = "constant"


class Thing(msgspec.Struct):
    """What it answers."""

    name: str


async def each(call: Call, count: int) -> float:
    """Microseconds of CPU that a call costs, with so many under way."""

    async def row(length: int) -> None:
        for _ in range(length):
            await call()

    await asyncio.gather(*(row(10) for _ in range(IN_FLIGHT)))
    begun = time.process_time()
    await asyncio.gather(*(row(count // IN_FLIGHT) for _ in range(IN_FLIGHT)))
    return (time.process_time() - begun) / count * 1e6


async def calls() -> dict[str, float]:
    """A read through all of ``providers.http.client``, and one of httpx beside it: medians of rounds in turn."""
    async with constant(ANSWER_BYTES) as url:
        http = HttpClient(
            Settings(name="constant", base_url=url, max_concurrency=IN_FLIGHT),
            auth=HeaderAuth({"authorization": SecretStr("Bearer token")}),
        )
        clock = Clock()
        limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
        async with httpx.AsyncClient(limits=limits) as reference:

            async def ours() -> None:
                with deadline(clock, 20):
                    await http.fetch(Thing, "GET", "/things", query={"page": 1, "size": 50})

            async def with_httpx() -> None:
                (await reference.get(f"{url}/things?page=1&size=50")).raise_for_status()

            ways: dict[str, Call] = {"ours": ours, "httpx": with_httpx}
            found = [{name: await each(call, CALLS[name]) for name, call in ways.items()} for _ in range(ROUNDS)]
        await http.close()
    return {name: median(one[name] for one in found) for name in ways}


class Held:
    """An answer that is here already."""

    def __init__(self, answer: StreamedResponse, body: bytes) -> None:
        self.status_code, self.headers, self.body = answer.status_code, answer.headers, body

    def buffered(self) -> bytes:
        return self.body

    async def read_chunk(self) -> bytes:
        raise AssertionError("all of it was read at once")

    async def aclose(self) -> None:
        pass


class Tape(Http1Transport):
    """Carries calls until it plays: from then on the last answer comes at once, for ever."""

    def __init__(self) -> None:
        super().__init__(connect_timeout=5, write_timeout=5)
        self.plays = False
        self.last: Held | None = None

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: RequestStream | None, head_timeout: float | None = None
    ) -> StreamedResponse:
        if not self.plays:
            answer = await super().send(method, url, headers, body, head_timeout)
            pieces = [piece async for piece in _pieces(answer)]
            self.last = Held(answer, b"".join(pieces))
            await answer.aclose()
        assert self.last is not None
        return self.last


async def _pieces(answer: StreamedResponse) -> AsyncIterator[bytes]:
    while piece := await answer.read_chunk():
        yield piece


def order(number: int) -> Order:
    """A lease of two parts that one person signs."""
    pdf = sample_pdf(f"Lease {number}")

    async def content() -> AsyncIterator[bytes]:
        yield pdf

    documents = tuple(
        DocumentOrder(
            filename=f"lease-{number}-{part}.pdf",
            media_type="application/pdf",
            size_bytes=len(pdf),
            sha256=hashlib.sha256(pdf).hexdigest(),
            open=content,
        )
        for part in (1, 2)
    )
    person = ParticipantOrder(first_name="Ada", last_name="Nordmann", email="ada@people.example")
    return Order(title=f"Lease {number}", reference=f"lease-{number}", documents=documents, participants=(person,))


def _rows(page: type[Any], row: type[Any], rows: str) -> Callable[[bytes], list[Any]]:
    def decode(body: bytes) -> list[Any]:
        return [Response(200, {}, bytes(raw)).json(row) for raw in getattr(Response(200, {}, body).json(page), rows)]

    return decode


DECODED = {
    "signicat": _rows(signicat.SigningSessions, signicat.SigningSession, "data"),
    "easyink": _rows(easyink.SearchPage, easyink.SearchItem, "items"),
}


async def pages(kind: str) -> dict[str, float]:
    """Microseconds from the bytes of a page to checked models of the wire, and to sessions (all but the way)."""
    sandbox, provider, tape = load_sandbox(kind)(), load(kind), Tape()
    async with sandbox.serving() as url:
        settings = provider.settings(**sandbox.settings(url))
        async with provider.adapter(settings, transport=tape) as adapter:
            for number in range(SESSIONS):
                await adapter.create_session(order(number), Steps())
            return await _read(adapter, tape, DECODED[kind])


async def _read(adapter: Adapter, tape: Tape, decode: Callable[[bytes], list[Any]]) -> dict[str, float]:
    found = await adapter.list_sessions(0, SESSIONS)
    assert len(found.sessions) == SESSIONS
    assert tape.last is not None
    body, tape.plays = tape.last.body, True

    async def decoded() -> object:
        return decode(body)

    async def listed() -> object:
        return await adapter.list_sessions(0, SESSIONS)

    return {
        "bytes": len(body),
        "decoded": median([await _each_reading(decoded) for _ in range(ROUNDS)]),
        "listed": median([await _each_reading(listed) for _ in range(ROUNDS)]),
    }


async def _each_reading(read: Call) -> float:
    begun = time.process_time()
    for _ in range(READINGS):
        await read()
    return (time.process_time() - begun) / READINGS * 1e6


async def measured() -> dict[str, dict[str, float]]:
    """Everything, in this process."""
    return {"calls": await calls()} | {kind: await pages(kind) for kind in DECODED}


async def main(console: Console) -> int:
    """Measures and prints; 1 where a bound does not hold."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.outgoing", stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    found = json.loads(said)
    costs = found["calls"]
    table = Table(title=f"Calls to providers: CPU, {IN_FLIGHT} in flight, answers of {ANSWER_BYTES:,} bytes")
    for column in ("what", "µs", "bound", "of httpx"):
        table.add_column(column, justify="left" if column == "what" else "right")
    whole = "a call: its place, circuit, deadline, proof, retries, reading"
    for what, name, bound in (
        (whole, "ours", f"{BOUND_CALL_US:g}"),
        ("bare httpx", "httpx", ""),
    ):
        table.add_row(what, f"{costs[name]:.0f}", bound, f"{costs[name] / costs['httpx']:.3f}")
    console.print(table)
    table = Table(title=f"A page of {SESSIONS} sessions: CPU")
    for column in ("provider", "kB", "decoded and checked, µs", "bound", "as sessions, µs"):
        table.add_column(column, justify="left" if column == "provider" else "right")
    for kind in DECODED:
        page = found[kind]
        row = (f"{page['bytes'] / 1000:.0f}", f"{page['decoded']:.0f}", f"{BOUND_DECODING_US:g}", f"{page['listed']:.0f}")
        table.add_row(kind, *row)
    console.print(table)
    return int(costs["ours"] > BOUND_CALL_US or any(found[kind]["decoded"] >= BOUND_DECODING_US for kind in DECODED))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(measured())))
