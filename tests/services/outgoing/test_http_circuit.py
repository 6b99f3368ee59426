"""Circuit breaker of the HTTP client: opens, half-opens and closes by the outcome of calls."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from upstream import Scripted

from providers.errors import (
    NotFound,
    SigningError,
    Unavailable,
)
from providers.http.circuit_breaker import CircuitState
from providers.http.client import HttpClient


async def trip(http: HttpClient) -> None:
    """Fails until the circuit is open."""
    for _ in range(8):
        with pytest.raises(Unavailable):
            await http.request("POST", "/fails")
    assert http.health.circuit is CircuitState.OPEN


async def test_consecutive_failures_open_the_circuit_and_no_request_is_sent(connect, watch):
    provider = Scripted(Response(status_code=500))
    http = await connect(provider)
    await trip(http)
    with pytest.raises(Unavailable, match="left alone") as caught:
        await http.request("GET", "/things")
    assert 0 < caught.value.retry_after <= 5
    assert (provider.calls, watch.slept) == (8, []), "an open circuit answers at once"


async def test_failures_with_a_success_between_them_do_not_open_the_circuit(connect):
    provider = Scripted(*([Response(status_code=500)] * 7 + [Response(status_code=404)]) * 2)
    http = await connect(provider)
    for _ in range(16):
        with pytest.raises(SigningError):
            await http.request("POST", "/things")
    assert http.health.circuit is CircuitState.CLOSED


@pytest.mark.parametrize("max_concurrency", [1, 2, 16])
async def test_successful_trial_after_the_pause_closes_the_circuit(connect, watch, max_concurrency):
    alone = []

    async def tried(request: Request) -> Response:
        await asyncio.sleep(0.05)
        alone.append(provider.calls == 8 + 1)
        return Response(status_code=204)

    provider = Scripted(*[Response(status_code=500)] * 8, tried, Response(status_code=204))
    http = await connect(provider, max_concurrency=max_concurrency)
    await trip(http)
    watch.at += 6
    assert http.health.circuit is CircuitState.HALF_OPEN
    replies = await asyncio.gather(*(http.request("POST", "/things") for _ in range(5)))
    assert {reply.status_code for reply in replies} == {204}
    assert alone == [True], "the others wait for what becomes of it"
    assert provider.calls == 8 + 5
    assert http.health.circuit is CircuitState.CLOSED


async def test_failed_trial_fails_the_calls_that_waited_for_it(connect, watch):
    provider = Scripted(Response(status_code=500))
    http = await connect(provider)
    await trip(http)
    watch.at += 6
    results = await asyncio.gather(*(http.request("POST", "/things") for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, Unavailable) for result in results)
    assert provider.calls == 8 + 1


async def test_concurrent_failures_do_not_prolong_the_pause(connect, watch):
    provider = Scripted(*[Response(status_code=500)] * 8, Response(status_code=204))
    http = await connect(provider)
    await trip(http)
    watch.at += 6
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(http.request("GET", "/things"))
    assert http.health.circuit is CircuitState.CLOSED


async def test_failed_trial_opens_the_circuit_again(connect, watch):
    provider = Scripted(Response(status_code=500))
    http = await connect(provider)
    await trip(http)
    watch.at += 6
    with pytest.raises(Unavailable):
        await http.request("GET", "/things")
    assert provider.calls == 8 + 1, "the trial is not repeated"
    assert http.health.circuit is CircuitState.OPEN


async def test_cancelled_trial_lets_the_next_call_try(connect, watch):
    async def hang(request: Request) -> Response:
        await asyncio.sleep(0.3)
        return Response(status_code=204)

    provider = Scripted(*[Response(status_code=500)] * 8, hang, Response(status_code=204))
    http = await connect(provider)
    await trip(http)
    watch.at += 6
    trial = asyncio.create_task(http.request("GET", "/things"))
    while provider.calls < 9:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    await http.request("GET", "/things")
    assert http.health.circuit is CircuitState.CLOSED


async def test_queued_calls_are_not_sent_once_the_circuit_is_open(connect):
    provider = Scripted(Response(status_code=500))
    http = await connect(provider, max_concurrency=2)
    results = await asyncio.gather(*(http.request("POST", "/things") for _ in range(40)), return_exceptions=True)
    assert all(isinstance(result, Unavailable) for result in results)
    assert provider.calls <= 9


async def test_health_reflects_the_last_calls(connect, watch):
    provider = Scripted(JSONResponse({}), Response(status_code=404), Response(status_code=500), JSONResponse({}))
    http = await connect(provider)
    assert (http.health.last_success_at, http.health.last_failure_at) == (None, None)
    await http.request("POST", "/things")
    first = http.health.last_success_at
    assert first == watch.now()
    watch.at += 1
    with pytest.raises(NotFound):
        await http.request("POST", "/things")
    assert http.health.last_success_at == watch.now(), "saying no is an answer"
    watch.at += 1
    with pytest.raises(Unavailable):
        await http.request("POST", "/things")
    assert http.health.last_failure_at == watch.now()
    assert isinstance(http.health.last_error, Unavailable)
    await http.request("POST", "/things")
    assert http.health.last_error is None
