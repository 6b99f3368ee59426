"""An upstream that costs next to nothing: constant answers, prepared at start; run as a process of its own.

``GET /_bench/delay/20`` has every answer wait so many milliseconds from then on; ``GET /_bench/calls`` tells how many
were asked for, by method and path, and forgets them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import cast

import uvloop

_END = b"\r\n\r\n"


def _answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    return head + body


class Shelf:
    """The answers by method and path, how long each waits (seconds), and how often each was asked for."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = {key.encode(): _answer(body.encode()) for key, body in answers.items()}
        self.nothing = _answer(b"{}", b"404 Not Found")
        self.delay = 0.0
        self.calls: Counter[bytes] = Counter()

    def control(self, target: bytes) -> bytes:
        """What was asked of the upstream itself."""
        if target.startswith(b"GET /_bench/delay/"):
            self.delay = float(target.rpartition(b"/")[2]) / 1000
            return _answer(b"{}")
        told = json.dumps({key.decode(): count for key, count in self.calls.items()}).encode()
        self.calls.clear()
        return _answer(told)


class Upstream(asyncio.Protocol):
    """One connection; answers leave in the order of their requests, as all wait alike."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._loop = asyncio.get_running_loop()
        self._heard = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        heard = self._heard + data if self._heard else data
        while (end := heard.find(_END)) >= 0:
            after = end + 4
            if heard[:4] != b"GET ":
                head = heard[:end].lower()
                at = head.find(b"content-length:")
                after += int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
                if len(heard) < after:
                    break
            target = heard[: heard.find(b" HTTP/1")].partition(b"?")[0]
            heard = heard[after:]
            self._reply(target)
        self._heard = heard

    def _reply(self, target: bytes) -> None:
        shelf = self._shelf
        if target.startswith(b"GET /_bench/"):
            self._transport.write(shelf.control(target))
            return
        shelf.calls[target] += 1
        answer = shelf.answers.get(target, shelf.nothing)
        if shelf.delay:
            self._loop.call_later(shelf.delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def main(shelf: Shelf, port: int) -> None:
    """Serves the answers until it is terminated."""
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(shelf), "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(Shelf(json.loads(Path(sys.argv[1]).read_text())), int(sys.argv[2])))
