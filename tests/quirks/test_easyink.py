"""Quirks of EasyInk over real HTTP: the adapter copes with them, and the sandbox reproduces them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from easyink_world import (
    ADA,
    BOB,
    DRAFTS,
    PDF,
    SESSIONS,
    World,
    document,
    lifespan,
    only,
    opened,
    order,
    read,
    scripted,
)
from pydantic import ValidationError
from pyhanko.pdf_utils.reader import PdfFileReader
from starlette.types import Receive, Scope, Send
from withheld import withheld

from providers.capability import Operation, Support
from providers.easyink import PROVIDER
from providers.easyink.adapter import EasyInkAdapter
from providers.easyink.sandbox import SANDBOX
from providers.easyink.wire import SESSION_STATUS
from providers.errors import (
    AuthorizationRequired,
    Busy,
    InDoubt,
    Invalid,
    Misbehaved,
    NotFound,
    Refused,
    SigningError,
    Unavailable,
    WrongState,
)
from providers.http.credentials import CredentialState
from providers.http.deadline import deadline
from providers.model import (
    DeliveryMethod,
    DocumentRole,
    DocumentStatus,
    ParticipantRole,
    ParticipantStatus,
    ReminderFrequency,
    Session,
    SessionStatus,
    SignatureFormat,
    SigningOrder,
)
from providers.orders import FieldOrder, Order
from providers.saga import Step, Steps
from providers.sandbox.certificate_authority import sample_pdf
from providers.sandbox.fault_injection import Fault
from providers.sandbox.server import serving

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with opened() as world:
        yield world


# What it declares


def test_declared_operations_are_the_overridden_methods() -> None:
    declared = {each for each in Operation if EasyInkAdapter.capabilities.support(each) is not Support.UNSUPPORTED}
    overridden = {each for each in Operation if each.lower() in vars(EasyInkAdapter)}
    assert declared - {Operation.STATISTICS} == overridden
    assert (Operation.STATISTICS in declared) == ("fetch_statistics" in vars(EasyInkAdapter))


def test_no_options_are_taken() -> None:
    for model in (PROVIDER.options, PROVIDER.participant_options):
        assert model().model_dump() == {}
        with pytest.raises(ValidationError):
            model(colour="red")


# Creating


async def test_order_becomes_a_started_session_with_everything_in_it(world: World) -> None:
    placed = FieldOrder(document=0, participant=1, type="Signature", page=2, x=72, y=36.5, width=180, height=40)
    asked = order(
        documents=(document(title="The lease"), document(role=DocumentRole.ATTACHMENT, filename="rules.pdf")),
        participants=(ADA, BOB),
        fields=(placed,),
        signing_order=SigningOrder.SEQUENTIAL,
        reminder_frequency=ReminderFrequency.WEEKLY,
        reference="crm-17",
    )
    assert list(world.adapter.validate_order(asked)) == []
    session = await world.create(asked)

    assert (session.status, session.provider_status, session.title) == (SessionStatus.PENDING, "Pending", "Flat 4")
    assert (session.reference, session.reminder_frequency) == ("crm-17", ReminderFrequency.WEEKLY)
    assert [(item.role, item.title, item.filename) for item in session.documents] == [
        (DocumentRole.TO_SIGN, "The lease", "lease.pdf"),
        (DocumentRole.ATTACHMENT, "rules", "rules.pdf"),
    ]
    assert session.documents[0].sha256 == hashlib.sha256(PDF).hexdigest()
    ada, bob = session.participants
    assert (ada.order, ada.status, ada.delivery_methods) == (1, ParticipantStatus.INVITED, (DeliveryMethod.EMAIL,))
    assert (bob.order, bob.status, bob.delivery_methods) == (2, ParticipantStatus.WAITING, (DeliveryMethod.SMS,))
    assert (bob.phone, bob.language, bob.display_name) == ("5551234567", "es", "Bob J Byte")
    (field,) = session.fields
    assert (field.document, field.participant, field.required) == (session.documents[0].key, bob.key, True)
    assert (field.page, field.x, field.y, field.width, field.height) == (2, 72, 36.5, 180, 40)
    assert json.loads(session.native)["signingSessionId"] == session.key
    assert session.created_at is not None
    assert session.started_at is not None
    assert session.created_at <= session.started_at


async def test_members_missing_in_a_view_are_carried_over(world: World) -> None:
    session = await world.create(order(participants=(BOB,), reference="crm-17"))
    again = await world.adapter.fetch_session(session.key, session)
    assert again == session
    assert (again.participants[0].phone, again.participants[0].language) == (BOB.phone, BOB.language)
    stranger = await world.adapter.fetch_session(session.key)
    assert (stranger.participants[0].phone, stranger.reference) == (None, None)
    assert (stranger.status, stranger.participants[0].last_name) == (session.status, "Byte")


async def test_unchanged_answer_returns_the_known_session(world: World) -> None:
    known = await world.create(order())
    for _ in range(2):
        known = await world.adapter.fetch_session(known.key, known)
    assert await world.adapter.fetch_session(known.key, known) is known


async def test_fields_and_conversion_wait_until_documents_are_processed(world: World) -> None:
    world.sandbox.account.processing_reads = 5
    placed = FieldOrder(document=0, participant=None, type="Signature", page=1, x=0, y=0, width=10, height=10)
    session = await world.create(order(fields=(placed,)))
    assert session.status is SessionStatus.PENDING
    asked = world.asked()
    looks = [index for index, call in enumerate(asked) if call == f"GET {DRAFTS}/{session.key}"]
    assert asked.index(f"POST {DRAFTS}/{session.key}/signatureFields") > looks[5]
    assert world.adapter_clock.slept == sorted(world.adapter_clock.slept)
    assert len(world.adapter_clock.slept) == 5


async def test_processing_ends_by_time_as_well_as_by_reads(world: World) -> None:
    world.sandbox.account.processing_reads, world.sandbox.account.processing_delay = 0, 6.0
    assert (await world.create(order())).status is SessionStatus.PENDING
    assert sum(world.adapter_clock.slept) >= 6.0 - 1


async def test_unprocessed_documents_raise_busy_and_leave_one_step(world: World) -> None:
    world.sandbox.account.processing_reads = 10_000
    steps = Steps()
    with pytest.raises(Busy):
        await world.adapter.create_session(order(), steps)
    (step,) = steps.entries
    assert step == Step("draft", next(iter(world.sandbox.account.sessions)))
    assert 10 < sum(world.adapter_clock.slept) < 60
    await world.adapter.compensate(step)
    assert world.sandbox.account.sessions == {}


async def test_waiting_for_documents_ends_before_the_deadline(world: World) -> None:
    world.sandbox.account.processing_reads = 10_000
    with deadline(world.adapter_clock, 3.0), pytest.raises(Busy):
        await world.create(order())
    assert sum(world.adapter_clock.slept) < 3.0


async def test_document_that_cannot_be_processed_is_refused_by_key(world: World) -> None:
    with pytest.raises(Refused, match="could not process") as caught:
        await world.create(order(documents=(document(b"%PDF-1.7 and nothing of the kind"),)))
    (stored,) = world.sandbox.account.sessions.values()
    assert next(iter(stored.documents)) in caught.value.message


async def test_draft_without_fields_and_start_is_not_waited_for(world: World) -> None:
    world.sandbox.account.processing_reads = 10_000
    session = await world.create(order(start=False))
    assert session.status is SessionStatus.DRAFT
    assert session.documents[0].status is DocumentStatus.PROCESSING
    assert session.participants[0].status is ParticipantStatus.WAITING
    assert world.adapter_clock.slept == []


async def test_empty_draft_can_be_created(world: World) -> None:
    session = await world.create(Order(title="Later", start=False, signing_order=SigningOrder.SEQUENTIAL))
    assert (session.status, session.documents, session.participants) == (SessionStatus.DRAFT, (), ())


async def test_word_document_becomes_a_pdf_whose_hash_is_not_claimed(world: World) -> None:
    session = await world.create(order(documents=(document(b"PK\x03\x04 account", filename="lease.docx", media_type=WORD),)))
    (item,) = session.documents
    assert (item.filename, item.media_type, item.sha256, item.size_bytes) == ("lease.docx", "application/pdf", None, None)
    assert (await read(world.adapter, session, item)).startswith(b"%PDF-")


@pytest.mark.parametrize("title", ['He said "sign"', "Miete für 平屋", "two\r\nlines: x", "100% %22"])
async def test_any_title_travels_as_a_file_name(world: World, title: str) -> None:
    session = await world.create(order(documents=(document(title=title),), start=False))
    readable = title.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    assert session.documents[0].title in {title, readable}


async def test_upload_states_its_length_and_is_never_in_memory_as_a_whole() -> None:
    size, piece = 48 * 2**20, bytes(2**16)
    seen: dict[str, int] = {}

    async def big() -> AsyncIterator[bytes]:
        for _ in range(size // len(piece)):
            yield piece

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await lifespan(receive, send)
            return
        received, more = 0, True
        while more:
            message = await receive()
            received, more = received + len(message.get("body", b"")), message.get("more_body", False)
        if scope["method"] == "POST":
            headers = dict(scope["headers"])
            assert b"transfer-encoding" not in headers
            seen.update(stated=int(headers[b"content-length"]), received=received)
        body = b'"doc-1"' if scope["method"] == "POST" else b'{"documents":[{"id":"doc-1","status":"ProcessingReady"}]}'
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async with serving(app) as url, PROVIDER.adapter(PROVIDER.settings(**SANDBOX().settings(url))) as adapter:
        draft = Session(provider="easyink", key="s", kind=PROVIDER.capabilities.session_kind, status=SessionStatus.DRAFT)
        tracemalloc.start()
        await adapter.add_document(draft, document(b"", size_bytes=size, open=big), Steps())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert seen["stated"] == seen["received"] > size
    assert peak < size / 4


async def test_compensation_of_draft_is_idempotent_and_voids_a_converted_one(world: World) -> None:
    draft, session = await world.create(order(start=False)), await world.create(order())
    for made in (draft, session):
        await world.adapter.compensate(Step("draft", made.key))
        await world.adapter.compensate(Step("draft", made.key))
    assert draft.key not in world.sandbox.account.sessions
    assert world.stored(session).status == "Voided"


async def test_failed_compensation_raises(world: World) -> None:
    session = await world.create(order())
    await world.sandbox.sign(session.key)
    with pytest.raises(SigningError):
        await world.adapter.compensate(Step("draft", session.key))


async def test_failure_halfway_leaves_the_draft_to_the_gateway(world: World) -> None:
    world.sandbox.faults.append(Fault(path="*/participants", status=500))
    steps = Steps()
    with pytest.raises(Unavailable):
        await world.adapter.create_session(order(), steps)
    assert [step.key for step in steps.entries] == list(world.sandbox.account.sessions)


# Checking


LONG = "x" * 257
OBJECTIONS = [
    (order(message="Please sign"), "message", "leave it out"),
    (order(documents=()), "documents", "document to sign"),
    (order(documents=(document(role=DocumentRole.ATTACHMENT),)), "documents", "document to sign"),
    (order(participants=()), "participants", "participant"),
    (order(participants=(ADA, replace(BOB, phone="+4791234567"))), "participants.1.phone", "ten digits and no country code"),
    (order(participants=(replace(BOB, phone="555-123-4567"),)), "participants.0.phone", "ten digits"),
    (order(participants=(replace(BOB, phone="٠١٢٣٤٥٦٧٨٩"),)), "participants.0.phone", "ten digits"),
    (order(participants=(replace(ADA, first_name=None),)), "participants.0.firstName", "first name"),
    (order(participants=(replace(ADA, last_name=""),)), "participants.0.lastName", "last name"),
    (order(participants=(replace(ADA, middle_name=LONG),)), "participants.0.middleName", "100"),
    (order(participants=(replace(ADA, email=LONG),)), "participants.0.email", "256"),
    (order(participants=(replace(ADA, email=None),)), "participants.0.deliveryMethods", "e-mail address or a phone number"),
    (order(participants=(replace(ADA, language="nb"),)), "participants.0.language", "en and es"),
]


@pytest.mark.parametrize(("asked", "path", "says"), OBJECTIONS, ids=[path for _, path, _ in OBJECTIONS])
def test_order_that_would_be_refused_is_refused_before_any_call(asked: Order, path: str, says: str) -> None:
    (objection,) = EasyInkAdapter(PROVIDER.settings(**SANDBOX().settings("http://127.0.0.1:1"))).validate_order(asked)
    assert ".".join(objection.path) == f"input.{path}"
    assert says in objection.message


@pytest.mark.parametrize(
    ("change", "name"),
    [({"x": -1}, "x"), ({"y": -0.5}, "y"), ({"page": 0}, "page"), ({"width": 0.05}, "width"), ({"height": 0}, "height")],
)
async def test_field_outside_the_page_is_refused_before_any_call(world: World, change: dict[str, float], name: str) -> None:
    placed = FieldOrder(document=0, participant=0, type="Signature", page=1, x=0, y=0, width=10, height=10)
    assert list(world.adapter.validate_order(order(fields=(placed,)))) == []
    (objection,) = world.adapter.validate_order(order(fields=(replace(placed, **change),)))
    assert objection.path == ("input", "fields", "0", name)


async def test_field_on_attachment_is_refused_before_any_call(world: World) -> None:
    placed = FieldOrder(document=1, participant=0, type="Signature", page=1, x=0, y=0, width=10, height=10)
    (objection,) = world.adapter.validate_order(
        order(documents=(document(), document(role=DocumentRole.ATTACHMENT)), fields=(placed,)),
    )
    assert objection.path == ("input", "fields", "0", "documentIndex")


async def test_draft_may_be_incomplete_and_keeps_a_reference(world: World) -> None:
    assert list(world.adapter.validate_order(Order(title="Later", start=False, reference="mine"))) == []
    assert (await world.create(Order(title="Later", start=False, reference="mine"))).reference == "mine"


# Reading


@pytest.mark.parametrize(
    "word", ["Draft", "ReadyToStart", "Pending", "InProgress", "Finished", "Declined", "Voided", "Expired"]
)
async def test_every_status_is_mapped_regardless_of_case(word: str) -> None:
    expected = SESSION_STATUS[word.lower()]
    for spelled in (word, word.upper(), word.lower()):
        async with scripted({f"GET {SESSIONS}/s": (200, {"status": spelled})}) as adapter:
            session = await adapter.fetch_session("s")
            assert (session.status, session.provider_status) == (expected, spelled)


async def test_unmapped_word_is_kept_and_raises_nothing() -> None:
    view = {"status": "Hibernating", "participants": [{"participantId": "p", "status": "Dreaming", "role": "Producer"}]}
    async with scripted({f"GET {SESSIONS}/s": (200, view)}) as adapter:
        session = await adapter.fetch_session("s")
    assert (session.status, session.provider_status) == (SessionStatus.UNKNOWN, "Hibernating")
    (person,) = session.participants
    assert (person.status, person.provider_status) == (ParticipantStatus.UNKNOWN, "Dreaming")
    assert person.role is ParticipantRole.UNKNOWN


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Pending", ParticipantStatus.INVITED),
        ("Viewed", ParticipantStatus.VIEWED),
        ("Signed", ParticipantStatus.SIGNED),
        ("Completed", ParticipantStatus.SIGNED),
        ("Declined", ParticipantStatus.DECLINED),
    ],
)
async def test_every_participant_status_is_mapped(word: str, status: ParticipantStatus) -> None:
    person = {"participantId": "p", "status": word, "signedAt": "2026-11-22T08:00:00.1234567"}
    async with scripted({f"GET {SESSIONS}/s": (200, {"status": "InProgress", "participants": [person]})}) as adapter:
        (read_back,) = (await adapter.fetch_session("s")).participants
    assert read_back.status is status
    assert read_back.signed_at == datetime(2026, 11, 22, 8, 0, 0, 123456, UTC)


async def test_instant_without_a_zone_is_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    person = {"participantId": "p", "status": "Signed", "signedAt": "2026-11-22T08:00:00"}
    try:
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        async with scripted({f"GET {SESSIONS}/s": (200, {"status": "Finished", "participants": [person]})}) as adapter:
            assert (await adapter.fetch_session("s")).completed_at == datetime(2026, 11, 22, 8, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_null_and_unknown_members_are_accepted_anywhere() -> None:
    names = ("documents", "participants", "signedDocuments", "attachments", "allInOneDocument", "subject", "bulkSessionId")
    view = {"status": "Finished", "brandNew": {"a": 1}, **dict.fromkeys(names)}
    draft_names = ("documents", "attachments", "participants", "signatureFields", "signingOrderSettings", "reminderFrequency")
    draft = {"subject": None, "isLocked": None, "brandNew": [], **dict.fromkeys(draft_names)}
    async with scripted({f"GET {SESSIONS}/s": (200, view), f"GET {DRAFTS}/d": (200, draft)}) as adapter:
        session, drafted = await adapter.fetch_session("s"), await adapter.fetch_session("d")
    assert (session.status, session.documents) == (SessionStatus.COMPLETED, ())
    assert (drafted.status, drafted.signing_order, drafted.reminder_frequency) == (
        SessionStatus.DRAFT,
        SigningOrder.PARALLEL,
        None,
    )


async def test_attachment_is_read_under_whichever_name_its_id_has() -> None:
    named = [{"attachmentId": "a"}, {"documentId": "b"}, {"id": "c"}, {"title": "nameless"}]
    async with scripted({f"GET {SESSIONS}/s": (200, {"status": "Pending", "attachments": named})}) as adapter:
        session = await adapter.fetch_session("s")
    assert [(item.key, item.role) for item in session.documents] == [(key, DocumentRole.ATTACHMENT) for key in "abc"]


@pytest.mark.parametrize("viewed", [True, False])
async def test_draft_is_read_as_a_draft_whether_or_not_it_has_a_view(world: World, *, viewed: bool) -> None:
    world.sandbox.account.drafts_have_views = viewed
    session = await world.create(order(participants=(BOB,), start=False))
    stranger = await world.adapter.fetch_session(session.key)
    assert stranger.status is SessionStatus.DRAFT
    assert stranger.participants[0].phone == "5551234567"


async def test_known_draft_is_fetched_first_and_once(world: World) -> None:
    session = await world.create(order(start=False))
    world.sandbox.calls.clear()
    await world.adapter.fetch_session(session.key, session)
    assert world.asked() == [f"GET {DRAFTS}/{session.key}"]


async def test_draft_started_by_somebody_else_is_read_as_session(world: World) -> None:
    session = await world.create(order(start=False))
    await world.ask("GET", f"{DRAFTS}/{session.key}", 200)
    await world.ask("POST", f"{DRAFTS}/{session.key}/converted", 204)
    assert (await world.adapter.fetch_session(session.key, session)).status is SessionStatus.READY
    await world.ask("POST", f"{SESSIONS}/{session.key}/started", 204)
    fresh = await world.adapter.fetch_session(session.key, session)
    assert (fresh.status, fresh.participants[0].status) == (SessionStatus.PENDING, ParticipantStatus.INVITED)


@pytest.mark.parametrize("known", [None, SessionStatus.DRAFT, SessionStatus.PENDING])
async def test_session_that_does_not_exist_is_not_found(world: World, known: SessionStatus | None) -> None:
    before = Session(provider="easyink", key="no", kind=PROVIDER.capabilities.session_kind, status=known) if known else None
    with pytest.raises(NotFound):
        await world.adapter.fetch_session("no", before)


async def test_one_declines_while_another_has_signed(world: World) -> None:
    session = await world.create(order(participants=(ADA, BOB)))
    await world.sandbox.sign(session.key, 0)
    middle = await world.adapter.fetch_session(session.key, session)
    assert (middle.status, middle.progress.signed, middle.progress.pending) == (SessionStatus.IN_PROGRESS, 1, 1)
    await world.sandbox.decline(session.key)
    end = await world.adapter.fetch_session(session.key, middle)
    assert end.status is SessionStatus.DECLINED
    assert [person.status for person in end.participants] == [ParticipantStatus.SIGNED, ParticipantStatus.DECLINED]
    assert end.completed_at is None
    assert end.signatures == ()


async def test_in_sequence_only_the_one_whose_turn_it_is_counts_as_invited(world: World) -> None:
    session = await world.create(order(participants=(ADA, BOB), signing_order=SigningOrder.SEQUENTIAL))
    seen = [[person.status for person in session.participants]]
    assert world.sandbox.sessions()[0].waiting == [0]
    await world.sandbox.view(session.key)
    await world.sandbox.sign(session.key, 0)
    session = await world.adapter.fetch_session(session.key, session)
    seen.append([person.status for person in session.participants])
    assert seen == [
        [ParticipantStatus.INVITED, ParticipantStatus.WAITING],
        [ParticipantStatus.SIGNED, ParticipantStatus.INVITED],
    ]
    assert world.sandbox.sessions()[0].waiting == [1]


async def test_participants_who_have_not_signed_are_expired_with_their_session(world: World) -> None:
    session = await world.create(order(participants=(ADA, BOB)))
    await world.sandbox.sign(session.key, 0)
    await world.sandbox.expire(session.key)
    end = await world.adapter.fetch_session(session.key, session)
    assert end.status is SessionStatus.EXPIRED
    assert [person.status for person in end.participants] == [ParticipantStatus.SIGNED, ParticipantStatus.EXPIRED]


async def test_finished_session_ends_when_the_last_one_signed(world: World) -> None:
    session = await world.create(order(participants=(ADA, BOB)))
    await world.sandbox.sign(session.key, 0)
    world.time.moved += 3600
    await world.sandbox.sign(session.key, 1)
    end = await world.adapter.fetch_session(session.key, session)
    assert end.completed_at == max(person.signed_at for person in end.participants if person.signed_at)
    assert end.completed_at - min(person.signed_at for person in end.participants if person.signed_at) >= timedelta(hours=1)
    assert end.signatures[0].signed_at == end.completed_at


async def test_finished_session_is_completed_while_its_results_are_still_made(world: World) -> None:
    session = await world.create(order())
    world.sandbox.account.compiling_reads = 1
    await world.sandbox.sign(session.key)
    first = await world.adapter.fetch_session(session.key, session)
    assert first.status is SessionStatus.COMPLETED
    assert only(first, DocumentRole.EVIDENCE).status is DocumentStatus.PROCESSING
    assert only(first, DocumentRole.SIGNED).status is DocumentStatus.PROCESSING
    assert first.signatures == ()
    then = await world.adapter.fetch_session(session.key, first)
    assert only(then, DocumentRole.EVIDENCE).status is DocumentStatus.READY
    assert [signature.format for signature in then.signatures] == [SignatureFormat.PADES]


async def test_all_in_one_without_a_status_is_left_out(world: World) -> None:
    session = await world.create(order())
    world.sandbox.account.all_in_one_without_status = True
    await world.sandbox.sign(session.key)
    end = await world.adapter.fetch_session(session.key, session)
    assert end.status is SessionStatus.COMPLETED
    assert {item.role for item in end.documents} == {DocumentRole.TO_SIGN, DocumentRole.SIGNED}


async def test_failed_all_in_one_document_raises_refused(world: World) -> None:
    session = await world.create(order())
    world.sandbox.account.compilation_fails = True
    await world.sandbox.sign(session.key)
    end = await world.adapter.fetch_session(session.key, session)
    bundle = only(end, DocumentRole.EVIDENCE)
    assert bundle.status is DocumentStatus.FAILED
    with pytest.raises(Refused, match="failed to compile", check=withheld("compilation failed")):
        await read(world.adapter, end, bundle)


async def test_signed_document_has_another_key_than_its_original_of_the_same_id(world: World) -> None:
    session = await world.create(order())
    await world.sandbox.sign(session.key)
    end = await world.adapter.fetch_session(session.key, session)
    native = json.loads(end.native)
    assert native["documents"][0]["documentId"] == native["signedDocuments"][0]["signedDocumentId"]
    keys = [item.key for item in end.documents]
    assert len(keys) == len(set(keys)) == 3
    (signature,) = await world.adapter.list_signatures(session)
    assert end.document(signature.document or "") == only(end, DocumentRole.SIGNED)


# Downloading


async def test_every_document_of_a_finished_session_can_be_downloaded(world: World) -> None:
    rules = sample_pdf("Rules")
    session = await world.create(
        order(
            documents=(document(), document(rules, role=DocumentRole.ATTACHMENT, filename="rules.pdf")),
            participants=(ADA, BOB),
        )
    )
    await world.sandbox.sign(session.key)
    end = await world.adapter.fetch_session(session.key, session)
    assert await read(world.adapter, end, only(end, DocumentRole.TO_SIGN)) == PDF
    assert await read(world.adapter, end, only(end, DocumentRole.ATTACHMENT)) == rules
    signed = await read(world.adapter, end, only(end, DocumentRole.SIGNED))
    signers = [each.signer_cert.subject.native["common_name"] for each in PdfFileReader(BytesIO(signed)).embedded_signatures]
    assert signers == ["Ada Lovelace", "Bob Byte"]
    async with world.adapter.download_signature(end, end.signatures[0]) as content:
        assert b"".join([chunk async for chunk in content.chunks]) == signed
        assert (content.media_type, content.size_bytes, content.filename) == ("application/pdf", len(signed), "lease.pdf")
    bundle = await read(world.adapter, end, only(end, DocumentRole.EVIDENCE))
    assert len(PdfFileReader(BytesIO(bundle)).embedded_signatures) == 1


async def test_document_in_processing_is_busy_until_it_is_ready(world: World) -> None:
    session = await world.create(Order(title="Later", start=False))
    world.sandbox.account.processing_reads = 3 + 1
    session = await world.adapter.add_document(session, document(), Steps())
    for _ in range(3):
        with pytest.raises(Busy, match="still being processed: ask again", check=withheld("is in progress")):
            await read(world.adapter, session, session.documents[0])
    assert await read(world.adapter, session, session.documents[0]) == PDF


async def test_draft_gives_its_documents_and_attachments(world: World) -> None:
    files = (document(), document(role=DocumentRole.ATTACHMENT))
    session = await world.create(order(documents=files, start=False))
    for item in session.documents:
        assert await read(world.adapter, session, item) == PDF


async def test_draft_has_no_signed_document(world: World) -> None:
    session = await world.create(order(start=False))
    item = replace(session.documents[0], role=DocumentRole.SIGNED, key=f"signed:{session.documents[0].key}")
    with pytest.raises(WrongState):
        await read(world.adapter, session, item)


async def test_signed_document_before_everyone_has_signed_is_the_wrong_state(world: World) -> None:
    session = await world.create(order())
    item = replace(session.documents[0], role=DocumentRole.SIGNED, key=f"signed:{session.documents[0].key}")
    with pytest.raises(WrongState, match="when everybody has signed", check=withheld("not available until")):
        await read(world.adapter, session, item)


async def test_unknown_evidence_document_is_not_found(world: World) -> None:
    session = await world.create(order())
    await world.sandbox.sign(session.key)
    end = await world.adapter.fetch_session(session.key, session)
    with pytest.raises(NotFound):
        await read(world.adapter, end, replace(only(end, DocumentRole.EVIDENCE), key="another"))


@pytest.mark.parametrize("role", [DocumentRole.TO_SIGN, DocumentRole.ATTACHMENT, DocumentRole.SIGNED])
async def test_validation_error_for_missing_document_is_not_found(world: World, role: DocumentRole) -> None:
    session = await world.create(order())
    item = replace(session.documents[0], role=role, key="nowhere")
    with pytest.raises(NotFound) as caught:
        await read(world.adapter, session, item)
    assert (caught.value.provider_code, caught.value.status) == ("ValidationError", 400)


async def test_signature_that_does_not_exist_is_not_found(world: World) -> None:
    session = await world.create(order())
    await world.sandbox.sign(session.key)
    end = await world.adapter.fetch_session(session.key, session)
    with pytest.raises(NotFound):
        async with world.adapter.download_signature(end, replace(end.signatures[0], key="signed:nowhere")):
            pass


# Listing


async def test_list_begins_where_a_page_begins_and_is_newest_first(world: World) -> None:
    made = [(await world.create(Order(title=f"No {number}", start=False))).key for number in range(5)]
    newest = made[::-1]
    page = await world.adapter.list_sessions(3, 2)
    assert [row.key for row in page.sessions] == newest[2:4]
    assert (page.total, page.next_offset) == (5, 4)
    assert (await world.adapter.list_sessions(4, 2)).next_offset is None
    seen, offset = [], 0
    while offset is not None:
        page = await world.adapter.list_sessions(offset, 2)
        seen, offset = [*seen, *page.sessions], page.next_offset
    assert [row.key for row in seen] == newest


async def test_row_is_partial_and_has_its_native_payload(world: World) -> None:
    session = await world.create(order())
    (row,) = (await world.adapter.list_sessions(0, 20)).sessions
    assert (row.key, row.status, row.title, row.partial) == (session.key, SessionStatus.PENDING, "Flat 4", True)
    native = json.loads(row.native)
    assert native["id"] == session.key
    assert "signingSessionId" not in native
    assert row.created_at == datetime.fromisoformat(native["created"])


async def test_page_size_is_bounded(world: World) -> None:
    assert (await world.adapter.list_sessions(0, 500)).sessions == ()
    assert world.sandbox.calls[-1].status == 200


async def test_list_without_a_total_goes_on_while_pages_are_full() -> None:
    rows = [{"id": "a", "status": "Pending"}, {"id": "b", "status": None}]
    async with scripted({f"GET {SESSIONS}": (200, {"items": rows})}) as adapter:
        assert (await adapter.list_sessions(0, 2)).next_offset == 2
        page = await adapter.list_sessions(0, 3)
    assert (page.total, page.next_offset) == (None, None)
    assert [row.status for row in page.sessions] == [SessionStatus.PENDING, SessionStatus.UNKNOWN]


async def test_row_without_id_is_named_unreadable_beside_the_others() -> None:
    items = [{"subject": "secret subject"}, {"id": "there"}]
    async with scripted({f"GET {SESSIONS}": (200, {"items": items})}) as adapter:
        page = await adapter.list_sessions(0, 10)
    assert [row.key for row in page.rows] == ["there"]
    assert [row.key for row in page.unreadable] == [None]
    assert "secret subject" not in str(page.unreadable)


# Starting, canceling, deleting, adding


async def test_draft_is_processed_converted_and_started(world: World) -> None:
    draft = await world.create(order(start=False))
    started = await world.adapter.start_session(draft)
    assert started.status is SessionStatus.PENDING
    assert started.started_at is not None
    with pytest.raises(WrongState, match="Pending"):
        await world.adapter.start_session(started)


async def test_interrupted_start_can_be_repeated(world: World) -> None:
    draft = await world.create(order(start=False))
    world.sandbox.faults.append(Fault(path="*/started", status=500))
    with pytest.raises(Unavailable):
        await world.adapter.start_session(draft)
    assert (await world.adapter.start_session(draft)).status is SessionStatus.PENDING


async def test_incomplete_draft_is_in_the_wrong_state_to_start(world: World) -> None:
    with pytest.raises(WrongState, match="the draft is incomplete: check its", check=withheld("configuration is invalid")):
        await world.adapter.start_session(await world.create(order(participants=(), start=False)))
    with pytest.raises(
        WrongState, match="at least one document to be started: duplicate it", check=withheld("before starting")
    ):
        await world.adapter.start_session(await world.create(order(documents=(), start=False)))


async def test_canceling_voids_with_the_reason(world: World) -> None:
    session = await world.create(order())
    end = await world.adapter.cancel_session(session, "wrong flat")
    assert (end.status, end.provider_status, end.status_reason) == (SessionStatus.CANCELED, "Voided", "wrong flat")
    assert world.stored(session).reason == "wrong flat"


async def test_session_that_somebody_else_has_just_voided_is_canceled(world: World) -> None:
    session = await world.create(order())
    await world.ask("POST", f"{SESSIONS}/{session.key}/voided", 204, json={"reason": "theirs"})
    end = await world.adapter.cancel_session(session, "mine")
    assert (end.status, end.status_reason) == (SessionStatus.CANCELED, None)
    assert (await world.adapter.cancel_session(end, "again")).status is SessionStatus.CANCELED


async def test_session_that_was_signed_in_the_meantime_cannot_be_canceled(world: World) -> None:
    session = await world.create(order())
    await world.sandbox.sign(session.key)
    with pytest.raises(WrongState, match="Finished"):
        await world.adapter.cancel_session(session, "too late")


async def test_voiding_disabled_by_policy_raises_refused(world: World) -> None:
    session = await world.create(order())
    world.sandbox.account.voiding_disabled = True
    with pytest.raises(
        Refused, match="a policy of the organization at EasyInk", check=withheld("Voiding of signing sessions is disabled")
    ):
        await world.adapter.cancel_session(session, "please")
    assert json.loads((await world.adapter.fetch_session(session.key)).native)["canBeVoided"] is False


async def test_cancellation_is_refused_without_a_call_in_other_statuses(world: World) -> None:
    draft, session = await world.create(order(start=False)), await world.create(order())
    world.sandbox.calls.clear()
    with pytest.raises(WrongState, match="delete it"):
        await world.adapter.cancel_session(draft, "why")
    with pytest.raises(WrongState, match="Finished"):
        await world.adapter.cancel_session(replace(session, status=SessionStatus.COMPLETED, provider_status="Finished"), "why")
    for reason in ("", "x" * 1001):
        with pytest.raises(Invalid) as caught:
            await world.adapter.cancel_session(session, reason)
        assert caught.value.path == ("input", "reason")
    assert world.asked() == []


async def test_draft_is_deleted_with_all_that_belongs_to_it(world: World) -> None:
    draft = await world.create(order(start=False))
    await world.adapter.delete_session(draft)
    with pytest.raises(NotFound):
        await world.adapter.fetch_session(draft.key, draft)
    await world.adapter.delete_session(draft)


async def test_locked_draft_is_in_the_wrong_state_to_be_deleted(world: World) -> None:
    draft = await world.create(order(start=False))
    await world.adapter.start_session(draft)
    with pytest.raises(
        WrongState, match="the draft is locked, as it was converted", check=withheld("locked and cannot be removed")
    ):
        await world.adapter.delete_session(draft)


async def test_session_that_is_no_draft_is_not_deleted_and_not_added_to(world: World) -> None:
    session = await world.create(order())
    world.sandbox.calls.clear()
    with pytest.raises(WrongState, match="cancel it"):
        await world.adapter.delete_session(session)
    with pytest.raises(WrongState):
        await world.adapter.add_document(session, document(), Steps())
    assert world.asked() == []


async def test_document_is_added_to_a_draft(world: World) -> None:
    draft, steps = await world.create(order(start=False)), Steps()
    after = await world.adapter.add_document(draft, document(title="Annex", role=DocumentRole.ATTACHMENT), steps)
    added = only(after, DocumentRole.ATTACHMENT)
    assert (added.title, added.filename) == ("Annex", "lease.pdf")
    assert steps.entries == [Step("attachment", f"{draft.key}/{added.key}")]
    assert after.documents[0].sha256 == draft.documents[0].sha256


@pytest.mark.parametrize("role", [DocumentRole.TO_SIGN, DocumentRole.ATTACHMENT])
async def test_compensation_of_added_document_is_idempotent(world: World, role: DocumentRole) -> None:
    draft, steps = await world.create(order(start=False)), Steps()
    world.sandbox.faults.append(Fault(path=f"{DRAFTS}/*", method="GET", kind="html"))
    with pytest.raises(Misbehaved):
        await world.adapter.add_document(draft, document(role=role), steps)
    for step in (*steps.entries, *steps.entries):
        await world.adapter.compensate(step)
    left = (await world.adapter.fetch_session(draft.key, draft)).documents
    assert [item.key for item in left] == [item.key for item in draft.documents]


async def test_every_path_can_be_overridden() -> None:
    view = {"status": "Pending"}
    async with scripted({"GET /v2/things/s": (200, view)}, paths={"fetch_session": "/v2/things/{session}"}) as adapter:
        assert (await adapter.fetch_session("s")).status is SessionStatus.PENDING


# Credentials and failures


async def test_no_call_is_made_without_a_token(world: World) -> None:
    table = world.sandbox.settings(world.adapter.settings.base_url) | {"access_token": None}
    async with PROVIDER.adapter(PROVIDER.settings(**table)) as adapter:
        assert adapter.credentials.state is CredentialState.AUTHORIZATION_REQUIRED
        for call in (adapter.fetch_session("s"), adapter.list_sessions(0, 10), adapter.create_session(order(), Steps())):
            with pytest.raises(AuthorizationRequired, match="set access_token"):
                await call
    assert world.asked() == []


async def test_credentials_expire_with_their_token(world: World) -> None:
    credentials = world.adapter.credentials
    assert credentials.state is CredentialState.CONNECTED
    assert credentials.expires_at is not None
    world.time.moved += (credentials.expires_at - world.time.now()).total_seconds() + 1
    assert world.adapter.credentials.state is CredentialState.EXPIRED
    with pytest.raises(AuthorizationRequired, match="set access_token"):
        await world.adapter.list_sessions(0, 10)
    assert len(world.asked()) == 1


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.bm8.c", f"a.{base64.b64encode(b'[1]').decode()}.c", "..", "é.é.é"])
async def test_opaque_token_is_connected_until_it_is_refused(world: World, token: str) -> None:
    table = world.sandbox.settings(world.adapter.settings.base_url) | {"access_token": token}
    async with PROVIDER.adapter(PROVIDER.settings(**table)) as adapter:
        credentials = adapter.credentials
        assert (credentials.state, credentials.expires_at) == (CredentialState.CONNECTED, None)
        if token.isascii():
            with pytest.raises(AuthorizationRequired):
                await adapter.list_sessions(0, 10)
            assert adapter.credentials.state is CredentialState.REFUSED


async def test_status_401_without_a_body_raises_authorization_required(world: World) -> None:
    world.sandbox.faults.append(Fault(kind="empty", status=401))
    with pytest.raises(AuthorizationRequired, match="belongs to a person") as caught:
        await world.adapter.list_sessions(0, 10)
    assert caught.value.status == 401


async def test_credentials_and_people_are_in_no_message_and_no_repr(world: World) -> None:
    settings = world.adapter.settings
    secrets = [settings.client_secret.get_secret_value(), settings.access_token.get_secret_value()]
    echo = {"error": {"code": "ValidationError", "message": f"no {secrets[1]} for 'ada@example.com' at 5551234567"}}
    async with scripted({f"GET {SESSIONS}/s": (400, echo)}, access_token=secrets[1]) as adapter:
        with pytest.raises(Refused) as caught:
            await adapter.fetch_session("s")
        shown = [repr(adapter.settings), str(caught.value), repr(caught.value), caught.value.detail or ""]
    shown += [repr(settings), repr(await world.create(order(participants=(ADA, BOB)))), repr(world.adapter.credentials)]
    for text in shown:
        for hidden in (*secrets, "ada@example.com", "5551234567"):
            assert hidden not in text
    assert " for '…' at …" in (caught.value.detail or "")
    assert "…" not in caught.value.message, "their words are not shown"


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (404, "NotFound", "Signing session draft does not exists", NotFound),
        (400, "NotFound", "gone", NotFound),
        (400, "ValidationError", "Attachment 'x' not found", NotFound),
        (400, "ValidationError", "Document processing is in progress. Try again later.", Busy),
        (400, "ValidationError", "Session configuration is invalid. Participant 'x' not found", WrongState),
        (400, "ValidationError", "Signing session draft is locked and cannot be removed", WrongState),
        (400, "ValidationError", "Something else", Refused),
        (403, "Forbidden", "You may not", Refused),
        (403, "Unauthorized", "Who are you", AuthorizationRequired),
        (500, "InternalServerError", "Oops", Unavailable),
    ],
)
async def test_errors_are_mapped_by_code_and_else_by_message(
    status: int, code: str, message: str, kind: type[SigningError]
) -> None:
    body = {"error": {"code": code, "message": message}}
    async with scripted({f"GET {SESSIONS}/s": (status, body), f"GET {DRAFTS}/s": (status, body)}) as adapter:
        with pytest.raises(SigningError) as caught:
            await adapter.fetch_session("s")
    assert type(caught.value) is kind
    assert (caught.value.provider_code, caught.value.status, caught.value.provider) == (code, status, "easyink")
    assert message in (caught.value.detail or "")
    assert message not in caught.value.message, "their words are not shown"


async def test_inner_errors_are_in_the_detail() -> None:
    error = {"code": "ValidationError", "message": "Wrong.", "innerErrors": [{"code": "RequiredField", "message": "Say why."}]}
    async with scripted({f"GET {SESSIONS}/s": (400, {"error": error})}) as adapter:
        with pytest.raises(Refused, check=withheld("Wrong. Say why.")):
            await adapter.fetch_session("s")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"error":null}', b'{"error":"no"}', b"\xff"])
async def test_failure_without_a_readable_body_is_still_a_refusal(body: bytes) -> None:
    async with scripted({f"GET {SESSIONS}/s": (400, body)}) as adapter:
        with pytest.raises(Refused, match="HTTP 400"):
            await adapter.fetch_session("s")


async def test_participant_without_id_is_dropped_and_named() -> None:
    body = {"participants": [{}, {"participantId": "p"}], "status": "Pending"}
    async with scripted({f"GET {SESSIONS}/s": (200, body)}) as adapter:
        session = await adapter.fetch_session("s")
    assert [person.key for person in session.participants] == ["p"]
    assert [row.key for row in session.unreadable] == ["s"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"status":null}', b'{"participants":"\\ud83d","status":"Pending"}'])
async def test_unreadable_view_raises_misbehaved(body: bytes) -> None:
    async with scripted({f"GET {SESSIONS}/s": (200, body)}) as adapter:
        with pytest.raises(Misbehaved):
            await adapter.fetch_session("s")


async def test_missing_id_in_answer_raises_in_doubt() -> None:
    async with scripted({f"POST {DRAFTS}": (204, b"")}) as adapter:
        with pytest.raises(InDoubt):
            await adapter.create_session(order(), Steps())


async def test_any_success_status_is_accepted_without_a_body(world: World) -> None:
    answers = {
        f"POST {DRAFTS}": (201, '"'.join(["", "s", ""]).encode()),
        f"PUT {DRAFTS}/s/signingOrder/oneByOne": (200, b"{}"),
        f"POST {DRAFTS}/s/participants": (201, b'"p"'),
        f"GET {DRAFTS}/s": (200, {"subject": "x"}),
    }
    async with scripted(answers) as adapter:
        asked = order(documents=(), start=False, signing_order=SigningOrder.SEQUENTIAL)
        assert (await adapter.create_session(asked, Steps())).key == "s"


# The sandbox: drafts


def part(content: bytes = PDF, name: str = "lease.pdf") -> dict[str, object]:
    return {"files": {"fileContent": (name, content, "application/pdf")}}


def person(**changes: object) -> dict[str, object]:
    told = {"firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "deliveryMethods": ["Email"]}
    return {"json": told | changes}


def placed(document: str, **changes: object) -> dict[str, object]:
    placement = {"page": 1, "positionX": 0, "positionY": 0, "sizeX": 0.1, "sizeY": 0.1}
    body = {"type": "Signature", "placement": placement, "options": {"isRequired": True, "forType": "Signature"}}
    return {"documentId": document, "field": body} | changes


async def drafted(world: World, subject: str = "Flat 4") -> tuple[str, str, str]:
    """The path of a new draft, and the ids of its processed document and its participant."""
    path = f"{DRAFTS}/{await world.ask('POST', DRAFTS, 200, json={'subject': subject})}"
    document = await world.ask("POST", f"{path}/documents", 200, **part())
    participant = await world.ask("POST", f"{path}/participants", 200, **person())
    await world.ask("GET", path, 200)
    return path, document, participant


async def test_call_needs_a_valid_token(world: World) -> None:
    good = world.client.headers["authorization"]
    for wrong in ("", "Bearer", "Bearer a.b.c", good[:-1], f"Basic {good.split()[1]}"):
        headers = {"authorization": wrong}
        assert await world.refused("GET", SESSIONS, 401, headers=headers) == "The access token is missing or invalid"
        assert await world.refused("POST", DRAFTS, 401, headers=headers)
    world.time.moved += 366 * 24 * 3600
    assert await world.refused("GET", SESSIONS, 401) == "The access token has expired"


async def test_token_is_valid_in_another_run_of_the_sandbox(world: World) -> None:
    other = SANDBOX().settings("http://127.0.0.1:1")["access_token"]
    await world.ask("GET", SESSIONS, 200, headers={"authorization": f"Bearer {other}"})


async def test_path_that_does_not_exist_is_refused_in_the_usual_shape(world: World) -> None:
    await world.refused("GET", "/api/elsewhere", 404)
    assert world.sandbox.error_response(503).status_code == 503


async def test_ids_come_back_as_bare_strings_and_a_draft_has_its_documented_shape(world: World) -> None:
    path, document, participant = await drafted(world)
    assert all(isinstance(each, str) for each in (document, participant))
    draft = await world.ask("GET", path, 200)
    assert set(draft) == {
        *("signingSessionId", "organizationId", "settingsSetId", "initiatorUserId", "timestampFormat", "isBulkSession"),
        *("isLocked", "isVoidDisabled", "isSessionCopyDisabled", "isValidBulkParticipant", "subject", "documents"),
        *("attachments", "participants", "bulkParticipants", "signatureFields", "pageLabels", "reminderFrequency"),
        "signingOrderSettings",
    }
    assert draft["documents"][0].keys() == {"id", "title", "blobId", "status", "pages"}
    assert len(draft["documents"][0]["pages"]) == 2
    assert draft["signingOrderSettings"] == {"type": "AllAtOnce", "participantsOrder": None}
    assert {"id", "role", "userId", "signatureBlobId", "initialsBlobId"} <= draft["participants"][0].keys()


async def test_document_is_processed_after_its_upload(world: World) -> None:
    path = f"{DRAFTS}/{await world.ask('POST', DRAFTS, 200, json={})}"
    document = await world.ask("POST", f"{path}/documents", 200, **part())
    assert "in progress" in await world.refused("POST", f"{path}/signatureFields", json=placed(document))
    assert "in progress" in await world.refused("GET", f"{path}/documents/{document}")
    response = await world.client.get(f"{path}/documents/{document}")
    assert (response.content, response.headers["content-length"]) == (PDF, str(len(PDF)))
    assert response.headers["content-disposition"] == 'attachment; filename="lease.pdf"'
    await world.ask("POST", f"{path}/signatureFields", 200, json=placed(document))


async def test_upload_needs_its_part_and_a_format_that_is_taken(world: World) -> None:
    path = f"{DRAFTS}/{await world.ask('POST', DRAFTS, 200)}"
    for kind in ("documents", "attachments"):
        assert "required" in await world.refused("POST", f"{path}/{kind}", files={"file": ("a.pdf", PDF)})
        assert "not supported" in await world.refused("POST", f"{path}/{kind}", **part(b"GIF89a"))


async def test_draft_says_whether_it_exists_without_a_body(world: World) -> None:
    path, *_ = await drafted(world)
    for place in (path, path.replace(DRAFTS, SESSIONS)):
        assert await world.ask("HEAD", place, 200) is None
        assert await world.ask("HEAD", f"{place}-not", 404) is None


async def test_draft_is_updated_and_deleted(world: World) -> None:
    path, *_ = await drafted(world)
    await world.ask("PATCH", path, 204, json={"reminderFrequency": "Daily"})
    await world.ask("PATCH", path, 204, json={"subject": "Flat 5"})
    draft = await world.ask("GET", path, 200)
    assert (draft["subject"], draft["reminderFrequency"]) == ("Flat 5", "Daily")
    await world.refused("PATCH", path, json={"reminderFrequency": "Hourly"})
    await world.refused("PATCH", path, json={"subject": "x" * 501})
    await world.refused("POST", DRAFTS, json={"subject": "x" * 501})
    await world.refused("PATCH", path, content=b"{")
    await world.refused("PATCH", path, content=b"[]")
    await world.ask("DELETE", path, 204)
    assert await world.refused("GET", path, 404) == "Signing session draft does not exists"
    assert await world.refused("PUT", f"{path}/signingOrder/allAtOnce", 404) == "Signing session draft does not exists"


async def test_converted_draft_is_locked(world: World) -> None:
    path, *_ = await drafted(world)
    await world.ask("POST", f"{path}/converted", 204)
    assert (await world.ask("GET", path, 200))["isLocked"] is True
    assert await world.refused("DELETE", path) == "Signing session draft is locked and cannot be removed"
    await world.refused("PATCH", path, json={"subject": "x"})


async def test_removing_a_document_or_a_participant_takes_its_fields_along(world: World) -> None:
    path, document, participant = await drafted(world)
    attachment = await world.ask("POST", f"{path}/attachments", 200, **part())
    other = await world.ask("POST", f"{path}/participants", 200, **person())
    await world.ask("PUT", f"{path}/signingOrder/oneByOne", 204, json={"participantsOrder": [other, participant]})
    for owner in (participant, other):
        await world.ask("POST", f"{path}/signatureFields", 200, json=placed(document, participantId=owner))
    await world.ask("DELETE", f"{path}/participants/{participant}", 204)
    draft = await world.ask("GET", path, 200)
    assert [field["participantId"] for field in draft["signatureFields"]] == [other]
    assert draft["signingOrderSettings"] == {"type": "OneByOne", "participantsOrder": [other]}
    await world.ask("DELETE", f"{path}/documents/{document}", 204)
    await world.ask("DELETE", f"{path}/attachments/{attachment}", 204)
    draft = await world.ask("GET", path, 200)
    assert (draft["documents"], draft["attachments"], draft["signatureFields"]) == ([], [], [])
    for kind, name in (("documents", "Document"), ("attachments", "Attachment"), ("participants", "Participant")):
        assert await world.refused("DELETE", f"{path}/{kind}/gone") == f"{name} 'gone' not found"
    assert await world.refused("GET", f"{path}/attachments/gone") == "Attachment 'gone' not found"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"phone": "+4791234567"}, "Phone must match"),
        ({"phone": "123456789"}, "Phone must match"),
        ({"deliveryMethods": []}, "must not be empty"),
        ({"deliveryMethods": ["Pigeon"]}, "subset of Email, Sms"),
        ({"deliveryMethods": ["Sms"]}, "Phone is required"),
        ({"email": None}, "Email is required"),
        ({"email": "x" * 257}, "256"),
        ({"firstName": ""}, "firstName"),
        ({"lastName": "x" * 101}, "lastName"),
        ({"middleName": "x" * 101}, "middleName"),
        ({"language": "Norwegian"}, "English, Spanish"),
    ],
)
async def test_participant_is_refused(world: World, changes: dict[str, object], says: str) -> None:
    path, _, participant = await drafted(world)
    assert says in await world.refused("POST", f"{path}/participants", **person(**changes))
    assert says in await world.refused("PUT", f"{path}/participants/{participant}", **person(**changes))


async def test_no_delivery_methods_at_all_are_taken_until_the_draft_is_converted(world: World) -> None:
    path, *_ = await drafted(world)
    await world.ask("POST", f"{path}/participants", 200, **person(deliveryMethods=None, firstName=None))
    reasons = await world.refused("POST", f"{path}/converted")
    assert reasons.startswith("Session configuration is invalid. ")
    assert "has no name" in reasons
    assert "has no delivery method" in reasons


async def test_participant_is_replaced_as_a_whole(world: World) -> None:
    path, _, participant = await drafted(world)
    told = {"firstName": "Bea", "lastName": "Bit", "phone": "5550000000", "deliveryMethods": ["Sms"]}
    await world.ask("PUT", f"{path}/participants/{participant}", 204, json=told)
    (now,) = (await world.ask("GET", path, 200))["participants"]
    assert {name: now[name] for name in told} == told
    assert now["email"] is None
    assert await world.refused("PUT", f"{path}/participants", **person()) == "Participant Id is required"
    assert await world.refused("PUT", f"{path}/participants/%20", **person()) == "Participant Id is required"
    assert await world.refused("PUT", f"{path}/participants/gone", **person()) == "Participant 'gone' not found"


async def test_adding_oneself_answers_an_object(world: World) -> None:
    path, *_ = await drafted(world)
    me = await world.ask("POST", f"{path}/participants/self", 200)
    assert (me["role"], me["deliveryMethods"]) == ("Initiator", [])
    assert me["id"] in [each["id"] for each in (await world.ask("GET", path, 200))["participants"]]
    await world.refused("POST", f"{path}/participants/self")
    await world.ask("POST", f"{path}/converted", 204)


async def test_sequence_needs_everyone_and_names_who_is_missing(world: World) -> None:
    path, _, first = await drafted(world)
    others = [await world.ask("POST", f"{path}/participants", 200, **person()) for _ in range(2)]
    put = f"{path}/signingOrder/oneByOne"
    assert (await world.refused("PUT", put, json={"participantsOrder": [first]})).endswith(", ".join(others))
    assert await world.refused("PUT", put, json={"participantsOrder": ["gone"]}) == "Participant 'gone' not found"
    await world.refused("PUT", put, json={"participantsOrder": [first, first, *others]})
    await world.refused("PUT", put, json={})
    await world.ask("PUT", put, 204, json={"participantsOrder": [*others, first]})
    third = await world.ask("POST", f"{path}/participants", 200, **person())
    me = await world.ask("POST", f"{path}/participants/self", 200)
    order = (await world.ask("GET", path, 200))["signingOrderSettings"]
    assert order == {"type": "OneByOne", "participantsOrder": [*others, first, third, me["id"]]}
    await world.ask("PUT", f"{path}/signingOrder/allAtOnce", 204)
    assert (await world.ask("GET", path, 200))["signingOrderSettings"]["type"] == "AllAtOnce"


async def test_removing_a_field_names_everything_that_depended_on_it(world: World) -> None:
    path, document, _ = await drafted(world)
    fields = f"{path}/signatureFields"
    first = await world.ask("POST", fields, 200, json=placed(document))
    second = await world.ask("POST", fields, 200, json=placed(document, dependsOn=first))
    third = await world.ask("POST", fields, 200, json=placed(document, dependsOn=second))
    stays = await world.ask("POST", fields, 200, json=placed(document))
    assert await world.ask("DELETE", f"{fields}/{first}", 200) == [first, second, third]
    assert [each["id"] for each in (await world.ask("GET", path, 200))["signatureFields"]] == [stays]
    assert await world.refused("DELETE", f"{fields}/{first}") == f"Signature field '{first}' not found"


async def test_field_is_changed_and_its_limits_hold(world: World) -> None:
    path, document, _ = await drafted(world)
    fields = f"{path}/signatureFields"
    key = await world.ask("POST", fields, 200, json=placed(document))
    await world.ask("PUT", f"{fields}/{key}/options", 204, json={"isRequired": False, "forType": "Signature"})
    where = {"page": 2, "positionX": 10, "positionY": 20.5, "sizeX": 30, "sizeY": 40}
    await world.ask("PUT", f"{fields}/{key}/placement", 204, json=where)
    (field,) = (await world.ask("GET", path, 200))["signatureFields"]
    assert (field["field"]["options"]["isRequired"], field["field"]["placement"]) == (False, where)
    wrong_type = {"isRequired": True, "forType": "Date"}
    refusal = "Field options must target the field type"
    assert await world.refused("PUT", f"{fields}/{key}/options", json=wrong_type) == refusal
    for change, says in (
        ({"positionX": -1}, "Position on X-axis cannot be less than 0"),
        ({"positionY": -1}, "Position on Y-axis cannot be less than 0"),
        ({"sizeX": 0}, "Size on X-axis cannot be less than 0.1"),
        ({"page": 0}, "Page cannot be less than 1"),
    ):
        assert await world.refused("PUT", f"{fields}/{key}/placement", json=where | change) == says
    assert "required" in await world.refused("PUT", f"{fields}/{key}/placement", json={})
    assert "not found" in await world.refused("POST", fields, json=placed("gone"))
    assert "not found" in await world.refused("POST", fields, json=placed(document, participantId="gone"))
    assert "not found" in await world.refused("POST", fields, json=placed(document, dependsOn="gone"))
    assert "required" in await world.refused("POST", fields, json=placed(document, field=None))


async def test_fields_in_bulk_are_all_or_none(world: World) -> None:
    path, document, _ = await drafted(world)
    bulk = f"{path}/signatureFields/bulk"
    await world.refused("POST", bulk, json={"signatureFields": [placed(document), placed("gone")]})
    await world.refused("POST", bulk, json={})
    assert (await world.ask("GET", path, 200))["signatureFields"] == []
    made = await world.ask("POST", bulk, 200, json={"signatureFields": [placed(document), placed(document)]})
    assert [each["id"] for each in (await world.ask("GET", path, 200))["signatureFields"]] == made


async def test_draft_whose_documents_are_not_ready_is_not_converted(world: World) -> None:
    path, *_ = await drafted(world)
    await world.ask("POST", f"{path}/documents", 200, **part())
    assert "is being processed" in await world.refused("POST", f"{path}/converted")
    await world.ask("GET", path, 200)
    await world.ask("POST", f"{path}/documents", 200, **part(b"%PDF-broken"))
    await world.ask("GET", path, 200)
    assert "could not be processed" in await world.refused("POST", f"{path}/converted")
    assert [each["status"] for each in (await world.ask("GET", path, 200))["documents"]] == [
        "ProcessingReady",
        "ProcessingReady",
        "ProcessingFailed",
    ]


# The sandbox: sessions


async def started(world: World, subject: str = "Flat 4", *, myself: bool = False) -> str:
    """The path of a new session that has been started."""
    path, *_ = await drafted(world, subject)
    if myself:
        await world.ask("POST", f"{path}/participants/self", 200)
    session = path.replace(DRAFTS, SESSIONS)
    await world.ask("POST", f"{path}/converted", 204)
    await world.ask("POST", f"{session}/started", 204)
    return session


def key_of(path: str) -> str:
    return path.rsplit("/", 1)[1]


async def test_session_goes_from_draft_to_finished(world: World) -> None:
    path, _, _ = await drafted(world)
    await world.ask("POST", f"{path}/participants", 200, **person())
    session = path.replace(DRAFTS, SESSIONS)
    words = []

    async def look() -> None:
        words.append((await world.ask("GET", session, 200))["status"])

    await look()
    await world.ask("POST", f"{path}/converted", 204)
    await look()
    await world.ask("POST", f"{session}/started", 204)
    await look()
    await world.sandbox.sign(key_of(session))
    await look()
    assert words == ["Draft", "ReadyToStart", "Pending", "Finished"]
    assert "cannot be started" in await world.refused("POST", f"{session}/started")


async def test_view_has_its_documented_shape(world: World) -> None:
    view = await world.ask("GET", await started(world), 200)
    assert set(view) == {
        *("signingSessionId", "bulkSessionId", "subject", "canBeVoided", "canBeCopied", "status", "documents"),
        *("participants", "signedDocuments", "attachments", "allInOneDocument"),
    }
    assert view["participants"][0].keys() == {
        *("participantId", "firstName", "lastName", "email", "role", "status", "signedAt"),
    }
    assert (view["canBeVoided"], view["canBeCopied"], view["allInOneDocument"]) == (True, True, None)


async def test_session_without_a_document_does_not_start(world: World) -> None:
    path = f"{DRAFTS}/{await world.ask('POST', DRAFTS, 200)}"
    await world.ask("POST", f"{path}/participants", 200, **person())
    await world.ask("POST", f"{path}/converted", 204)
    says = await world.refused("POST", f"{path.replace(DRAFTS, SESSIONS)}/started")
    assert says == "Session must have at least one document before starting"


async def test_voiding_needs_a_reason_and_happens_once(world: World) -> None:
    session = await started(world)
    for reason in (None, ""):
        assert "reason is required" in await world.refused("POST", f"{session}/voided", json={"reason": reason})
    assert "1000" in await world.refused("POST", f"{session}/voided", json={"reason": "x" * 1001})
    await world.ask("POST", f"{session}/voided", 204, json={"reason": "x" * 1000})
    assert "already Voided" in await world.refused("POST", f"{session}/voided", json={"reason": "x"})
    view = await world.ask("GET", session, 200)
    assert (view["status"], view["canBeVoided"], view["canBeCopied"]) == ("Voided", False, False)
    with pytest.raises(ValueError, match="Voided"):
        await world.sandbox.sign(key_of(session))
    await world.refused("POST", f"{session}-not/voided", 404, json={"reason": "x"})


async def test_duplicate_is_a_draft_with_the_same_parts_under_new_ids(world: World) -> None:
    path, document, participant = await drafted(world)
    await world.ask("PUT", f"{path}/signingOrder/oneByOne", 204, json={"participantsOrder": [participant]})
    first = await world.ask("POST", f"{path}/signatureFields", 200, json=placed(document, participantId=participant))
    await world.ask("POST", f"{path}/signatureFields", 200, json=placed(document, dependsOn=first))
    copy = await world.ask("POST", f"{path.replace(DRAFTS, SESSIONS)}/duplicated", 200, json={"subject": "Again"})
    old, new = await world.ask("GET", path, 200), await world.ask("GET", f"{DRAFTS}/{copy}", 200)
    assert new["subject"] == "Again"
    assert new["documents"][0]["id"] not in {"", old["documents"][0]["id"]}
    assert new["signingOrderSettings"]["participantsOrder"] == [new["participants"][0]["id"]]
    assert [each["documentId"] for each in new["signatureFields"]] == [new["documents"][0]["id"]] * 2
    assert new["signatureFields"][0]["participantId"] == new["participants"][0]["id"]
    assert new["signatureFields"][1]["dependsOn"] == new["signatureFields"][0]["id"]
    assert (await world.client.get(f"{DRAFTS}/{copy}/documents/{new['documents'][0]['id']}")).content == PDF


async def test_voided_or_expired_session_is_not_duplicated(world: World) -> None:
    voided, expired = await started(world), await started(world)
    await world.ask("POST", f"{voided}/voided", 204, json={"reason": "x"})
    await world.sandbox.expire(key_of(expired))
    for session in (voided, expired):
        assert "cannot be duplicated" in await world.refused("POST", f"{session}/duplicated")


async def test_recreating_voids_and_copies_in_one_step_or_does_nothing(world: World) -> None:
    session = await started(world)
    assert "voidReason is required" in await world.refused("POST", f"{session}/recreated", json={})
    copy = await world.ask("POST", f"{session}/recreated", 200, json={"voidReason": "typo"})
    assert (await world.ask("GET", session, 200))["status"] == "Voided"
    assert (await world.ask("GET", f"{SESSIONS}/{copy}", 200))["status"] == "Draft"
    before = len(world.sandbox.account.sessions)
    await world.refused("POST", f"{session}/recreated", json={"voidReason": "again"})
    assert len(world.sandbox.account.sessions) == before


async def test_search_pages_and_filters_without_a_pending_status(world: World) -> None:
    draft, *_ = await drafted(world, "draft")
    ready, *_ = await drafted(world, "ready")
    await world.ask("POST", f"{ready}/converted", 204)
    pending = await started(world, "pending", myself=True)
    done = await started(world, "done")
    await world.sandbox.sign(key_of(done))

    async def subjects(query: str) -> list[str]:
        return [item["subject"] for item in (await world.ask("GET", f"{SESSIONS}{query}", 200))["items"]]

    assert await subjects("") == ["done", "pending", "ready", "draft"]
    assert await subjects("?statuses=Draft&statuses=Finished") == ["done", "draft"]
    assert await subjects("?statuses=InProgress") == await subjects("?statuses=NeedToSign") == ["pending"]
    assert await subjects("?pageIndex=1&pageSize=3") == ["draft"]
    assert await subjects("?statuses=Voided&statuses=Expired&statuses=Declined") == []
    page = await world.ask("GET", f"{SESSIONS}?pageSize=3", 200)
    counts = {name: page[name] for name in ("totalItemsCount", "pagesCount", "pageIndex", "pageSize")}
    assert counts == {"totalItemsCount": 4, "pagesCount": 2, "pageIndex": 0, "pageSize": 3}
    assert page["items"][0].keys() == {
        *("id", "isBulk", "subject", "created", "status", "currentUserNeedToSign", "hasNotificationErrors", "canBeDeleted")
    }
    for query in ("statuses=Pending", "statuses=pending", "pageSize=0", "pageSize=101", "pageIndex=-1", "pageIndex=x"):
        await world.refused("GET", f"{SESSIONS}?{query}")
    world.sandbox.account.sessions[key_of(draft)].bounced = True
    assert await subjects("?statuses=NeedsAction") == ["pending", "draft"]
    await world.sandbox.sign(key_of(pending), 1)
    assert await subjects("?statuses=NeedToSign") == []


async def test_statistics_count_what_a_search_would_find(world: World) -> None:
    await drafted(world)
    ready, *_ = await drafted(world)
    await world.ask("POST", f"{ready}/converted", 204)
    await started(world)
    await started(world, myself=True)
    assert await world.ask("GET", f"{SESSIONS}/statistics", 200) == {
        "sessionsToSignCount": 1,
        "draftsCount": 1,
        "readyToStartCount": 1,
        "inProgressCount": 2,
        "needsActionCount": 1,
    }


async def test_another_delivery_is_another_invitation_until_the_link_was_used(world: World) -> None:
    session = await started(world)
    (ada,) = world.sandbox.account.sessions[key_of(session)].people.values()
    put = f"{session}/participants/{ada.key}/deliveryMethods"
    assert ada.invitations == 1
    await world.ask("PUT", put, 204, json={"deliveryMethods": ["Sms"], "phone": "5551234567"})
    assert ada.invitations == 2
    for body in ({}, {"deliveryMethods": []}, {"deliveryMethods": ["Email"]}):
        await world.refused("PUT", put, json=body)
    assert "not found" in await world.refused("PUT", put.replace(ada.key, "gone"), json={})
    await world.sandbox.view(key_of(session))
    assert "used the link" in await world.refused("PUT", put, json={"deliveryMethods": ["Email"], "email": "a@example.com"})


async def test_in_sequence_the_next_one_is_invited_when_the_one_before_has_signed(world: World) -> None:
    session = await world.create(order(participants=(ADA, BOB), signing_order=SigningOrder.SEQUENTIAL))
    people = list(world.stored(session).people.values())
    assert [each.invitations for each in people] == [1, 0]
    with pytest.raises(ValueError, match="another's turn"):
        await world.sandbox.sign(session.key, 1)
    await world.sandbox.sign(session.key, 0)
    assert [each.invitations for each in people] == [1, 1]


async def test_files_of_a_session_are_served_when_they_are_there(world: World) -> None:
    path, document, _ = await drafted(world)
    attachment = await world.ask("POST", f"{path}/attachments", 200, **part())
    await world.ask("GET", path, 200)
    session = path.replace(DRAFTS, SESSIONS)
    assert (await world.client.get(f"{session}/documents/{document}")).content == PDF
    assert "draft" in await world.refused("GET", f"{session}/attachments/{attachment}")
    await world.ask("POST", f"{path}/converted", 204)
    await world.ask("POST", f"{session}/started", 204)
    assert (await world.client.get(f"{session}/attachments/{attachment}")).content == PDF
    signed, bundle = f"{session}/signedDocuments/{document}", f"{session}/allInOneDocument"
    says = await world.refused("GET", signed)
    assert says == "Signed document is not available until participant completes signing"
    assert "until the session is finished" in await world.refused("GET", bundle)
    world.sandbox.account.compiling_reads = 1
    await world.sandbox.sign(key_of(session))
    for place in (signed, bundle):
        assert "in progress" in await world.refused("GET", place)
        assert (await world.client.get(place)).content.startswith(b"%PDF-")
    assert "not found" in await world.refused("GET", f"{session}/signedDocuments/gone")
    await world.refused("GET", f"{session}-not/documents/{document}", 404)


# The sandbox: people and identity


async def test_people_act_only_where_they_can(world: World) -> None:
    draft, session = await world.create(order(start=False)), await world.create(order())
    for act in (world.sandbox.sign, world.sandbox.decline, world.sandbox.expire, world.sandbox.view):
        with pytest.raises(KeyError):
            await act("no")
        with pytest.raises(ValueError, match="Draft"):
            await act(draft.key)
    with pytest.raises(ValueError, match="no participant 7"):
        await world.sandbox.sign(session.key, 7)
    answer = await world.client.post(f"/_sandbox/sessions/{session.key}/sign", json={})
    assert answer.status_code == 200
    statuses = {each.key: (each.status, list(each.participants), list(each.waiting)) for each in world.sandbox.sessions()}
    assert statuses == {draft.key: ("Draft", ["Pending"], []), session.key: ("Finished", ["Signed"], [])}


async def test_session_that_was_voided_while_it_was_signed_stays_voided(world: World) -> None:
    session = await world.create(order())
    signing = asyncio.create_task(world.sandbox.sign(session.key))
    await asyncio.sleep(0)
    world.stored(session).status = "Voided"
    await signing
    assert world.stored(session).status == "Voided"


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def asking(world: World, **changes: str) -> dict[str, str]:
    settings = world.adapter.settings
    asked = {
        "response_type": "code",
        "client_id": settings.client_id,
        "scope": "openid hermes_api hermes_idp profile",
        "redirect_uri": settings.redirect_uri,
        "code_challenge": challenge("verifier"),
        "code_challenge_method": "S256",
        "state": "st",
    }
    return asked | changes


async def authorized(world: World, **changes: str) -> dict[str, str]:
    """The query of the redirect after a person's consent."""
    response = await world.client.get("/identity/connect/authorize", params=asking(world, **changes))
    assert response.status_code == 302
    location = urlsplit(response.headers["location"])
    assert f"{location.scheme}://{location.netloc}" == changes.get("redirect_uri", world.adapter.settings.redirect_uri)
    return {name: values[0] for name, values in parse_qs(location.query).items()}


