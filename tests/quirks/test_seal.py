"""Quirks of SEAL over real HTTP: documented methods, undocumented answers, and unsafe ZIP archives."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import stat
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile, ZipInfo

import httpx
import msgspec
import pytest
from asn1crypto import pem, tsp
from asn1crypto import x509 as asn1_x509
from pydantic import ValidationError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from providers.adapter import Adapter
from providers.capability import Operation, Support
from providers.clock import Clock
from providers.decoding.coercion import parse_instant
from providers.errors import (
    AuthorizationRequired,
    Busy,
    InDoubt,
    Misbehaved,
    NotFound,
    Refused,
    Unavailable,
    Unsupported,
    WrongState,
)
from providers.model import (
    Content,
    Document,
    DocumentRole,
    DocumentStatus,
    Session,
    SessionKind,
    SessionStatus,
    SignatureFormat,
)
from providers.orders import DocumentOrder, Order
from providers.saga import Step, Steps
from providers.sandbox.certificate_authority import sample_pdf
from providers.sandbox.fault_injection import Fault
from providers.sandbox.server import serving
from providers.seal import PROVIDER
from providers.seal.archive import BadArchive, distinct_names, open_member, pack
from providers.seal.orders import SealOptions
from providers.seal.sandbox import API_KEY, PASSWORD, SANDBOX, USERNAME, SealSandbox
from providers.seal.settings import SealSettings
from providers.seal.wire import Batch, CreatedBatch, truth

KEY = {"API-KEY": API_KEY}
PDF = sample_pdf("Contract")


class ManualClock(Clock):
    """Manual clock."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


class GatedClock(Clock):
    """Clock whose sleeps of ``seconds`` end when the test says so."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.arrived, self.gate = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds != self.seconds:
            await super().sleep(seconds)
            return
        self.arrived.set()
        await self.gate.wait()


class FastForwardClock(Clock):
    """Clock whose sleeps take no time."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class World:
    """A served sandbox, and an adapter for it."""

    def __init__(self, sandbox: SealSandbox, url: str, adapter: Adapter) -> None:
        self.sandbox = sandbox
        self.url = url
        self.adapter = adapter

    async def create(self, *filenames: str, start: bool = True, **rest: object) -> Session:
        order = Order(title="Q4 contracts", documents=tuple(ordered(name) for name in filenames), start=start, **rest)
        return await self.adapter.create_session(order, Steps())

    async def seal(self, *filenames: str) -> Session:
        session = await self.create(*filenames)
        await self.sandbox.sign(session.key)
        return await self.adapter.fetch_session(session.key, session)

    def calls(self) -> list[str]:
        return [f"{call.method} {call.path}" for call in self.sandbox.calls]


@asynccontextmanager
async def place(sandbox: SealSandbox | None = None, **settings: object) -> AsyncIterator[World]:
    sandbox = sandbox or SANDBOX(clock=ManualClock())
    async with sandbox.serving() as url:
        given = {key: value for key, value in {**sandbox.settings(url), **settings}.items() if value is not None}
        async with PROVIDER.adapter(PROVIDER.settings(**given), clock=FastForwardClock()) as adapter:
            yield World(sandbox, url, adapter)


@pytest.fixture
async def seal() -> AsyncIterator[World]:
    async with place() as here:
        yield here


@pytest.fixture
async def api(seal: World) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=seal.url, headers=KEY) as client:
        yield client


def ordered(filename: str, content: bytes = PDF, title: str | None = None) -> DocumentOrder:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 700):
            yield content[start : start + 700]

    return DocumentOrder(
        filename=filename,
        media_type="application/pdf",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        open=pieces,
        title=title or f"The {filename}",
    )


async def read(content: Content) -> bytes:
    return b"".join([chunk async for chunk in content.chunks])


def known(status: SessionStatus, key: str = "777", **rest: object) -> Session:
    return Session(provider="seal", key=key, kind=SessionKind.SEALING, status=status, **rest)


def zipped(*names: str, compression: int = ZIP_STORED, content: bytes = PDF) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w", compression) as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


# Creating


async def test_order_becomes_one_batch_with_one_upload_and_its_acceptance(seal: World) -> None:
    session = await seal.create("a.pdf", "b.pdf", reference="R-1")
    assert (session.kind, session.status, session.provider_status) == (SessionKind.SEALING, SessionStatus.PENDING, "ACCEPTED")
    assert seal.calls() == [
        "POST /api/CreateBatch/1",
        f"POST /api/upload/{session.key}",
        f"POST /api/AcceptBatch/{session.key}",
        f"GET /api/BatchStatus/{session.key}",
    ]
    batch = seal.sandbox.batches[int(session.key)]
    assert [(document.name, document.content) for document in batch.documents] == [("a.pdf", PDF), ("b.pdf", PDF)]
    assert (session.title, session.reference, session.participants) == ("Q4 contracts", "R-1", ())


async def test_upload_says_its_exact_length_and_is_not_chunked() -> None:
    sandbox, seen = SANDBOX(), {}

    async def app(scope: dict, receive: Callable, send: Callable) -> None:
        async def counted() -> dict:
            message = await receive()
            seen["bytes"] = seen.get("bytes", 0) + len(message.get("body", b""))
            return message

        if "/upload/" in scope["path"]:
            seen.update({name.decode(): value.decode() for name, value in scope["headers"]})
            receive, app_receive = receive, counted
            await sandbox(scope, app_receive, send)
        else:
            await sandbox(scope, receive, send)

    async with serving(app) as url, PROVIDER.adapter(PROVIDER.settings(**sandbox.settings(url))) as adapter:
        await adapter.create_session(Order(title="x", documents=(ordered("a.pdf"),)), Steps())
    assert int(seen["content-length"]) == seen["bytes"]
    assert seen["content-type"] == "application/octet-stream"
    assert "transfer-encoding" not in seen


async def test_packing_never_holds_a_whole_document_in_memory() -> None:
    piece = bytes(64 * 1024)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(400):
            yield piece

    big = replace(ordered("big.pdf"), size_bytes=400 * len(piece), open=pieces)
    tracemalloc.start()
    try:
        async with pack([big]) as bundle:
            length = 0
            async for chunk in bundle.chunks():
                length += len(chunk)
            assert length == bundle.size > 400 * len(piece)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


