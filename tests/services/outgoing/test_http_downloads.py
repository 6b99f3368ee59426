"""Downloads: streamed bodies with media type, file name and size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from upstream import Scripted, peer, request_head

from providers.errors import (
    NotFound,
    TimedOut,
    Unavailable,
)
from providers.http.retry import MAX_ATTEMPTS


async def take(http, received):
    """Reads a download to its end, into ``received``."""
    async with http.download("/things/1") as content:
        async for chunk in content.chunks:
            received += chunk


async def test_download_is_streamed_chunk_by_chunk(connect):
    taken = asyncio.Event()

    async def gated(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.wait_for(taken.wait(), 2)  # holding it all back would end here
            for _ in range(64):
                yield b"x" * 65536

        headers = {"content-disposition": 'attachment; filename="a b.pdf"'}
        return StreamingResponse(pieces(), media_type="application/pdf; charset=binary", headers=headers)

    http = await connect(Scripted(gated), max_answer_bytes=1024 * 1024)
    size = 0
    async with http.download("/things/1") as content:
        assert (content.media_type, content.filename, content.size_bytes) == ("application/pdf", "a b.pdf", None)
        async for chunk in content.chunks:
            size += len(chunk)
            taken.set()
    assert size == 5 + 64 * 65536, "the bound is on answers that are held, not on those that pass through"


async def test_download_has_its_size_and_a_filename_in_any_script(connect):
    headers = {"content-disposition": "attachment; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.pdf"}
    http = await connect(Scripted(Response(b"12345", media_type="application/pdf", headers=headers)))
    async with http.download("/things/1") as content:
        assert (content.size_bytes, content.filename) == (5, "naïve €.pdf")
        assert b"".join([chunk async for chunk in content.chunks]) == b"12345"


async def test_extended_filename_wins_over_the_plain_one(connect):
    headers = {"content-disposition": "attachment; filename=\"naive.pdf\"; filename*=UTF-8''..%2Fna%C3%AFve.pdf"}
    http = await connect(Scripted(Response(b"12345", headers=headers)))
    async with http.download("/things/1") as content:
        assert content.filename == "na\u00efve.pdf"


@pytest.mark.parametrize("kind", [b"", b"text", b"text/", b"a/b/c", b"text/\xe2\x82\xac", b"text/x y", b"x/" + b"y" * 9_000])
async def test_malformed_media_type_becomes_octet_stream(connect, kind):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: " + kind + b"\r\n\r\n12345")
        await writer.drain()

    async with peer(answer) as url:
        http = await connect(url)
        async with http.download("/things/1") as content:
            assert content.media_type == "application/octet-stream"


@pytest.mark.parametrize(
    "disposition",
    ["", ";", 'inline; filename="', "attachment; filename*=''%", "\xff\xfe", "a" * 5000, 'form-data; name=";;"; ='],
)
async def test_malformed_disposition_is_ignored(connect, disposition):
    http = await connect(Scripted(Response(b"12345", headers={"content-disposition": disposition})))
    async with http.download("/things/1") as content:
        assert b"".join([chunk async for chunk in content.chunks]) == b"12345"


async def test_download_is_retried_until_its_headers_arrive(connect):
    provider = Scripted(Response(status_code=500), Response(status_code=502), Response(b"12345"))
    http = await connect(provider)
    async with http.download("/things/1") as content:
        assert b"".join([chunk async for chunk in content.chunks]) == b"12345"
    assert provider.calls == MAX_ATTEMPTS


async def test_refused_download_raises_when_it_is_opened(connect):
    http = await connect(Scripted(Response(status_code=404)))
    with pytest.raises(NotFound):
        async with http.download("/things/1"):
            pytest.fail("there is nothing to read")


@pytest.mark.parametrize("framing", [b"content-length: 1000", b"transfer-encoding: chunked"])
async def test_download_that_breaks_off_raises_unavailable(connect, framing):
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n" + b"a\r\n" + b"x" * 10 + b"\r\n")
        await writer.drain()

    received = bytearray()
    async with peer(break_off) as url:
        http = await connect(url)
        with pytest.raises(Unavailable):
            await take(http, received)
    assert b"x" * 10 in received
    assert http.health.last_failure_at is not None


async def test_stalled_download_times_out(connect):
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc")
        await reader.read()

    async with peer(stall) as url:
        http = await connect(url, timeout=0.1)
        with pytest.raises(TimedOut):
            await take(http, bytearray())
        await http.close()


async def test_leaving_a_download_closes_its_connection_and_releases_its_slot(connect):
    closed = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except ConnectionError:
            closed.set()

    async with peer(pour) as url:
        http = await connect(url, max_concurrency=1)
        for _ in range(2):
            closed.clear()
            async with http.download("/things/1") as content:
                await anext(content.chunks)
            await asyncio.wait_for(closed.wait(), 2)
    assert http.health.last_error is None
