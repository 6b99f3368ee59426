"""Time stamps of SEAL by both methods, and saga steps of unanswered calls."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from asn1crypto import tsp
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from test_seal import PDF, World, ordered, place

from providers.capability import Operation
from providers.errors import AuthorizationRequired, InDoubt, Misbehaved, NotFound, Refused, Unsupported, WrongState
from providers.model import Document, DocumentRole, DocumentStatus, Session, SessionStatus
from providers.orders import Order
from providers.saga import Steps
from providers.sandbox.fault_injection import Fault
from providers.sandbox.server import serving
from providers.seal import PROVIDER
from providers.seal.sandbox import PASSWORD, USERNAME

DIGEST = hashlib.sha256(PDF).digest()
STAMPED = {"timestampProcessId": 2}
BASIC: dict[str, object] = {"api_key": None, "username": USERNAME, "password": PASSWORD}
JSON, RAW = "POST /tsa/stamp/2", "POST /tsa/stamp/rfc3161/2"


@pytest.fixture
async def seal() -> AsyncIterator[World]:
    async with place() as here:
        yield here


def timestamp_of(session: Session, filename: str = "a.pdf") -> Document:
    return next(item for item in session.documents if item.filename == f"{filename}.tsr")


async def download(here: World, session: Session, document: Document) -> bytes:
    async with here.adapter.download_document(session, document) as content:
        body = b"".join([chunk async for chunk in content.chunks])
        assert (content.media_type, content.filename) == ("application/timestamp-reply", document.filename)
        assert content.size_bytes == len(body)
        return body


def told(reply: bytes) -> tuple[bytes, datetime]:
    """The hash and the time in a time stamp."""
    response = tsp.TimeStampResp.load(reply)
    assert response["status"]["status"].native == "granted"
    info = response["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
    return info["message_imprint"]["hashed_message"].native, info["gen_time"].native


# Timestamps


@pytest.mark.parametrize(
    ("settings", "call"),
    [
        ({}, JSON),
        ({"tsa": "json"}, JSON),
        ({"tsa": "rfc3161"}, RAW),
        (BASIC, RAW),
        (BASIC | {"tsa": "rfc3161"}, RAW),
    ],
)
async def test_each_document_gets_a_timestamp_of_its_own_hash(settings: dict[str, object], call: str) -> None:
    async with place(**settings) as here:
        session = await here.create("a.pdf", "b.pdf", options=STAMPED)
        assert [item.role for item in session.documents].count(DocumentRole.EVIDENCE) == 2
        reply = await download(here, session, timestamp_of(session))
        assert told(reply)[0] == DIGEST
        assert here.calls()[-1] == call


async def test_timestamp_is_a_document_of_the_batch_from_beginning_to_end(seal: World) -> None:
    draft = await seal.create("a.pdf", start=False, options=STAMPED)
    stamp = timestamp_of(draft)
    assert (stamp.role, stamp.status, stamp.title) == (
        DocumentRole.EVIDENCE,
        DocumentStatus.READY,
        "Timestamp of The a.pdf",
    )
    assert (stamp.media_type, stamp.sha256) == ("application/timestamp-reply", None)
    started = await seal.adapter.start_session(draft)
    await seal.sandbox.sign(started.key)
    done = await seal.adapter.fetch_session(started.key, started)
    await seal.adapter.delete_session(done)
    gone = await seal.adapter.fetch_session(done.key, done)
    for session in (draft, started, done, gone):
        assert timestamp_of(session) == stamp
        assert told(await download(seal, session, stamp))[0] == DIGEST
    assert done.progress.required == 1, "a timestamp is nothing to sign"
    assert len(done.signatures) == 1


async def test_each_download_tells_the_time_of_that_download(seal: World) -> None:
    session = await seal.create("a.pdf", options=STAMPED)
    before = datetime.now(UTC).replace(microsecond=0)
    times = [told(await download(seal, session, timestamp_of(session)))[1] for _ in range(2)]
    assert times[0] >= before
    assert times == sorted(times)
    assert seal.calls().count(JSON) == 2


async def test_batch_that_nobody_asked_timestamps_of_has_none(seal: World) -> None:
    session = await seal.seal("a.pdf")
    assert {item.role for item in session.documents} == {DocumentRole.TO_SIGN, DocumentRole.SIGNED}
    assert not [call for call in seal.calls() if "/tsa/" in call]


async def test_process_that_makes_no_timestamps_is_named(seal: World) -> None:
    session = await seal.create("a.pdf", options={"timestampProcessId": 7})
    with pytest.raises(Refused, match="process 7") as caught:
        await download(seal, session, timestamp_of(session))
    assert caught.value.status == 404


async def test_timestamp_of_unknown_document_is_not_found(seal: World) -> None:
    session = await seal.create("a.pdf", options=STAMPED)
    unhashed = tuple(replace(item, sha256=None) for item in session.documents)
    for documents in (unhashed, (timestamp_of(session),)):
        with pytest.raises(NotFound):
            await download(seal, replace(session, documents=documents), timestamp_of(session))
    assert JSON not in seal.calls()


@pytest.mark.parametrize("kind", ["empty", "html"])
async def test_answer_without_the_hash_is_no_timestamp(seal: World, kind: Any) -> None:
    session = await seal.create("a.pdf", options=STAMPED)
    seal.sandbox.faults.append(Fault(path="/tsa/*", kind=kind))
    with pytest.raises(Misbehaved, match="no timestamp"):
        await download(seal, session, timestamp_of(session))


@pytest.mark.parametrize(("tsa", "call"), [("json", JSON), ("rfc3161", RAW)])
async def test_timestamp_is_retried_when_answer_is_lost(tsa: str, call: str) -> None:
    async with place(tsa=tsa) as here:
        session = await here.create("a.pdf", options=STAMPED)
        here.sandbox.faults.append(Fault(path="/tsa/*", kind="lost"))
        assert told(await download(here, session, timestamp_of(session)))[0] == DIGEST
        assert here.calls().count(call) == 2


async def test_both_methods_are_asked_as_they_are_documented() -> None:
    asked: list[tuple[str, str, bytes]] = []

    async def answer(request: Request) -> Response:
        body = await request.body()
        asked.append((request.url.path, request.headers["content-type"], body))
        return Response(b"token of " + DIGEST)

    async with place() as here, serving(Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])) as url:
        session = await here.create("a.pdf", options=STAMPED)
        for tsa in ("json", "rfc3161"):
            settings = PROVIDER.settings(**{**here.sandbox.settings(url), "tsa": tsa})
            async with PROVIDER.adapter(settings) as adapter:
                other = World(here.sandbox, url, adapter)
                assert await download(other, session, timestamp_of(session)) == b"token of " + DIGEST
    (json_path, json_type, body), raw = asked
    assert (json_path, json_type) == ("/tsa/stamp/2", "application/json")
    assert body == b'{"hash":"' + b64encode(DIGEST) + b'"}'
    assert raw == ("/tsa/stamp/rfc3161/2", "application/octet-stream", DIGEST)


async def test_wrong_key_gets_no_timestamp() -> None:
    async with place() as here, place(here.sandbox, api_key="wrong-wrong") as other:
        session = await here.create("a.pdf", options=STAMPED)
        with pytest.raises(AuthorizationRequired):
            await download(other, session, timestamp_of(session))


def test_json_method_is_not_configured_with_basic() -> None:
    table = {"name": "seal", "base_url": "http://x", "process_id": 1, "username": "u", "password": "p4ssw0rd"}
    with pytest.raises(ValidationError, match="tsa: json takes an api_key only") as caught:
        PROVIDER.settings(**table, tsa="json")
    assert "p4ssw0rd" not in str(caught.value)
    for wrong in (-1, 2**31, "two"):
        with pytest.raises(ValidationError):
            PROVIDER.options.model_validate({"timestampProcessId": wrong})


# What an unanswered call leaves


async def test_unanswered_creation_of_batch_is_named_as_leftover(seal: World) -> None:
    since, steps = seal.sandbox.clock.now(), Steps()
    seal.sandbox.faults.append(Fault(path="/api/CreateBatch/*", kind="lost"))
    with pytest.raises(InDoubt):
        await seal.adapter.create_session(Order(title="x", documents=(ordered("a.pdf"),), marker="0123456789ab"), steps)
    assert steps.entries == []
    (batch,) = seal.sandbox.batches.values()
    assert (batch.status, batch.documents) == ("NEW", [])
    heard = len(seal.calls())
    with pytest.raises(Unsupported, match="an empty one, in which nothing is ever sealed, may be left"):
        await seal.adapter.find_by_marker("0123456789ab", since)
    assert len(seal.calls()) == heard


@pytest.mark.parametrize("lost", ["upload", "AcceptBatch"])
async def test_steps_compensate_everything_after_creation(seal: World, lost: str) -> None:
    steps = Steps()
    seal.sandbox.faults += [
        Fault(path=f"/api/{lost}/*", kind="lost"),
        *[Fault(path="/api/BatchStatus/*", status=500, count=3)] * (lost == "AcceptBatch"),
    ]
    with pytest.raises(InDoubt):
        await seal.adapter.create_session(Order(title="x", documents=(ordered("a.pdf"),)), steps)
    for step in reversed(steps.entries):
        await seal.adapter.compensate(step)
    assert [batch.status for batch in seal.sandbox.batches.values()] == ["DELETED"]


# Statuses


async def in_status(here: World, status: SessionStatus) -> Session:
    """A batch in a status."""
    if status is SessionStatus.DRAFT:
        return await here.create("a.pdf", start=False)
    session = await here.create(
        *{"PARTIALLY_COMPLETED": ("a.pdf", "fail.pdf"), "FAILED": ("fail.pdf",)}.get(status, ("a.pdf",))
    )
    steps = {SessionStatus.PENDING: 0, SessionStatus.IN_PROGRESS: 2, SessionStatus.PROCESSING: 3, SessionStatus.UNKNOWN: 0}
    for _ in range(steps.get(status, 4)):
        await here.sandbox.advance(session.key)
    if status is SessionStatus.UNKNOWN:
        here.sandbox.batches[int(session.key)].status = "LEVITATING"
    if status is SessionStatus.DELETED:
        await here.adapter.delete_session(session)
    now = await here.adapter.fetch_session(session.key, session)
    assert now.status is status
    return now


CHANGES: dict[Operation, Callable[[World, Session], Coroutine[Any, Any, object]]] = {
    Operation.START_SESSION: lambda here, session: here.adapter.start_session(session),
    Operation.DELETE_SESSION: lambda here, session: here.adapter.delete_session(session),
}
STATUSES = ("DRAFT", "PENDING", "IN_PROGRESS", "PROCESSING", "COMPLETED", "PARTIALLY_COMPLETED", "FAILED", "UNKNOWN", "DELETED")


def test_every_operation_declares_its_statuses() -> None:
    stated = {operation: item.when for operation, item in PROVIDER.capabilities.operations.items() if item.when is not None}
    assert set(stated) == set(CHANGES)
    assert stated[Operation.DELETE_SESSION] == {SessionStatus(status) for status in STATUSES if status != "DELETED"}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("operation", CHANGES)
async def test_operation_succeeds_exactly_in_its_declared_statuses(seal: World, operation: Operation, status: str) -> None:
    session = await in_status(seal, SessionStatus(status))
    if PROVIDER.capabilities.allows(operation, session.status):
        await CHANGES[operation](seal, session)
    elif operation is Operation.START_SESSION:
        with pytest.raises(WrongState):
            await CHANGES[operation](seal, session)
