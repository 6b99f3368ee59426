"""What Signicat does that a naive client would trip over, over real HTTP; and that its sandbox does the same."""

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


class Watch(Clock):
    """A clock that tests can put forward."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


class Impatient(Watch):
    """The same for an adapter, which does not wait between attempts."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def now(self) -> datetime:
        return self.watch.now()

    def monotonic(self) -> float:
        return self.watch.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@dataclass
class House:
    sandbox: SignicatSandbox
    adapter: SignicatAdapter
    watch: Watch
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
        return SignicatAdapter(PROVIDER.settings(**table), clock=Impatient(self.watch))

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
        """A native session that the gateway knows nothing of."""
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
async def open_house(kind: type[SignicatSandbox] = SignicatSandbox) -> AsyncIterator[House]:
    watch = Watch()
    sandbox = kind(clock=watch, authority=AUTHORITY)
    async with sandbox.serving() as url:
        adapter = SignicatAdapter(PROVIDER.settings(**sandbox.settings(url)), clock=Impatient(watch))
        async with adapter, httpx.AsyncClient(base_url=f"{url}/sign") as client:
            house = House(sandbox, adapter, watch, client, url)
            await house.log_in()
            yield house


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


@asynccontextmanager
async def answering(answers: dict[str, Any], asked: list[Request] | None = None) -> AsyncIterator[SignicatAdapter]:
    """An adapter whose provider has these answers, by method and path; a Response is sent as it is."""

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
        async with SignicatAdapter(settings, clock=Impatient(Watch())) as adapter:
            yield adapter


def native(state: str | None = "READY", **members: Any) -> dict[str, Any]:
    lifecycle = None if state is None else {"state": state, "stateIsFinal": state in {"SIGNED", "REJECTED"}}
    return {"id": "n1", "lifecycle": lifecycle, "dueDate": "2999-01-01T00:00:00Z", **members}


# Creating


async def test_one_participant_is_one_native_session_under_its_own_key(house: House) -> None:
    session = await house.create(KARI, reference="case 7")
    assert (session.key, session.parts) == (session.participants[0].key, ())
    assert list(house.sandbox.store.sessions) == [session.key]
    assert house.stored(session.key).order.external_reference == session.reference == "case 7"
    assert session.status is SessionStatus.PENDING
    assert session.due_at == house.stored(session.key).due_at.replace(microsecond=0)


async def test_several_participants_are_one_session_under_the_key_of_their_collection(house: House) -> None:
    session = await house.create(KARI, OLA, ANNA)
    assert list(house.sandbox.store.collections) == [session.key]
    assert session.parts == tuple(person.key for person in session.participants)
    assert set(session.parts) == set(house.sandbox.store.sessions)
    assert house.calls("POST", "/signing-sessions") == 1


@pytest.mark.parametrize("people", [1, 2])
async def test_what_has_not_changed_is_known_already(house: House, people: int) -> None:
    known = await house.create(*[ParticipantOrder()] * people)
    for _ in range(2):
        known = await house.adapter.fetch_session(known.key, known)
    assert await house.adapter.fetch_session(known.key, known) is known


async def test_participants_keep_their_own_sessions_when_the_reply_comes_in_another_order(house: House) -> None:
    house.sandbox.shuffle_replies = True
    session = await house.create(KARI, OLA, ANNA)
    assert [house.stored(key).order.ui.language for key in session.parts] == ["nb", "nn", "sv"]
    for person in session.participants:
        assert house.stored(person.key).link in str(person.signing_url)
    assert [person.first_name for person in session.participants] == ["Kari", "Ola", "Anna"]


async def test_sequential_participants_are_chained_one_behind_the_other(house: House) -> None:
    session = await house.create(KARI, OLA, ANNA, signing_order=SigningOrder.SEQUENTIAL)
    before = [house.stored(key).order.subsequent_to for key in session.parts]
    assert before == [None, [session.parts[0]], [session.parts[1]]]
    assert house.calls("POST", "/signing-sessions") == 3
    assert [person.status for person in session.participants] == [ParticipantStatus.INVITED, *[ParticipantStatus.WAITING] * 2]
    await house.sandbox.sign(session.parts[0])
    later = await house.adapter.fetch_session(session.key, session)
    assert [person.status.value for person in later.participants] == ["SIGNED", "INVITED", "WAITING"]
    assert (later.status, later.provider_status) == (SessionStatus.IN_PROGRESS, "SIGNED, READY, BLOCKED")
    assert [person.order for person in later.participants] == [1, 2, 3]


async def test_a_reference_of_the_longest_kind_fits_for_every_participant(house: House) -> None:
    longest = PROVIDER.capabilities.limits.reference or 0
    people = PROVIDER.capabilities.limits.participants or 0
    order = {"reference": "r" * longest, "marker": "f" * 32, "documents": (text(),)}
    session = await house.create(*[ParticipantOrder()] * people, **order)
    assert max(len(house.stored(key).order.external_reference) for key in session.parts) == 1024
    assert session.reference == "r" * longest


async def test_the_reference_is_found_again_by_someone_who_knows_only_the_parts(house: House) -> None:
    named, unnamed = await house.create(KARI, OLA, reference="a#1 b"), await house.create(KARI, OLA)
    for session in (named, unnamed):
        known = replace(session, reference=None)
        assert (await house.adapter.fetch_session(session.key, known)).reference == session.reference
    assert (named.reference, unnamed.reference) == ("a#1 b", None)


