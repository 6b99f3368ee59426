"""Graceful drain: a gateway with subscriptions is stopped by SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from apart import Nursery, gateway
from liveclient import Frame, events, live
from test_stuck import Idler

from providers.registry import load_sandbox

STREAMS, STUCK = 20, 5
HEALTH = "subscription { providerHealth { name health { state } } }"
BULKY = "subscription { providerHealth { " + " ".join(f"a{place}: optionsSchema" for place in range(200)) + " } }"


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("how", "count"), [(signal.SIGTERM, 1000), (signal.SIGINT, 50)])
async def test_shutdown_drains_every_connection_within_five_seconds(
    tmp_path: Path, ours: Nursery, how: signal.Signals, count: int
) -> None:
    provider = load_sandbox("signicat")().settings("http://127.0.0.1:9")
    async with gateway(tmp_path, ours, [provider]) as one, AsyncExitStack() as stack:
        address = str(one.client.base_url)
        for _ in range(STUCK):
            idler = await stack.enter_async_context(Idler(address))
            await idler.upgrade()
            await idler.message({"type": "subscribe", "id": "1", "payload": {"query": BULKY}})
        sockets = []
        for _ in range(count // 50):
            batch = [stack.enter_async_context(live(address)) for _ in range(50)]
            sockets += [await each for each in batch]
        for each in sockets:
            await each.start(HEALTH)
        for each in sockets:
            assert (await each.next())["type"] == "next"
        streams = [await stack.enter_async_context(events(address, HEALTH)) for _ in range(STREAMS)]
        frames = [each.frames() for each in streams]
        for each in frames:
            assert [await anext(each), (await anext(each)).event] == [Frame(retry="1000"), "next"]

        begun = time.monotonic()
        one.signal(how)
        ends = [await each.end() for each in sockets]
        assert {code for code, _ in ends} == {1012}
        assert all("Connect again" in reason for _, reason in ends)
        for each in frames:
            assert [frame async for frame in each] == [Frame(retry="1000")]
        while running(one.pid):  # noqa: ASYNC110 (it is no child of ours)
            await asyncio.sleep(0.01)
        assert time.monotonic() - begun < 5
