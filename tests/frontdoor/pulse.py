"""Another client, on a connection and thread of its own: measures the CPU time until it is answered."""

from __future__ import annotations

import asyncio
import gc
import http.client
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

MOST = 0.1
"""Seconds of the gateway's processor time that another client may have to wait."""
MOST_OF_ALL = 0.5
"""Seconds of the whole process, which has the clients and the sandboxes in it as well."""


class Pulse:
    """Asks for ``/healthz`` again and again. ``longest`` is the most processor time that one answer has taken so far.

    The time is that of the thread which the gateway's event loop runs in: whatever else the machine does is not counted.
    A pattern that runs in another thread and keeps the interpreter's lock holds that one up without any time of its own:
    ``longest_of_all`` is that of all threads.
    """

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._over, self._asked, self._begun = threading.Event(), threading.Event(), threading.Event()
        self.longest = self.longest_of_all = 0.0
        self.beats = 0

    async def reset(self) -> None:
        """Begins to measure anew, once an answer is over that was asked for after this."""
        self._begun.clear()
        self._asked.set()
        await asyncio.to_thread(self._begun.wait)

    def run(self) -> None:
        client = http.client.HTTPConnection(self._host, timeout=60)
        while not self._over.is_set():
            fresh, begun, all_begun = self._asked.is_set(), time.clock_gettime(self._clock), time.process_time()
            client.request("GET", "/healthz")
            assert client.getresponse().read()
            self.longest = max(self.longest, time.clock_gettime(self._clock) - begun)
            self.longest_of_all = max(self.longest_of_all, time.process_time() - all_begun)
            self.beats += 1
            if fresh:
                self.longest = self.longest_of_all = 0.0
                self._asked.clear()
                self._begun.set()
            self._over.wait(0.001)
        client.close()

    def stop(self) -> None:
        self._over.set()


@asynccontextmanager
async def beating(address: str) -> AsyncIterator[Pulse]:
    """Another client, for as long as the block lasts."""
    gc.collect()
    gc.freeze()  # or what tests before have left would be collected in the gateway's time
    pulse = Pulse(address)
    running = asyncio.create_task(asyncio.to_thread(pulse.run))
    try:
        yield pulse
    finally:
        pulse.stop()
        await running
        gc.unfreeze()


async def post(address: str, content: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Sends one request from another thread, so that nothing of it is the gateway's time. A stream is not read."""

    def send() -> tuple[int, bytes]:
        client = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
        client.request("POST", "/graphql", content, {"content-type": "application/json"} | dict(headers or {}))
        reply = client.getresponse()
        try:
            streams = reply.headers["content-type"].startswith("text/event-stream")
            return reply.status, b"" if streams else reply.read()
        finally:
            client.close()

    return await asyncio.to_thread(send)