async def test_sessions_that_cannot_be_told_apart_are_not_given_to_the_wrong_people() -> None:
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


async def test_every_step_is_recorded_and_undone_in_reverse(house: House) -> None:
    steps = Steps()
    order = Order(title="Lease", documents=(document(), text()), participants=(KARI, OLA))
    await house.adapter.create_session(order, steps)
    names = [step.name for step in steps.entries]
    assert names == ["document", "document", "document_collection", "signing_session", "signing_session"]
    for step in reversed(steps.entries):
        await house.adapter.compensate(step)
        await house.adapter.compensate(step)
    store = house.sandbox.store
    assert (store.sessions, store.collections, store.documents) == ({}, {}, {})


async def test_what_was_made_before_a_refusal_is_known(house: House) -> None:
    house.sandbox.faults.append(Fault(path="/sign/signing-sessions", kind="status", status=400))
    steps = Steps()
    with pytest.raises(Refused):
        await house.adapter.create_session(Order(title="t", documents=(document(),), participants=(KARI,)), steps)
    assert [step.name for step in steps.entries] == ["document", "document_collection"]
    assert house.sandbox.store.sessions == {}


async def test_opening_sessions_without_an_answer_is_in_doubt_and_not_repeated(house: House) -> None:
    house.sandbox.faults.append(Fault(path="/sign/signing-sessions", method="POST", kind="lost"))
    with pytest.raises(InDoubt):
        await house.create(KARI)
    assert len(house.sandbox.store.sessions) == 1


async def test_an_upload_without_an_answer_is_sent_again_as_the_first_one_disappears(house: House) -> None:
    house.sandbox.faults.append(Fault(path="/sign/documents", method="POST", kind="lost"))
    session = await house.create(KARI)
    orphan = next(key for key in house.sandbox.store.documents if session.document(key) is None)
    house.watch.ahead += timedelta(minutes=31)
    with pytest.raises(KeyError):
        house.sandbox.store.document(orphan)


async def test_the_order_arrives_in_their_words(house: House) -> None:
    due_at = house.watch.now() + timedelta(days=44)
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
    session = await house.create(
        ParticipantOrder(options=wishes | {"additionalParameters": {"sbid_end_user_ip": "192.0.2.1"}}),
        message="Please.",
        due_at=due_at,
        archive_for="P1Y",
        options=options,
        documents=(document(title="The lease", description="of a flat"), document(role=DocumentRole.ATTACHMENT)),
    )
    sent = house.stored(session.key).order.model_dump(mode="json", by_alias=True, exclude_none=True)
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
    names = house.sandbox.store.documents[session.documents[0].key].names
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
async def test_an_order_that_signicat_would_refuse_is_refused_before_any_call(
    house: House, what: str, change: dict[str, Any], path: tuple[str, ...]
) -> None:
    good = Order(title="t", documents=(document(),), participants=(KARI,))
    assert list(house.adapter.validate_order(good)) == []
    assert [problem.path for problem in house.adapter.validate_order(replace(good, **change))] == [("input", *path)]
    assert house.sandbox.calls[-1].path.endswith("/token")


async def test_unknown_options_are_refused_and_say_nothing_of_their_values() -> None:
    with pytest.raises(ValidationError) as caught:
        PROVIDER.participant_options.model_validate({"nationalIdentificationNumber": 1017000027, "nin": "01017000027"})
    assert "1017000027" not in str(caught.value)
    schema = PROVIDER.options.model_json_schema()
    assert {"signatureUrlTTL", "packageTo", "signingFlow"} <= set(schema["properties"])


# Reading


async def test_signed_is_not_complete_until_the_package_is_there(house: House) -> None:
    session = await house.sign_all(await house.create(KARI, OLA))
    assert session.status is SessionStatus.PROCESSING
    assert session.progress.signed == session.progress.required == 2
    house.watch.ahead += timedelta(seconds=house.sandbox.packaging_delay)
    session = await house.adapter.fetch_session(session.key, session)
    assert session.status is SessionStatus.COMPLETED
    assert session.documents[0].status is DocumentStatus.SIGNED
    packages = [item for item in session.documents if item.role is DocumentRole.SIGNED]
    assert session.completed_at == packages[0].created_at


async def test_the_package_carries_a_valid_signature_of_every_signer(house: House) -> None:
    session = await house.sign_all(await house.create(KARI, OLA))
    house.watch.ahead += timedelta(seconds=1)
    session = await house.adapter.fetch_session(session.key, session)
    [package] = [item for item in session.documents if item.role is DocumentRole.SIGNED]
    [signature] = [item for item in session.signatures if item.format is SignatureFormat.PADES]
    async with house.adapter.download_signature(session, signature) as content:
        pdf = b"".join([chunk async for chunk in content.chunks])
    assert (content.media_type, hashlib.sha256(pdf).hexdigest()) == ("application/pdf", package.sha256)
    trusted = ValidationContext(trust_roots=list(load_certs_from_pemder_data(AUTHORITY.certificate)), allow_fetching=False)
    signed = PdfFileReader(BytesIO(pdf)).embedded_signatures
    assert [item.signer_cert.subject.native["common_name"] for item in signed] == list(PEOPLE[:2])
    for item in signed:
        assert (await async_validate_pdf_signature(item, trusted)).bottom_line