async def test_packed_archive_can_be_read_again() -> None:
    async with pack([ordered("a.pdf")]) as bundle:
        first = b"".join([chunk async for chunk in bundle.chunks()])
        second = b"".join([chunk async for chunk in bundle.chunks()])
    assert first == second
    assert ZipFile(BytesIO(first)).read("a.pdf") == PDF


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["a.pdf", "a.pdf", "A.PDF"], ("a.pdf", "a (2).pdf", "A (3).PDF")),
        (["a (2).pdf", "a.pdf", "a.pdf"], ("a (2).pdf", "a.pdf", "a (3).pdf")),
        (["../../etc/passwd", "C:\\temp\\b.pdf", "/"], ("passwd", "b.pdf", "document.pdf")),
        (["..", " . ", ""], ("document.pdf", "document (2).pdf", "document (3).pdf")),
        (["a\x00b\n.pdf", "x:y?.pdf", "\ud800.pdf", "\u202efdp.exe"], ("a_b_.pdf", "x_y_.pdf", "_.pdf", "_fdp.exe")),
        (["Umowa dzierżawy.pdf", "Vertra\u0308ge.pdf"], ("Umowa dzierżawy.pdf", "Verträge.pdf")),
    ],
)
def test_names_in_the_zip_are_flat_safe_and_distinct(given: list[str], made: tuple[str, ...]) -> None:
    assert distinct_names(given) == made


@pytest.mark.parametrize("name", ["ż" * 400 + ".pdf", "a." + "b" * 400, "." + "b" * 400])
def test_names_in_the_zip_fit_any_file_system(name: str) -> None:
    (made,) = distinct_names([name])
    assert 0 < len(made.encode()) <= 200


async def test_documents_of_one_name_are_distinct(seal: World) -> None:
    first, second = ordered("a.pdf", PDF, "First"), ordered("a.pdf", sample_pdf("Another"), "Second")
    session = await seal.adapter.create_session(Order(title="x", documents=(first, second)), Steps())
    facts = {document.filename: (document.title, document.sha256, document.size_bytes) for document in session.documents}
    assert facts == {
        "a.pdf": ("First", first.sha256, first.size_bytes),
        "a (2).pdf": ("Second", second.sha256, second.size_bytes),
    }


async def test_draft_waits_until_it_is_started(seal: World) -> None:
    draft = await seal.create("a.pdf", start=False)
    assert (draft.status, draft.started_at) == (SessionStatus.DRAFT, None)
    started = await seal.adapter.start_session(draft)
    assert (started.status, started.title) == (SessionStatus.PENDING, "Q4 contracts")
    assert started.started_at is not None


async def test_draft_has_the_documents_of_its_order(seal: World) -> None:
    draft = await seal.create("a.pdf", start=False)
    assert msgspec.json.decode(draft.native)["documents"] is None
    (document,) = draft.documents
    assert (document.key, document.filename, document.role) == ("name:a.pdf", "a.pdf", DocumentRole.TO_SIGN)
    again = await seal.adapter.fetch_session(draft.key, draft)
    assert again.documents == draft.documents
    started = await seal.adapter.start_session(again)
    (told,) = started.documents
    assert told == document


async def test_old_server_says_uploaded_and_that_is_still_a_draft(seal: World) -> None:
    seal.sandbox.generation = "old"
    draft = await seal.create("a.pdf", start=False)
    assert (draft.status, draft.provider_status) == (SessionStatus.DRAFT, "UPLOADED")
    assert draft.documents[0].title == "The a.pdf"
    started = await seal.adapter.start_session(draft)
    assert started.status is SessionStatus.PENDING


async def test_upload_accepts_an_empty_answer(seal: World) -> None:
    seal.sandbox.silent = True
    assert (await seal.create("a.pdf")).status is SessionStatus.PENDING


async def test_batch_is_started_once(seal: World) -> None:
    session = await seal.create("a.pdf")
    with pytest.raises(WrongState, match="ACCEPTED"):
        await seal.adapter.start_session(session)
    assert [call for call in seal.calls() if "AcceptBatch" in call] == [f"POST /api/AcceptBatch/{session.key}"]


async def test_accept_batch_takes_its_batch_as_a_query_where_so_configured() -> None:
    async with place(paths={"accept_batch": "/api/AcceptBatch?batchId={batch}"}) as here:
        session = await here.create("a.pdf")
        assert session.status is SessionStatus.PENDING
        assert "POST /api/AcceptBatch" in here.calls()


async def test_wrong_path_of_accept_batch_is_refused_with_advice() -> None:
    async with place(paths={"accept_batch": "/api/AcceptBatch/of/{batch}"}) as here:
        with pytest.raises(Refused, match="batchId="):
            await here.create("a.pdf")


async def test_options_choose_the_process(seal: World) -> None:
    session = await seal.create("a.pdf", options={"processId": 2})
    assert seal.sandbox.batches[int(session.key)].process == 2


async def test_unknown_process_is_refused_with_advice(seal: World) -> None:
    with pytest.raises(Refused, match="no process 99: correct process_id") as caught:
        await seal.create("a.pdf", options={"processId": 99})
    assert caught.value.status == 404
    assert seal.sandbox.batches == {}


async def test_refusal_for_another_reason_is_not_blamed_on_the_process(seal: World) -> None:
    seal.sandbox.faults.append(Fault(path="/api/CreateBatch/*", status=403))
    with pytest.raises(Refused) as caught:
        await seal.create("a.pdf")
    assert "process" not in caught.value.message


async def test_failed_upload_leaves_a_step_to_compensate(seal: World) -> None:
    seal.sandbox.faults.append(Fault(path="/api/upload/*", status=400))
    steps = Steps()
    with pytest.raises(Refused):
        await seal.adapter.create_session(Order(title="x", documents=(ordered("a.pdf"),)), steps)
    (step,) = steps.entries
    assert step == Step("batch", str(max(seal.sandbox.batches)))
    await seal.adapter.compensate(step)
    assert seal.sandbox.batches[int(step.key)].status == "DELETED"


async def test_compensation_is_idempotent(seal: World) -> None:
    await seal.adapter.compensate(Step("batch", "1"))


