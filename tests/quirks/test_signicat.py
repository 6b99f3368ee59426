"""Quirks of Signicat over real HTTP: the adapter copes with them, and the sandbox reproduces them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import httpx
import pytest
from lxml import etree
from pydantic import ValidationError
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from withheld import withheld

from providers.capability import Operation, Support
from providers.clock import Clock
from providers.errors import (
    AuthorizationRequired,
    InDoubt,
    Misbehaved,
    NotFound,
    Refused,
    Unavailable,
    WrongState,
)
from providers.http.credentials import CredentialState
from providers.http.message.response import Response as ProviderResponse
from providers.model import (
    DocumentRole,
    DocumentStatus,
    ParticipantStatus,
    Session,
    SessionStatus,
    SignatureFormat,
    SigningOrder,
)
from providers.orders import DocumentOrder, Order, ParticipantOrder
from providers.saga import Step, Steps
from providers.sandbox.certificate_authority import CertificateAuthority, sample_pdf
from providers.sandbox.fault_injection import Fault
from providers.sandbox.server import serving
from providers.signicat import PROVIDER
from providers.signicat.adapter import SignicatAdapter
from providers.signicat.sandbox import CLIENT_ID, CLIENT_SECRET, SignicatSandbox
from providers.signicat.sandbox.store import PEOPLE

AUTHORITY = CertificateAuthority()
PDF = sample_pdf("Lease")


class AdvanceableClock(Clock):
    """Clock of the sandbox, which tests advance."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


class FastForwardClock(AdvanceableClock):
    """Clock of the adapter: a sleep takes no time."""

    def __init__(self, watch: AdvanceableClock) -> None:
        self.watch = watch

    def now(self) -> datetime:
        return self.watch.now()

    def monotonic(self) -> float:
        return self.watch.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@dataclass
class World:
    sandbox: SignicatSandbox
    adapter: SignicatAdapter
    watch: AdvanceableClock
    client: httpx.AsyncClient
    url: str

    async def log_in(self) -> None:
        form = {"grant_type": "client_credentials", "scope": "signicat-api"}
        url = f"{self.url}/auth/open/connect/token"
        token = await self.client.post(url, data=form, auth=(CLIENT_ID, CLIENT_SECRET))
        self.client.headers["authorization"] = f"Bearer {token.json()['access_token']}"

    async def create(self, *people: ParticipantOrder, **order: Any) -> Session:
        order = {"title": "Lease", "documents": (document(),), "participants": people or (ParticipantOrder(),), **order}
        return await self.adapter.create_session(Order(**order), Steps())

    async def sign_all(self, session: Session) -> Session:
        for key in session.parts or (session.key,):
            await self.sandbox.sign(key)
        return await self.adapter.fetch_session(session.key, session)

    def stored(self, key: str) -> Any:
        return self.sandbox.store.sessions[key]

    def calls(self, method: str, path: str) -> int:
        return sum(call.method == method and call.path.startswith(f"/sign{path}") for call in self.sandbox.calls)

    def another(self, **settings: Any) -> SignicatAdapter:
        table = self.sandbox.settings(self.url) | settings
        return SignicatAdapter(PROVIDER.settings(**table), clock=FastForwardClock(self.watch))

    async def upload(self, content: bytes = PDF, media_type: str = "application/pdf") -> str:
        reply = await self.client.post("/documents", content=content, headers={"content-type": media_type})
        assert reply.status_code == 201, reply.text
        return str(reply.json()["documentId"])

    async def collect(self, *documents: str, **collection: Any) -> str:
        payload = {"documents": [{"documentId": key} for key in documents], **collection}
        reply = await self.client.post("/document-collections", json=payload)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    async def open(self, collection: str, *documents: str, **session: Any) -> httpx.Response:
        return await self.client.post("/signing-sessions", json=[payload(collection, *documents, **session)])

    async def foreign(self, **session: Any) -> str:
        """Creates a native session without the gateway."""
        document = await self.upload()
        reply = await self.open(await self.collect(document), document, **session)
        assert reply.status_code == 201, reply.text
        return str(reply.json()[0]["id"])


def payload(collection: str, *documents: str, **session: Any) -> dict[str, Any]:
    uses = [{"documentId": key, "documentCollectionId": collection, "action": "SIGN"} for key in documents]
    return {"title": "Foreign", "documents": uses, "signingSetup": [{"signingFlow": "AUTHENTICATION_BASED"}], **session}


def document(content: bytes = PDF, media_type: str = "application/pdf", **rest: Any) -> DocumentOrder:
    async def chunks() -> AsyncIterator[bytes]:
        yield content[:100]
        yield content[100:]

    digest = hashlib.sha256(content).hexdigest()
    given = {"filename": "lease.pdf", "size_bytes": len(content), "sha256": digest, **rest}
    return DocumentOrder(media_type=media_type, open=chunks, **given)


def text(content: bytes = b"I agree to everything that is said here, and to all that is not.") -> DocumentOrder:
    return document(content, "text/plain", filename="terms.txt")


KARI = ParticipantOrder(first_name="Kari", last_name="Nordmann", email="kari@example.org", language="nb")
OLA = ParticipantOrder(first_name="Ola", email="ola@example.org", language="nn")
ANNA = ParticipantOrder(first_name="Anna", email="anna@example.org", language="sv")


@asynccontextmanager
async def open_house(kind: type[SignicatSandbox] = SignicatSandbox) -> AsyncIterator[World]:
    watch = AdvanceableClock()
    sandbox = kind(clock=watch, authority=AUTHORITY)
    async with sandbox.serving() as url:
        adapter = SignicatAdapter(PROVIDER.settings(**sandbox.settings(url)), clock=FastForwardClock(watch))
        async with adapter, httpx.AsyncClient(base_url=f"{url}/sign") as client:
            world = World(sandbox, adapter, watch, client, url)
            await world.log_in()
            yield world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_house() as opened:
        yield opened


@asynccontextmanager
async def answering(answers: dict[str, Any], asked: list[Request] | None = None) -> AsyncIterator[SignicatAdapter]:
    """An adapter of a provider with scripted answers, by method and path; a Response is sent as it is."""

    async def answer(request: Request) -> Response:
        await request.body()
        if asked is not None:
            asked.append(request)
        found = answers.get(f"{request.method} {request.url.path}")
        if found is None:
            return JSONResponse({}, 404)
        return found if isinstance(found, Response) else JSONResponse(found)

    answers = {"POST /token": {"access_token": "t0ken-t0ken", "expires_in": 600}} | answers
    methods = ["GET", "POST", "DELETE", "PATCH"]
    async with serving(Starlette(routes=[Route("/{path:path}", answer, methods=methods)])) as url:
        table = {"name": "signicat", "client_id": "me", "client_secret": "s3cr3t-s3cr3t", "token_url": f"{url}/token"}
        settings = PROVIDER.settings(base_url=f"{url}/sign", account_id="a-1", **table)
        async with SignicatAdapter(settings, clock=FastForwardClock(AdvanceableClock())) as adapter:
            yield adapter


def native(state: str | None = "READY", **members: Any) -> dict[str, Any]:
    lifecycle = None if state is None else {"state": state, "stateIsFinal": state in {"SIGNED", "REJECTED"}}
    return {"id": "n1", "lifecycle": lifecycle, "dueDate": "2999-01-01T00:00:00Z", **members}


