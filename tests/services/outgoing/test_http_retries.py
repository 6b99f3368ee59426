"""Retry policy: which requests are sent again."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack

import pytest
from starlette.responses import JSONResponse, Response
from upstream import Scripted, Thing, closed_port

from providers.errors import (
    Conflict,
    InDoubt,
    Misbehaved,
    NotFound,
    Refused,
    SigningError,
    TooLarge,
    Unavailable,
    WrongState,
)
from providers.http.retry import MAX_ATTEMPTS
from providers.sandbox.server import serving


async def test_read_is_retried_until_it_succeeds(connect, watch):
    provider = Scripted(Response(status_code=500), Response(status_code=502), JSONResponse({"name": "ok"}))
    http = await connect(provider)
    assert await http.fetch(Thing, "GET", "/things/1") == Thing("ok")
    assert provider.calls == MAX_ATTEMPTS
    assert len(watch.slept) == MAX_ATTEMPTS - 1


async def test_last_error_is_raised_when_attempts_are_exhausted(connect):
    provider = Scripted(Response(status_code=500))
    http = await connect(provider)
    with pytest.raises(Unavailable) as caught:
        await http.request("GET", "/things/1")
    assert caught.value.status == 500
    assert provider.calls == MAX_ATTEMPTS


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_post_that_may_have_landed_is_sent_once(connect, status):
    provider = Scripted(Response(status_code=status))
    http = await connect(provider)
    with pytest.raises(InDoubt if status in {502, 504} else Unavailable):
        await http.request("POST", "/things")
    assert provider.calls == 1


@pytest.mark.parametrize(("method", "repeatable"), [("PUT", None), ("DELETE", None), ("POST", True)])
async def test_write_is_retried_when_it_is_repeatable(connect, method, repeatable):
    provider = Scripted(Response(status_code=500), Response(status_code=204))
    http = await connect(provider)
    await http.request(method, "/things/1", repeatable=repeatable)
    assert provider.calls == 2


async def test_put_is_sent_once_when_it_is_marked_not_repeatable(connect):
    provider = Scripted(Response(status_code=500))
    http = await connect(provider)
    with pytest.raises(Unavailable):
        await http.request("PUT", "/things/1", repeatable=False)
    assert provider.calls == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, Misbehaved),
        (400, Refused),
        (403, Refused),
        (404, NotFound),
        (409, Conflict),
        (410, NotFound),
        (413, TooLarge),
        (422, Refused),
        (423, WrongState),
    ],
)
async def test_refusal_is_not_retried(connect, status, kind):
    provider = Scripted(Response(status_code=status))
    http = await connect(provider)
    with pytest.raises(SigningError) as caught:
        await http.request("GET", "/things/1")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.provider, provider.calls) == (status, "acme", 1)


async def test_streamed_body_is_sent_from_its_beginning_at_every_attempt(connect):
    provider = Scripted(Response(status_code=500), Response(status_code=204))
    http = await connect(provider)

    async def body() -> AsyncIterator[bytes]:
        for number in range(200):
            yield b"%03d" % number

    await http.request("PUT", "/things/1", body=body)
    whole = b"".join(b"%03d" % number for number in range(200))
    assert [sent for _, _, sent in provider.received] == [whole, whole]


async def test_post_is_retried_when_it_never_connected(connect, watch):
    port = closed_port()
    provider = Scripted()
    http = await connect(f"http://127.0.0.1:{port}")
    async with AsyncExitStack() as stack:

        async def open_up() -> None:
            if len(watch.slept) == 1:
                await stack.enter_async_context(serving(provider.app, port=port))

        watch.asleep = open_up
        assert (await http.request("POST", "/things")).status_code == 200
        await http.close()
    assert provider.calls == 1


async def test_closed_port_is_unavailable_for_a_write(connect, watch):
    http = await connect(f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(Unavailable) as caught:
        await http.request("POST", "/things")
    assert type(caught.value) is Unavailable
    assert len(watch.slept) == MAX_ATTEMPTS - 1


async def test_write_is_not_in_doubt_when_connecting_times_out(connect):
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):  # the queue of the kernel is full now: the next handshake hangs
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003
            waiting.connect_ex(listener.getsockname())
        http = await connect(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.2)
        with pytest.raises(Unavailable) as caught:
            await http.request("POST", "/things")
        assert type(caught.value) is Unavailable
