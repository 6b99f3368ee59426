"""What connections make of the bytes that come in: framing, compression, proxies, and when one may be used again."""

from __future__ import annotations

import asyncio
import base64
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upstream import peer, request_head, self_signed

from providers.http1.route import trusted
from providers.http1.transport import Http1Transport
from providers.http_transport import ConnectError, DecodingError, Response, TimeoutException, TransportError

SAID = b"Two parts, and no more. " * 400


@pytest.fixture(autouse=True)
def _no_proxy(no_proxy):
    pass


@asynccontextmanager
async def carrier(idle: float = 5.0) -> AsyncIterator[Http1Transport]:
    made = Http1Transport(connect=2, stall=2, idle=idle)
    try:
        yield made
    finally:
        await made.close()


def always(*pieces: bytes, then: str = "stay") -> Callable:
    """Answers each request with these bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request_head(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if then == "leave":
                return

    return answer


async def read(answer: Response) -> bytes:
    try:
        said = bytearray()
        while piece := await answer.read():
            said += piece
        return bytes(said)
    finally:
        answer.close()


async def asked(url: str, **headers: str) -> tuple[int, bytes]:
    async with carrier() as carry:
        answer = await carry.send("GET", f"{url}/things", headers, None, 2)
        return answer.status_code, await read(answer)


FRAMED = {
    "a length": b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(SAID), SAID),
    "chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n%x;a=b\r\n%b\r\n0\r\nx-sum: 1\r\n\r\n"
    % (100, SAID[:100], len(SAID) - 100, SAID[100:]),
    "its end": b"HTTP/1.1 200 OK\r\n\r\n" + SAID,
    "an older version": b"HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\n" + SAID,
    "a hint before it": b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b"
    % (len(SAID), SAID),
}


@pytest.mark.parametrize("framed", FRAMED)
@given(cuts=st.lists(st.integers(1, 4_000), max_size=6))
def test_an_answer_is_the_same_wherever_it_is_cut(framed, cuts):
    whole, at, pieces = FRAMED[framed], 0, []
    for cut in [*cuts, len(whole)]:
        pieces.append(whole[at : at + cut])
        at += cut

    async def told() -> None:
        async with peer(always(*pieces, then="leave")) as url:
            assert await asked(url) == (200, SAID)

    asyncio.run(told())


@pytest.mark.parametrize(
    "broken",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\nabc",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-long: " + b"y" * 300_000,
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1_001 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + (b"x: " + b"y" * 60_000 + b"\r\n") * 5 + b"\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-sum: " + b"y" * 300_000,
        b"",
    ],
    ids=lambda broken: broken[:60],
)
async def test_what_is_no_whole_answer_is_none(broken):
    async with peer(always(broken, then="leave")) as url:
        with pytest.raises(TransportError):
            await asked(url)


async def test_trailers_do_not_change_what_the_head_has_said():
    said = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-kind: a\r\n\r\n1\r\nx\r\n0\r\nx-kind: b\r\nx-more: c\r\n\r\n"
    async with peer(always(said)) as url, carrier() as carry:
        answer = await carry.send("GET", url, {}, None, 2)
        assert await read(answer) == b"x"
    assert dict(answer.headers) == {"transfer-encoding": "chunked", "x-kind": "a"}


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def raw(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(data) + made.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", packed(SAID)),
        ("X-GZIP", packed(SAID)),
        ("gzip", packed(SAID[:500]) + packed(SAID[500:]) + b"\0" * 7),
        ("deflate", zlib.compress(SAID)),
        ("deflate", raw(SAID)),
        ("identity", SAID),
    ],
)
@pytest.mark.parametrize("size", [1, 50, 100_000])
async def test_what_was_compressed_is_read_as_it_was(encoding, body, size):
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (encoding.encode(), len(body))
    pieces = [head, *(body[at : at + size] for at in range(0, len(body), size))]
    async with peer(always(*pieces)) as url:
        assert await asked(url) == (200, SAID)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", packed(SAID)[:-9]), ("gzip", SAID), ("deflate", b"\x08\xff\xff"), ("br", SAID), ("gzip, gzip", SAID)],
)
async def test_what_cannot_be_decompressed_is_garbled(encoding, body):
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (encoding.encode(), len(body))
    async with peer(always(head + body)) as url:
        with pytest.raises(DecodingError):
            await asked(url)


@pytest.mark.parametrize(
    ("said", "connections"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 1),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", 3),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 3),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok", 1),
        # What nobody has asked for would be taken for the answer to the next call.
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno", 3),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\r\n\r\nrubbish", 3),
    ],
)
async def test_a_connection_is_used_again_where_nothing_speaks_against_it(said, connections):
    made = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        await always(said)(reader, writer)

    async with peer(answer) as url, carrier() as carry:
        for _ in range(3):
            assert await read(await carry.send("GET", url, {}, None, 2)) == b"ok"
            await asyncio.sleep(0.01)
    assert made == connections


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one():
    more = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await more.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno")
        await reader.read()

    async with peer(answer) as url, carrier() as carry:
        assert await read(await carry.send("GET", url, {}, None, 2)) == b"ok"
        more.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert await read(await carry.send("GET", url, {}, None, 2)) == b"ok"


async def test_an_answer_without_a_body_by_its_method_has_none():
    async with peer(always(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")) as url, carrier() as carry:
        answer = await carry.send("HEAD", url, {}, None, 2)
        assert (answer.headers["content-length"], answer.whole()) == ("1000", b"")
        answer.close()


async def test_a_long_answer_waits_in_its_connection_until_it_is_read():
    piece, written = b"x" * 65_536, 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (1_000 * len(piece)))
        for _ in range(1_000):
            writer.write(piece)
            await writer.drain()
            written += len(piece)

    async with peer(pour) as url, carrier() as carry:
        answer = await carry.send("GET", url, {}, None, 2)
        await asyncio.sleep(0.2)
        assert written < 20_000_000, "what the kernel holds, and a little"
        assert len(await read(answer)) == 1_000 * len(piece)


@pytest.mark.parametrize("value", ["a\r\nx-more: b", "a\nb", "a\rb", "a\0b"])
async def test_a_header_cannot_make_another(value):
    async with peer(always(b"HTTP/1.1 204 No Content\r\n\r\n")) as url, carrier() as carry:
        with pytest.raises(ValueError, match="lines of its own"):
            await carry.send("GET", url, {"x-kind": value}, None, 2)


@pytest.mark.parametrize("kept", [None, 2, 0.02])
async def test_an_answer_that_does_not_come_is_late_and_its_connection_ended(kept):
    """``kept`` is how long the one before it on the same connection might have taken, if there was one."""
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if kept is not None:
            await request_head(reader)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await request_head(reader)
        await reader.read()
        ended.set()

    async with peer(answer) as url, carrier() as carry:
        if kept is not None:
            (await carry.send("GET", url, {}, None, kept)).close()
        with pytest.raises(TimeoutException):
            await carry.send("GET", url, {}, None, 0.05)
        await asyncio.wait_for(ended.wait(), 1)


async def test_an_answer_may_take_longer_than_the_one_before_it_might():
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for pause in (0, 0.1):
            await request_head(reader)
            await asyncio.sleep(pause)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await reader.read()

    async with peer(answer) as url, carrier() as carry:
        for patience in (0.05, 2):
            assert await read(await carry.send("GET", url, {}, None, patience)) == b"ok"


async def test_connections_that_nobody_uses_are_ended():
    left = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await reader.read()
        left.set()

    async with peer(answer) as url, carrier(idle=0.05) as carry:
        (await carry.send("GET", url, {}, None, 2)).close()
        assert not left.is_set()
        await asyncio.wait_for(left.wait(), 1)


@pytest.fixture
def certified(tmp_path, monkeypatch) -> AsyncIterator[ssl.SSLContext]:
    """Who we trust, and what a server has of them."""
    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed("127.0.0.1"))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    trusted.cache_clear()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    yield context
    trusted.cache_clear()


async def test_calls_over_tls_share_a_connection_too(certified):
    made = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        await always(FRAMED["chunks"])(reader, writer)

    async with peer(answer, tls=certified) as url, carrier() as carry:
        for _ in range(3):
            assert await read(await carry.send("GET", url, {}, None, 2)) == SAID
    assert (url[:8], made) == ("https://", 1)


@pytest.mark.parametrize("sheltered", [False, True], ids=["http", "https"])
async def test_a_proxy_sees_of_a_call_over_tls_nothing_but_where_it_goes(certified, monkeypatch, sheltered):
    heads = []

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await request_head(reader))
        host, port = heads[-1].split()[1].decode().rsplit(":", 1)
        beyond, across = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while piece := await source.read(65_536):
                sink.write(piece)

        try:
            await asyncio.wait({asyncio.create_task(pass_on(reader, across)), asyncio.create_task(pass_on(beyond, writer))})
        finally:
            across.close()

    shelter = certified if sheltered else None
    async with peer(always(FRAMED["a length"]), tls=certified) as url, peer(tunnel, tls=shelter) as proxy:
        monkeypatch.setenv("https_proxy", proxy.replace("://", "://us:se%20cret@"))
        async with carrier() as carry:
            for _ in range(2):
                answer = await carry.send("GET", f"{url}/things?token=hidden", {"authorization": "Bearer x"}, None, 2)
                assert await read(answer) == SAID
    where = url.removeprefix("https://")
    proof = base64.b64encode(b"us:se cret").decode()
    assert heads == [f"CONNECT {where} HTTP/1.1\r\nhost: {where}\r\nProxy-Authorization: Basic {proof}\r\n\r\n".encode()]


@pytest.mark.parametrize("proxy", ["refuses", "socks5://127.0.0.1:1", "http://127.0.0.1:1"])
async def test_where_a_proxy_does_not_help_nothing_was_sent(certified, monkeypatch, proxy):
    async with peer(always(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")) as url:
        monkeypatch.setenv("https_proxy", url if proxy == "refuses" else proxy)
        async with carrier() as carry:
            with pytest.raises(ConnectError):
                await carry.send("POST", "https://provider.example/things", {}, b"x", 2)