# Creating


async def test_one_participant_is_one_native_session_under_its_own_key(world: World) -> None:
    session = await world.create(KARI, reference="case 7")
    assert (session.key, session.parts) == (session.participants[0].key, ())
    assert list(world.sandbox.store.sessions) == [session.key]
    assert world.stored(session.key).order.external_reference == session.reference == "case 7"
    assert session.status is SessionStatus.PENDING
    assert session.due_at == world.stored(session.key).due_at.replace(microsecond=0)


async def test_several_participants_are_one_session_under_the_key_of_their_collection(world: World) -> None:
    session = await world.create(KARI, OLA, ANNA)
    assert list(world.sandbox.store.collections) == [session.key]
    assert session.parts == tuple(person.key for person in session.participants)
    assert set(session.parts) == set(world.sandbox.store.sessions)
    assert world.calls("POST", "/signing-sessions") == 1


@pytest.mark.parametrize("people", [1, 2])
async def test_unchanged_answer_returns_the_known_session(world: World, people: int) -> None:
    known = await world.create(*[ParticipantOrder()] * people)
    for _ in range(2):
        known = await world.adapter.fetch_session(known.key, known)
    assert await world.adapter.fetch_session(known.key, known) is known


async def test_participants_keep_their_own_sessions_when_the_reply_comes_in_another_order(world: World) -> None:
    world.sandbox.shuffle_replies = True
    session = await world.create(KARI, OLA, ANNA)
    assert [world.stored(key).order.ui.language for key in session.parts] == ["nb", "nn", "sv"]
    for person in session.participants:
        assert world.stored(person.key).link in str(person.signing_url)
    assert [person.first_name for person in session.participants] == ["Kari", "Ola", "Anna"]


async def test_sequential_participants_are_chained_one_behind_the_other(world: World) -> None:
    session = await world.create(KARI, OLA, ANNA, signing_order=SigningOrder.SEQUENTIAL)
    before = [world.stored(key).order.subsequent_to for key in session.parts]
    assert before == [None, [session.parts[0]], [session.parts[1]]]
    assert world.calls("POST", "/signing-sessions") == 3
    assert [person.status for person in session.participants] == [ParticipantStatus.INVITED, *[ParticipantStatus.WAITING] * 2]
    await world.sandbox.sign(session.parts[0])
    later = await world.adapter.fetch_session(session.key, session)
    assert [person.status.value for person in later.participants] == ["SIGNED", "INVITED", "WAITING"]
    assert (later.status, later.provider_status) == (SessionStatus.IN_PROGRESS, "SIGNED, READY, BLOCKED")
    assert [person.order for person in later.participants] == [1, 2, 3]


async def test_longest_reference_fits_with_marker_for_every_participant(world: World) -> None:
    longest = PROVIDER.capabilities.limits.reference or 0
    people = PROVIDER.capabilities.limits.participants or 0
    order = {"reference": "r" * longest, "marker": "f" * 32, "documents": (text(),)}
    session = await world.create(*[ParticipantOrder()] * people, **order)
    assert max(len(world.stored(key).order.external_reference) for key in session.parts) == 1024
    assert session.reference == "r" * longest


async def test_reference_is_read_back_without_its_marker(world: World) -> None:
    named, unnamed = await world.create(KARI, OLA, reference="a#1 b"), await world.create(KARI, OLA)
    for session in (named, unnamed):
        known = replace(session, reference=None)
        assert (await world.adapter.fetch_session(session.key, known)).reference == session.reference
    assert (named.reference, unnamed.reference) == ("a#1 b", None)


async def test_creation_misbehaves_when_answered_sessions_cannot_be_matched_to_participants() -> None:
    document = {"documentId": "d1", "createdAt": "2026-09-01T10:00:00Z"}
    answers = {"POST /sign/documents": document, "PATCH /sign/documents/d1/metadata": document}
    answers["POST /sign/document-collections"] = {"id": "c1"}
    order = Order(title="t", documents=(text(),), participants=(KARI, OLA))
    rows = [native(externalReference="x#1"), {**native(externalReference="x#1"), "id": "n2"}]
    async with answering(answers | {"POST /sign/signing-sessions": rows}) as adapter:
        steps = Steps()
        with pytest.raises(Misbehaved, match="2 sessions for 2 participants"):
            await adapter.create_session(order, steps)
        assert [step.key for step in steps.entries] == ["d1", "c1", "n1", "n2"]
    rows = [native(), {**native(), "id": "n2"}]
    async with answering(answers | {"POST /sign/signing-sessions": rows}) as adapter:
        session = await adapter.create_session(order, Steps())
        assert session.parts == ("n1", "n2"), "without references the order asked for is what clients go by"


async def test_every_step_is_recorded_and_compensated_in_reverse(world: World) -> None:
    steps = Steps()
    order = Order(title="Lease", documents=(document(), text()), participants=(KARI, OLA))
    await world.adapter.create_session(order, steps)
    names = [step.name for step in steps.entries]
    assert names == ["document", "document", "document_collection", "signing_session", "signing_session"]
    for step in reversed(steps.entries):
        await world.adapter.compensate(step)
        await world.adapter.compensate(step)
    store = world.sandbox.store
    assert (store.sessions, store.collections, store.documents) == ({}, {}, {})


async def test_steps_before_a_refusal_are_recorded(world: World) -> None:
    world.sandbox.faults.append(Fault(path="/sign/signing-sessions", kind="status", status=400))
    steps = Steps()
    with pytest.raises(Refused):
        await world.adapter.create_session(Order(title="t", documents=(document(),), participants=(KARI,)), steps)
    assert [step.name for step in steps.entries] == ["document", "document_collection"]
    assert world.sandbox.store.sessions == {}


async def test_creation_of_sessions_is_in_doubt_and_not_repeated_when_answer_is_lost(world: World) -> None:
    world.sandbox.faults.append(Fault(path="/sign/signing-sessions", method="POST", kind="lost"))
    with pytest.raises(InDoubt):
        await world.create(KARI)
    assert len(world.sandbox.store.sessions) == 1


async def test_upload_is_retried_when_answer_is_lost(world: World) -> None:
    world.sandbox.faults.append(Fault(path="/sign/documents", method="POST", kind="lost"))
    session = await world.create(KARI)
    orphan = next(key for key in world.sandbox.store.documents if session.document(key) is None)
    world.watch.ahead += timedelta(minutes=31)
    with pytest.raises(KeyError):
        world.sandbox.store.document(orphan)


