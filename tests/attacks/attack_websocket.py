"""Attacks over WebSockets, in frames that are written by hand where a library would not write them."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attack import EVIL, LONG, Line, Target, attack, random, unless

_TEXT, _MORE, _PING, _CLOSE = 1, 0, 9, 8
_ACKNOWLEDGED = b"connection_ack"


def _frame(kind: int, content: bytes = b"", *, last: bool = True) -> bytes:
    """A frame as a client sends it, masked with zeros."""
    size = len(content)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65_536:
        length = bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return bytes([(0x80 if last else 0) | kind]) + length + bytes(4) + content


def _message(content: object) -> bytes:
    return _frame(_TEXT, json.dumps(content).encode())


@asynccontextmanager
async def _upgraded(
    target: Target, *, protocol: str = "graphql-transport-ws", buffer: int | None = None, **headers: str
) -> AsyncIterator[tuple[Line, bytes]]:
    """A WebSocket, and what the server said to the wish for one."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    async with target.line(buffer=buffer) as line:
        key = base64.b64encode(random(16)).decode()
        await line.say(
            f"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n{more}\r\n".encode()
        )
        yield line, await line.hear() or b""


@asynccontextmanager
async def _greeted(target: Target, buffer: int | None = None) -> AsyncIterator[Line]:
    async with _upgraded(target, buffer=buffer) as (line, _):
        await line.say(_message({"type": "connection_init"}))
        heard = b""
        while _ACKNOWLEDGED not in heard and (more := await line.hear()):
            heard += more
        assert _ACKNOWLEDGED in heard
        yield line


async def _code(line: Line, seconds: float = 2) -> int | None:
    """With which code the connection is closed; 0 if without any, None if it is not."""
    heard = b""
    end = asyncio.get_running_loop().time() + seconds
    while (left := end - asyncio.get_running_loop().time()) > 0:
        piece = await line.hear(left)
        if piece is None:
            return None
        if not piece:
            return 0
        heard += piece
        for place in (heard.find(bytes([0x80 | _CLOSE]) + bytes([size])) for size in range(2, 126)):
            if place >= 0 and len(heard) >= place + 4 and 1000 <= int.from_bytes(heard[place + 2 : place + 4], "big") < 5000:
                return int.from_bytes(heard[place + 2 : place + 4], "big")
    return None


async def _closed(target: Target, sent: bytes, code: int, what: str) -> None:
    async with _greeted(target) as line:
        await line.say(sent)
        found = await _code(line)
        unless(found == code, f"{what}: {found}, not {code}")


@attack()
async def a_socket_of_another_site(target: Target) -> None:
    for origin in (EVIL, "null", "https://app.friend.example.evil.example"):
        async with _upgraded(target, Origin=origin) as (line, _):
            await line.say(_message({"type": "connection_init"}))
            heard = await line.hear() or b""
            unless(_ACKNOWLEDGED not in heard, f"a page of {origin} opens a socket in its visitor's name")


@attack()
async def a_protocol_of_yesterday(target: Target) -> None:
    async with _upgraded(target, protocol="graphql-ws") as (line, said):
        await line.say(_message({"type": "connection_init"}))
        unless(_ACKNOWLEDGED not in said + (await line.hear(1) or b""), "the protocol of before is spoken")


@attack()
async def a_socket_that_would_unpack_what_is_sent(target: Target) -> None:
    async with _upgraded(target, Sec_WebSocket_Extensions="permessage-deflate") as (_, said):
        unless(b"permessage-deflate" not in said, "compressed messages are unpacked")


@attack(waits=True)
async def a_message_of_a_megabyte(target: Target) -> None:
    sent = _message({"type": "ping", "payload": {"a": "x" * 1_000_000}})
    await _closed(target, sent, 1009, "a megabyte in a message")


