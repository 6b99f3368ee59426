"""Admission control: connections are counted by client, and reset when it does not read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attack import Target

from gateway.server.admission import Admission, ConnectionLimits
from gateway.server.server import serve_app

SIZE = 12 * 2**20


@pytest.mark.parametrize(
    ("addresses", "one"),
    [
        (("10.0.0.1", "10.0.0.1"), True),
        (("10.0.0.1", "10.0.0.2"), False),
        (("2001:db8::1", "2001:db8::ffff:2"), True),
        (("2001:db8:0:1::1", "2001:db8:0:2::1"), False),
        (("::ffff:10.0.0.1", "10.0.0.1"), True),
        (("127.0.0.1", "127.0.0.1"), False),
    ],
)
def test_client_is_counted_by_address_or_network_unless_the_address_is_shared(addresses: tuple[str, str], one: bool) -> None:
    admission = Admission(ConnectionLimits(per_address=1))
    first, second = addresses
    assert admission.admit(first)
    assert admission.admit(second) is not one
    admission.release(first)
    assert admission.admit(first)


def test_place_is_free_again_when_a_connection_closes() -> None:
    admission = Admission(ConnectionLimits(connections=2))
    assert admission.admit("10.0.0.1")
    assert admission.admit("10.0.0.2")
    assert not admission.admit("10.0.0.3")
    admission.release("10.0.0.1")
    assert admission.admit("10.0.0.3")


async def _large(scope: Any, receive: Any, send: Any) -> None:
    """Answers with a lot, all at once."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % SIZE)]})
    await send({"type": "http.response.body", "body": bytes(SIZE)})


async def test_slow_reader_of_a_large_response_gets_it_all() -> None:
    write_timeout = 0.3
    async with serve_app(_large, write_timeout=write_timeout) as address, Target(address, "", "").line(buffer=65_536) as line:
        await line.say(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        began, heard = asyncio.get_running_loop().time(), 0
        while piece := await line.hear():
            heard += len(piece)
            await asyncio.sleep(0.005)
        assert heard > SIZE, heard
        assert asyncio.get_running_loop().time() - began > 3 * write_timeout


async def test_client_that_does_not_read_a_last_response_is_reset() -> None:
    async with serve_app(_large, write_timeout=0.3) as address, Target(address, "", "").line(buffer=4096) as line:
        await line.say(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        await asyncio.sleep(1.2)
        assert len(await line.everything()) < SIZE


async def test_places_are_released_by_closed_and_by_reset_connections() -> None:
    limits = ConnectionLimits(head_timeout=0.1, connections=2)
    async with serve_app(_large, limits=limits) as address:
        target = Target(address, "", "")
        for _ in range(3):
            async with target.line() as one, target.line() as two:
                assert not await one.open_after(2)
                assert not await two.open_after(2)
        assert (await target.ask("GET", "/")).status == 200
