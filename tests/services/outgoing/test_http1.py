"""HTTP/1.1 framing, content codings, tunnels and connection reuse of the transports."""

from __future__ import annotations

import asyncio
import base64
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upstream import peer, request_head, self_signed

from providers.http.transport import (
    ConnectError,
    DecodingError,
    StreamedResponse,
    TimeoutException,
    TransportError,
    client_context,
)

SAID = b"Two parts, and no more. " * 400


def forget() -> None:
    """Certificates are read anew."""
    client_context.cache_clear()


@pytest.fixture(autouse=True)
def _no_proxy(no_proxy):
    pass


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


async def read(answer: StreamedResponse) -> bytes:
    try:
        said = bytearray()
        while piece := await answer.read_chunk():
            said += piece
        return bytes(said)
    finally:
        await answer.aclose()


async def asked(opened: Callable, url: str, **headers: str) -> tuple[int, bytes]:
    async with opened() as transport:
        answer = await transport.send("GET", f"{url}/things", headers, None, 2)
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
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 4_000), max_size=6))
def test_response_is_the_same_however_it_is_split_into_packets(opened, framed, cuts):
    whole, at, pieces = FRAMED[framed], 0, []
    for cut in [*cuts, len(whole)]:
        pieces.append(whole[at : at + cut])
        at += cut

    async def told() -> None:
        async with peer(always(*pieces, then="leave")) as url:
            assert await asked(opened, url) == (200, SAID)

    asyncio.run(told())


def framed(*lines: bytes, body: bytes = SAID, end: bytes = b"\r\n") -> bytes:
    return end.join([*lines, b"", body])


LENGTH = b"content-length: %d" % len(SAID)
CHUNKED = b"transfer-encoding: chunked"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SAID), SAID)
SPELLED = {
    "no reason": framed(b"HTTP/1.1 200", LENGTH),
    "no reason behind a blank": framed(b"HTTP/1.1 200 ", LENGTH),
    "a reason in no ASCII": framed(b"HTTP/1.1 200 D\xe9j\xe0 vu", LENGTH),
    "lines that end in LF": framed(b"HTTP/1.1 200 OK", b"x-kind: a", LENGTH, end=b"\n"),
    "lines of either end": framed(b"HTTP/1.1 200 OK", b"x-kind: a\nx-more: b", LENGTH),
    "a folded value": framed(b"HTTP/1.1 200 OK", b"x-kind: a", b"  b", b"\tc", LENGTH),
    "a value that begins folded": framed(b"HTTP/1.1 200 OK", b"x-kind:", b" a", LENGTH),
    "control characters in a value": framed(b"HTTP/1.1 200 OK", b"x-kind: a\x01\x1b\x7fb", LENGTH),
    "the same length twice": framed(b"HTTP/1.1 200 OK", LENGTH, LENGTH),
    "the same length in a list": framed(b"HTTP/1.1 200 OK", LENGTH + b", %d" % len(SAID)),
    "a length with a blank behind it": framed(b"HTTP/1.1 200 OK", LENGTH + b" "),
    "a blank behind the size of a chunk": framed(
        b"HTTP/1.1 200 OK", CHUNKED, body=b"%x \r\n%b\r\n0 \r\n\r\n" % (len(SAID), SAID)
    ),
    "blanks behind the size of a chunk": framed(
        b"HTTP/1.1 200 OK", CHUNKED, body=b"%X \t  \r\n%b\r\n0   \r\n\r\n" % (len(SAID), SAID)
    ),
    "an extension of a chunk": framed(
        b"HTTP/1.1 200 OK", CHUNKED, body=b'%x;a=b;c="d"\r\n%b\r\n0;x\r\n\r\n' % (len(SAID), SAID)
    ),
    "a size with zeros before it": framed(b"HTTP/1.1 200 OK", CHUNKED, body=b"000%x\r\n%b\r\n000\r\n\r\n" % (len(SAID), SAID)),
    "the coding in capitals": framed(b"HTTP/1.1 200 OK", CHUNKED.upper(), body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(SAID), SAID)),
    "a coding with a tab behind it": framed(b"HTTP/1.1 200 OK", CHUNKED + b"\t", body=CHUNKS),
    "hints before it": b"HTTP/1.1 102 Processing\r\n\r\n" * 5 + framed(b"HTTP/1.1 200 OK", LENGTH),
    "a hint with lines that end in LF": b"HTTP/1.1 103 Early Hints\nlink: </x>\n\n"
    + framed(b"HTTP/1.1 200 OK", LENGTH, LENGTH),
    "an offer of HTTP/2": framed(b"HTTP/1.1 200 OK", b"upgrade: h2,h2c", b"connection: Upgrade, Keep-Alive", LENGTH),
    "the end of the connection": framed(b"HTTP/1.1 200 OK", b"connection: close"),
    "the end of one of an older version": framed(b"HTTP/1.0 200 OK"),
}