@attack(waits=True)
async def a_message_of_fragments_without_content(target: Target) -> None:
    async with _greeted(target) as line:
        speaking = asyncio.create_task(_flood(line, _frame(_TEXT, b"{", last=False), _frame(_MORE, last=False) * 1_000, 10))
        found = await _code(line)
        speaking.cancel()
        unless(found in {0, 1009}, "ten thousand fragments are kept")


@attack()
async def pings_whose_answers_are_not_read(target: Target) -> None:
    async with _greeted(target, buffer=4096) as line:
        unless(not await _flood(line, b"", _frame(_PING, b"x" * 125) * 500, 250), "sixteen megabytes of answers are kept")


async def _flood(line: Line, first: bytes, each: bytes, times: int) -> bool:
    """Whether all of it is taken, and none of it for longer than a second."""
    await line.say(first)
    try:
        for _ in range(times):
            async with asyncio.timeout(1):
                if not await line.say(each):
                    return False
    except TimeoutError:
        return False
    return True


@attack(waits=True)
async def a_client_that_is_gone_without_a_word(target: Target) -> None:
    async with _greeted(target) as line:
        unless(await _code(line, LONG) == 3008, "a silent socket is kept")


@attack(waits=True)
async def a_message_that_stops_half_way(target: Target) -> None:
    async with _greeted(target) as line:
        await line.say(_message({"type": "ping"})[:8])
        unless(await _code(line, LONG) is not None, "half a message holds a socket")


@attack(waits=True)
async def a_thousand_subscriptions_on_one_socket(target: Target) -> None:
    async with _greeted(target) as line:
        for number in range(100):
            query = "subscription{providerHealth{name}}"
            await line.say(_message({"type": "subscribe", "id": str(number), "payload": {"query": query}}))
        heard = b""
        while b'"error"' not in heard and (more := await line.hear(0.5)):
            heard += more
        unless(b'"error"' in heard, "a hundred subscriptions share a socket")


@attack()
async def a_message_that_is_deep(target: Target) -> None:
    await _closed(target, _frame(_TEXT, b'{"type":"ping","payload":' + b'{"a":' * 3_000), 4400, "a deep message")


@attack()
async def a_message_that_is_no_object(target: Target) -> None:
    for text in (b"[]", b"null", b'"ping"', b"7"):
        await _closed(target, _frame(_TEXT, text), 4400, text.decode())


@attack()
async def a_message_that_is_called_text_and_is_none(target: Target) -> None:
    kept = logging.getLogger("uvicorn.error")
    told: list[logging.LogRecord] = []
    listening = logging.Handler()
    listening.emit = told.append  # type: ignore[method-assign]
    before = kept.level
    kept.setLevel(logging.ERROR)
    kept.addHandler(listening)
    try:
        async with _greeted(target) as line:
            await line.say(_frame(_TEXT, b"\xff\xfe"))
            unless(await _code(line) == 1007, "bytes are taken for text")
    finally:
        kept.removeHandler(listening)
        kept.setLevel(before)
    unless(not told, "every such message writes a traceback into the log")


@attack(waits=True)
async def a_message_whose_query_is_no_text(target: Target) -> None:
    await _closed(target, _message({"type": "subscribe", "id": "1", "payload": {"query": [1]}}), 4400, "a query that is a list")


@attack()
async def more_streams_of_events_than_one_address_may_have(target: Target) -> None:
    opened, lines = 0, []
    for _ in range(12):
        holding = target.line(source="127.0.0.3")
        lines.append(holding)
        line = await holding.__aenter__()
        await line.say(
            b"GET /graphql?query=subscription%7BproviderHealth%7Bname%7D%7D HTTP/1.1\r\nhost: x\r\n"
            b"accept: text/event-stream\r\n\r\n"
        )
        opened += (await line.hear(2) or b"").startswith(b"HTTP/1.1 200")
    for each in lines:
        await each.__aexit__(None, None, None)
    unless(opened <= 10, f"one address follows {opened} streams")
