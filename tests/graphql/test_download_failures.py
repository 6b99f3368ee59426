"""Failures over plain HTTP: a problem (RFC 9457) before the first byte, a visibly truncated response after it."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.responses import Response, StreamingResponse
from test_delivery import DOWNLOADS, downloads, filename_of, first_document

from providers.registry import NAMES


def check_problem(reply, status, code, *, retryable):
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    told = reply.json()
    assert (told["status"], told["code"], told["retryable"]) == (status, code, retryable)
    assert told["title"]
    assert told["detail"]
    assert told["problem"] == {"code": code, "message": told["detail"], "retryable": retryable}


async def nothing():
    """A body that breaks off before it begins."""
    raise ConnectionError
    yield b""


async def stalls():
    await asyncio.Event().wait()
    yield b""


@pytest.mark.parametrize("relayed", [("signicat",)])
@pytest.mark.parametrize("changes", [{"providers": {"signicat": {"timeout": 0.5}}}])
@pytest.mark.parametrize(
    ("answer", "status", "code", "retryable"),
    [
        (lambda: StreamingResponse(nothing(), headers={"content-length": "1000"}), 503, "PROVIDER_UNAVAILABLE", True),
        (lambda: StreamingResponse(nothing()), 503, "PROVIDER_UNAVAILABLE", True),
        (lambda: StreamingResponse(stalls()), 504, "PROVIDER_UNAVAILABLE", True),
        (lambda: Response(b"no gzip", headers={"content-encoding": "gzip"}), 502, "PROVIDER_MISBEHAVED", False),
        (lambda: Response(b"brotli", headers={"content-encoding": "br"}), 502, "PROVIDER_MISBEHAVED", False),
        (lambda: Response(status_code=410), 404, "NOT_FOUND", False),
    ],
    ids=["reset", "reset of unknown length", "stalled", "broken gzip", "unasked coding", "gone"],
)
async def test_a_download_that_fails_before_its_first_byte_is_a_problem(scene, answer, status, code, retryable):
    document = await first_document(scene, "signicat")
    scene.relays["signicat"].instead = downloads(answer)
    reply = await scene.client.get(document["download"]["url"])
    check_problem(reply, status, code, retryable=retryable)
    scene.relays["signicat"].instead = downloads(lambda: None)
    scene.clock.ahead += 60
    assert (await scene.client.get(document["download"]["url"])).status_code == 200


@pytest.mark.parametrize("kind", NAMES)
async def test_a_refused_download_is_a_problem_for_get_and_head(scene, kind):
    document = await first_document(scene, kind)
    await scene.fault(kind, method="GET", path=DOWNLOADS[kind], status=429, headers={"retry-after": "120"})
    reply = await scene.client.get(document["download"]["url"])
    check_problem(reply, 503, "PROVIDER_BUSY", retryable=True)
    head = await scene.client.head(document["download"]["url"])
    assert (head.status_code, head.headers["content-type"], head.content) == (503, "application/problem+json", b"")


@pytest.mark.parametrize("kind", NAMES)
async def test_a_head_of_a_download_has_the_headers_of_its_get(scene, kind):
    document = await first_document(scene, kind)
    got = await scene.client.get(document["download"]["url"])
    head = await scene.client.head(document["download"]["url"])
    assert (head.status_code, head.content) == (200, b"")
    assert filename_of(head) == filename_of(got)
    same = got.headers.keys() - {"date", "transfer-encoding"}
    assert {name: head.headers[name] for name in same} == {name: got.headers[name] for name in same}


@pytest.mark.parametrize("relayed", [("signicat",)])
async def test_a_head_of_a_download_leaves_the_body_at_the_provider(scene):
    document = await first_document(scene, "signicat")
    ended = asyncio.Event()

    async def endless():
        try:
            while True:
                yield b"x" * 65_536
                await asyncio.sleep(0)
        finally:
            ended.set()

    scene.relays["signicat"].instead = downloads(lambda: StreamingResponse(endless(), media_type="application/pdf"))
    reply = await scene.client.head(document["download"]["url"])
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/pdf")
    await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/documents/x", "GET, HEAD, OPTIONS"),
        ("/uploads", "OPTIONS, PUT"),
        ("/webhooks/signicat", "OPTIONS, POST"),
        ("/healthz", "GET, HEAD, OPTIONS"),
    ],
)
async def test_wrong_method_is_405_with_allow(scene, path, methods):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - set(methods.split(", ")):
        reply = await scene.client.request(method, path)
        assert (reply.status_code, reply.headers["allow"]) == (405, methods), method
        check_problem(reply, 405, "INVALID", retryable=False)
    reply = await scene.client.options(path)
    assert (reply.status_code, reply.headers["allow"], reply.content) == (204, methods, b"")


@pytest.mark.parametrize("path", ["/", "/nothing", "/documents", "/documents/a/b", "/uploads/x"])
async def test_unknown_path_is_a_404_problem(scene, path):
    check_problem(await scene.client.get(path), 404, "NOT_FOUND", retryable=False)


async def test_an_upload_that_is_refused_is_a_problem(scene):
    check_problem(await scene.client.put("/uploads", content=b""), 400, "INVALID", retryable=False)
    reply = await scene.client.put("/uploads", params={"filename": "x.pdf"}, content=b"%PDF-1.7 and no end")
    check_problem(reply, 400, "INVALID", retryable=False)


async def test_a_webhook_that_is_refused_is_a_problem(scene):
    reply = await scene.client.post("/webhooks/nobody", content=b"{}")
    check_problem(reply, reply.status_code, reply.json()["code"], retryable=False)
    assert reply.status_code in {401, 404, 501}


@pytest.mark.parametrize("relayed", [("signicat",)])
async def test_a_download_that_fails_after_its_first_byte_is_cut_off(scene):
    document = await first_document(scene, "signicat")
    begun = asyncio.Event()

    async def half():
        yield b"x" * 200_000
        await begun.wait()
        raise ConnectionError

    scene.relays["signicat"].instead = downloads(lambda: StreamingResponse(half(), media_type="application/pdf"))

    async def read() -> None:
        async with scene.client.stream("GET", document["download"]["url"]) as reply:
            assert reply.status_code == 200
            async for _ in reply.aiter_raw():
                begun.set()

    with pytest.raises(httpx.RemoteProtocolError):
        await read()