@pytest.mark.parametrize("spelled", SPELLED)
@pytest.mark.parametrize("size", [1, 37, 100_000])
async def test_malformed_head_is_repaired_as_other_clients_do(opened, spelled, size):
    said = SPELLED[spelled]
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    async with peer(always(*pieces, then="leave")) as url:
        assert await asked(opened, url) == (200, SAID)


CODED = {
    "that does nothing, beside a length": framed(b"HTTP/1.1 200 OK", b"transfer-encoding: identity", LENGTH),
    "that does nothing, until the end": framed(b"HTTP/1.1 200 OK", b"transfer-encoding: identity"),
    "of no name": framed(b"HTTP/1.1 200 OK", b"transfer-encoding:", LENGTH),
    "twice": framed(b"HTTP/1.1 200 OK", CHUNKED, CHUNKED, body=CHUNKS),
    "twice in a list": framed(b"HTTP/1.1 200 OK", CHUNKED + b", chunked", body=CHUNKS),
    "before a comma": framed(b"HTTP/1.1 200 OK", CHUNKED + b" ,", body=CHUNKS),
    "before one that does nothing": framed(b"HTTP/1.1 200 OK", CHUNKED + b", identity", body=CHUNKS),
    "behind one that does nothing": framed(b"HTTP/1.1 200 OK", b"transfer-encoding: identity", CHUNKED, body=CHUNKS),
    "with quotation marks": framed(b"HTTP/1.1 200 OK", b'transfer-encoding: "chunked"', body=CHUNKS),
    "with a parameter": framed(b"HTTP/1.1 200 OK", CHUNKED + b";q=1", body=CHUNKS),
    "before another": framed(b"HTTP/1.1 200 OK", CHUNKED + b", gzip", body=CHUNKS),
}


@pytest.mark.parametrize("coded", CODED)
@pytest.mark.parametrize("size", [1, 100_000])
async def test_odd_transfer_coding_is_read_or_refused_but_never_part_of_the_body(opened, coded, size):
    said = CODED[coded]
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    async with peer(always(*pieces, then="leave")) as url:
        with suppress(TransportError):
            assert await asked(opened, url) == (200, SAID)


REPAIRED = {what: CODED[what] for what in CODED if not what.startswith(("with", "before another"))} | {
    "blanks before a colon": framed(b"HTTP/1.1 200 OK", b"x-kind : a", LENGTH.replace(b":", b" \t:")),
}


@pytest.mark.parametrize("repaired", REPAIRED)
@pytest.mark.parametrize("transport", ["http1"])
async def test_head_that_httpx_refuses_is_read_by_our_own_transport(opened, repaired):
    async with peer(always(REPAIRED[repaired], then="leave")) as url:
        assert await asked(opened, url) == (200, SAID)


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("length", [b"", b"content-length: 1000\r\n"])
async def test_response_has_no_body_when_its_status_forbids_one(opened, status, length):
    async with peer(always(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, length))) as url:
        assert await asked(opened, url) == (status, b"")