async def test_document_that_cannot_be_read_is_noticed_before_there_is_a_batch(seal: World) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"%PDF"
        raise OSError("the upload is gone")

    with pytest.raises(OSError, match="gone"):
        await seal.adapter.create_session(Order(title="x", documents=(replace(ordered("a.pdf"), open=broken),)), Steps())
    assert seal.calls() == []


async def test_unreadable_answer_to_create_batch_is_in_doubt(seal: World) -> None:
    seal.sandbox.faults.append(Fault(path="/api/CreateBatch/*", kind="html"))
    with pytest.raises(InDoubt):
        await seal.create("a.pdf")


async def test_acceptance_is_read_back_when_answer_is_lost(seal: World) -> None:
    seal.sandbox.faults.append(Fault(path="/api/AcceptBatch/*", kind="lost"))
    session = await seal.create("a.pdf")
    assert session.status is SessionStatus.PENDING
    assert session.started_at is not None


async def test_acceptance_that_never_arrived_stays_in_doubt_and_is_not_repeated(seal: World) -> None:
    draft = await seal.create("a.pdf", start=False)
    seal.sandbox.faults.append(Fault(path="/api/AcceptBatch/*", kind="reset"))
    with pytest.raises(InDoubt):
        await seal.adapter.start_session(draft)
    assert seal.sandbox.batches[int(draft.key)].status == "NEW"
    assert sum("AcceptBatch" in call for call in seal.calls()) == 1


async def test_batch_that_somebody_else_accepts_first_is_in_the_wrong_state() -> None:
    clock = GatedClock(0.321)
    async with place(SANDBOX(clock=clock)) as here:
        draft = await here.create("a.pdf", start=False)
        here.sandbox.faults.append(Fault(path="/api/AcceptBatch/*", status=409, delay_ms=321))
        ours = asyncio.create_task(here.adapter.start_session(draft))
        await clock.arrived.wait()
        async with httpx.AsyncClient(base_url=here.url, headers=KEY) as client:
            assert (await client.post("/api/AcceptBatch", params={"batchId": draft.key})).status_code == 200
        clock.gate.set()
        with pytest.raises(WrongState, match="is ACCEPTED: only one"):
            await ours


async def test_accepted_batch_is_partial_when_its_status_cannot_be_read(seal: World) -> None:
    seal.sandbox.faults.append(Fault(path="/api/BatchStatus/*", status=500, count=3))
    session = await seal.create("a.pdf")
    assert (session.status, session.partial) == (SessionStatus.PENDING, True)
    assert session.documents[0].sha256 == hashlib.sha256(PDF).hexdigest()


async def test_empty_batch_cannot_be_started(seal: World, api: httpx.AsyncClient) -> None:
    key = (await api.post("/api/CreateBatch/1")).json()["id"]
    with pytest.raises(Refused) as caught:
        await seal.adapter.start_session(known(SessionStatus.DRAFT, key))
    assert caught.value.status == 400


def test_order_that_seal_would_refuse_is_refused_before_any_call() -> None:
    settings = PROVIDER.settings(**SANDBOX().settings("http://127.0.0.1:9"))
    adapter = PROVIDER.adapter(settings)
    assert [problem.path for problem in adapter.validate_order(Order(title="x"))] == [("input", "documents")]
    attachment = replace(ordered("b.pdf"), role=DocumentRole.ATTACHMENT)
    problems = list(adapter.validate_order(Order(title="x", documents=(ordered("a.pdf"), attachment), message="Please sign")))
    assert [problem.path for problem in problems] == [("input", "documents", "1", "role"), ("input", "message")]
    assert list(adapter.validate_order(Order(title="x", documents=(ordered("a.pdf"),)))) == []


# Reading


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("NEW", SessionStatus.DRAFT),
        ("UPLOADED", SessionStatus.DRAFT),
        ("ACCEPTED", SessionStatus.PENDING),
        ("READY", SessionStatus.PENDING),
        ("ready", SessionStatus.PENDING),
        ("IN_PROGRESS", SessionStatus.IN_PROGRESS),
        ("FINISHING", SessionStatus.PROCESSING),
        ("DELETED", SessionStatus.DELETED),
        ("SUSPENDED", SessionStatus.UNKNOWN),
        (5, SessionStatus.UNKNOWN),
        ("5", SessionStatus.UNKNOWN),
    ],
)
async def test_status_is_mapped_by_name_and_its_word_is_kept(seal: World, word: str | int, status: SessionStatus) -> None:
    session = await seal.create("a.pdf")
    seal.sandbox.batches[int(session.key)].status = word
    now = await seal.adapter.fetch_session(session.key, session)
    assert (now.status, now.provider_status) == (status, str(word))


@pytest.mark.parametrize("generation", ["current", "old"])
@pytest.mark.parametrize(
    ("names", "status"),
    [
        (["a.pdf", "b.pdf"], SessionStatus.COMPLETED),
        (["a.pdf", "fail.pdf"], SessionStatus.PARTIALLY_COMPLETED),
        (["fail 1.pdf", "fail 2.pdf"], SessionStatus.FAILED),
    ],
)
async def test_status_of_closed_batch_follows_from_its_documents(
    seal: World, generation: str, names: list[str], status: SessionStatus
) -> None:
    seal.sandbox.generation = generation
    session = await seal.seal(*names)
    assert (session.status, session.provider_status) == (status, "CLOSED")
    good = [name for name in names if "fail" not in name]
    statuses = {document.filename: document.status for document in session.documents if document.role is DocumentRole.TO_SIGN}
    assert statuses == {name: DocumentStatus.SIGNED if name in good else DocumentStatus.FAILED for name in names}
    assert session.progress.signed == len(good)
    assert session.progress.failed == len(names) - len(good)


async def test_each_sealed_document_is_a_second_document_with_a_signature(seal: World) -> None:
    session = await seal.seal("a.pdf", "fail.pdf")
    original = session.documents[0]
    (sealed,) = [document for document in session.documents if document.role is DocumentRole.SIGNED]
    assert (sealed.key, sealed.title, sealed.filename) == (f"signed:{original.key}", original.title, original.filename)
    (signature,) = session.signatures
    assert (signature.key, signature.document, signature.format) == (sealed.key, sealed.key, SignatureFormat.PADES)
    assert await seal.adapter.list_signatures(session) == session.signatures