async def test_order_is_translated_into_signicats_request_bodies(world: World) -> None:
    due_at = world.watch.now() + timedelta(days=44)
    wishes = {"nationalIdentificationNumber": "01017000027", "restrictUse": [{"parameter": "NIN", "restriction": "NO_USE"}]}
    options = PROVIDER.options.model_validate(
        {
            "identityProviders": ["nbid", "sbid"],
            "signatureUrlTTL": 60,
            "redirectSettings": {
                "success": "https://a.example/ok",
                "cancel": "https://a.example/no",
                "error": "https://a.example/e",
            },
            "language": "da",
            "preAuthentication": {"enabled": True},
            "additionalParameters": {"sbid_flow": "QR"},
        }
    ).model_dump(mode="json", by_alias=True, exclude_none=True)
    session = await world.create(
        ParticipantOrder(options=wishes | {"additionalParameters": {"sbid_end_user_ip": "192.0.2.1"}}),
        message="Please.",
        due_at=due_at,
        archive_for="P1Y",
        options=options,
        documents=(document(title="The lease", description="of a flat"), document(role=DocumentRole.ATTACHMENT)),
    )
    sent = world.stored(session.key).order.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert sent["signText"] == "Please."
    assert [use["action"] for use in sent["documents"]] == ["SIGN", "VIEW"]
    assert sent["signer"] == wishes
    assert sent["archive"] == {"sendSignatureResultsToArchive": True, "retentionPeriod": "P1Y"}
    assert {name: sent[name] for name in ("redirectSettings", "preAuthentication", "signatureUrlTTL")} == {
        name: options[name] for name in ("redirectSettings", "preAuthentication", "signatureUrlTTL")
    }
    assert sent["ui"] == {"language": "da"}
    assert sent["signingSetup"][0]["identityProviders"] == [{"idpName": "nbid"}, {"idpName": "sbid"}]
    assert sent["signingSetup"][0]["additionalParameters"] == {"sbid_flow": "QR", "sbid_end_user_ip": "192.0.2.1"}
    assert session.due_at == due_at.replace(microsecond=0)
    assert session.archive is not None
    assert session.archive.retention_period == "P1Y"
    names = world.sandbox.store.documents[session.documents[0].key].names
    assert names == {"title": "The lease", "filename": "lease.pdf", "description": "of a flat"}
    assert [item.role for item in session.documents] == [DocumentRole.TO_SIGN, DocumentRole.ATTACHMENT]


def _orders() -> Iterator[tuple[str, dict[str, Any], tuple[str, ...]]]:
    phone = {"additionalParameters": {"sbid_sign_type": "PHONE"}}
    yield "a draft", {"start": False}, ("start",)
    yield "no documents", {"documents": ()}, ("documents",)
    yield "nobody", {"participants": ()}, ("participants",)
    yield "a result", {"documents": (document(role=DocumentRole.SIGNED),)}, ("documents", "0", "role")
    yield "a long name", {"documents": (document(), document(title="t" * 256))}, ("documents", "1", "title")
    yield "no as a language", {"participants": (KARI, ParticipantOrder(language="no"))}, ("participants", "1", "language")
    yield "an archive for no time", {"archive_for": "PT0S"}, ("archive", "retentionPeriod")
    packaged = {"packageTo": ["PADES_CONTAINER"]}
    yield "a packaged PKI", {"options": {"signingFlow": "PKISIGNING", **packaged}}, ("options", "packageTo")
    yield "packaged text", {"documents": (text(),), "options": packaged}, ("options", "packageTo")
    yield "a PDF by phone", {"message": "m", "options": phone}, ("documents",)
    yield "by phone without words", {"documents": (text(),), "options": phone}, ("message",)


@pytest.mark.parametrize(("what", "change", "path"), [pytest.param(*order, id=order[0]) for order in _orders()])
async def test_order_that_signicat_would_refuse_is_refused_before_any_call(
    world: World, what: str, change: dict[str, Any], path: tuple[str, ...]
) -> None:
    good = Order(title="t", documents=(document(),), participants=(KARI,))
    assert list(world.adapter.validate_order(good)) == []
    assert [problem.path for problem in world.adapter.validate_order(replace(good, **change))] == [("input", *path)]
    assert world.sandbox.calls[-1].path.endswith("/token")


async def test_unknown_options_are_refused_without_their_values() -> None:
    with pytest.raises(ValidationError) as caught:
        PROVIDER.participant_options.model_validate({"nationalIdentificationNumber": 1017000027, "nin": "01017000027"})
    assert "1017000027" not in str(caught.value)
    schema = PROVIDER.options.model_json_schema()
    assert {"signatureUrlTTL", "packageTo", "signingFlow"} <= set(schema["properties"])


# Reading


async def test_signed_session_is_processing_until_its_package_is_made(world: World) -> None:
    session = await world.sign_all(await world.create(KARI, OLA))
    assert session.status is SessionStatus.PROCESSING
    assert session.progress.signed == session.progress.required == 2
    world.watch.ahead += timedelta(seconds=world.sandbox.packaging_delay)
    session = await world.adapter.fetch_session(session.key, session)
    assert session.status is SessionStatus.COMPLETED
    assert session.documents[0].status is DocumentStatus.SIGNED
    packages = [item for item in session.documents if item.role is DocumentRole.SIGNED]
    assert session.completed_at == packages[0].created_at


async def test_package_carries_a_valid_signature_of_every_signer(world: World) -> None:
    session = await world.sign_all(await world.create(KARI, OLA))
    world.watch.ahead += timedelta(seconds=1)
    session = await world.adapter.fetch_session(session.key, session)
    [package] = [item for item in session.documents if item.role is DocumentRole.SIGNED]
    [signature] = [item for item in session.signatures if item.format is SignatureFormat.PADES]
    async with world.adapter.download_signature(session, signature) as content:
        pdf = b"".join([chunk async for chunk in content.chunks])
    assert (content.media_type, hashlib.sha256(pdf).hexdigest()) == ("application/pdf", package.sha256)
    trusted = ValidationContext(trust_roots=list(load_certs_from_pemder_data(AUTHORITY.certificate)), allow_fetching=False)
    signed = PdfFileReader(BytesIO(pdf)).embedded_signatures
    assert [item.signer_cert.subject.native["common_name"] for item in signed] == list(PEOPLE[:2])
    for item in signed:
        assert (await async_validate_pdf_signature(item, trusted)).bottom_line


async def test_every_signer_leaves_an_xml_signature_of_every_document(world: World) -> None:
    session = await world.sign_all(await world.create(KARI, OLA, documents=(document(), text())))
    assert session.status is SessionStatus.COMPLETED, "text is not packaged unless asked"
    evidence = [item for item in session.documents if item.role is DocumentRole.EVIDENCE]
    assert len(evidence) == len(session.signatures) == 4
    assert {item.participant for item in session.signatures} == set(session.parts)
    assert {item.format for item in session.signatures} == {SignatureFormat.XADES}
    assert await world.adapter.list_signatures(session) == session.signatures
    async with world.adapter.download_document(session, evidence[0]) as content:
        xml = b"".join([chunk async for chunk in content.chunks])
    assert evidence[0].media_type == content.media_type == "application/xml"
    assert etree.fromstring(xml).tag.endswith("Signature")


async def test_eid_that_signs_by_itself_leaves_a_pdf_and_no_package(world: World) -> None:
    options = {"signingFlow": "PKISIGNING", "vendor": "NBID"}
    session = await world.sign_all(await world.create(KARI, options=options))
    assert session.status is SessionStatus.COMPLETED
    assert [item.role.value for item in session.documents] == ["TO_SIGN", "SIGNED"]
    assert session.signatures[0].format is SignatureFormat.PADES
    [row] = (await world.adapter.list_sessions(0, 10)).sessions
    assert row.status is SessionStatus.COMPLETED