async def test_every_signer_leaves_an_xml_signature_of_every_document(house: House) -> None:
    session = await house.sign_all(await house.create(KARI, OLA, documents=(document(), text())))
    assert session.status is SessionStatus.COMPLETED, "text is not packaged unless asked"
    evidence = [item for item in session.documents if item.role is DocumentRole.EVIDENCE]
    assert len(evidence) == len(session.signatures) == 4
    assert {item.participant for item in session.signatures} == set(session.parts)
    assert {item.format for item in session.signatures} == {SignatureFormat.XADES}
    assert await house.adapter.list_signatures(session) == session.signatures
    async with house.adapter.download_document(session, evidence[0]) as content:
        xml = b"".join([chunk async for chunk in content.chunks])
    assert evidence[0].media_type == content.media_type == "application/xml"
    assert etree.fromstring(xml).tag.endswith("Signature")


async def test_an_eid_that_signs_by_itself_leaves_a_pdf_and_no_package(house: House) -> None:
    options = {"signingFlow": "PKISIGNING", "vendor": "NBID"}
    session = await house.sign_all(await house.create(KARI, options=options))
    assert session.status is SessionStatus.COMPLETED
    assert [item.role.value for item in session.documents] == ["TO_SIGN", "SIGNED"]
    assert session.signatures[0].format is SignatureFormat.PADES
    [row] = (await house.adapter.list_sessions(0, 10)).sessions
    assert row.status is SessionStatus.COMPLETED


async def test_what_signicat_says_once_or_never_is_kept(house: House) -> None:
    session = await house.create(KARI, OLA, reference="r", documents=(document(title="The lease"),))
    assert "signatureUrl" not in (await house.client.get(f"/signing-sessions/{session.parts[0]}")).json()
    again = await house.adapter.fetch_session(session.key, session)
    for name in ("first_name", "last_name", "email", "display_name", "signing_url", "signing_url_expires_at"):
        assert [getattr(person, name) for person in again.participants] == [
            getattr(person, name) for person in session.participants
        ]
    assert again.participants[0].signing_url
    assert again.documents == session.documents
    assert (again.created_at, again.reference, again.signing_order) == (session.created_at, "r", session.signing_order)


async def test_the_link_names_another_session_than_the_key(house: House) -> None:
    session = await house.create(KARI)
    query = httpx.URL(str(session.participants[0].signing_url)).params
    assert query["sessionId"] != session.key
    assert (await house.client.get(f"/signing-sessions/{query['sessionId']}")).status_code == 404


async def test_links_are_in_no_payload_and_no_repr(house: House) -> None:
    for session in (await house.create(KARI), await house.create(KARI, OLA)):
        links = [str(person.signing_url) for person in session.participants]
        shown = session.native.decode() + repr(session)
        assert not any(link in shown or link.rpartition("=")[2] in shown for link in links)
        assert "kari@example.org" not in repr(session)
    assert json.loads(session.native)["documentCollection"]["id"] == session.key


async def test_the_native_payload_is_what_signicat_sent(house: House) -> None:
    session = await house.create(KARI)
    read = await house.adapter.fetch_session(session.key, session)
    assert read.native == (await house.client.get(f"/signing-sessions/{session.key}")).content


async def test_a_foreign_session_has_one_participant_and_dates_from_its_first_document(house: House) -> None:
    first = await house.upload()
    await house.client.patch(f"/documents/{first}/metadata", json={"title": "Foreign lease", "filename": "f.pdf"})
    house.watch.ahead += timedelta(minutes=5)
    second = await house.upload(b"plain", "text/plain")
    reply = await house.open(
        await house.collect(first, second), second, first, externalReference="theirs", ui={"language": "fi"}
    )
    key = reply.json()[0]["id"]
    session = await house.adapter.fetch_session(key)
    assert [person.key for person in session.participants] == [key]
    assert (session.participants[0].language, session.reference, session.title) == ("fi", "theirs", "Foreign")
    assert session.created_at == house.sandbox.store.documents[first].created_at
    item = session.document(first)
    assert item is not None
    assert (item.title, item.filename, item.media_type) == ("Foreign lease", "f.pdf", "application/pdf")
    assert item.sha256 == hashlib.sha256(PDF).hexdigest()
    await house.adapter.fetch_session(key, session)
    assert sum(call.path.endswith("/metadata") and call.method == "GET" for call in house.sandbox.calls) == 2


async def test_a_rejection_ends_the_session_and_those_behind_it_stay_blocked(house: House) -> None:
    session = await house.create(KARI, OLA, signing_order=SigningOrder.SEQUENTIAL)
    await house.sandbox.decline(session.parts[0])
    session = await house.adapter.fetch_session(session.key, session)
    assert (session.status, session.provider_status) == (SessionStatus.DECLINED, "REJECTED, BLOCKED")
    assert [person.status.value for person in session.participants] == ["DECLINED", "WAITING"]
    with pytest.raises(ValueError, match="BLOCKED"):
        await house.sandbox.sign(session.parts[1])