async def test_every_status_of_sealing_is_read(seal: World) -> None:
    session = await seal.create("a.pdf")
    seen = []
    while not session.final:
        seen.append(session.status)
        await seal.sandbox.advance(session.key)
        session = await seal.adapter.fetch_session(session.key, session)
    pending, progress, processing = SessionStatus.PENDING, SessionStatus.IN_PROGRESS, SessionStatus.PROCESSING
    assert seen == [pending, pending, progress, processing]


async def test_documents_that_are_not_sealed_yet_have_not_failed(seal: World) -> None:
    session = await seal.create("a.pdf")
    await seal.sandbox.advance(session.key)
    now = await seal.adapter.fetch_session(session.key, session)
    assert [document.status for document in now.documents] == [DocumentStatus.READY]


async def test_batch_stuck_in_ready_stays_pending(seal: World) -> None:
    seal.sandbox.stuck = True
    session = await seal.create("a.pdf")
    await seal.sandbox.sign(session.key)
    seal.sandbox.clock.at += timedelta(days=30)
    now = await seal.adapter.fetch_session(session.key, session)
    assert (now.status, now.provider_status, now.final) == (SessionStatus.PENDING, "READY", False)


async def test_foreign_batch_has_what_seal_returns(seal: World) -> None:
    session = await seal.seal("a.pdf")
    foreign = await seal.adapter.fetch_session(session.key)
    assert (foreign.title, foreign.status) == (None, SessionStatus.COMPLETED)
    assert [document.key for document in foreign.documents] == [document.key for document in session.documents]
    assert foreign.created_at == datetime(2026, 11, 22, 8, 30, 1, tzinfo=UTC)


async def test_first_of_two_times_for_one_instant_stays(seal: World) -> None:
    session = await seal.create("a.pdf")
    told = parse_instant(msgspec.json.decode(session.native)["creationDate"])
    assert session.created_at == seal.sandbox.clock.now() != told
    assert (await seal.adapter.fetch_session(session.key, session)).created_at == session.created_at


async def test_native_is_the_payload_unchanged(seal: World, api: httpx.AsyncClient) -> None:
    session = await seal.seal("a.pdf")
    assert session.native == (await api.get(f"/api/BatchStatus/{session.key}")).content


async def test_unknown_batch_is_not_found(seal: World) -> None:
    with pytest.raises(NotFound):
        await seal.adapter.fetch_session("777")
    with pytest.raises(NotFound):
        await seal.adapter.fetch_session("777", known(SessionStatus.PENDING, provider_status="READY"))


@pytest.mark.parametrize("status", [SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.DELETED])
async def test_batch_that_is_gone_after_it_was_closed_is_deleted(seal: World, status: SessionStatus) -> None:
    before = known(status, title="Kept")
    assert await seal.adapter.fetch_session("777", before) == replace(before, status=SessionStatus.DELETED)


@pytest.mark.parametrize("forgets", [True, False])
async def test_deleted_batch_keeps_its_known_fields(seal: World, forgets: bool) -> None:
    seal.sandbox.forgets = forgets
    session = await seal.seal("a.pdf", "fail.pdf")
    await seal.adapter.delete_session(session)
    gone = await seal.adapter.fetch_session(session.key, session)
    assert (gone.status, gone.title) == (SessionStatus.DELETED, session.title)
    assert gone.signatures == session.signatures
    statuses = {document.key: document.status for document in gone.documents}
    for document in session.documents:
        expected = DocumentStatus.DELETED if document.role is DocumentRole.SIGNED else document.status
        assert statuses.pop(document.key) is expected
    assert statuses == {}


async def test_batch_is_deleted_even_if_the_answer_is_lost(seal: World) -> None:
    session = await seal.seal("a.pdf")
    seal.sandbox.faults.append(Fault(path="/api/BatchDeleteCache/*", kind="lost"))
    await seal.adapter.delete_session(session)
    assert seal.sandbox.batches[int(session.key)].status == "DELETED"


async def test_deleting_an_unknown_batch_is_not_found(seal: World) -> None:
    with pytest.raises(NotFound):
        await seal.adapter.delete_session(known(SessionStatus.DRAFT))


@pytest.mark.parametrize(
    ("printed", "closed", "sealed"),
    [
        ('{"status":"CLOSED","documents":[{"id":1,"fileName":"a","signingResult_Success":true}]}', True, [True]),
        ('{"status":"Closed","documents":[{"id":"1","fileName":"a","signingResult_Success":"True"}]}', True, [True]),
        ('{"status":"closed","documents":[{"id":1,"signed":"TRUE","signingResult_Success":"FALSE"}]}', True, [False]),
        ('{"status":"CLOSED","documents":[{"id":1,"signed":true,"signingResult_Success":null}]}', True, [True]),
        ('{"status":"CLOSED","documents":[{"id":1}]}', True, [False]),
        ('{"id":"2123","status":6,"documents":null,"creationDate":1690000000,"extra":{"a":1}}', False, []),
        ("{}", False, []),
    ],
)
def test_values_of_either_type_and_missing_fields_are_decoded(printed: str, closed: bool, sealed: list[bool]) -> None:
    batch = msgspec.json.decode(printed, type=Batch)
    assert batch.closed is closed
    assert [document.sealed for document in batch.documents or ()] == sealed


@pytest.mark.parametrize("printed", ['{"id":"2123","status":"1"}', '{"id":2123,"status":1}'])
def test_ids_are_read_as_strings_or_numbers(printed: str) -> None:
    assert str(msgspec.json.decode(printed, type=CreatedBatch).id) == "2123"


def test_closed_batch_without_documents_is_no_success() -> None:
    assert msgspec.json.decode('{"status":"CLOSED","documents":[]}', type=Batch).state is SessionStatus.UNKNOWN


def test_booleans_are_parsed_in_every_spelling() -> None:
    assert [truth(value) for value in (True, "true", "True", " TRUE ")] == [True] * 4
    assert [truth(value) for value in (False, "false", "False")] == [False] * 3
    assert [truth(value) for value in (None, "", "1", 1, "yes")] == [None] * 5


