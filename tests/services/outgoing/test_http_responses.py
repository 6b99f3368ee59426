"""Responses of the HTTP client: decoded, or raised as our own errors, never with a secret."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from upstream import KEY, Scripted, Settings, Thing, peer, request_head

from providers.errors import (
    InDoubt,
    Misbehaved,
    Refused,
    Unavailable,
)
from providers.http.credentials import HeaderAuth, Token
from providers.http.message.response import ErrorDetail
from providers.http.message.response import Response as ProviderResponse
from providers.http.retry import MAX_ATTEMPTS
from providers.sandbox.server import serving


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\ncontent-le"])
async def test_connection_that_breaks_before_the_response_is_retried_for_reads(connect, words):
    arrived = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        await request_head(reader)
        arrived += 1
        writer.write(words)
        await writer.drain()

    async with peer(hang_up) as url:
        http = await connect(url)
        with pytest.raises(Unavailable):
            await http.request("GET", "/things")
        assert arrived == MAX_ATTEMPTS
        arrived = 0
        with pytest.raises(InDoubt):
            await http.request("POST", "/things")
        assert arrived == 1


@pytest.mark.parametrize("size", [1, 7])
async def test_response_in_slices_is_read_to_its_end(connect, size):
    answer = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{"name": "mine"}'

    async def slice_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        for at in range(0, len(answer), size):
            writer.write(answer[at : at + size])
            await writer.drain()
            await asyncio.sleep(0)

    async with peer(slice_it) as url:
        http = await connect(url)
        assert await http.fetch(Thing, "GET", "/things/1") == Thing("mine")


async def test_two_hundred_chunks_are_one_response(connect):
    async def chunked(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b'{"name": "'
            for _ in range(198):
                yield b"x" * 50
            yield b'"}'

        return StreamingResponse(pieces(), media_type="application/json")

    http = await connect(Scripted(chunked))
    assert (await http.fetch(Thing, "GET", "/things/1")).name == "x" * 50 * 198


async def test_endless_response_is_refused_at_the_bound(connect):
    sent = 0

    async def endless(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += 1024
                yield b" " * 1024
                await asyncio.sleep(0)

        return StreamingResponse(pieces())

    provider = Scripted(endless)
    http = await connect(provider, max_answer_bytes=64 * 1024)
    with pytest.raises(Misbehaved, match="more than 65536 bytes"):
        await http.request("GET", "/things")
    with pytest.raises(InDoubt, match="may have happened"):
        await http.request("POST", "/things")
    await asyncio.sleep(0.02)
    before = sent
    await asyncio.sleep(0.02)
    assert sent == before, "the connection is closed, not drained"
    assert provider.calls == 2


@pytest.mark.parametrize(
    ("body", "media_type", "shown"),
    [
        (b"<html>hello</html>", "text/html", "18 bytes of text/html"),
        (b"", "application/json", "0 bytes of application/json"),
        (b'{"name": 1}', "application/json", "$.name"),
        (b'{"name": "\xff"}', "application/json", "cannot be read"),
    ],
)
async def test_undecodable_response_is_misbehaved_for_a_read_and_in_doubt_for_a_write(connect, body, media_type, shown):
    provider = Scripted(Response(body, media_type=media_type))
    http = await connect(provider)
    with pytest.raises(Misbehaved) as read:
        await http.fetch(Thing, "GET", "/things/1")
    assert shown in str(read.value)
    assert "hello" not in str(read.value)
    with pytest.raises(InDoubt):
        await http.fetch(Thing, "POST", "/things")
    assert provider.calls == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("status", [200, 400])
async def test_byte_order_mark_before_json_is_skipped(connect, encoding, status):
    def fault(reply: ProviderResponse) -> ErrorDetail:
        return ErrorDetail(reply.json(Thing).name)

    http = await connect(Scripted(Response('{"name": "Gr\u00fc\u00dfe"}'.encode(encoding), status)), parse_error=fault)
    if status == 200:
        assert await http.fetch(Thing, "GET", "/things/1") == Thing("Gr\u00fc\u00dfe")
        assert (await http.request("GET", "/things/1")).body == '{"name": "Gr\u00fc\u00dfe"}'.encode()
    else:
        with pytest.raises(Refused) as caught:
            await http.request("GET", "/things/1")
        assert caught.value.provider_code == "Gr\u00fc\u00dfe"


@pytest.mark.parametrize("body", [b"\xff\xfe{", b"\xef\xbb\xbf", b"\xef\xbb", '{"name": "x"}'.encode("utf-16-le")])
async def test_byte_order_mark_does_not_make_malformed_json_readable(connect, body):
    http = await connect(Scripted(Response(body, media_type="application/json")))
    with pytest.raises(Misbehaved):
        await http.fetch(Thing, "GET", "/things/1")


async def test_broken_content_coding_is_misbehaved(connect):
    broken = gzip.compress(b"x" * 1000)[:20] + b"\0" * 20
    http = await connect(Scripted(Response(broken, headers={"content-encoding": "gzip"})))
    with pytest.raises(Misbehaved, match="broken encoding"):
        await http.request("GET", "/things")


@pytest.mark.parametrize(
    "where", ["/elsewhere", "http://169.254.169.254/latest/meta-data", "http://localhost:1/", "file:///etc"]
)
@pytest.mark.parametrize("status", [301, 307])
async def test_redirect_is_not_followed(connect, where, status):
    provider = Scripted(RedirectResponse(where, status))
    http = await connect(provider, auth=HeaderAuth({"x-key": SecretStr(KEY)}))
    with pytest.raises(Misbehaved):
        await http.request("GET", "/things")
    assert [path for _, path, _ in provider.received] == ["/things"]


async def test_cookies_are_not_sent_back(connect):
    answer = JSONResponse({"name": "ok"})
    answer.set_cookie("session", "of-somebody")
    provider = Scripted(answer)
    async with serving(provider.app) as url:
        http = await connect(url.replace("127.0.0.1", "localhost"))  # some clients keep no cookie of an address
        for _ in range(2):
            await http.request("GET", "/things")
        await http.close()
    assert provider.calls == 2
    assert all("cookie" not in headers for headers in provider.headers)


async def test_credentials_that_a_provider_echoes_are_redacted(connect):
    def fault(reply: ProviderResponse) -> ErrorDetail:
        words = reply.json(dict[str, str])
        return ErrorDetail(words["code"], words["detail"])

    token = "eyJhbGciOi.secret.token"
    echo = {"code": f"bad:{KEY}", "detail": f"key {KEY} and Bearer {token}\r\nrefused " + "z" * 900}
    http = await connect(
        Scripted(JSONResponse(echo, 400)),
        parse_error=fault,
        auth=HeaderAuth({"authorization": SecretStr(f"Bearer {token}")}),
    )
    with pytest.raises(Refused) as caught:
        await http.request("GET", "/things")
    told = f"{caught.value} {caught.value.detail} {caught.value.provider_code} {caught.value!r}"
    assert KEY not in told
    assert token not in told
    assert caught.value.detail.startswith("key *** and Bearer ***  refused")
    assert len(caught.value.detail) <= 300


async def test_secret_that_begins_with_another_is_redacted_completely(connect):
    def fault(reply: ProviderResponse) -> ErrorDetail:
        return ErrorDetail(detail=reply.body.decode())

    longer = f"{KEY}-and-more"
    http = await connect(
        Scripted(Response(f"<{longer}>", 400)), parse_error=fault, auth=HeaderAuth({"x-key": SecretStr(longer)})
    )
    with pytest.raises(Refused) as caught:
        await http.request("GET", "/things")
    assert caught.value.detail == "<***>"


def test_repr_of_settings_and_tokens_shows_no_secret():
    settings = Settings(name="acme", base_url="http://127.0.0.1:1")
    assert KEY not in repr(settings) + str(settings) + json.dumps(settings.model_dump(mode="json"))
    assert KEY not in repr(Token(SecretStr(KEY)))
