"""Who counts as one client, and who is waited for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attack import Target

from gateway.server.admission import Admission, Bounds
from gateway.server.uvicorn_server import serving

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
def test_one_client_has_one_address_or_one_network_unless_it_stands_for_many(addresses: tuple[str, str], one: bool) -> None:
    admission = Admission(Bounds(per_address=1))
    first, second = addresses
    assert admission.enter(first)
    assert admission.enter(second) is not one
    admission.leave(first)
    assert admission.enter(first)


def test_a_place_is_free_again_when_somebody_leaves() -> None:
    admission = Admission(Bounds(connections=2))
    assert admission.enter("10.0.0.1")
    assert admission.enter("10.0.0.2")
    assert not admission.enter("10.0.0.3")
    admission.leave("10.0.0.1")
    assert admission.enter("10.0.0.3")


async def _large(scope: Any, receive: Any, send: Any) -> None:
    """Answers with a lot, all at once."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % SIZE)]})
    await send({"type": "http.response.body", "body": bytes(SIZE)})


async def test_whoever_reads_a_large_answer_slowly_gets_it_all() -> None:
    limit = 0.3
    async with serving(_large, limit=limit) as address, Target(address, "", "").line(buffer=65_536) as line:
        await line.say(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        began, heard = asyncio.get_running_loop().time(), 0
        while piece := await line.hear():
            heard += len(piece)
            await asyncio.sleep(0.005)
        assert heard > SIZE, heard
        assert asyncio.get_running_loop().time() - began > 3 * limit


async def test_whoever_reads_nothing_of_a_last_answer_is_cut() -> None:
    async with serving(_large, limit=0.3) as address, Target(address, "", "").line(buffer=4096) as line:
        await line.say(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        await asyncio.sleep(1.2)
        assert len(await line.everything()) < SIZE


async def test_places_are_given_back_by_sockets_and_by_those_who_are_cut() -> None:
    bounds = Bounds(head=0.1, connections=2)
    async with serving(_large, bounds=bounds) as address:
        target = Target(address, "", "")
        for _ in range(3):
            async with target.line() as one, target.line() as two:
                assert not await one.open_after(2)
                assert not await two.open_after(2)
        assert (await target.ask("GET", "/")).status == 200