def test_times_without_a_zone_are_utc() -> None:
    assert parse_instant("2023-07-05 10:20:30") == datetime(2023, 7, 5, 10, 20, 30, tzinfo=UTC)
    assert parse_instant("2023-07-05T12:20:30+02:00") == parse_instant("2023-07-05 10:20:30")
    assert [parse_instant(value) for value in ("yesterday", "", None, 1690000000)] == [None] * 4


@pytest.mark.parametrize("kind", ["html", "empty", "truncate"])
async def test_status_that_cannot_be_read_is_an_error_of_the_provider(seal: World, kind: str) -> None:
    session = await seal.create("a.pdf")
    seal.sandbox.faults.append(Fault(path="/api/BatchStatus/*", kind=kind, count=3))
    with pytest.raises((Misbehaved, Unavailable)):
        await seal.adapter.fetch_session(session.key)


# Downloading


async def validated(seal: World, pdf: bytes) -> str:
    _, _, der = pem.unarmor(seal.sandbox.authority.certificate)
    trust = ValidationContext(trust_roots=[asn1_x509.Certificate.load(der)], allow_fetching=False)
    (signature,) = PdfFileReader(BytesIO(pdf)).embedded_signatures
    status = await async_validate_pdf_signature(signature, trust)
    assert status.bottom_line
    return status.signing_cert.subject.native["common_name"]


async def test_each_sealed_document_is_taken_out_of_the_zip_by_its_name(seal: World) -> None:
    session = await seal.seal("a.pdf", "Umowa dzierżawy.pdf", "a.pdf")
    sealed = [document for document in session.documents if document.role is DocumentRole.SIGNED]
    results = seal.sandbox.batches[int(session.key)].results()
    for document in sealed:
        async with seal.adapter.download_document(session, document) as content:
            pdf = await read(content)
        assert pdf == results[document.filename]
        assert (content.size_bytes, content.media_type, content.filename) == (len(pdf), "application/pdf", document.filename)
    assert await validated(seal, pdf) == "SIGNIUS SEAL"
    assert len(sealed) == 3


async def test_signature_is_downloaded_as_the_document_that_carries_it(seal: World) -> None:
    session = await seal.seal("a.pdf")
    async with seal.adapter.download_signature(session, session.signatures[0]) as content:
        assert await validated(seal, await read(content)) == "SIGNIUS SEAL"


async def test_signature_without_its_document_is_not_found(seal: World) -> None:
    session = await seal.seal("a.pdf")
    with pytest.raises(NotFound):
        seal.adapter.download_signature(replace(session, documents=()), session.signatures[0])


async def test_original_cannot_be_downloaded(seal: World) -> None:
    session = await seal.seal("a.pdf")
    with pytest.raises(Unsupported, match="SIGNED"):
        async with seal.adapter.download_document(session, session.documents[0]):
            pass


def sealed_document(session: Session) -> Document:
    return Document(
        session=session.ref, key="signed:1", role=DocumentRole.SIGNED, status=DocumentStatus.SIGNED, filename="a.pdf"
    )


@pytest.mark.parametrize("unready", [200, 202, 204, 400, 404, 409, 423])
async def test_batch_that_is_not_ready_is_busy_whatever_it_answers(seal: World, unready: int) -> None:
    seal.sandbox.unready = unready
    session = await seal.create("a.pdf")
    with pytest.raises(Busy, match="ACCEPTED") as caught:
        async with seal.adapter.download_document(session, sealed_document(session)):
            pass
    assert caught.value.retry_after == seal.adapter.settings.poll_interval
    assert "not ready" not in str(caught.value)


@pytest.mark.parametrize("forgets", [True, False])
async def test_results_are_gone_once_the_batch_is_deleted(seal: World, forgets: bool) -> None:
    seal.sandbox.forgets = forgets
    session = await seal.seal("a.pdf")
    await seal.adapter.delete_session(session)
    with pytest.raises(NotFound):
        async with seal.adapter.download_document(session, session.documents[-1]):
            pass


async def test_closed_batch_whose_zip_is_none_misbehaves(seal: World) -> None:
    session = await seal.seal("a.pdf")
    seal.sandbox.faults.append(Fault(path="/api/batchfile/*", kind="html"))
    with pytest.raises(Misbehaved, match="no ZIP"):
        async with seal.adapter.download_document(session, session.documents[-1]):
            pass


async def test_document_that_is_not_in_the_zip_is_not_replaced_by_another(seal: World) -> None:
    session = await seal.seal("a.pdf")
    for name in ("b.pdf", "A.PDF", "../a.pdf", "/a.pdf"):
        with pytest.raises(Misbehaved, match="0 documents"):
            async with seal.adapter.download_document(session, replace(session.documents[-1], filename=name)):
                pass


async def test_zip_larger_than_the_bound_is_not_taken() -> None:
    async with place(max_batch_bytes=2048) as here:
        session = await here.seal("a.pdf")
        with pytest.raises(Misbehaved, match="longer than 2048"):
            async with here.adapter.download_document(session, session.documents[-1]):
                pass


async def test_download_that_breaks_off_is_an_error(seal: World) -> None:
    session = await seal.seal("a.pdf")
    seal.sandbox.faults.append(Fault(path="/api/batchfile/*", kind="truncate"))
    with pytest.raises(Unavailable):
        async with seal.adapter.download_document(session, session.documents[-1]):
            pass


async def test_slow_reader_holds_no_call_to_seal() -> None:
    async with place(max_concurrency=1) as here:
        session = await here.seal("a.pdf")
        async with here.adapter.download_document(session, session.documents[-1]) as content:
            assert (await here.adapter.fetch_session(session.key, session)).status is SessionStatus.COMPLETED
            assert (await read(content)).startswith(b"%PDF")


async def extract(archive: bytes, name: str, limit: int = 10_000) -> bytes:
    async with open_member(BytesIO(archive), name, limit) as member:
        return b"".join([chunk async for chunk in member.chunks])


async def test_only_the_member_of_the_exact_name_is_opened() -> None:
    archive = zipped("b.pdf", "a.pdf.exe", "a", content=b"another")
    with pytest.raises(BadArchive, match="0 documents"):
        await extract(archive, "a.pdf")
    with pytest.raises(BadArchive, match="0 documents"):
        await extract(zipped("a.pdf_exe", content=b"another").replace(b"a.pdf_", b"a.pdf\0"), "a.pdf")