async def test_an_open_session_past_its_due_date_is_expired_though_signicat_says_ready(house: House) -> None:
    session = await house.create(KARI, OLA)
    await house.sandbox.sign(session.parts[0])
    house.watch.ahead += timedelta(days=31)
    late = await house.adapter.fetch_session(session.key, session)
    assert (late.status, late.provider_status) == (SessionStatus.EXPIRED, "SIGNED, READY")
    assert [person.status.value for person in late.participants] == ["SIGNED", "EXPIRED"]
    with pytest.raises(NotFound):
        async with house.adapter.download_document(late, late.documents[0]):
            pass


async def test_an_open_session_that_is_gone_after_its_due_date_has_expired(house: House) -> None:
    session = await house.create(KARI)
    del house.sandbox.store.sessions[session.key]
    with pytest.raises(NotFound):
        await house.adapter.fetch_session(session.key, session)
    house.watch.ahead += timedelta(days=31)
    late = await house.adapter.fetch_session(session.key, session)
    assert (late.status, late.participants[0].status) == (SessionStatus.EXPIRED, ParticipantStatus.EXPIRED)
    with pytest.raises(NotFound):
        await house.adapter.fetch_session(session.key, late)


async def test_a_part_deleted_by_others_cancels_the_rest_but_no_signature(house: House) -> None:
    session = await house.create(KARI, OLA)
    await house.sandbox.sign(session.parts[0])
    session = await house.adapter.fetch_session(session.key, session)
    for key in session.parts[:1]:
        await house.client.delete(f"/signing-sessions/{key}")
    kept = await house.adapter.fetch_session(session.key, session)
    assert (kept.status, kept.participants[0].status) == (SessionStatus.IN_PROGRESS, ParticipantStatus.SIGNED)
    other = await house.create(KARI, OLA)
    await house.client.delete(f"/signing-sessions/{other.parts[1]}")
    other = await house.adapter.fetch_session(other.key, other)
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
async def test_each_state_word_has_its_meaning_and_a_strange_one_is_kept(
    word: str | None, status: SessionStatus, participant: ParticipantStatus
) -> None:
    async with answering({"GET /sign/signing-sessions/n1": native(word)}) as adapter:
        session = await adapter.fetch_session("n1")
    assert (session.status, session.participants[0].status, session.provider_status) == (status, participant, word)


SIGNATURE = {"originalDocumentId": "d1", "resultDocumentId": "x1", "signatureType": "XAdES"}
PACKAGE = {"packageId": "p", "packageType": "pades_container", "resultDocumentId": "p1"}


@pytest.mark.parametrize("output", [None, {}, {"packages": None}, {"signatures": None, "packages": []}])
async def test_an_output_that_is_null_or_empty_is_survived_and_keeps_the_session_processing(output: Any) -> None:
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


async def test_a_package_that_was_asked_of_one_session_is_waited_for_too() -> None:
    answers = {"GET /sign/signing-sessions/n1": native("SIGNED", packageTo=["PADES_CONTAINER"], output={"signatures": []})}
    async with answering(answers) as adapter:
        read = await adapter.fetch_session("n1")
        assert read.status is SessionStatus.PROCESSING
        answers["GET /sign/signing-sessions/n1"] = native(
            "SIGNED", packageTo=["Pades_Container"], output={"packages": [PACKAGE]}
        )
    async with answering(answers) as adapter:
        assert (await adapter.fetch_session("n1", read)).status is SessionStatus.COMPLETED


async def test_text_is_complete_without_the_package_that_never_comes(house: House) -> None:
    item = await house.upload(b"plain words", "text/plain")
    reply = await house.open(await house.collect(item, packageTo=["PADES_CONTAINER"]), item)
    key = reply.json()[0]["id"]
    await house.sandbox.sign(key)
    house.watch.ahead += timedelta(minutes=1)
    assert (await house.adapter.fetch_session(key)).status is SessionStatus.COMPLETED


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
async def test_an_unreadable_session_is_the_providers_fault(body: Response) -> None:
    async with answering({"GET /sign/signing-sessions/n1": body}) as adapter:
        with pytest.raises(Misbehaved, match="cannot be read"):
            await adapter.fetch_session("n1")


async def test_one_failure_among_parallel_reads_comes_as_itself(house: House) -> None:
    session = await house.create(KARI, OLA)
    house.sandbox.faults.append(Fault(path=f"/sign/signing-sessions/{session.parts[1]}", status=502, count=9))
    with pytest.raises(Unavailable):
        await house.adapter.fetch_session(session.key, session)


# Listing


async def test_lists_are_paged_newest_first_and_end(house: House) -> None:
    keys = [await house.foreign(title=f"Number {number}") for number in range(3)]
    first = await house.adapter.list_sessions(0, 2)
    rest = await house.adapter.list_sessions(first.next_offset or 0, 2)
    assert [row.key for row in (*first.sessions, *rest.sessions)] == keys[::-1]
    assert (first.total, first.next_offset, rest.next_offset) == (3, 2, None)
    row = first.sessions[0]
    assert (row.partial, row.parts, row.created_at) == (True, (), None)
    assert json.loads(row.native)["id"] == row.key
    assert (await house.adapter.list_sessions(0, 5000)).total == 3, "their longest page is 1000"
    assert (await house.adapter.list_sessions(50, 2)).next_offset is None