async def test_fields_that_signicat_does_not_repeat_are_carried_over(world: World) -> None:
    session = await world.create(KARI, OLA, reference="r", documents=(document(title="The lease"),))
    assert "signatureUrl" not in (await world.client.get(f"/signing-sessions/{session.parts[0]}")).json()
    again = await world.adapter.fetch_session(session.key, session)
    for name in ("first_name", "last_name", "email", "display_name", "signing_url", "signing_url_expires_at"):
        assert [getattr(person, name) for person in again.participants] == [
            getattr(person, name) for person in session.participants
        ]
    assert again.participants[0].signing_url
    assert again.documents == session.documents
    assert (again.created_at, again.reference, again.signing_order) == (session.created_at, "r", session.signing_order)


async def test_signing_link_has_another_id_than_the_session_key(world: World) -> None:
    session = await world.create(KARI)
    query = httpx.URL(str(session.participants[0].signing_url)).params
    assert query["sessionId"] != session.key
    assert (await world.client.get(f"/signing-sessions/{query['sessionId']}")).status_code == 404


async def test_signing_links_are_in_no_payload_and_no_repr(world: World) -> None:
    for session in (await world.create(KARI), await world.create(KARI, OLA)):
        links = [str(person.signing_url) for person in session.participants]
        shown = session.native.decode() + repr(session)
        assert not any(link in shown or link.rpartition("=")[2] in shown for link in links)
        assert "kari@example.org" not in repr(session)
    assert json.loads(session.native)["documentCollection"]["id"] == session.key


async def test_native_payload_is_what_signicat_sent(world: World) -> None:
    session = await world.create(KARI)
    read = await world.adapter.fetch_session(session.key, session)
    assert read.native == (await world.client.get(f"/signing-sessions/{session.key}")).content


async def test_foreign_session_has_one_participant_and_dates_from_its_first_document(world: World) -> None:
    first = await world.upload()
    await world.client.patch(f"/documents/{first}/metadata", json={"title": "Foreign lease", "filename": "f.pdf"})
    world.watch.ahead += timedelta(minutes=5)
    second = await world.upload(b"plain", "text/plain")
    reply = await world.open(
        await world.collect(first, second), second, first, externalReference="theirs", ui={"language": "fi"}
    )
    key = reply.json()[0]["id"]
    session = await world.adapter.fetch_session(key)
    assert [person.key for person in session.participants] == [key]
    assert (session.participants[0].language, session.reference, session.title) == ("fi", "theirs", "Foreign")
    assert session.created_at == world.sandbox.store.documents[first].created_at
    item = session.document(first)
    assert item is not None
    assert (item.title, item.filename, item.media_type) == ("Foreign lease", "f.pdf", "application/pdf")
    assert item.sha256 == hashlib.sha256(PDF).hexdigest()
    await world.adapter.fetch_session(key, session)
    assert sum(call.path.endswith("/metadata") and call.method == "GET" for call in world.sandbox.calls) == 2


async def test_rejection_ends_the_session_and_those_behind_it_stay_blocked(world: World) -> None:
    session = await world.create(KARI, OLA, signing_order=SigningOrder.SEQUENTIAL)
    await world.sandbox.decline(session.parts[0])
    session = await world.adapter.fetch_session(session.key, session)
    assert (session.status, session.provider_status) == (SessionStatus.DECLINED, "REJECTED, BLOCKED")
    assert [person.status.value for person in session.participants] == ["DECLINED", "WAITING"]
    with pytest.raises(ValueError, match="BLOCKED"):
        await world.sandbox.sign(session.parts[1])


async def test_open_session_past_its_due_date_is_expired_though_signicat_says_ready(world: World) -> None:
    session = await world.create(KARI, OLA)
    await world.sandbox.sign(session.parts[0])
    world.watch.ahead += timedelta(days=31)
    late = await world.adapter.fetch_session(session.key, session)
    assert (late.status, late.provider_status) == (SessionStatus.EXPIRED, "SIGNED, READY")
    assert [person.status.value for person in late.participants] == ["SIGNED", "EXPIRED"]
    with pytest.raises(NotFound):
        async with world.adapter.download_document(late, late.documents[0]):
            pass


async def test_open_session_that_is_gone_after_its_due_date_has_expired(world: World) -> None:
    session = await world.create(KARI)
    del world.sandbox.store.sessions[session.key]
    with pytest.raises(NotFound):
        await world.adapter.fetch_session(session.key, session)
    world.watch.ahead += timedelta(days=31)
    late = await world.adapter.fetch_session(session.key, session)
    assert (late.status, late.participants[0].status) == (SessionStatus.EXPIRED, ParticipantStatus.EXPIRED)
    with pytest.raises(NotFound):
        await world.adapter.fetch_session(session.key, late)


async def test_native_session_deleted_by_others_cancels_the_rest_but_keeps_signatures(world: World) -> None:
    session = await world.create(KARI, OLA)
    await world.sandbox.sign(session.parts[0])
    session = await world.adapter.fetch_session(session.key, session)
    for key in session.parts[:1]:
        await world.client.delete(f"/signing-sessions/{key}")
    kept = await world.adapter.fetch_session(session.key, session)
    assert (kept.status, kept.participants[0].status) == (SessionStatus.IN_PROGRESS, ParticipantStatus.SIGNED)
    other = await world.create(KARI, OLA)
    await world.client.delete(f"/signing-sessions/{other.parts[1]}")
    other = await world.adapter.fetch_session(other.key, other)
    assert (other.status, other.participants[1].status) == (SessionStatus.CANCELED, ParticipantStatus.FAILED)
    assert other.status_reason


WORDS = [
    ("READY", SessionStatus.PENDING, ParticipantStatus.INVITED),
    ("ready", SessionStatus.PENDING, ParticipantStatus.INVITED),
    ("BLOCKED", SessionStatus.PENDING, ParticipantStatus.WAITING),
    ("SIGNED", SessionStatus.COMPLETED, ParticipantStatus.SIGNED),
    ("REJECTED", SessionStatus.DECLINED, ParticipantStatus.DECLINED),
    ("CANCELLED", SessionStatus.UNKNOWN, ParticipantStatus.UNKNOWN),
    ("EXPIRED", SessionStatus.UNKNOWN, ParticipantStatus.UNKNOWN),
    (None, SessionStatus.UNKNOWN, ParticipantStatus.UNKNOWN),
]


@pytest.mark.parametrize(("word", "status", "participant"), WORDS)
async def test_every_state_is_mapped_and_an_unmapped_word_is_kept(
    word: str | None, status: SessionStatus, participant: ParticipantStatus
) -> None:
    async with answering({"GET /sign/signing-sessions/n1": native(word)}) as adapter:
        session = await adapter.fetch_session("n1")
    assert (session.status, session.participants[0].status, session.provider_status) == (status, participant, word)


SIGNATURE = {"originalDocumentId": "d1", "resultDocumentId": "x1", "signatureType": "XAdES"}
PACKAGE = {"packageId": "p", "packageType": "pades_container", "resultDocumentId": "p1"}