async def test_member_that_unpacks_beyond_the_bound_is_refused() -> None:
    bomb = zipped("a.pdf", compression=ZIP_DEFLATED, content=bytes(50_000))
    assert len(bomb) < 1000
    with pytest.raises(BadArchive, match="more than 10000"):
        await extract(bomb, "a.pdf")
    assert await extract(bomb, "a.pdf", limit=50_000) == bytes(50_000)


async def test_member_with_false_size_is_refused() -> None:
    bomb = zipped("a.pdf", compression=ZIP_DEFLATED, content=bytes(50_000))
    assert bomb.count((50_000).to_bytes(4, "little")) == 2
    lying = bomb.replace((50_000).to_bytes(4, "little"), (500).to_bytes(4, "little"))
    with pytest.raises(BadArchive):
        await extract(lying, "a.pdf")


async def test_member_packed_in_an_unbounded_way_is_refused() -> None:
    with pytest.raises(BadArchive, match="unusual"):
        await extract(zipped("a.pdf", compression=ZIP_LZMA), "a.pdf")


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_two_members_of_one_name_are_refused() -> None:
    for names in (("a.pdf", "a.pdf"), ("a.pdf", "A.PDF"), ("a.pdf", "b.pdf", "b.pdf")):
        with pytest.raises(BadArchive, match="two documents of one name"):
            await extract(zipped(*names), "a.pdf")


async def test_broken_member_is_noticed_while_it_is_read() -> None:
    archive = zipped("a.pdf")
    position = archive.index(b"Contract")
    with pytest.raises(BadArchive, match="no ZIP"):
        await extract(archive[:position] + b"X" + archive[position + 1 :], "a.pdf")


async def test_encrypted_member_is_refused() -> None:
    archive = bytearray(zipped("a.pdf"))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(signature) + flags] |= 1
    with pytest.raises(BadArchive, match="encrypted"):
        await extract(bytes(archive), "a.pdf")


@pytest.mark.parametrize("name", ["../b.pdf", "/b.pdf", "folder/b.pdf", "folder/", "..\\b.pdf", "C:b.pdf", ".."])
async def test_zip_that_is_not_flat_is_refused(name: str) -> None:
    with pytest.raises(BadArchive, match="folders"):
        await extract(zipped("a.pdf", name), "a.pdf")


async def test_link_is_no_document() -> None:
    made = BytesIO()
    with ZipFile(made, "w") as archive:
        link = ZipInfo("a.pdf")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BadArchive, match="link"):
        await extract(made.getvalue(), "a.pdf")


async def test_members_that_share_their_bytes_are_refused() -> None:
    archive = bytearray(zipped("a.pdf", "b.pdf"))
    second = archive.rindex(b"PK\x01\x02")
    archive[second + 42 : second + 46] = bytes(4)
    with pytest.raises(BadArchive, match="lie in each other"):
        await extract(bytes(archive), "a.pdf")


async def test_member_that_unpacks_to_a_thousand_times_its_size_is_a_bomb() -> None:
    bomb = zipped("a.pdf", compression=ZIP_DEFLATED, content=bytes(11 * 2**20))
    assert len(bomb) < 20_000
    with pytest.raises(BadArchive, match="far more"):
        await extract(bomb, "a.pdf", limit=2**30)


@pytest.mark.parametrize("count", [1_001, 65_536])
async def test_zip_of_too_many_members_is_refused(count: int) -> None:
    with pytest.raises(BadArchive, match="more than 1000 documents"):
        await extract(zipped(*(f"{number}.pdf" for number in range(count)), content=b""), "1.pdf")


async def test_names_in_utf8_are_found_also_where_the_zip_does_not_say_so() -> None:
    name = "Umowa dzierżawy.pdf"
    archive = zipped(name)
    raw = archive.replace(b"\x00\x08", b"\x00\x00")
    assert ZipFile(BytesIO(raw)).namelist() != [name]
    assert await extract(raw, name) == PDF


# Credentials


async def test_basic_authentication_is_accepted() -> None:
    async with place(api_key=None, username=USERNAME, password=PASSWORD) as here:
        assert (await here.create("a.pdf")).status is SessionStatus.PENDING


@pytest.mark.parametrize(
    "settings",
    [{"api_key": "another-key"}, {"api_key": None}, {"api_key": None, "username": "eve", "password": "wrong-password"}],
)
async def test_refused_credentials_raise_authorization_required_and_are_not_shown(settings: dict[str, object]) -> None:
    async with place(**settings) as here:
        with pytest.raises(AuthorizationRequired) as caught:
            await here.create("a.pdf")
        shown = str(caught.value) + repr(vars(caught.value)) + repr(here.adapter.settings)
        assert not any(str(value) in shown for value in settings.values() if value)


@pytest.mark.parametrize(
    ("keys", "remedy"),
    [
        ({"username": "u"}, "username and password"),
        ({"api_key": None, "username": "u"}, "give both"),
        ({"api_key": None, "password": "p"}, "give both"),
        ({"username": "u", "password": "p"}, "not both"),
        ({"api_key": ""}, "api_key"),
        ({"process_id": -1}, "process_id"),
        ({"paths": {"accept": "/x"}}, "accept_batch"),
    ],
)
def test_invalid_settings_are_explained_without_secrets(keys: dict[str, object], remedy: str) -> None:
    table = {**SANDBOX().settings("http://127.0.0.1:9"), **keys}
    with pytest.raises(ValidationError, match=remedy) as caught:
        SealSettings(**{key: value for key, value in table.items() if value is not None})
    assert API_KEY not in str(caught.value)


def test_settings_do_not_show_their_secrets() -> None:
    settings = SealSettings(**SANDBOX().settings("http://127.0.0.1:9"))
    assert API_KEY not in repr(settings) + str(settings.model_dump())
    assert API_KEY in [secret.get_secret_value() for secret in settings.secrets()]