async def test_a_page_is_made_once_for_as_long_as_it_is_answered_so(house: House) -> None:
    session = await house.create(KARI)
    first = await house.adapter.list_sessions(0, 10)
    assert await house.adapter.list_sessions(0, 10) is first
    await house.sandbox.sign(session.key)
    [signed] = (await house.adapter.list_sessions(0, 10)).rows
    assert signed.native != first.rows[0].native


async def test_a_signed_row_waits_for_a_full_read_before_it_is_complete(house: House) -> None:
    session = await house.create(KARI)
    await house.sandbox.sign(session.key)
    [row] = (await house.adapter.list_sessions(0, 10)).sessions
    assert row.status is SessionStatus.PROCESSING
    house.watch.ahead += timedelta(seconds=1)
    assert (await house.adapter.fetch_session(row.key, row)).status is SessionStatus.COMPLETED


# Ending


async def test_canceling_deletes_everything_and_keeps_the_reason(house: House) -> None:
    session = await house.create(KARI, OLA, signing_order=SigningOrder.SEQUENTIAL)
    canceled = await house.adapter.cancel_session(session, "changed our minds")
    assert (canceled.status, canceled.status_reason) == (SessionStatus.CANCELED, "changed our minds")
    assert [person.email for person in canceled.participants] == ["kari@example.org", "ola@example.org"]
    assert {person.signing_url for person in canceled.participants} == {None}
    assert (house.sandbox.store.sessions, house.sandbox.store.collections) == ({}, {})
    deleted = [call.path.rpartition("/")[2] for call in house.sandbox.calls if call.method == "DELETE"]
    assert deleted == [*reversed(session.parts), session.key]


@pytest.mark.parametrize("people", [(KARI,), (KARI, OLA)])
async def test_canceling_a_session_that_was_signed_meanwhile_destroys_nothing(
    house: House, people: tuple[ParticipantOrder, ...]
) -> None:
    before = await house.create(*people)
    signed = await house.sign_all(before)
    assert signed.status is SessionStatus.PROCESSING
    with pytest.raises(WrongState, match="PROCESSING"):
        await house.adapter.cancel_session(before, "too late")
    house.watch.ahead += timedelta(seconds=1)
    with pytest.raises(WrongState, match="COMPLETED"):
        await house.adapter.cancel_session(before, "too late")
    assert house.calls("DELETE", "/") == 0


async def test_deleting_removes_what_is_left_and_is_not_found_where_nothing_is(house: House) -> None:
    for people in ((KARI,), (KARI, OLA)):
        session = await house.create(*people)
        if session.parts:
            await house.client.delete(f"/signing-sessions/{session.parts[0]}")
        await house.adapter.delete_session(session)
        assert (house.sandbox.store.sessions, house.sandbox.store.collections) == ({}, {})
        with pytest.raises(NotFound):
            await house.adapter.delete_session(session)


async def test_a_deletion_whose_answer_got_lost_is_done(house: House) -> None:
    first, second = await house.upload(), await house.upload()
    reply = await house.open(await house.collect(first, second), first)
    key = reply.json()[0]["id"]
    session = await house.adapter.fetch_session(key)
    house.sandbox.faults.append(Fault(path=f"/sign/signing-sessions/{key}", method="DELETE", kind="lost"))
    await house.adapter.delete_session(session)
    assert key not in house.sandbox.store.sessions


async def test_deleting_a_foreign_session_leaves_a_collection_that_others_use(house: House) -> None:
    mine, theirs = await house.upload(), await house.upload()
    collection = await house.collect(mine, theirs)
    keys = [(await house.open(collection, item)).json()[0]["id"] for item in (mine, theirs)]
    await house.adapter.delete_session(await house.adapter.fetch_session(keys[0]))
    assert list(house.sandbox.store.collections) == [collection]
    assert (await house.adapter.fetch_session(keys[1])).status is SessionStatus.PENDING


# Credentials and refusals


async def test_the_connection_is_known_only_once_it_was_tried(house: House) -> None:
    async with house.another() as adapter:
        assert adapter.credentials.state is CredentialState.UNKNOWN
        await adapter.list_sessions(0, 1)
        assert adapter.credentials.state is CredentialState.CONNECTED


async def test_wrong_credentials_name_their_keys_and_show_no_secret(house: House) -> None:
    async with house.another(client_secret="wr0ng-wr0ng") as adapter:
        with pytest.raises(AuthorizationRequired, match="client_id and client_secret") as caught:
            await adapter.list_sessions(0, 1)
        assert adapter.credentials.state is CredentialState.REFUSED
        pair = base64.b64encode(f"{CLIENT_ID}:wr0ng-wr0ng".encode()).decode()
        for shown in (str(caught.value), repr(caught.value), str(caught.value.detail), repr(adapter.settings)):
            assert "wr0ng" not in shown
            assert pair not in shown
    assert caught.value.provider_code == "invalid_client"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refused_token_is_never_mistaken_for_a_missing_session(status: int) -> None:
    async with answering({"POST /token": JSONResponse({"error": "invalid_client"}, status)}) as adapter:
        with pytest.raises(AuthorizationRequired):
            await adapter.fetch_session("n1")