@pytest.mark.parametrize("output", [None, {}, {"packages": None}, {"signatures": None, "packages": []}])
async def test_null_or_empty_output_keeps_the_session_processing(output: Any) -> None:
    session = native("SIGNED", output=output, documents=[{"documentId": "d1", "documentCollectionId": "c1", "action": "SIGN"}])
    collection = {"id": "c1", "packageTo": ["PADES_CONTAINER"], "output": output}
    answers = {"GET /sign/signing-sessions/n1": session, "GET /sign/document-collections/c1": collection}
    async with answering(answers) as adapter:
        read = await adapter.fetch_session("n1")
        assert (read.status, read.signatures) == (SessionStatus.PROCESSING, ())
        answers["GET /sign/document-collections/c1"] = collection | {"output": {"packages": [PACKAGE]}}
        session["output"] = {"signatures": [SIGNATURE], "packages": None}
    async with answering(answers) as adapter:
        read = await adapter.fetch_session("n1", read)
    assert read.status is SessionStatus.COMPLETED
    assert [item.format for item in read.signatures] == [SignatureFormat.XADES, SignatureFormat.PADES]
    assert [item.media_type for item in read.documents[1:]] == ["application/xml", "application/pdf"]
    assert {item.status for item in read.documents} == {DocumentStatus.DELETED}, "none of them has metadata any more"


async def test_session_is_processing_until_its_own_package_is_made() -> None:
    answers = {"GET /sign/signing-sessions/n1": native("SIGNED", packageTo=["PADES_CONTAINER"], output={"signatures": []})}
    async with answering(answers) as adapter:
        read = await adapter.fetch_session("n1")
        assert read.status is SessionStatus.PROCESSING
        answers["GET /sign/signing-sessions/n1"] = native(
            "SIGNED", packageTo=["Pades_Container"], output={"packages": [PACKAGE]}
        )
    async with answering(answers) as adapter:
        assert (await adapter.fetch_session("n1", read)).status is SessionStatus.COMPLETED


async def test_text_is_completed_without_a_package(world: World) -> None:
    item = await world.upload(b"plain words", "text/plain")
    reply = await world.open(await world.collect(item, packageTo=["PADES_CONTAINER"]), item)
    key = reply.json()[0]["id"]
    await world.sandbox.sign(key)
    world.watch.ahead += timedelta(minutes=1)
    assert (await world.adapter.fetch_session(key)).status is SessionStatus.COMPLETED


async def test_times_with_seven_digits_and_hashes_in_base64_are_read() -> None:
    digest = hashlib.sha256(PDF).digest()
    metadata = {
        "documentId": "d1",
        "createdAt": "2026-09-01T10:11:10.7302363Z",
        "documentHash": {"hash": base64.b64encode(digest).decode(), "hashAlgorithm": "SHA256"},
    }
    session = native(documents=[{"documentId": "d1", "documentCollectionId": "c1", "action": "SIGN"}])
    answers = {"GET /sign/signing-sessions/n1": session, "GET /sign/documents/d1/metadata": metadata}
    async with answering(answers) as adapter:
        read = await adapter.fetch_session("n1")
        answers["GET /sign/signing-sessions/n1"] = session | {"createdAt": "2026-09-01T12:00:00+02:00", "dueDate": "soon"}
    assert read.created_at == datetime(2026, 9, 1, 10, 11, 10, 730236, UTC)
    assert read.documents[0].sha256 == digest.hex()
    async with answering(answers) as adapter:
        read = await adapter.fetch_session("n1")
    assert (read.created_at, read.due_at) == (datetime(2026, 9, 1, 10, tzinfo=UTC), None)


@pytest.mark.parametrize("body", [HTMLResponse("<html>"), JSONResponse([]), JSONResponse({"title": "no id"})])
async def test_unreadable_session_raises_misbehaved(body: Response) -> None:
    async with answering({"GET /sign/signing-sessions/n1": body}) as adapter:
        with pytest.raises(Misbehaved, match="cannot be read"):
            await adapter.fetch_session("n1")


async def test_failure_of_one_parallel_read_is_raised_unchanged(world: World) -> None:
    session = await world.create(KARI, OLA)
    world.sandbox.faults.append(Fault(path=f"/sign/signing-sessions/{session.parts[1]}", status=502, count=9))
    with pytest.raises(Unavailable):
        await world.adapter.fetch_session(session.key, session)


# Listing


async def test_lists_are_paged_newest_first_and_end(world: World) -> None:
    keys = [await world.foreign(title=f"Number {number}") for number in range(3)]
    first = await world.adapter.list_sessions(0, 2)
    rest = await world.adapter.list_sessions(first.next_offset or 0, 2)
    assert [row.key for row in (*first.sessions, *rest.sessions)] == keys[::-1]
    assert (first.total, first.next_offset, rest.next_offset) == (3, 2, None)
    row = first.sessions[0]
    assert (row.partial, row.parts, row.created_at) == (True, (), None)
    assert json.loads(row.native)["id"] == row.key
    assert (await world.adapter.list_sessions(0, 5000)).total == 3, "their longest page is 1000"
    assert (await world.adapter.list_sessions(50, 2)).next_offset is None


async def test_page_is_decoded_once_while_its_answer_is_unchanged(world: World) -> None:
    session = await world.create(KARI)
    first = await world.adapter.list_sessions(0, 10)
    assert await world.adapter.list_sessions(0, 10) is first
    await world.sandbox.sign(session.key)
    [signed] = (await world.adapter.list_sessions(0, 10)).rows
    assert signed.native != first.rows[0].native


async def test_signed_row_waits_for_a_full_read_before_it_is_complete(world: World) -> None:
    session = await world.create(KARI)
    await world.sandbox.sign(session.key)
    [row] = (await world.adapter.list_sessions(0, 10)).sessions
    assert row.status is SessionStatus.PROCESSING
    world.watch.ahead += timedelta(seconds=1)
    assert (await world.adapter.fetch_session(row.key, row)).status is SessionStatus.COMPLETED


# Ending


async def test_canceling_deletes_everything_and_keeps_the_reason(world: World) -> None:
    session = await world.create(KARI, OLA, signing_order=SigningOrder.SEQUENTIAL)
    canceled = await world.adapter.cancel_session(session, "changed our minds")
    assert (canceled.status, canceled.status_reason) == (SessionStatus.CANCELED, "changed our minds")
    assert [person.email for person in canceled.participants] == ["kari@example.org", "ola@example.org"]
    assert {person.signing_url for person in canceled.participants} == {None}
    assert (world.sandbox.store.sessions, world.sandbox.store.collections) == ({}, {})
    deleted = [call.path.rpartition("/")[2] for call in world.sandbox.calls if call.method == "DELETE"]
    assert deleted == [*reversed(session.parts), session.key]


@pytest.mark.parametrize("people", [(KARI,), (KARI, OLA)])
async def test_canceling_a_session_that_was_signed_meanwhile_destroys_nothing(
    world: World, people: tuple[ParticipantOrder, ...]
) -> None:
    before = await world.create(*people)
    signed = await world.sign_all(before)
    assert signed.status is SessionStatus.PROCESSING
    with pytest.raises(WrongState, match="PROCESSING"):
        await world.adapter.cancel_session(before, "too late")
    world.watch.ahead += timedelta(seconds=1)
    with pytest.raises(WrongState, match="COMPLETED"):
        await world.adapter.cancel_session(before, "too late")
    assert world.calls("DELETE", "/") == 0