def test_options_take_a_process_and_nothing_else() -> None:
    assert SealOptions(processId=7).model_dump(mode="json", exclude_none=True, by_alias=True) == {"processId": 7}
    with pytest.raises(ValidationError):
        SealOptions(process="7")
    with pytest.raises(ValidationError):
        PROVIDER.participant_options(anything=1)


async def test_messages_of_seal_are_never_shown(seal: World, api: httpx.AsyncClient) -> None:
    key = (await api.post("/api/CreateBatch/1")).json()["id"]
    body = (await api.post(f"/api/AcceptBatch/{key}")).text
    with pytest.raises(Refused) as caught:
        await seal.adapter.start_session(known(SessionStatus.DRAFT, key))
    assert body
    assert body not in str(caught.value) + repr(vars(caught.value))


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthorizationRequired), (403, Refused), (429, Busy), (500, Unavailable), (503, Unavailable)]
)
async def test_other_failures_mean_what_their_status_says(seal: World, status: int, error: type[Exception]) -> None:
    session = await seal.create("a.pdf")
    seal.sandbox.faults.append(Fault(path="/api/BatchStatus/*", status=status, count=3))
    with pytest.raises(error):
        await seal.adapter.fetch_session(session.key, session)


def test_declared_operations_are_the_overridden_methods() -> None:
    capabilities = PROVIDER.capabilities
    for operation in Operation:
        verb = getattr(Adapter, operation.lower(), None)
        has = verb is not None and getattr(PROVIDER.adapter, operation.lower()) is not verb
        assert (capabilities.support(operation) is not Support.UNSUPPORTED) is has, operation
    assert not capabilities.participants
    assert capabilities.media_types == {"application/pdf"}


@pytest.mark.parametrize(
    "call",
    [
        lambda adapter, session: adapter.cancel_session(session, "late"),
        lambda adapter, session: adapter.list_sessions(0, 10),
        lambda adapter, session: adapter.add_document(session, ordered("b.pdf"), Steps()),
    ],
)
async def test_what_seal_cannot_do_is_unsupported(seal: World, call: Callable[..., Awaitable[object]]) -> None:
    with pytest.raises(Unsupported):
        await call(seal.adapter, known(SessionStatus.DRAFT))
    assert seal.calls() == []


# The sandbox itself


@pytest.fixture
async def batch(api: httpx.AsyncClient) -> str:
    return (await api.post("/api/CreateBatch/1")).json()["id"]


async def test_sandbox_answers_each_method_in_its_own_types(seal: World, api: httpx.AsyncClient) -> None:
    created = await api.post("/api/CreateBatch/2")
    key = created.json()["id"]
    assert created.status_code == 201
    assert created.json() == {"id": key, "providerSettingsId": "2", "creationDate": "2026-11-22 08:30:00", "status": "1"}
    fresh = (await api.get(f"/api/BatchStatus/{key}")).json()
    assert fresh == {"id": int(key), "status": "NEW", "creationDate": "2026-11-22 08:30:01", "documents": None}
    uploaded = await api.post(f"/api/upload/{key}", content=zipped("file_name.pdf"))
    assert uploaded.status_code == 202
    receipt = uploaded.json()
    assert (receipt["batchId"], receipt["isZip"], receipt["name"]) == (int(key), "true", "file_name.pdf")
    assert (receipt["hash"], receipt["signature"], receipt["signed"]) == (None, None, "false")
    accepted = (await api.post(f"/api/AcceptBatch/{key}")).json()
    assert (accepted["id"], accepted["status"]) == (key, "0")
    (document,) = (await api.get(f"/api/BatchStatus/{key}")).json()["documents"]
    assert (document["fileName"], document["signed"], document["signingResult_Success"]) == ("file_name.pdf", "false", "false")


async def test_old_sandbox_answers_statuses_as_numbers(seal: World, api: httpx.AsyncClient) -> None:
    seal.sandbox.generation = "old"
    created = (await api.post("/api/CreateBatch/1")).json()
    assert (type(created["id"]), created["status"]) == (int, 0)
    key = created["id"]
    uploaded = (await api.post(f"/api/upload/{key}", content=zipped("a.pdf"))).json()
    assert (uploaded["isZip"], uploaded["signed"]) == (True, False)
    assert (await api.get(f"/api/BatchStatus/{key}")).json()["status"] == "UPLOADED"
    assert (await api.post("/api/AcceptBatch", params={"batchId": key})).json()["status"] == 2


