"""Request heads: Host, repeated headers, request smuggling and upgrades, sent as raw bytes."""

from __future__ import annotations

import asyncio
import json

import pytest
from scene import Scene

BODY = json.dumps({"query": "{ viewer { id } }"}).encode()
POST = b"POST /graphql HTTP/1.1\r\ncontent-type: application/json\r\n"
HOST = b"host: 127.0.0.1\r\n"
H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"


async def spoken(scene: Scene, *parts: bytes, answers: int = 1) -> list[tuple[int, bytes]]:
    """The status and body of so many answers to what is said, part by part."""
    host, _, port = scene.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    found = []
    async with asyncio.timeout(10):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)  # so that each part comes in by itself
        for _ in range(answers):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            found.append((int(head.split()[1]), await reader.readexactly(int(length.split(b":")[1]))))
    writer.close()
    return found


def sized(head: bytes, body: bytes = BODY) -> bytes:
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    "said",
    [
        b"",
        HOST + HOST,
        b"host: 127.0.0.1\r\nHost: evil.example\r\n",
        b"host:\r\n",
        b"host: a b\r\n",
        b"host: 127.0.0.1, evil.example\r\n",
        b"host: 127.0.0.1@evil.example\r\n",
        b"host: 127.0.0.1/evil\r\n",
        b"host: 127.0.0.1:x\r\n",
        HOST + b"origin: http://127.0.0.1\r\norigin: https://evil.example\r\n",
        HOST + b"authorization: Bearer a\r\nauthorization: Bearer b\r\n",
        HOST + b"content-type: multipart/form-data\r\n",
    ],
)
async def test_ambiguous_host_or_origin_is_refused(scene: Scene, said: bytes) -> None:
    [(status, body)] = await spoken(scene, sized(POST + said))
    assert (status, b"INVALID" in body) == (400, True)


async def test_websocket_handshake_needs_one_host(scene: Scene) -> None:
    shake = b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    shake += b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    for said in (b"", HOST + HOST):
        [(status, _)] = await spoken(scene, b"GET /graphql HTTP/1.1\r\n" + said + shake + b"\r\n")
        assert status == 400


@pytest.mark.parametrize("host", [b"127.0.0.1:8000", b"localhost", b"[::1]:80", b"gateway"])
async def test_request_with_one_host_is_answered(scene: Scene, host: bytes) -> None:
    [(status, _)] = await spoken(scene, sized(POST + b"host: " + host + b"\r\n"))
    assert status == 200


async def test_http10_client_needs_no_host(scene: Scene) -> None:
    [(status, _)] = await spoken(scene, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert status == 200


UPGRADES = {
    "HTTP/2": H2C,
    "TLS": b"connection: upgrade\r\nupgrade: TLS/1.2\r\n",
    "several": b"connection: upgrade\r\nupgrade: websocket, h2c\r\n",
    "a WebSocket, by POST": b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n",
}


@pytest.mark.parametrize("what", UPGRADES)
@pytest.mark.parametrize("cut", [False, True], ids=["in one part", "in two parts"])
async def test_body_is_read_where_upgrade_is_declined(scene: Scene, what: str, cut: bool) -> None:
    head = POST + HOST + UPGRADES[what]
    said = sized(head)
    parts = (said[: -len(BODY)], said[-len(BODY) :]) if cut else (said,)
    [(status, body)] = await spoken(scene, *parts)
    assert (status, json.loads(body)["data"]["viewer"]["id"] != "") == (200, True)
    chunked = head + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(BODY)
    parts = (chunked, BODY + b"\r\n0\r\n\r\n") if cut else (chunked + BODY + b"\r\n0\r\n\r\n",)
    [(status, _)] = await spoken(scene, *parts)
    assert status == 200


async def test_pipelined_requests_after_declined_upgrade_are_answered(scene: Scene) -> None:
    again = sized(POST + HOST + H2C)
    plain = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    bare = b"GET /healthz HTTP/1.1\r\n" + HOST + H2C + b"\r\n"
    found = await spoken(scene, again + plain + again + bare + plain, again, answers=6)
    assert [status for status, _ in found] == [200] * 6


async def test_body_of_upgrade_request_is_never_parsed_as_request(scene: Scene) -> None:
    hidden = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    found = await spoken(scene, sized(POST + HOST + H2C, hidden), sized(POST + HOST), answers=2)
    assert [status for status, _ in found] == [400, 200], "the body is no JSON; behind it comes the next request"


async def test_two_content_lengths_with_upgrade_are_refused(scene: Scene) -> None:
    head = POST + HOST + H2C + b"transfer-encoding: chunked\r\n"
    [(status, _)] = await spoken(scene, sized(head))
    assert status == 400