async def test_a_token_endpoint_that_answers_with_a_page_misbehaves() -> None:
    async with answering({"POST /token": HTMLResponse("<html>sign in</html>")}) as adapter:
        with pytest.raises(Misbehaved, match="token_url"):
            await adapter.fetch_session("n1")


async def test_a_token_endpoint_that_is_down_is_unavailable() -> None:
    async with answering({"POST /token": JSONResponse({}, 500)}) as adapter:
        with pytest.raises(Unavailable):
            await adapter.fetch_session("n1")
        assert adapter.credentials.state is CredentialState.UNKNOWN


@pytest.mark.parametrize("life", [None, 600])
async def test_a_token_is_used_until_shortly_before_it_ends(house: House, life: float | None) -> None:
    house.sandbox.tokens.lifetime = life
    async with house.another() as adapter:
        for _ in range(2):
            await adapter.list_sessions(0, 1)
        before = len(house.sandbox.calls)
        house.watch.ahead += timedelta(seconds=(life or 300) - 9)
        await adapter.list_sessions(0, 1)
    assert [call.path.rpartition("/")[2] for call in list(house.sandbox.calls)[before:]] == ["token", "signing-sessions"]


async def test_a_token_that_is_refused_midway_is_replaced_once(house: House) -> None:
    session = await house.create(KARI, OLA)
    house.sandbox.tokens.revoke_all()
    before = len(house.sandbox.calls)
    assert (await house.adapter.fetch_session(session.key, session)).status is SessionStatus.PENDING
    since = [call.path for call in list(house.sandbox.calls)[before:]]
    assert sum(path.endswith("/token") for path in since) == 1


async def test_a_missing_permission_is_not_tried_again_and_says_what_to_do(house: House) -> None:
    house.sandbox.permitted = False
    before = len(house.sandbox.calls)
    with pytest.raises(Refused, match="Signature API") as caught:
        await house.create(KARI)
    assert caught.value.provider_code == "missing_permission"
    assert [call.status for call in list(house.sandbox.calls)[before:] if call.path.startswith("/sign")] == [403]


async def test_the_account_goes_along_with_every_call_where_it_is_named() -> None:
    asked: list[Request] = []
    answers = {"GET /sign/signing-sessions/n1": native(), "GET /sign/signing-sessions": {"data": None}}
    async with answering(answers, asked) as adapter:
        await adapter.fetch_session("n1")
        assert (await adapter.list_sessions(0, 3)).sessions == ()
    calls = [request for request in asked if request.url.path.startswith("/sign")]
    assert {request.query_params["signicat-accountId"] for request in calls} == {"a-1"}
    assert {request.headers["authorization"] for request in calls} == {"Bearer t0ken-t0ken"}


async def test_a_refusal_names_the_inputs_it_is_about(house: House) -> None:
    with pytest.raises(Refused) as caught:
        await house.create(KARI, due_at=house.watch.now() + timedelta(days=46))
    assert "dueDate (must be within the next 45 days)" in (caught.value.detail or "")
    assert "dueDate" not in caught.value.message, "their words are not shown"
    assert (caught.value.provider_code, caught.value.status) == ("bad_request", 400)


async def test_an_error_of_nothing_but_braces_is_still_an_error(house: House) -> None:
    house.sandbox.terse = True
    with pytest.raises(NotFound, match="404"):
        await house.adapter.fetch_session("nobody")
    with pytest.raises(Refused, match="400"):
        await house.create(KARI, due_at=house.watch.now() - timedelta(days=1))


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
async def test_errors_of_every_shape_are_read(house: House, body: Any, expected: tuple[str | None, str | None]) -> None:
    raw = b"" if body == "" else json.dumps(body).encode()
    fault = house.adapter.parse_error(ProviderResponse(400, {}, raw))
    assert (fault.code, fault.detail) == expected


def test_credentials_are_in_no_repr() -> None:
    settings = PROVIDER.settings(name="signicat", client_id="me", client_secret="s3cr3t-s3cr3t")
    assert "s3cr3t" not in repr(settings) + str(settings)
    assert settings.base_url == "https://api.signicat.com/sign"


def test_what_is_composed_says_so() -> None:
    support = PROVIDER.capabilities.support
    composed = {operation for operation in Operation if support(operation) is Support.COMPOSED}
    verbs = ("CREATE", "CANCEL", "DELETE", "DUPLICATE", "RECREATE")
    assert composed == {Operation(f"{verb}_SESSION") for verb in verbs}
    assert support(Operation.START_SESSION) is Support.UNSUPPORTED


async def test_an_archived_session_says_so(house: House) -> None:
    session = await house.sign_all(await house.create(KARI, archive_for="P400D"))
    assert session.archive is not None
    assert (session.archive.requested, session.archive.retention_period) == (True, "P400D")
    assert session.archive.archive_id == house.stored(session.key).archive_id
    house.sandbox.archive_enabled = False
    with pytest.raises(Refused, check=withheld("Archiving")):
        await house.create(KARI, archive_for="P400D")


async def test_undoing_what_is_gone_is_fine(house: House) -> None:
    for name in ("document", "document_collection", "signing_session"):
        await house.adapter.compensate(Step(name, "gone"))


# The sandbox itself