@pytest.mark.parametrize(
    "broken",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\ncontent-length: 3\ntransfer-encoding: chunked\n\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3, 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\ncontent-length: 3\ncontent-length: 4\n\nabcd",
        b"HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0x3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nx-kind: a\0b\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nx-kind: a\rb\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nno header\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n" * 40_000,
        b"HTTP/1.1 103 Early Hints\nx: y\n\n" * 40_000,
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
async def test_incomplete_or_malformed_response_raises(opened, broken):
    async with peer(always(broken, then="leave")) as url:
        with pytest.raises(TransportError):
            await asked(opened, url)


async def test_trailers_do_not_change_headers(opened):
    said = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-kind: a\r\n\r\n1\r\nx\r\n0\r\nx-kind: b\r\nx-more: c\r\n\r\n"
    async with peer(always(said)) as url, opened() as transport:
        answer = await transport.send("GET", url, {}, None, 2)
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
        ("gzip ", packed(SAID)),
        ("gzip, identity", packed(SAID)),
        (",identity ,, gzip,", packed(SAID)),
        ("gzip\r\ncontent-encoding: identity", packed(SAID)),
        ("identity\r\ncontent-encoding: gzip", packed(SAID)),
        ("gzip;q=1", packed(SAID)),
        ("gzip, utf-8", packed(SAID)),
        ("gzip, gzip", packed(packed(SAID))),
        ("deflate, gzip", packed(zlib.compress(SAID))),
        ("gzip", packed(SAID) + b"and something behind it"),
        ("", SAID),
        (" ", SAID),
        ("utf-8", SAID),
        ("UTF-8", SAID),
        ("none", SAID),
        ("binary", SAID),
        ("8bit", SAID),
        ("charset=utf-8", SAID),
        ("whatever", SAID),
    ],
)
@pytest.mark.parametrize("size", [1, 50, 100_000])
async def test_compressed_body_is_decompressed(opened, encoding, body, size):
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (encoding.encode(), len(body))
    pieces = [head, *(body[at : at + size] for at in range(0, len(body), size))]
    async with peer(always(*pieces)) as url:
        assert await asked(opened, url) == (200, SAID)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", packed(SAID)[:-9]),
        ("gzip", SAID),
        ("deflate", b"\x08\xff\xff"),
        ("br", SAID),
        ("zstd", SAID),
        ("gzip, gzip", SAID),
        ("gzip, gzip, gzip", packed(packed(packed(SAID)))),
    ],
)
async def test_undecodable_body_raises_decoding_error(opened, encoding, body):
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (encoding.encode(), len(body))
    async with peer(always(head + body)) as url:
        with pytest.raises(DecodingError):
            await asked(opened, url)


@pytest.mark.parametrize(
    ("said", "connections"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 1),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", 3),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 3),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok", {"http1": 1, "httpx": 3}),
        # What nobody has asked for would be taken for the answer to the next call.
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno", 3),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\r\n\r\nrubbish", 3),
    ],
)
async def test_connection_is_reused_when_keep_alive_allows(opened, transport, said, connections):
    made = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        await always(said)(reader, writer)

    async with peer(answer) as url, opened() as client:
        for _ in range(3):
            assert await read(await client.send("GET", url, {}, None, 2)) == b"ok"
            await asyncio.sleep(0.01)
    assert made == (connections if isinstance(connections, int) else connections[transport])


async def test_unsolicited_response_is_not_taken_for_the_next_one(opened):
    more = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await more.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno")
        await reader.read()

    async with peer(answer) as url, opened() as transport:
        assert await read(await transport.send("GET", url, {}, None, 2)) == b"ok"
        more.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert await read(await transport.send("GET", url, {}, None, 2)) == b"ok"