async def exchanged(world: World, code: str, **changes: str) -> httpx.Response:
    settings = world.adapter.settings
    form = {
        "grant_type": "authorization_code",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value(),
        "code": code,
        "redirect_uri": settings.redirect_uri,
        "code_verifier": "verifier",
    }
    return await world.client.post("/identity/connect/token", data=form | changes)


async def test_code_with_its_verifier_gives_a_token_that_works_for_an_hour(world: World) -> None:
    back = await authorized(world)
    assert back["state"] == "st"
    given = (await exchanged(world, back["code"])).json()
    assert "refresh_token" not in given
    table = world.sandbox.settings(world.adapter.settings.base_url) | {"access_token": given["access_token"]}
    async with PROVIDER.adapter(PROVIDER.settings(**table), clock=world.adapter_clock) as adapter:
        await adapter.list_sessions(0, 1)
        ends = adapter.credentials.expires_at
        assert ends is not None
        assert abs((ends - world.time.now()).total_seconds() - given["expires_in"]) < 5
        world.time.moved += given["expires_in"] + 1
        with pytest.raises(AuthorizationRequired):
            await adapter.list_sessions(0, 1)
    assert (await exchanged(world, back["code"])).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "another"}, "invalid_grant"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "wrong"}, "invalid_client"),
        ({"redirect_uri": "https://easyink.io"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"code": "guessed"}, "invalid_grant"),
    ],
)
async def test_code_is_bound_to_client_and_verifier(world: World, changes: dict[str, str], error: str) -> None:
    code = (await authorized(world))["code"]
    response = await exchanged(world, changes.get("code", code), **{k: v for k, v in changes.items() if k != "code"})
    assert (response.status_code, response.json()["error"]) == (400, error)


async def test_code_expires(world: World) -> None:
    code = (await authorized(world))["code"]
    world.time.moved += 301
    assert (await exchanged(world, code)).json()["error"] == "invalid_grant"


async def test_redirects_go_to_registered_sites_only(world: World) -> None:
    assert "code" in await authorized(world, redirect_uri="https://easyink.io")
    for change in ({"redirect_uri": "https://evil.example"}, {"client_id": "wrong"}):
        response = await world.client.get("/identity/connect/authorize", params=asking(world, **change))
        assert response.status_code == 400
        assert "location" not in response.headers
    assert (await authorized(world, response_type="token"))["error"] == "unsupported_response_type"
    assert (await authorized(world, code_challenge_method="plain"))["error"] == "invalid_request"
    assert (await authorized(world, scope="openid offline_access"))["error"] == "invalid_scope"
    assert (await world.client.get("/")).status_code == 200