async def test_the_token_endpoint_takes_both_kinds_of_credentials_and_errs_like_oauth(house: House) -> None:
    url, form = f"{house.url}/auth/open/connect/token", {"grant_type": "client_credentials", "scope": "signicat-api"}
    own = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    assert (await house.client.post(url, data=form | own)).json()["expires_in"] == 600
    for data, status, code in [
        (form | own | {"client_secret": "x"}, 400, "invalid_client"),
        (form | own | {"scope": "openid"}, 400, "invalid_scope"),
        (form | own | {"grant_type": "password"}, 400, "unsupported_grant_type"),
    ]:
        reply = await httpx.AsyncClient.post(house.client, url, data=data, headers={"authorization": ""})
        assert (reply.status_code, reply.json()["error"]) == (status, code)
    assert (await house.client.post(url, data=form, auth=("a", "b"))).status_code == 401


async def test_documents_are_raw_bytes_with_their_own_kind_of_key(house: House) -> None:
    reply = await house.client.post("/documents", content=PDF, headers={"content-type": "application/pdf"})
    metadata = reply.json()
    assert set(metadata) == {"documentId", "mimeType", "createdAt", "documentHash"}
    assert metadata["documentHash"] == {"hash": hashlib.sha256(PDF).hexdigest(), "hashAlgorithm": "SHA256"}
    path = f"/documents/{metadata['documentId']}"
    assert (await house.client.get(path)).content == PDF
    named = await house.client.patch(f"{path}/metadata", json={"filename": "a.pdf", "description": "d"})
    assert named.json() == metadata | {"filename": "a.pdf", "description": "d"}
    assert (await house.client.patch(f"{path}/metadata", json={"title": "t" * 256})).status_code == 400
    assert (await house.client.delete(path)).status_code == 204
    assert [(await house.client.get(path + end)).status_code for end in ("", "/metadata")] == [404, 404]
    for content, media_type in [(PDF, "multipart/form-data"), (b"", "text/plain"), (b"no pdf", "application/pdf")]:
        reply = await house.client.post("/documents", content=content, headers={"content-type": media_type})
        assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")
        assert reply.headers["content-type"] == "application/problem+json"


async def test_a_document_that_no_session_uses_is_gone_after_30_minutes(house: House) -> None:
    loose, collected, used = [await house.upload() for _ in range(3)]
    collection = await house.collect(collected, used)
    assert (await house.open(collection, used)).status_code == 201
    house.watch.ahead += timedelta(minutes=29)
    await house.log_in()
    statuses = []
    for minutes in (0, 2):
        house.watch.ahead += timedelta(minutes=minutes)
        statuses.append([(await house.client.get(f"/documents/{key}")).status_code for key in (loose, collected, used)])
    assert statuses == [[200, 200, 200], [404, 404, 200]]
    reply = await house.open(collection, collected)
    assert reply.json()["invalidParams"] == [{"name": "documents[0].documentId", "reason": "does not exist"}]