async def test_deletion_removes_remaining_pieces_and_is_not_found_without_any(world: World) -> None:
    for people in ((KARI,), (KARI, OLA)):
        session = await world.create(*people)
        if session.parts:
            await world.client.delete(f"/signing-sessions/{session.parts[0]}")
        await world.adapter.delete_session(session)
        assert (world.sandbox.store.sessions, world.sandbox.store.collections) == ({}, {})
        with pytest.raises(NotFound):
            await world.adapter.delete_session(session)


async def test_deletion_is_idempotent_when_answer_is_lost(world: World) -> None:
    first, second = await world.upload(), await world.upload()
    reply = await world.open(await world.collect(first, second), first)
    key = reply.json()[0]["id"]
    session = await world.adapter.fetch_session(key)
    world.sandbox.faults.append(Fault(path=f"/sign/signing-sessions/{key}", method="DELETE", kind="lost"))
    await world.adapter.delete_session(session)
    assert key not in world.sandbox.store.sessions


async def test_deleting_a_foreign_session_leaves_a_collection_that_others_use(world: World) -> None:
    mine, theirs = await world.upload(), await world.upload()
    collection = await world.collect(mine, theirs)
    keys = [(await world.open(collection, item)).json()[0]["id"] for item in (mine, theirs)]
    await world.adapter.delete_session(await world.adapter.fetch_session(keys[0]))
    assert list(world.sandbox.store.collections) == [collection]
    assert (await world.adapter.fetch_session(keys[1])).status is SessionStatus.PENDING


# Credentials and refusals


async def test_credentials_are_unknown_before_the_first_token(world: World) -> None:
    async with world.another() as adapter:
        assert adapter.credentials.state is CredentialState.UNKNOWN
        await adapter.list_sessions(0, 1)
        assert adapter.credentials.state is CredentialState.CONNECTED


async def test_wrong_credentials_name_their_keys_and_show_no_secret(world: World) -> None:
    async with world.another(client_secret="wr0ng-wr0ng") as adapter:
        with pytest.raises(AuthorizationRequired, match="client_id and client_secret") as caught:
            await adapter.list_sessions(0, 1)
        assert adapter.credentials.state is CredentialState.REFUSED
        pair = base64.b64encode(f"{CLIENT_ID}:wr0ng-wr0ng".encode()).decode()
        for shown in (str(caught.value), repr(caught.value), str(caught.value.detail), repr(adapter.settings)):
            assert "wr0ng" not in shown
            assert pair not in shown
    assert caught.value.provider_code == "invalid_client"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_refused_token_request_is_never_not_found(status: int) -> None:
    async with answering({"POST /token": JSONResponse({"error": "invalid_client"}, status)}) as adapter:
        with pytest.raises(AuthorizationRequired):
            await adapter.fetch_session("n1")


async def test_token_endpoint_that_answers_with_a_page_misbehaves() -> None:
    async with answering({"POST /token": HTMLResponse("<html>sign in</html>")}) as adapter:
        with pytest.raises(Misbehaved, match="token_url"):
            await adapter.fetch_session("n1")


async def test_token_endpoint_that_is_down_is_unavailable() -> None:
    async with answering({"POST /token": JSONResponse({}, 500)}) as adapter:
        with pytest.raises(Unavailable):
            await adapter.fetch_session("n1")
        assert adapter.credentials.state is CredentialState.UNKNOWN


@pytest.mark.parametrize("life", [None, 600])
async def test_token_is_used_until_shortly_before_it_ends(world: World, life: float | None) -> None:
    world.sandbox.tokens.lifetime = life
    async with world.another() as adapter:
        for _ in range(2):
            await adapter.list_sessions(0, 1)
        before = len(world.sandbox.calls)
        world.watch.ahead += timedelta(seconds=(life or 300) - 9)
        await adapter.list_sessions(0, 1)
    assert [call.path.rpartition("/")[2] for call in list(world.sandbox.calls)[before:]] == ["token", "signing-sessions"]


async def test_token_that_is_refused_midway_is_replaced_once(world: World) -> None:
    session = await world.create(KARI, OLA)
    world.sandbox.tokens.revoke_all()
    before = len(world.sandbox.calls)
    assert (await world.adapter.fetch_session(session.key, session)).status is SessionStatus.PENDING
    since = [call.path for call in list(world.sandbox.calls)[before:]]
    assert sum(path.endswith("/token") for path in since) == 1


async def test_missing_permission_is_not_tried_again_and_says_what_to_do(world: World) -> None:
    world.sandbox.permitted = False
    before = len(world.sandbox.calls)
    with pytest.raises(Refused, match="Signature API") as caught:
        await world.create(KARI)
    assert caught.value.provider_code == "missing_permission"
    assert [call.status for call in list(world.sandbox.calls)[before:] if call.path.startswith("/sign")] == [403]


async def test_account_goes_along_with_every_call_where_it_is_named() -> None:
    asked: list[Request] = []
    answers = {"GET /sign/signing-sessions/n1": native(), "GET /sign/signing-sessions": {"data": None}}
    async with answering(answers, asked) as adapter:
        await adapter.fetch_session("n1")
        assert (await adapter.list_sessions(0, 3)).sessions == ()
    calls = [request for request in asked if request.url.path.startswith("/sign")]
    assert {request.query_params["signicat-accountId"] for request in calls} == {"a-1"}
    assert {request.headers["authorization"] for request in calls} == {"Bearer t0ken-t0ken"}


async def test_refusal_names_the_inputs_it_is_about(world: World) -> None:
    with pytest.raises(Refused) as caught:
        await world.create(KARI, due_at=world.watch.now() + timedelta(days=46))
    assert "dueDate (must be within the next 45 days)" in (caught.value.detail or "")
    assert "dueDate" not in caught.value.message, "their words are not shown"
    assert (caught.value.provider_code, caught.value.status) == ("bad_request", 400)


async def test_empty_error_body_is_still_an_error(world: World) -> None:
    world.sandbox.terse = True
    with pytest.raises(NotFound, match="404"):
        await world.adapter.fetch_session("nobody")
    with pytest.raises(Refused, match="400"):
        await world.create(KARI, due_at=world.watch.now() - timedelta(days=1))


FAULTS = [
    ({"code": "c", "detail": "d", "title": "t"}, ("c", "d")),
    ({"error": "invalid_scope", "error_description": "none such"}, ("invalid_scope", "none such")),
    ({"message": "older", "errors": []}, (None, "older")),
    ({"title": "t", "invalidParams": [{"name": "a"}, {"name": "b", "reason": "r"}, {}]}, (None, "t: a, b (r)")),
    ({}, (None, None)),
    ([], (None, None)),
    ("", (None, None)),
]


@pytest.mark.parametrize(("body", "expected"), FAULTS)
async def test_every_form_of_error_body_is_decoded(world: World, body: Any, expected: tuple[str | None, str | None]) -> None:
    raw = b"" if body == "" else json.dumps(body).encode()
    fault = world.adapter.parse_error(ProviderResponse(400, {}, raw))
    assert (fault.code, fault.detail) == expected


def test_credentials_are_in_no_repr() -> None:
    settings = PROVIDER.settings(name="signicat", client_id="me", client_secret="s3cr3t-s3cr3t")
    assert "s3cr3t" not in repr(settings) + str(settings)
    assert settings.base_url == "https://api.signicat.com/sign"


