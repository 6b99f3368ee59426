"""Uploads and downloads over plain HTTP: content, headers, links, and truncated transfers."""

from __future__ import annotations

import asyncio
import hashlib
import re
from email.message import EmailMessage
from urllib.parse import unquote

import httpx
import pytest
from scene import eventually, node_id, pdf
from starlette.responses import StreamingResponse

from providers.registry import NAMES

LOADS = re.compile(
    r"(?:import\s*\(|importScripts\(|fetch\(|Worker\(|EventSource\(|\.src\s*=|@import|url\()"
    r"\s*[\"'`]?\s*(?:https?:)?//\w"
)
NAME = "Vertrag für Ärzte & Söhne.pdf"


def filename_of(reply):
    """As a browser reads it: the extended parameter first."""
    header = reply.headers["content-disposition"]
    assert header.startswith("attachment;")
    assert header.isascii()
    extended = re.search(r"filename\*=UTF-8''(\S+)", header)
    plain = EmailMessage()
    plain["content-disposition"] = re.sub(r"; filename\*=.*", "", header)
    assert plain.get_filename().isascii()
    return unquote(extended[1])


async def first_document(scene, kind, **given):
    """A document that can be downloaded, and its bytes where they are known."""
    if kind == "persist":
        session = await scene.create(kind)
    elif kind == "seal":
        session = await scene.create(kind, given=[{"upload": await scene.upload(filename=NAME)}])
        await scene.sign(session)
        session = await scene.settle(session)
    else:
        session = await scene.create(kind, given=[{"upload": await scene.upload(filename=NAME)}], **given)
    return next(each for each in session["documents"] if each["download"] and (kind != "seal" or each["role"] == "SIGNED"))


# In.


async def test_upload_is_answered_with_size_hash_and_media_type(scene):
    content = pdf("Something to sign")
    reply = await scene.client.put("/uploads", params={"filename": f"C:\\fakepath\\{NAME}"}, content=content)
    assert reply.status_code == 201
    told = reply.json()
    assert (told["filename"], told["mediaType"], told["sizeBytes"]) == (NAME, "application/pdf", len(content))
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["expiresAt"].endswith("Z")
    [file] = (scene.folder / "uploads").iterdir()
    assert file.read_bytes() == content
    made = await scene.create("seal", given=[{"upload": told["id"]}])
    assert made["documents"][0]["filename"] == NAME
    assert list((scene.folder / "uploads").iterdir()) == [], "a spent upload is gone"