async def test_sessions_are_posted_as_an_array_of_up_to_100(house: House) -> None:
    item = await house.upload()
    one = payload(await house.collect(item), item)
    assert (await house.client.post("/signing-sessions", json=one)).status_code == 400
    assert [(await house.client.post("/signing-sessions", json=[one] * n)).status_code for n in (0, 100, 101)] == [
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
async def test_a_session_that_breaks_a_documented_rule_is_refused_by_name(
    house: House, change: dict[str, Any], name: str
) -> None:
    item = await house.upload()
    reply = await house.open(await house.collect(item), item, **change)
    assert reply.status_code == 400
    assert reply.json()["invalidParams"][0]["name"] == name
    assert house.sandbox.store.sessions == {}


async def test_documents_are_used_from_their_own_collection_only(house: House) -> None:
    mine, other = await house.upload(), await house.upload()
    collection = await house.collect(mine)
    assert (await house.open(collection, other)).status_code == 400
    assert (await house.open("nowhere", mine)).status_code == 400
    reply = await house.client.post("/document-collections", json={"documents": [{"documentId": "nobody"}]})
    assert reply.json()["invalidParams"][0]["name"] == "documents[0].documentId"
    assert (await house.client.post("/document-collections", json={"documents": []})).status_code == 400


async def test_pki_and_authentication_do_not_mix_in_one_collection(house: House) -> None:
    item = await house.upload()
    collection = await house.collect(item)
    assert (await house.open(collection, item)).status_code == 201
    reply = await house.open(collection, item, signingSetup=[{"signingFlow": "PKISIGNING", "vendor": "NBID"}])
    assert "mixed" in reply.json()["detail"]


async def test_a_signed_pdf_is_not_signed_again_by_authentication(house: House) -> None:
    item = await house.upload(await AUTHORITY.sign_pdf(PDF, ["Somebody"]))
    assert (await house.open(await house.collect(item), item)).status_code == 400
    pki = [{"signingFlow": "PKISIGNING"}]
    assert (await house.open(await house.collect(item), item, signingSetup=pki)).status_code == 201


async def test_a_collection_takes_sessions_until_it_is_packaged(house: House) -> None:
    item = await house.upload()
    collection = await house.collect(item, packageTo=["PADES_CONTAINER"])
    keys = []
    for _ in range(2):
        keys.append((await house.open(collection, item)).json()[0]["id"])
        await house.sandbox.sign(keys[-1])
    assert (await house.client.get(f"/document-collections/{collection}")).json()["output"] == {"packages": []}
    house.watch.ahead += timedelta(seconds=1)
    output = (await house.client.get(f"/document-collections/{collection}")).json()["output"]
    assert [package["packageType"] for package in output["packages"]] == ["PADES_CONTAINER"]
    assert "packaged already" in (await house.open(collection, item)).json()["detail"]
    assert (await house.client.get(f"/signing-sessions/{keys[0]}")).json()["output"]["packages"] == []


async def test_lists_filter_and_sort_as_documented(house: House) -> None:
    now = house.watch.now()
    early = await house.foreign(title="First Lease", dueDate=(now + timedelta(days=9)).isoformat())
    house.watch.ahead += timedelta(minutes=1)
    late = await house.foreign(title="second", dueDate=(now + timedelta(days=3)).isoformat())
    await house.sandbox.sign(late)

    async def listed(query: str) -> Any:
        reply = await house.client.get(f"/signing-sessions?{query}")
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
    page = (await house.client.get("/signing-sessions?limit=1&offset=1")).json()
    assert {name: value for name, value in page.items() if name != "data"} == {"limit": 1, "offset": 1, "count": 1, "total": 2}
    assert "createdAt" not in page["data"][0]


async def test_what_only_the_vendors_kit_knows_is_not_there(house: House) -> None:
    key = await house.foreign()
    collection = house.stored(key).order.documents[0].document_collection_id
    for path in (f"/signing-sessions/{key}/package", f"/document-collections/{collection}/package"):
        assert (await house.client.post(path)).status_code == 404
    assert (await house.client.get("/archive-documents/a")).status_code == 404


async def test_a_session_can_be_changed_while_it_is_open(house: House) -> None:
    key = await house.foreign()
    redirects = {"success": "https://a.example/1", "cancel": "https://a.example/2", "error": "https://a.example/3"}
    assert (await house.client.get(f"/signing-sessions/{key}")).json()["redirectSettings"] == {}
    reply = await house.client.patch(f"/signing-sessions/{key}", json={"redirectSettings": redirects})
    assert (reply.status_code, reply.json()["redirectSettings"]) == (200, redirects)
    assert (await house.client.patch(f"/signing-sessions/{key}", json={"title": ""})).status_code == 400
    await house.sandbox.sign(key)
    assert (await house.client.patch(f"/signing-sessions/{key}", json={"title": "t"})).status_code == 400


async def test_deleting_a_session_deletes_its_documents(house: House) -> None:
    key = await house.foreign()
    item = house.stored(key).order.documents[0].document_id
    assert (await house.client.delete(f"/signing-sessions/{key}")).status_code == 204
    for path in (f"/signing-sessions/{key}", f"/documents/{item}"):
        assert (await house.client.get(path)).status_code == 404


async def test_the_people_see_who_can_sign_and_cannot_sign_twice(house: House) -> None:
    session = await house.create(KARI, OLA, signing_order=SigningOrder.SEQUENTIAL)
    assert [(item.key, item.status, tuple(item.waiting)) for item in house.sandbox.sessions()] == [
        (session.parts[0], "READY", (0,)),
        (session.parts[1], "BLOCKED", ()),
    ]
    await house.sandbox.sign(session.parts[0], 0)
    for key, participant in [(session.parts[0], 0), (session.parts[1], 1)]:
        with pytest.raises(ValueError, match="session"):
            await house.sandbox.sign(key, participant)
    with pytest.raises(KeyError):
        await house.sandbox.sign("nobody")
    await house.sandbox.expire(session.parts[1])
    with pytest.raises(ValueError, match="READY and due at"):
        await house.sandbox.sign(session.parts[1])
    with pytest.raises(ValueError, match="SIGNED"):
        await house.sandbox.expire(session.parts[0])
    assert (await house.adapter.fetch_session(session.key, session)).status is SessionStatus.EXPIRED


async def test_calls_without_a_good_token_are_unauthorized(house: House) -> None:
    for header in ("", "Bearer nonsense", "Basic abc"):
        reply = await house.client.get("/signing-sessions", headers={"authorization": header})
        assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")
    house.watch.ahead += timedelta(minutes=11)
    assert (await house.client.get("/signing-sessions")).status_code == 401


async def test_a_broken_gateway_in_front_answers_with_braces(house: House) -> None:
    house.sandbox.faults.append(Fault(status=503, count=1))
    reply = await house.client.get("/signing-sessions")
    assert (reply.status_code, reply.json()) == (503, {})
    house.sandbox.faults.append(Fault(status=500, count=1))
    assert (await house.client.get("/signing-sessions")).json()["code"] == "internal_server_error"


async def test_an_upload_that_fails_leaves_no_sibling_unrecorded(house: House) -> None:
    # The first is refused at once, while the others are still on their way and arrive.
    house.sandbox.faults += [Fault(path="/sign/documents", status=403), Fault(path="/sign/documents", count=2, delay_ms=100)]
    steps = Steps()
    order = Order(title="Lease", documents=(document(), document(), document()), participants=(ParticipantOrder(),))
    with pytest.raises(Refused):
        await house.adapter.create_session(order, steps)
    assert {step.key for step in steps.entries} == set(house.sandbox.store.documents)
    assert len(steps.entries) == 2