def test_composed_operations_are_declared_with_notes() -> None:
    support = PROVIDER.capabilities.support
    composed = {operation for operation in Operation if support(operation) is Support.COMPOSED}
    verbs = ("CREATE", "CANCEL", "DELETE", "DUPLICATE", "RECREATE")
    assert composed == {Operation(f"{verb}_SESSION") for verb in verbs}
    assert support(Operation.START_SESSION) is Support.UNSUPPORTED


async def test_archived_session_has_its_archive_id(world: World) -> None:
    session = await world.sign_all(await world.create(KARI, archive_for="P400D"))
    assert session.archive is not None
    assert (session.archive.requested, session.archive.retention_period) == (True, "P400D")
    assert session.archive.archive_id == world.stored(session.key).archive_id
    world.sandbox.archive_enabled = False
    with pytest.raises(Refused, check=withheld("Archiving")):
        await world.create(KARI, archive_for="P400D")


async def test_compensation_is_idempotent(world: World) -> None:
    for name in ("document", "document_collection", "signing_session"):
        await world.adapter.compensate(Step(name, "gone"))


# The sandbox itself


async def test_token_endpoint_takes_both_kinds_of_credentials_and_errs_like_oauth(world: World) -> None:
    url, form = f"{world.url}/auth/open/connect/token", {"grant_type": "client_credentials", "scope": "signicat-api"}
    own = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    assert (await world.client.post(url, data=form | own)).json()["expires_in"] == 600
    for data, status, code in [
        (form | own | {"client_secret": "x"}, 400, "invalid_client"),
        (form | own | {"scope": "openid"}, 400, "invalid_scope"),
        (form | own | {"grant_type": "password"}, 400, "unsupported_grant_type"),
    ]:
        reply = await httpx.AsyncClient.post(world.client, url, data=data, headers={"authorization": ""})
        assert (reply.status_code, reply.json()["error"]) == (status, code)
    assert (await world.client.post(url, data=form, auth=("a", "b"))).status_code == 401


async def test_documents_are_raw_bytes_with_their_own_kind_of_key(world: World) -> None:
    reply = await world.client.post("/documents", content=PDF, headers={"content-type": "application/pdf"})
    metadata = reply.json()
    assert set(metadata) == {"documentId", "mimeType", "createdAt", "documentHash"}
    assert metadata["documentHash"] == {"hash": hashlib.sha256(PDF).hexdigest(), "hashAlgorithm": "SHA256"}
    path = f"/documents/{metadata['documentId']}"
    assert (await world.client.get(path)).content == PDF
    named = await world.client.patch(f"{path}/metadata", json={"filename": "a.pdf", "description": "d"})
    assert named.json() == metadata | {"filename": "a.pdf", "description": "d"}
    assert (await world.client.patch(f"{path}/metadata", json={"title": "t" * 256})).status_code == 400
    assert (await world.client.delete(path)).status_code == 204
    assert [(await world.client.get(path + end)).status_code for end in ("", "/metadata")] == [404, 404]
    for content, media_type in [(PDF, "multipart/form-data"), (b"", "text/plain"), (b"no pdf", "application/pdf")]:
        reply = await world.client.post("/documents", content=content, headers={"content-type": media_type})
        assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")
        assert reply.headers["content-type"] == "application/problem+json"


async def test_document_that_no_session_uses_is_gone_after_30_minutes(world: World) -> None:
    loose, collected, used = [await world.upload() for _ in range(3)]
    collection = await world.collect(collected, used)
    assert (await world.open(collection, used)).status_code == 201
    world.watch.ahead += timedelta(minutes=29)
    await world.log_in()
    statuses = []
    for minutes in (0, 2):
        world.watch.ahead += timedelta(minutes=minutes)
        statuses.append([(await world.client.get(f"/documents/{key}")).status_code for key in (loose, collected, used)])
    assert statuses == [[200, 200, 200], [404, 404, 200]]
    reply = await world.open(collection, collected)
    assert reply.json()["invalidParams"] == [{"name": "documents[0].documentId", "reason": "does not exist"}]


async def test_sessions_are_posted_as_an_array_of_up_to_100(world: World) -> None:
    item = await world.upload()
    one = payload(await world.collect(item), item)
    assert (await world.client.post("/signing-sessions", json=one)).status_code == 400
    assert [(await world.client.post("/signing-sessions", json=[one] * n)).status_code for n in (0, 100, 101)] == [
        400,
        201,
        400,
    ]


BAD_SESSIONS = [
    ({"title": None}, "[0].title"),
    ({"title": "t" * 256}, "[0].title"),
    ({"documents": []}, "[0].documents"),
    ({"signingSetup": []}, "[0].signingSetup"),
    ({"signingSetup": [{"signingFlow": "PEN"}]}, "[0].signingSetup[0].signingFlow"),
    ({"signText": "t" * 2049}, "[0].signText"),
    ({"externalReference": "r" * 1025}, "[0].externalReference"),
    ({"signatureUrlTTL": 4}, "[0].signatureUrlTTL"),
    ({"ui": {"language": "no"}}, "[0].ui.language"),
    ({"packageTo": ["ZIP"]}, "[0].packageTo[0]"),
    ({"redirectSettings": {"success": "https://a.example"}}, "[0].redirectSettings.cancel"),
    ({"preAuthentication": {}}, "[0].preAuthentication.enabled"),
    ({"archive": {"sendSignatureResultsToArchive": True}}, "[0].archive.retentionPeriod"),
    ({"archive": {"sendSignatureResultsToArchive": True, "retentionPeriod": "1 year"}}, "archive.retentionPeriod"),
    ({"subsequentTo": ["nobody"]}, "subsequentTo"),
    ({"dueDate": "2999-01-01T00:00:00Z"}, "dueDate"),
    ({"dueDate": "2001-01-01T00:00:00Z"}, "dueDate"),
    ({"signingSetup": [{"signingFlow": "PKISIGNING"}], "packageTo": ["PADES_CONTAINER"]}, "packageTo"),
    ({"signingSetup": [{"signingFlow": "PKISIGNING", "additionalParameters": {"sbid_sign_type": "PHONE"}}]}, "documents"),
]


@pytest.mark.parametrize(("change", "name"), BAD_SESSIONS)
async def test_session_that_breaks_a_documented_rule_is_refused_by_name(
    world: World, change: dict[str, Any], name: str
) -> None:
    item = await world.upload()
    reply = await world.open(await world.collect(item), item, **change)
    assert reply.status_code == 400
    assert reply.json()["invalidParams"][0]["name"] == name
    assert world.sandbox.store.sessions == {}


async def test_documents_are_used_from_their_own_collection_only(world: World) -> None:
    mine, other = await world.upload(), await world.upload()
    collection = await world.collect(mine)
    assert (await world.open(collection, other)).status_code == 400
    assert (await world.open("nowhere", mine)).status_code == 400
    reply = await world.client.post("/document-collections", json={"documents": [{"documentId": "nobody"}]})
    assert reply.json()["invalidParams"][0]["name"] == "documents[0].documentId"
    assert (await world.client.post("/document-collections", json={"documents": []})).status_code == 400


async def test_pki_and_authentication_do_not_mix_in_one_collection(world: World) -> None:
    item = await world.upload()
    collection = await world.collect(item)
    assert (await world.open(collection, item)).status_code == 201
    reply = await world.open(collection, item, signingSetup=[{"signingFlow": "PKISIGNING", "vendor": "NBID"}])
    assert "mixed" in reply.json()["detail"]