async def test_upload_is_accepted_chunked_and_without_a_filename(scene):
    content = pdf() + b"\n" * 300_000

    async def pieces():
        for at in range(0, len(content), 50_000):
            yield content[at : at + 50_000]

    reply = await scene.client.put("/uploads", content=pieces())
    assert (reply.status_code, reply.json()["filename"], reply.json()["sizeBytes"]) == (201, None, len(content))
    made = await scene.create("signicat", given=[{"upload": reply.json()["id"]}])
    assert made["documents"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert next(iter(scene.sandboxes["signicat"].store.documents.values())).content == content


@pytest.mark.parametrize("changes", [{"uploads": {"keep": 10, "max_bytes": 100_000}}])
async def test_too_large_upload_is_refused_while_it_arrives(scene):
    sent = 0

    async def endless():
        nonlocal sent
        yield b"%PDF-"
        while sent < 50_000_000:
            sent += 65_536
            yield b"x" * 65_536

    try:
        reply = await scene.client.put("/uploads", content=endless())
    except httpx.WriteError:
        pass
    else:
        assert reply.status_code == 413
    assert list((scene.folder / "uploads").iterdir()) == []


# Out.


@pytest.mark.parametrize("kind", NAMES)
async def test_download_has_filename_media_type_and_security_headers(scene, kind):
    document = await first_document(scene, kind)
    reply = await scene.client.get(document["download"]["url"])
    assert reply.status_code == 200
    assert reply.headers["content-type"].split(";")[0] == document["mediaType"]
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert reply.headers["cache-control"] == "private, no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert filename_of(reply) == document["download"]["filename"]
    if kind != "persist":
        assert filename_of(reply) == NAME
    if document["sha256"]:
        assert document["sha256"] == hashlib.sha256(reply.content).hexdigest()
    assert document["download"]["mediaType"] == document["mediaType"]


@pytest.mark.parametrize(
    "name",
    [
        'say "hi".pdf',
        "a;b=c.pdf",
        "100%.pdf",
        "new\r\nx-evil: 1.pdf",
        "日本語.pdf",
        ".hidden.pdf",
        "a" * 300 + ".pdf",
        "🎉.pdf",
    ],
)
async def test_no_filename_breaks_the_headers_of_a_download(scene, name):
    session = await scene.create("easyink", start=False, given=[{"upload": await scene.upload(filename=name)}])
    document = (await scene.read(session["id"]))["documents"][0]
    reply = await scene.client.get(document["download"]["url"])
    assert reply.status_code == 200
    assert "x-evil" not in reply.headers
    assert filename_of(reply) == document["filename"] == document["download"]["filename"]
    assert filename_of(reply).endswith(".pdf")


async def test_download_link_expires_at_its_expires_at(scene):
    document = await first_document(scene, "easyink")
    query = 'query Q($id: ID!) { document(id: $id) { download(expiresIn: "PT1M") { url expiresAt } } }'
    link = (await scene.data(query, id=document["id"]))["document"]["download"]
    scene.clock.ahead += 58
    assert (await scene.client.get(link["url"])).status_code == 200
    before = scene.calls()
    scene.clock.ahead += 3
    reply = await scene.client.get(link["url"])
    assert (reply.status_code, reply.json()["problem"]["code"]) == (404, "NOT_FOUND")
    assert "Ask for a new one" in reply.json()["problem"]["message"]
    assert scene.calls() == before


async def test_download_link_with_a_foreign_signature_is_not_found(scene):
    document = await first_document(scene, "easyink")
    token = document["download"]["url"].rsplit("/", 1)[-1]
    middle = len(token) // 2
    other = "A" if token[middle] != "A" else "B"
    tampered = (token[:middle] + other + token[middle + 1 :], token[:-8], token[8:], "x", "%00", "ä", "A" * 5000, "-" * 43)
    before = scene.calls()
    for each in (*tampered, node_id("Document", "easyink", "x", "y")):
        reply = await scene.client.get(f"/documents/{each}")
        assert (reply.status_code, reply.json()["problem"]["code"]) == (404, "NOT_FOUND"), each
    assert scene.calls() == before


@pytest.mark.parametrize("changes", [{"server": {"secret": "t34v_puzTFtOLi71XexCh39O_XeNSjvNt6UJNlQVn5I"}}])
async def test_download_link_holds_at_another_gateway_with_the_same_secret(scene, tmp_path, authority):
    document = await first_document(scene, "easyink")
    token = document["download"]["url"].rsplit("/", 1)[-1]
    from gateway.app import create_app
    from gateway.server.server import serve_app

    async with serve_app(create_app(scene.settings, scene.clock)) as address, httpx.AsyncClient(base_url=address) as client:
        assert (await client.get(f"/documents/{token}")).status_code == 200


async def test_removed_document_is_not_found(scene):
    document = await first_document(scene, "easyink")
    scene.sandboxes["easyink"].account.sessions.clear()
    reply = await scene.client.get(document["download"]["url"])
    assert reply.status_code == 404
    scene.clock.ahead += 60
    reply = await scene.client.get(document["download"]["url"])
    assert (reply.status_code, reply.json()["problem"]["code"]) == (404, "NOT_FOUND")


DOWNLOADS = {"signicat": "/sign/documents/*", "easyink": "*/documents/*", "seal": "/api/batchfile/*", "persist": "/signature"}


@pytest.mark.parametrize("kind", NAMES)
async def test_unavailable_provider_fails_a_download_before_its_first_byte(scene, kind):
    document = await first_document(scene, kind)
    for fault, status, code in (
        ({"status": 429, "headers": {"retry-after": "120"}}, 503, "PROVIDER_BUSY"),
        ({"status": 500}, 503, "PROVIDER_UNAVAILABLE"),
        ({"kind": "reset"}, 503, "PROVIDER_UNAVAILABLE"),
        ({"status": 401}, 502, "AUTHORIZATION_REQUIRED"),
        ({"status": 403}, 502, "PROVIDER_REFUSED"),
    ):
        await scene.fault(kind, method="GET", path=DOWNLOADS[kind], **fault)
        reply = await scene.client.get(document["download"]["url"])
        assert (reply.status_code, reply.json()["problem"]["code"]) == (status, code), fault
        assert kind in reply.json()["problem"]["message"]
        if code == "PROVIDER_BUSY":
            assert int(reply.headers["retry-after"]) >= 120
            assert reply.json()["problem"]["retryable"] is True
        await scene.heal(kind)
    assert (await scene.client.get(document["download"]["url"])).status_code == 200


async def test_document_that_is_not_ready_is_answered_with_retry_after(scene):
    session = await scene.create("easyink")
    scene.sandboxes["easyink"].account.compiling_reads = 1_000
    await scene.sign(session)
    session = await scene.read(session["id"])
    making = [each for each in session["documents"] if each["role"] == "SIGNED"]
    assert making
    assert all(each["status"] == "PROCESSING" and each["download"] is None for each in making)
    scene.sandboxes["easyink"].account.compiling_reads = 0
    session = await scene.settle(session)
    link = next(each for each in session["documents"] if each["role"] == "SIGNED")["download"]["url"]
    scene.sandboxes["easyink"].account.compiling_reads = 1_000
    reply = await scene.client.get(link)
    assert (reply.status_code, reply.json()["problem"]["code"]) == (503, "PROVIDER_BUSY")


@pytest.mark.parametrize("kind", NAMES)
async def test_truncated_download_is_never_complete(scene, kind):
    document = await first_document(scene, kind)
    await scene.fault(kind, method="GET", path=DOWNLOADS[kind], kind="truncate")
    try:
        reply = await scene.client.get(document["download"]["url"])
    except httpx.RemoteProtocolError:
        return
    assert kind in {"seal", "persist"}, "these are read as a whole before anything is sent"
    assert reply.status_code in {502, 503}


@pytest.mark.parametrize("relayed", [("signicat",)])
async def test_truncated_download_of_unknown_length_is_never_complete(scene):
    document = await first_document(scene, "signicat")

    async def half():
        yield b"%PDF-1.4 half of it"
        await asyncio.sleep(0.05)
        raise ConnectionError

    scene.relays["signicat"].instead = downloads(lambda: StreamingResponse(half(), media_type="application/pdf"))
    with pytest.raises(httpx.RemoteProtocolError):
        await scene.client.get(document["download"]["url"])


def downloads(answer):
    async def instead(request):
        mine = request.method == "GET" and request.url.path.startswith("/sign/documents/")
        return answer() if mine and not request.url.path.endswith("/metadata") else None

    return instead


class Endless:
    """A document that never ends, and knows when nobody reads it any more."""

    def __init__(self):
        self.open = 0

    async def chunks(self):
        self.open += 1
        try:
            while True:
                yield b"x" * 65_536
                await asyncio.sleep(0)
        finally:
            self.open -= 1


@pytest.mark.parametrize("relayed", [("signicat",)])
@pytest.mark.parametrize("changes", [{"providers": {"signicat": {"max_concurrency": 1}}}])
@pytest.mark.parametrize("chunks", [1, 0])
async def test_canceled_download_is_canceled_at_the_provider(scene, chunks):
    document = await first_document(scene, "signicat")
    relay, endless = scene.relays["signicat"], Endless()
    relay.instead = downloads(lambda: StreamingResponse(endless.chunks(), media_type="application/pdf"))
    for _ in range(3):
        async with scene.client.stream("GET", document["download"]["url"]) as reply:
            assert reply.status_code == 200
            if chunks:
                async for _ in reply.aiter_raw():
                    break
            else:
                # Nobody reads: all that lies between fills up, and the gateway waits to send.
                await asyncio.sleep(0.1)
            assert endless.open == 1
        await eventually(lambda: endless.open == 0, "the provider's answer is given up")
    relay.instead = downloads(lambda: None)
    assert (await scene.client.get(document["download"]["url"])).status_code == 200, "the only slot is free again"


# The rest of the door.


async def test_liveness_does_not_depend_on_providers(scene):
    for kind in NAMES:
        await scene.stop(kind)
    reply = await scene.client.get("/healthz")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


async def test_graphiql_loads_nothing_from_other_hosts(scene):
    page = await scene.client.get("/graphiql")
    assert page.headers["content-type"].startswith("text/html")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(named) >= 5
    for each in named:
        assert each.startswith(("/graphiql/", "data:")), each
        if each.startswith("data:"):
            continue
        asset = await scene.client.get(each)
        assert asset.status_code == 200, each
        assert "text/html" not in asset.headers["content-type"]
        assert LOADS.findall(asset.text) == [], each
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    "path", ["/graphiql/../app.py", "/graphiql/%2e%2e/app.py", "/graphiql/..%2fapp.py", "/docs", "/openapi.json", "/nothing"]
)
async def test_other_paths_are_not_found(scene, path):
    assert (await scene.client.get(path)).status_code == 404