async def test_accepting_twice_changes_nothing(seal: World, api: httpx.AsyncClient) -> None:
    session = await seal.create("a.pdf")
    await seal.sandbox.advance(session.key)
    answers = [await api.post("/api/AcceptBatch", params={"batchId": session.key}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert seal.sandbox.batches[int(session.key)].status == "READY"


@pytest.mark.parametrize(
    "body", [b"", b"no zip", PDF, zipped(), zipped("folder/a.pdf"), zipped("a.pdf", "folder/"), zipped("a.pdf")[:-30]]
)
async def test_sandbox_takes_flat_zips_only(seal: World, api: httpx.AsyncClient, batch: str, body: bytes) -> None:
    answer = await api.post(f"/api/upload/{batch}", content=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert seal.sandbox.batches[int(batch)].documents == []


async def test_sandbox_refuses_what_its_page_says_it_refuses(api: httpx.AsyncClient, batch: str) -> None:
    statuses = {
        "/api/CreateBatch/x": 400,
        "/api/CreateBatch/99": 404,
        "/api/createbatch/1": 404,
        "/api/upload/1": 404,
        "/api/AcceptBatch/1": 404,
        "/api/AcceptBatch": 404,
        f"/api/AcceptBatch/{batch}": 400,
        "/tsa/stamp/99": 404,
        "/tsa/stamp/rfc3161/x": 400,
    }
    assert {path: (await api.post(path)).status_code for path in statuses} == statuses
    assert (await api.get("/api/BatchStatus/1")).status_code == 404
    assert (await api.get("/api/BatchStatus/x")).status_code == 404
    assert (await api.get("/api/batchfile/1")).status_code == 404
    assert (await api.get("/api/CreateBatch/1")).status_code == 405
    assert (await api.delete("/api/BatchDeleteCache/1")).status_code == 404
    assert (await api.get(f"/api/batchfile/{batch}")).status_code == 400


async def test_no_files_are_added_to_an_accepted_batch(seal: World, api: httpx.AsyncClient) -> None:
    session = await seal.create("a.pdf")
    assert (await api.post(f"/api/upload/{session.key}", content=zipped("b.pdf"))).status_code == 400


async def test_result_is_a_zip_of_what_was_sealed(seal: World, api: httpx.AsyncClient) -> None:
    session = await seal.seal("a.pdf", "fail.pdf")
    answer = await api.get(f"/api/batchfile/{session.key}")
    assert answer.headers["content-type"] == "application/octet-stream"
    archive = ZipFile(BytesIO(answer.content))
    assert archive.namelist() == ["a.pdf"]
    assert await validated(seal, archive.read("a.pdf")) == "SIGNIUS SEAL"


async def test_deleting_answers_with_the_deleted_batch(seal: World, api: httpx.AsyncClient) -> None:
    session = await seal.seal("a.pdf")
    deleted = (await api.delete(f"/api/BatchDeleteCache/{session.key}")).json()
    assert (deleted["id"], deleted["status"]) == (int(session.key), "DELETED")
    assert (await api.get(f"/api/BatchStatus/{session.key}")).json()["status"] == "DELETED"
    assert (await api.get(f"/api/batchfile/{session.key}")).status_code == 404
    assert (await api.post(f"/api/AcceptBatch/{session.key}")).status_code == 400


async def test_document_that_is_no_pdf_fails_alone(seal: World) -> None:
    order = Order(title="x", documents=(ordered("a.pdf"), ordered("b.pdf", b"no PDF")))
    session = await seal.adapter.create_session(order, Steps())
    await seal.sandbox.sign(session.key)
    assert (await seal.adapter.fetch_session(session.key)).status is SessionStatus.PARTIALLY_COMPLETED


DIGEST = hashlib.sha256(b"what was agreed").digest()


@pytest.fixture
def credentials() -> dict[str, dict[str, str]]:
    basic = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    return {"key": KEY, "basic": {"authorization": f"Basic {basic}"}, "wrong": {"API-KEY": "wrong"}, "none": {}}


@pytest.mark.parametrize(("who", "status"), [("key", 200), ("basic", 200), ("wrong", 401), ("none", 401)])
async def test_hash_is_stamped_by_rfc_3161(seal: World, credentials: dict, who: str, status: int) -> None:
    async with httpx.AsyncClient(base_url=seal.url, headers=credentials[who]) as client:
        answer = await client.post("/tsa/stamp/rfc3161/1", content=DIGEST)
    assert answer.status_code == status
    if status == 200:
        token = tsp.TimeStampResp.load(answer.content)["time_stamp_token"]["content"]
        assert token["encap_content_info"]["content"].parsed["message_imprint"]["hashed_message"].native == DIGEST


@pytest.mark.parametrize(("who", "status"), [("key", 200), ("basic", 401), ("none", 401)])
async def test_json_stamp_takes_the_key_only(seal: World, credentials: dict, who: str, status: int) -> None:
    async with httpx.AsyncClient(base_url=seal.url, headers=credentials[who]) as client:
        answer = await client.post("/tsa/stamp/2", json={"hash": base64.b64encode(DIGEST).decode()})
    assert answer.status_code == status
    if status == 200:
        assert tsp.TimeStampResp.load(answer.content)["status"]["status"].native == "granted"


async def test_stamp_takes_a_whole_request_a_null_hash_and_no_nonsense(api: httpx.AsyncClient) -> None:
    reply = await api.post("/tsa/stamp/rfc3161/1", content=DIGEST)
    info = tsp.TimeStampResp.load(reply.content)["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
    request = tsp.TimeStampReq({"version": 1, "message_imprint": info["message_imprint"], "nonce": 7})
    again = await api.post("/tsa/stamp/rfc3161/1", content=request.dump())
    token = tsp.TimeStampResp.load(again.content)["time_stamp_token"]["content"]
    assert token["encap_content_info"]["content"].parsed["nonce"].native == 7
    nothing = await api.post("/tsa/stamp/1", json={"hash": None})
    assert (nothing.status_code, nothing.content) == (200, b"")
    assert (await api.post("/tsa/stamp/rfc3161/1", content=b"nonsense")).status_code == 400
    assert (await api.post("/tsa/stamp/1", json={"hash": "not base64"})).status_code == 400
    assert (await api.post("/tsa/stamp/1", content=b"not json")).status_code == 400


async def test_sandbox_seals_accepted_batches_only(seal: World) -> None:
    draft = await seal.create("a.pdf", start=False)
    session = await seal.create("a.pdf")
    assert [(each.key, each.waiting) for each in seal.sandbox.sessions()] == [(draft.key, ()), (session.key, (0,))]
    with pytest.raises(ValueError, match="NEW"):
        await seal.sandbox.sign(draft.key)
    with pytest.raises(ValueError, match="number 0"):
        await seal.sandbox.sign(session.key, 1)
    await seal.sandbox.sign(session.key, 0)
    assert [each.status for each in seal.sandbox.sessions()] == ["NEW", "CLOSED"]
    with pytest.raises(ValueError, match="CLOSED"):
        await seal.sandbox.advance(session.key)


@pytest.mark.parametrize("key", ["1", "x", "", "²"])
async def test_nobody_seals_a_batch_that_is_not_there(seal: World, key: str) -> None:
    with pytest.raises(KeyError):
        await seal.sandbox.sign(key)


async def test_nobody_declines_and_nothing_expires(seal: World) -> None:
    session = await seal.create("a.pdf")
    with pytest.raises(ValueError, match="declines"):
        await seal.sandbox.decline(session.key)
    with pytest.raises(ValueError, match="expires"):
        await seal.sandbox.expire(session.key)


async def test_concurrent_sealing_seals_once(seal: World) -> None:
    session = await seal.create("a.pdf")
    await asyncio.gather(seal.sandbox.sign(session.key), seal.sandbox.sign(session.key), return_exceptions=True)
    now = await seal.adapter.fetch_session(session.key, session)
    assert now.status is SessionStatus.COMPLETED
    async with seal.adapter.download_document(now, now.documents[-1]) as content:
        assert await validated(seal, await read(content)) == "SIGNIUS SEAL"