async def test_response_has_no_body_when_its_method_forbids_one(opened):
    async with peer(always(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")) as url, opened() as transport:
        answer = await transport.send("HEAD", url, {}, None, 2)
        assert (answer.headers["content-length"], await read(answer)) == ("1000", b"")


async def test_long_response_applies_back_pressure_until_it_is_read(opened):
    piece, written = b"x" * 65_536, 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (1_000 * len(piece)))
        for _ in range(1_000):
            writer.write(piece)
            await writer.drain()
            written += len(piece)

    async with peer(pour) as url, opened() as transport:
        answer = await transport.send("GET", url, {}, None, 2)
        await asyncio.sleep(0.2)
        assert written < 20_000_000, "what the kernel holds, and a little"
        assert len(await read(answer)) == 1_000 * len(piece)


@pytest.mark.parametrize("value", ["a\r\nx-more: b", "a\nb", "a\rb", "a\0b"])
async def test_header_injection_is_refused(opened, value):
    async with peer(always(b"HTTP/1.1 204 No Content\r\n\r\n")) as url, opened() as transport:
        with pytest.raises(ValueError, match="lines of its own"):
            await transport.send("GET", url, {"x-kind": value}, None, 2)


@pytest.mark.parametrize("kept", [None, 2, 0.02])
async def test_missing_response_times_out_and_closes_its_connection(opened, kept):
    """``kept`` is how long the one before it on the same connection might have taken, if there was one."""
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if kept is not None:
            await request_head(reader)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await request_head(reader)
        await reader.read()
        ended.set()

    async with peer(answer) as url, opened() as transport:
        if kept is not None:
            assert await read(await transport.send("GET", url, {}, None, kept)) == b""
        with pytest.raises(TimeoutException):
            await transport.send("GET", url, {}, None, 0.05)
        await asyncio.wait_for(ended.wait(), 1)


async def test_head_timeout_applies_to_each_response_anew(opened):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for pause in (0, 0.1):
            await request_head(reader)
            await asyncio.sleep(pause)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await reader.read()

    async with peer(answer) as url, opened() as transport:
        for patience in (0.05, 2):
            assert await read(await transport.send("GET", url, {}, None, patience)) == b"ok"


@pytest.mark.parametrize("transport", ["http1"])  # httpx looks after its connections when it is called next
async def test_idle_connections_are_closed_when_they_expire(opened):
    left = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await reader.read()
        left.set()

    async with peer(answer) as url, opened(idle=0.05) as transport:
        assert await read(await transport.send("GET", url, {}, None, 2)) == b""
        assert not left.is_set()
        await asyncio.wait_for(left.wait(), 1)


@pytest.fixture
def certified(tmp_path, monkeypatch) -> AsyncIterator[ssl.SSLContext]:
    """Who we trust, and what a server has of them."""
    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed("127.0.0.1"))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    forget()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    yield context
    forget()


async def test_requests_over_tls_share_a_connection(opened, certified):
    made = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        await always(FRAMED["chunks"])(reader, writer)

    async with peer(answer, tls=certified) as url, opened() as transport:
        for _ in range(3):
            assert await read(await transport.send("GET", url, {}, None, 2)) == SAID
    assert (url[:8], made) == ("https://", 1)


@pytest.mark.parametrize("sheltered", [False, True], ids=["http", "https"])
async def test_proxy_sees_only_the_host_of_a_request_over_tls(opened, certified, monkeypatch, sheltered):
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
        async with opened() as transport:
            for _ in range(2):
                answer = await transport.send("GET", f"{url}/things?token=hidden", {"authorization": "Bearer x"}, None, 2)
                assert await read(answer) == SAID
    where = url.removeprefix("https://")
    proof = base64.b64encode(b"us:se cret").decode()
    assert [head.splitlines()[0].decode() for head in heads] == [f"CONNECT {where} HTTP/1.1"]
    assert f"Proxy-Authorization: Basic {proof}\r\n".encode() in heads[0]
    assert not any(word in heads[0].lower() for word in (b"hidden", b"bearer", b"things"))


@pytest.mark.parametrize("proxy", ["refuses", "socks5://127.0.0.1:1", "http://127.0.0.1:1", "gopher://127.0.0.1:1"])
async def test_nothing_was_sent_when_the_proxy_refuses(opened, certified, monkeypatch, proxy):
    async with peer(always(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")) as url:
        monkeypatch.setenv("https_proxy", url if proxy == "refuses" else proxy)
        async with opened() as transport:
            with pytest.raises(ConnectError):
                await transport.send("POST", "https://provider.example/things", {}, b"x", 2)
