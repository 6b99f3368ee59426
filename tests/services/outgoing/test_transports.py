"""Transports over real sockets: connections, framing, uploads, TLS and proxies."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from pydantic import SecretStr
from starlette.responses import Response
from upstream import KEY, Scripted, peer, request_head, self_signed

from providers.clock import Clock
from providers.errors import InDoubt, Invalid, Misbehaved, TimedOut, Unavailable
from providers.http.credentials import HeaderAuth
from providers.http.deadline import deadline

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
MEGABYTE = 2**20


@pytest.fixture(autouse=True)
def _no_proxy(no_proxy):
    pass


async def two_pieces() -> AsyncIterator[bytes]:
    yield b"x"
    yield b"y"


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65_536


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
@pytest.mark.parametrize("held", [False, True])
async def test_post_is_sent_once_when_the_connection_breaks(connect, method, held):
    """``held``: over a connection that is there already."""
    arrived = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        while True:
            await request_head(reader)
            arrived += 1
            if not held or arrived > 1:
                return
            writer.write(NO_CONTENT)

    async with peer(hang_up) as url:
        http = await connect(url)
        if held:
            await http.request("GET", "/things")
        before = http.requests_sent
        with pytest.raises(InDoubt):
            await http.request(method, "/things/1", repeatable=False)
        assert (arrived, http.requests_sent) == (1 + held, before + 1)


async def test_sequential_requests_share_one_connection(connect):
    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await request_head(reader)
            writer.write(NO_CONTENT)

    async with peer(answer) as url:
        http = await connect(url)
        for _ in range(5):
            await http.request("GET", "/things")
        assert connections == 1
        await asyncio.gather(*(http.request("GET", "/things") for _ in range(50)))
        assert connections <= 16, "as many as calls may be under way"
        await http.close()


@pytest.mark.parametrize("body", [None, b"x", two_pieces])
async def test_write_is_not_in_doubt_when_an_idle_connection_was_just_closed(connect, body):
    closing = threading.Event()

    def serve() -> None:
        listener.settimeout(2)
        first, _ = listener.accept()
        with first:
            first.recv(65_536)
            first.sendall(NO_CONTENT)
            closing.wait(2)
        with suppress(TimeoutError):
            again()

    def again() -> None:
        second, _ = listener.accept()
        with second:
            second.sendall(NO_CONTENT)
            while second.recv(65_536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        http = await connect(f"http://127.0.0.1:{listener.getsockname()[1]}")
        await http.request("GET", "/things")
        closing.set()
        time.sleep(0.05)  # noqa: ASYNC251 # the event loop has no chance to notice
        assert (await http.request("POST", "/things", body=body)).status_code == 204
        await http.close()
        server.join()
    assert http.health.last_failure_at is None


async def test_url_is_sent_without_normalization(connect):
    seen = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request_head(reader)
        seen.append(head.split(b"\r\n")[0])
        writer.write(NO_CONTENT)

    async with peer(note) as url:
        http = await connect(url)
        await http.request("GET", "/things/a%2Fb%3F/%7E", query={"q": "å & b+c", "page": 2, "id": ["1", "2"]})
        await http.request("GET", "/a b\r\nx: y")
    assert seen == [
        b"GET /things/a%2Fb%3F/%7E?q=%C3%A5+%26+b%2Bc&page=2&id=1&id=2 HTTP/1.1",
        b"GET /a%20b%0D%0Ax:%20y HTTP/1.1",
    ]


async def test_write_without_body_sends_content_length_zero_and_no_content_type(connect):
    provider = Scripted(Response(status_code=204))
    http = await connect(provider)
    await http.request("POST", "/things/1/start")
    assert provider.headers[0]["content-length"] == "0"
    assert "content-type" not in provider.headers[0]


async def test_repeated_header_joins_its_values_and_accepts_any_bytes(connect):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        head = b"HTTP/1.1 204 No Content\r\nX-Kind: a\r\nx-kind: b\r\nx-name: na\xefve\r\nx-city: \xc3\x85l\r\n\r\n"
        writer.write(head)

    async with peer(answer) as url:
        http = await connect(url)
        headers = (await http.request("GET", "/things")).headers
    assert (headers["X-KIND"], headers["x-name"], headers["x-city"]) == ("a, b", "naïve", "Ål")
    assert (headers.get("x-other"), "x-other" in headers, list(headers)) == (None, False, ["x-kind", "x-name", "x-city"])


@pytest.mark.parametrize("size", [1024, 1025])
async def test_short_response_is_bounded(connect, size):
    http = await connect(Scripted(Response(b"x" * size)), max_answer_bytes=1024)
    if size == 1024:
        assert len((await http.request("GET", "/things")).body) == 1024
    else:
        with pytest.raises(Misbehaved, match="more than 1024 bytes"):
            await http.request("GET", "/things")


@pytest.mark.parametrize("times", [1, 2])
async def test_decompression_bomb_stops_at_the_bound(connect, times):
    bomb = gzip.compress(b"\0" * 200 * MEGABYTE)
    if times == 2:
        bomb = gzip.compress(bomb)
    codings = ", ".join(["gzip"] * times)
    http = await connect(Scripted(Response(bomb, headers={"content-encoding": codings})), max_answer_bytes=MEGABYTE)
    tracemalloc.start()
    with pytest.raises(Misbehaved, match="more than 1048576 bytes"):
        await http.request("GET", "/things")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 * MEGABYTE


async def test_doubly_compressed_bomb_of_nothing_is_refused(connect):
    nothing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    between = nothing.compress(b"")
    between += b"".join(nothing.flush(zlib.Z_FULL_FLUSH) for _ in range(10)) + b"\0\0\0\xff\xff" * (20 * MEGABYTE)
    http = await connect(Scripted(Response(gzip.compress(between), headers={"content-encoding": "deflate, gzip"})))
    with pytest.raises(Misbehaved, match="broken encoding"):
        await http.request("GET", "/things")


async def test_long_compressed_response_is_read_to_its_end(connect):
    body = b"".join(b"%09d" % number for number in range(200_000))
    http = await connect(Scripted(Response(gzip.compress(body), headers={"content-encoding": "gzip"})))
    assert (await http.request("GET", "/things")).body == body


async def test_error_of_a_streamed_body_is_raised_unchanged(connect):
    async def body() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise Invalid("It is not what it was said to be.")

    http = await connect(Scripted())
    with pytest.raises(Invalid, match="not what it was said"):
        await http.request("PUT", "/things/1", body=body)


@pytest.mark.parametrize("length", ["5", "15"])
async def test_streamed_body_is_refused_when_its_length_differs_from_the_header(connect, length):
    async def body() -> AsyncIterator[bytes]:
        yield b"0123456789"

    provider = Scripted()
    http = await connect(provider)
    with pytest.raises(Unavailable):
        await http.request("PUT", "/things/1", body=body, headers={"Content-Length": length})
    assert all(sent != b"0123456789" for _, _, sent in provider.received)


async def test_streamed_body_of_known_length_is_not_chunked(connect):
    async def body() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"x" * 1000

    provider = Scripted()
    http = await connect(provider)
    await http.request("PUT", "/things/1", body=body, headers={"content-length": "300000"})
    assert provider.received[0][2] == b"x" * 300_000
    assert provider.headers[0]["content-length"] == "300000"
    assert "transfer-encoding" not in provider.headers[0]


@pytest.mark.parametrize("taken", ["nothing", "everything"])
async def test_streamed_body_times_out_when_it_is_not_read_and_no_deadline_is_set(connect, taken):
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        await (asyncio.Event().wait() if taken == "nothing" else reader.read())

    async def short() -> AsyncIterator[bytes]:
        yield b"x"

    async with peer(swallow) as url:
        http = await connect(url, timeout=0.2)
        begun = time.monotonic()
        with pytest.raises(InDoubt):
            await http.request("POST", "/things", body=endless if taken == "nothing" else short)
        assert time.monotonic() - begun < 2


async def test_slow_upload_source_may_take_until_the_deadline(connect):
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(4):
            await asyncio.sleep(0.1)
            yield b"x"

    provider = Scripted()
    clock = Clock()
    http = await connect(provider, timeout=0.2, clock=clock)
    with deadline(clock, 5):
        await http.request("PUT", "/things/1", body=slow)
    with deadline(clock, 0.15), pytest.raises(TimedOut):
        await http.request("PUT", "/things/1", body=slow)


async def test_cancelling_a_blocked_upload_closes_its_connection_and_source(connect):
    asked, left, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            async for piece in endless():
                yield piece
        finally:
            left.set()

    async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        asked.set()
        await left.wait()
        try:
            while True:  # what was written is never read: only a connection that is gone refuses an answer
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            ended.set()

    async with peer(stuck) as url:
        http = await connect(url)
        call = asyncio.create_task(http.request("PUT", "/things/1", body=body))
        await asyncio.wait_for(asked.wait(), 1)
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(ended.wait(), 2)


async def test_early_response_is_read_when_the_server_closes_during_an_upload(connect):
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.write_eof()
        for _ in range(200):
            await reader.read(65_536)

    left = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            for _ in range(400):
                yield b"x" * 65_536
        finally:
            left.set()

    async with peer(refuse) as url:
        http = await connect(url)
        with pytest.raises((Invalid, Unavailable, InDoubt)):
            await http.request("POST", "/things", body=body)
        await asyncio.wait_for(left.wait(), 1)


@pytest.mark.parametrize("transport", ["http1"])  # httpx listens only once it has sent all, or cannot send on
async def test_early_response_is_read_and_the_upload_source_closed(connect):
    sources, left = [], asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        await reader.read()

    async def pour() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65_536
        finally:
            left.set()

    def body() -> AsyncIterator[bytes]:
        sources.append(pour())  # held, so that nothing but closing ends it
        return sources[-1]

    async with peer(refuse) as url:
        http = await connect(url)
        with pytest.raises(Invalid) as caught:
            await http.request("POST", "/things", body=body)
        assert caught.value.status == 413
        await asyncio.wait_for(left.wait(), 1)
        await http.close()


@pytest.mark.parametrize("waits", [True, False])
async def test_closing_the_transport_ends_a_download(connect, waits):
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc")
        await reader.read()

    async with peer(stall) as url:
        http = await connect(url, timeout=0.5)
        async with http.download("/things/1") as content:
            assert await anext(content.chunks) == b"abc"
            waiting = asyncio.ensure_future(anext(content.chunks)) if waits else None
            await asyncio.sleep(0.01)
            await http.close()
            await asyncio.sleep(0.01)
            with pytest.raises(Unavailable):
                await asyncio.wait_for(waiting or anext(content.chunks), 2)
        with pytest.raises(Unavailable):
            await http.request("GET", "/things")


async def test_response_with_hundreds_of_headers_or_a_long_one_is_read(connect):
    http = await connect(
        Scripted(Response(status_code=204, headers={"x-long": "y" * 20_000} | {f"x-{n}": "z" for n in range(300)}))
    )
    headers = (await http.request("GET", "/things")).headers
    assert (len(headers["x-long"]), headers["x-299"]) == (20_000, "z")


async def test_self_signed_certificate_is_not_trusted(connect, tmp_path):
    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed("127.0.0.1"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    heard = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    try:
        http = await connect(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(Unavailable, match="cannot be reached"):
            await http.request("POST", "/things")
    finally:
        server.close()
    assert not any(heard)


@pytest.mark.parametrize(("spared", "seen"), [("", True), ("provider.example", False)])
async def test_proxy_of_the_environment_is_used_unless_no_proxy_names_the_host(connect, monkeypatch, spared, seen):
    heads = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await request_head(reader))
        writer.write(NO_CONTENT)

    async with peer(answer) as url:
        monkeypatch.setenv("http_proxy", url.replace("http://", "http://us:secret@"))
        monkeypatch.setenv("no_proxy", spared)
        http = await connect("http://provider.example")
        if seen:
            await http.request("GET", "/things")
            assert heads[0].startswith(b"GET http://provider.example/things HTTP/1.1\r\n")
            assert b"proxy-authorization: basic" in heads[0].lower()
        else:
            with pytest.raises(Unavailable):
                await http.request("GET", "/things")
            assert heads == []


async def test_error_and_its_cause_show_nothing_of_the_request(connect):
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    async with peer(hang_up) as url:
        http = await connect(url, auth=HeaderAuth({"authorization": SecretStr(f"Bearer {KEY}")}))
        for method in ("GET", "POST"):
            with pytest.raises((Unavailable, InDoubt)) as caught:
                await http.request(method, "/things", query={"token": KEY})
            error = caught.value
            while error is not None:
                assert KEY not in f"{error} {error!r}"
                error = error.__cause__
