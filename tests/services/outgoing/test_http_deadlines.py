"""Deadlines, delays between attempts, and the bulkhead."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from email.utils import format_datetime

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from upstream import Scripted, peer, request_head

from providers.clock import Clock
from providers.errors import (
    Busy,
    InDoubt,
    NotFound,
    TimedOut,
    Unavailable,
)
from providers.http.circuit_breaker import CircuitState
from providers.http.deadline import deadline
from providers.sandbox.server import serving


async def test_delays_are_full_jitter(connect, watch):
    provider = Scripted(Response(status_code=500))
    async with serving(provider.app) as url:
        for _ in range(30):
            http = await connect(url)
            with pytest.raises(Unavailable):
                await http.request("GET", "/things/1")
            await http.close()
    firsts, seconds = watch.slept[::2], watch.slept[1::2]
    assert len(firsts) == len(seconds) == 30
    assert all(0 <= pause <= 0.2 for pause in firsts)
    assert all(0 <= pause <= 0.4 for pause in seconds)
    assert max(seconds) > 0.2, "the later pause may be longer"
    assert min(firsts) < 0.1 < max(firsts), "anything from nothing on"


async def test_retry_after_in_seconds_is_honoured_for_reads_and_writes(connect, watch):
    for method in ("GET", "POST"):
        provider = Scripted(Response(status_code=429, headers={"retry-after": "7"}), Response(status_code=204))
        http = await connect(provider)
        await http.request(method, "/things")
        assert provider.calls == 2
    assert watch.slept == [7.0, 7.0]


async def test_retry_after_as_a_date_is_honoured(connect, watch):
    later = format_datetime(watch.now() + timedelta(seconds=4), usegmt=True)
    provider = Scripted(Response(status_code=503, headers={"retry-after": later}), Response(status_code=204))
    http = await connect(provider)
    await http.request("GET", "/things")
    assert watch.slept == [4.0]


@pytest.mark.parametrize(
    "spelled",
    [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%a, %d %b %Y %H:%M:%S -0000",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %d %H:%M:%S %Y",
        "%Y-%m-%dT%H:%M:%SZ",
    ],
)
async def test_retry_after_is_read_in_every_date_format(connect, watch, spelled):
    later = (watch.now() + timedelta(seconds=4)).strftime(spelled)
    provider = Scripted(Response(status_code=503, headers={"retry-after": later}), Response(status_code=204))
    http = await connect(provider)
    await http.request("GET", "/things")
    assert watch.slept == [4.0]


@pytest.mark.parametrize(("value", "pause"), [("3, 3", 3.0), ("0, 5", 5.0), ("0", 0.0), (" 2.5 ", 2.5)])
async def test_repeated_retry_after_is_the_longest(connect, watch, value, pause):
    provider = Scripted(Response(status_code=503, headers={"retry-after": value}), Response(status_code=204))
    http = await connect(provider)
    await http.request("GET", "/things")
    assert watch.slept == [pause]


@pytest.mark.parametrize(
    "value", ["soon", "-3", "3, soon", "0001-01-01T00:00:00", "\u00b2", "", "1e3", "Thu, 99 Foo 2026 00:00:00"]
)
async def test_malformed_retry_after_is_ignored(connect, watch, value):
    provider = Scripted(Response(status_code=429, headers={"retry-after": value}))
    http = await connect(provider)
    with pytest.raises(Busy) as caught:
        await http.request("GET", "/things")
    assert caught.value.retry_after is None
    assert max(watch.slept) <= 0.4


async def test_retry_after_beyond_the_deadline_is_raised_instead_of_waited_for(connect, watch):
    provider = Scripted(Response(status_code=429, headers={"retry-after": "30"}))
    http = await connect(provider)
    with deadline(watch, 20), pytest.raises(Busy) as caught:
        await http.request("GET", "/things")
    assert caught.value.retry_after == 30
    assert (provider.calls, watch.slept) == (1, [])


async def test_deadline_spans_all_attempts(connect, watch):
    async def slowly(request: Request) -> Response:
        watch.at += 0.6
        return Response(status_code=500, headers={"retry-after": "1"})

    provider = Scripted(slowly)
    http = await connect(provider)
    with deadline(watch, 3.0), pytest.raises(Unavailable) as caught:
        await http.request("GET", "/things")
    assert caught.value.status == 500, "what the provider said is told, not that we gave up"
    assert provider.calls == 2


async def test_nearer_deadline_wins(connect, watch):
    provider = Scripted()
    http = await connect(provider)
    with deadline(watch, 0), deadline(watch, 100), pytest.raises(TimedOut):
        await http.request("GET", "/things")
    assert provider.calls == 0
    await http.request("GET", "/things")


async def test_passed_deadline_does_not_count_as_a_provider_failure(connect, watch):
    http = await connect(Scripted())
    for _ in range(20):
        with deadline(watch, -1), pytest.raises(TimedOut):
            await http.request("GET", "/things")
    assert http.health.circuit is CircuitState.CLOSED
    assert http.health.last_failure_at is None


async def test_black_hole_takes_no_longer_than_the_deadline(connect):
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    clock = Clock()
    async with peer(swallow) as url:
        http = await connect(url, timeout=5, clock=clock)
        begun = time.monotonic()
        with deadline(clock, 0.2), pytest.raises(TimedOut):
            await http.request("GET", "/things")
        assert 0.15 < time.monotonic() - begun < 1
        await http.close()


async def test_trickling_response_times_out(connect):
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with peer(trickle) as url:
        http = await connect(url, timeout=0.1)
        begun = time.monotonic()
        with pytest.raises(TimedOut):
            await http.request("GET", "/things")
        assert time.monotonic() - begun < 1
        with pytest.raises(InDoubt):
            await http.request("POST", "/things")
        await http.close()


async def test_bulkhead_bounds_concurrent_calls(connect):
    async def slowly(request: Request) -> Response:
        await asyncio.sleep(0.01)
        return JSONResponse({"name": "ok"})

    provider = Scripted(slowly)
    http = await connect(provider, max_concurrency=3)
    await asyncio.gather(*(http.request("GET", f"/things/{number}") for number in range(20)))
    assert (provider.calls, provider.peak) == (20, 3)


async def test_waiting_for_a_slot_ends_at_the_deadline(connect):
    release = asyncio.Event()

    async def wait(request: Request) -> Response:
        await release.wait()
        return Response()

    clock = Clock()
    provider = Scripted(wait)
    http = await connect(provider, max_concurrency=1, clock=clock)
    first = asyncio.create_task(http.request("GET", "/first"))
    while not provider.calls:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    with deadline(clock, 0.05), pytest.raises(TimedOut, match="too many are under way"):
        await http.request("GET", "/second")
    release.set()
    await first
    assert provider.calls == 1
    assert http.health.last_failure_at is None, "our own queue is not the provider's fault"


async def test_failed_call_releases_its_slot(connect):
    http = await connect(Scripted(Response(status_code=404)), max_concurrency=1)
    for _ in range(5):
        with pytest.raises(NotFound):
            await http.request("GET", "/things")


async def test_cancelled_call_closes_its_connection(connect):
    asked, closed = asyncio.Event(), asyncio.Event()

    async def wait_for_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        asked.set()
        if await reader.read() == b"":
            closed.set()

    async with peer(wait_for_the_end) as url:
        http = await connect(url)
        call = asyncio.create_task(http.request("GET", "/things"))
        await asyncio.wait_for(asked.wait(), 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(closed.wait(), 1)
    assert http.health.last_failure_at is None, "that we gave up says nothing about the provider"


async def test_write_is_not_in_doubt_when_its_connection_was_closed_while_idle(connect):
    gone = asyncio.Event()

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()
        gone.set()

    async with peer(answer_once) as url:
        http = await connect(url)
        for _ in range(3):
            assert (await http.request("POST", "/things")).status_code == 204
            await gone.wait()
            await asyncio.sleep(0.01)