async def test_signed_pdf_is_not_signed_again_by_authentication(world: World) -> None:
    item = await world.upload(await AUTHORITY.sign_pdf(PDF, ["Somebody"]))
    assert (await world.open(await world.collect(item), item)).status_code == 400
    pki = [{"signingFlow": "PKISIGNING"}]
    assert (await world.open(await world.collect(item), item, signingSetup=pki)).status_code == 201


async def test_collection_takes_sessions_until_it_is_packaged(world: World) -> None:
    item = await world.upload()
    collection = await world.collect(item, packageTo=["PADES_CONTAINER"])
    keys = []
    for _ in range(2):
        keys.append((await world.open(collection, item)).json()[0]["id"])
        await world.sandbox.sign(keys[-1])
    assert (await world.client.get(f"/document-collections/{collection}")).json()["output"] == {"packages": []}
    world.watch.ahead += timedelta(seconds=1)
    output = (await world.client.get(f"/document-collections/{collection}")).json()["output"]
    assert [package["packageType"] for package in output["packages"]] == ["PADES_CONTAINER"]
    assert "packaged already" in (await world.open(collection, item)).json()["detail"]
    assert (await world.client.get(f"/signing-sessions/{keys[0]}")).json()["output"]["packages"] == []


async def test_lists_filter_and_sort_as_documented(world: World) -> None:
    now = world.watch.now()
    early = await world.foreign(title="First Lease", dueDate=(now + timedelta(days=9)).isoformat())
    world.watch.ahead += timedelta(minutes=1)
    late = await world.foreign(title="second", dueDate=(now + timedelta(days=3)).isoformat())
    await world.sandbox.sign(late)

    async def listed(query: str) -> Any:
        reply = await world.client.get(f"/signing-sessions?{query}")
        return [row["id"] for row in reply.json()["data"]] if reply.is_success else reply.status_code

    between = f"{now + timedelta(seconds=30):%Y-%m-%dT%H:%M:%SZ}"
    assert await listed("") == await listed("sort=-createdAt") == [late, early]
    assert await listed("sort=%2BdueDate") == [late, early]
    assert await listed("sort=-dueDate") == await listed("sort=%2BcreatedAt") == [early, late]
    assert await listed("sort=+dueDate") == 400, "a bare plus is a blank"
    assert await listed("state=READY") == [early]
    assert await listed("state=READY&state=SIGNED") == [late, early]
    assert await listed("sessionTitleLike=lease") == [early]
    assert (await listed(f"createdDateFrom={between}"), await listed(f"createdDateTo={between}")) == ([late], [early])
    soon = f"{now + timedelta(days=5):%Y-%m-%dT%H:%M:%SZ}"
    assert (await listed(f"dueDateFrom={soon}"), await listed(f"dueDateTo={soon}")) == ([early], [late])
    for wrong in ("limit=0", "limit=1001", "offset=100001", "state=EXPIRED", "dueDateTo=soon"):
        assert await listed(wrong) == 400
    page = (await world.client.get("/signing-sessions?limit=1&offset=1")).json()
    assert {name: value for name, value in page.items() if name != "data"} == {"limit": 1, "offset": 1, "count": 1, "total": 2}
    assert "createdAt" not in page["data"][0]


async def test_undocumented_operations_are_not_simulated(world: World) -> None:
    key = await world.foreign()
    collection = world.stored(key).order.documents[0].document_collection_id
    for path in (f"/signing-sessions/{key}/package", f"/document-collections/{collection}/package"):
        assert (await world.client.post(path)).status_code == 404
    assert (await world.client.get("/archive-documents/a")).status_code == 404


async def test_session_can_be_changed_while_it_is_open(world: World) -> None:
    key = await world.foreign()
    redirects = {"success": "https://a.example/1", "cancel": "https://a.example/2", "error": "https://a.example/3"}
    assert (await world.client.get(f"/signing-sessions/{key}")).json()["redirectSettings"] == {}
    reply = await world.client.patch(f"/signing-sessions/{key}", json={"redirectSettings": redirects})
    assert (reply.status_code, reply.json()["redirectSettings"]) == (200, redirects)
    assert (await world.client.patch(f"/signing-sessions/{key}", json={"title": ""})).status_code == 400
    await world.sandbox.sign(key)
    assert (await world.client.patch(f"/signing-sessions/{key}", json={"title": "t"})).status_code == 400


async def test_deleting_a_session_deletes_its_documents(world: World) -> None:
    key = await world.foreign()
    item = world.stored(key).order.documents[0].document_id
    assert (await world.client.delete(f"/signing-sessions/{key}")).status_code == 204
    for path in (f"/signing-sessions/{key}", f"/documents/{item}"):
        assert (await world.client.get(path)).status_code == 404


async def test_sandbox_lists_who_can_sign_and_refuses_a_second_signature(world: World) -> None:
    session = await world.create(KARI, OLA, signing_order=SigningOrder.SEQUENTIAL)
    assert [(item.key, item.status, tuple(item.waiting)) for item in world.sandbox.sessions()] == [
        (session.parts[0], "READY", (0,)),
        (session.parts[1], "BLOCKED", ()),
    ]
    await world.sandbox.sign(session.parts[0], 0)
    for key, participant in [(session.parts[0], 0), (session.parts[1], 1)]:
        with pytest.raises(ValueError, match="session"):
            await world.sandbox.sign(key, participant)
    with pytest.raises(KeyError):
        await world.sandbox.sign("nobody")
    await world.sandbox.expire(session.parts[1])
    with pytest.raises(ValueError, match="READY and due at"):
        await world.sandbox.sign(session.parts[1])
    with pytest.raises(ValueError, match="SIGNED"):
        await world.sandbox.expire(session.parts[0])
    assert (await world.adapter.fetch_session(session.key, session)).status is SessionStatus.EXPIRED


async def test_calls_without_a_valid_token_are_unauthorized(world: World) -> None:
    for header in ("", "Bearer nonsense", "Basic abc"):
        reply = await world.client.get("/signing-sessions", headers={"authorization": header})
        assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")
    world.watch.ahead += timedelta(minutes=11)
    assert (await world.client.get("/signing-sessions")).status_code == 401


async def test_proxy_errors_have_an_empty_object_as_body(world: World) -> None:
    world.sandbox.faults.append(Fault(status=503, count=1))
    reply = await world.client.get("/signing-sessions")
    assert (reply.status_code, reply.json()) == (503, {})
    world.sandbox.faults.append(Fault(status=500, count=1))
    assert (await world.client.get("/signing-sessions")).json()["code"] == "internal_server_error"


async def test_uploads_beside_a_failed_one_are_recorded(world: World) -> None:
    # The first is refused at once, while the others are still on their way and arrive.
    world.sandbox.faults += [Fault(path="/sign/documents", status=403), Fault(path="/sign/documents", count=2, delay_ms=100)]
    steps = Steps()
    order = Order(title="Lease", documents=(document(), document(), document()), participants=(ParticipantOrder(),))
    with pytest.raises(Refused):
        await world.adapter.create_session(order, steps)
    assert {step.key for step in steps.entries} == set(world.sandbox.store.documents)
    assert len(steps.entries) == 2
