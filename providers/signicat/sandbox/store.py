"""What Signicat's sandbox keeps: documents, their collections, signing sessions, and what came of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

from anyio import to_thread
from pyhanko.pdf_utils.embed import EmbeddedFileObject, FileSpec, embed_file
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError

from providers.clock import Clock
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.signicat.sandbox.rules import CollectionOrder, SessionOrder, Use
from providers.signicat.wire import instant_text

ORPHAN_LIFE = timedelta(minutes=30)
PEOPLE = ("Kari Nordmann", "Ola Nordmann", "Anna Svensson", "Mikko Virtanen", "Freja Jensen", "Jón Jónsson", "Liis Tamm")
_PDF, _XML = "application/pdf", "application/xml"


@dataclass(slots=True)
class StoredDocument:
    """A document, uploaded or made; ``homes`` are keys of the sessions that keep it alive."""

    key: str
    content: bytes = field(repr=False)
    media_type: str
    created_at: datetime
    names: dict[str, str] = field(default_factory=dict)
    homes: set[str] = field(default_factory=set)
    assigned: bool = False

    def payload(self, *, named: bool) -> dict[str, Any]:
        """Its metadata; an upload is answered without names."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {
            "documentId": self.key,
            "mimeType": self.media_type,
            "createdAt": self.created_at.isoformat().replace("+00:00", "Z"),
            "documentHash": {"hash": digest, "hashAlgorithm": "SHA256"},
            **(self.names if named else {}),
        }


@dataclass(slots=True)
class Bundle:
    """Packages of a collection or of a session: from ``ready_at`` on they can be made."""

    ready_at: datetime | None = None
    packages: list[dict[str, str]] = field(default_factory=list)
    done: bool = False

    @property
    def waits(self) -> bool:
        """Whether they are to be made, now or later."""
        return self.ready_at is not None and not self.done


@dataclass(slots=True)
class StoredCollection:
    """A document collection."""

    key: str
    order: CollectionOrder
    bundle: Bundle = field(default_factory=Bundle)

    def payload(self) -> dict[str, Any]:
        """As it is sent."""
        order = self.order.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {"id": self.key, "packageTo": [], **order, "output": {"packages": self.bundle.packages}}


@dataclass(slots=True)
class StoredSession:
    """A signing session; ``signer`` is who its eID will turn out to belong to."""

    key: str
    order: SessionOrder
    created_at: datetime
    due_at: datetime
    signer: str
    state: str = "READY"
    signatures: list[dict[str, str]] = field(default_factory=list)
    bundle: Bundle = field(default_factory=Bundle)
    archive_id: str | None = None
    link: str = field(default_factory=lambda: str(uuid4()), repr=False)

    @property
    def final(self) -> bool:
        """Nothing more will happen."""
        return self.state in {"SIGNED", "REJECTED"}

    @property
    def collections(self) -> set[str]:
        """Keys of the collections its documents are in."""
        return {use.document_collection_id for use in self.order.documents}

    def signable(self, now: datetime) -> bool:
        """Whether its signer can act."""
        return self.state == "READY" and self.due_at >= now

    def payload(self) -> dict[str, Any]:
        """As it is read: without its link, and without the time it was created."""
        ttl = self.order.signature_url_ttl
        expires_at = self.created_at + timedelta(minutes=ttl) if ttl else self.due_at
        payload = self.order.payload() | {"id": self.key, "dueDate": instant_text(self.due_at)}
        if "archive" in payload and self.archive_id:
            payload["archive"] |= {"archiveId": self.archive_id}
        return payload | {
            "signatureUrlExpiresAt": instant_text(expires_at),
            "lifecycle": {"state": self.state, "stateIsFinal": self.final},
            "output": {"signatures": self.signatures, "packages": self.bundle.packages},
        }


class Shelf:
    """Everything that the sandbox keeps. ``packaging_delay`` is in seconds of its clock.

    ``packed`` hears of a session whose package, or that of its collection, was made; ``signed`` is set with a signature.
    """

    def __init__(self, clock: Clock, authority: CertificateAuthority, packed: Callable[[StoredSession], None]) -> None:
        self.packaging_delay = 0.5
        self.documents: dict[str, StoredDocument] = {}
        self.collections: dict[str, StoredCollection] = {}
        self.sessions: dict[str, StoredSession] = {}
        self._clock = clock
        self._authority = authority
        self._packed = packed
        self.signed = asyncio.Event()
        self._opened = 0
        self._pen = asyncio.Lock()

    def document(self, key: str) -> StoredDocument:
        """A document that is still there. Raises ``KeyError`` for one that never was, or whose time is over."""
        document, now = self.documents[key], self._clock.now()
        if document.assigned:
            alive = any(home in self.sessions and self.sessions[home].due_at >= now for home in document.homes)
        else:
            alive = now - document.created_at < ORPHAN_LIFE
        if not alive:
            raise KeyError(key)
        return document

    def add_document(self, content: bytes, media_type: str, homes: Sequence[str] = ()) -> StoredDocument:
        """Keeps a document; one with homes lives as long as they do."""
        document = StoredDocument(str(uuid4()), content, media_type, self._clock.now(), {}, set(homes), bool(homes))
        self.documents[document.key] = document
        return document

    def add_collection(self, order: CollectionOrder) -> StoredCollection:
        """Keeps a collection."""
        collection = StoredCollection(str(uuid4()), order)
        self.collections[collection.key] = collection
        return collection

    def add_session(self, order: SessionOrder, due_at: datetime) -> StoredSession:
        """Opens a session, blocked until those before it are signed."""
        signer = PEOPLE[self._opened % len(PEOPLE)]
        self._opened += 1
        session = StoredSession(str(uuid4()), order, self._clock.now(), due_at, signer)
        session.state = "READY" if self._unblocked(session) else "BLOCKED"
        self.sessions[session.key] = session
        for use in order.documents:
            document = self.documents[use.document_id]
            document.assigned = True
            document.homes.add(session.key)
            self.collections[use.document_collection_id].bundle.ready_at = None
        return session

    def delete_session(self, session: StoredSession) -> None:
        """Forgets a session along with its documents, those of other sessions too where they share them."""
        del self.sessions[session.key]
        mine = {use.document_id for use in session.order.documents}
        mine |= {made["resultDocumentId"] for made in session.signatures}
        for key in mine & self.documents.keys():
            del self.documents[key]

    def members(self, collection: str) -> Sequence[StoredSession]:
        """The sessions that use a collection's documents, oldest first."""
        return [session for session in self.sessions.values() if collection in session.collections]

    async def sign(self, key: str) -> None:
        """The signer of a session signs all that is to be signed. Raises ``KeyError`` or ``ValueError``."""
        async with self._pen:
            session = self._open(key)
            made = [await self._signature(session, use) for use in session.order.documents if use.action == "SIGN"]
            session.signatures, session.state = made, "SIGNED"
            if session.order.archive:
                session.archive_id = str(uuid4())
        for other in self.sessions.values():
            if other.state == "BLOCKED" and self._unblocked(other):
                other.state = "READY"
        ready_at = self._clock.now() + timedelta(seconds=self.packaging_delay)
        if session.order.package_to:
            session.bundle.ready_at = ready_at
        for collection in session.collections & self.collections.keys():
            if all(member.state == "SIGNED" for member in self.members(collection)):
                self.collections[collection].bundle.ready_at = ready_at
        self.signed.set()

    def reject(self, key: str) -> None:
        """The signer of a session says no, for good. Raises ``KeyError`` or ``ValueError``."""
        self._open(key).state = "REJECTED"

    def next_package(self) -> datetime | None:
        """When the next package can be made."""
        return min((bundle.ready_at for bundle, asked, *_ in self._waiting() if asked and bundle.ready_at), default=None)

    async def pack(self) -> None:
        """Makes the packages whose time has come."""
        async with self._pen:
            for bundle, asked, documents, members in list(self._waiting()):
                if bundle.ready_at is None or bundle.ready_at > self._clock.now():
                    continue
                bundle.done = True
                for kind in asked:
                    if content := await self._package(documents, members):
                        made = self.add_document(content, _PDF, [member.key for member in members])
                        made.created_at = bundle.ready_at
                        package = {"packageId": str(uuid4()), "packageType": kind, "resultDocumentId": made.key}
                        bundle.packages.append(package)
                if bundle.packages and members:
                    self._packed(members[-1])

    def _open(self, key: str) -> StoredSession:
        session = self.sessions[key]
        if not session.signable(self._clock.now()):
            raise ValueError(f"the session is {session.state} and due at {instant_text(session.due_at)}")
        return session

    def _unblocked(self, session: StoredSession) -> bool:
        before = (self.sessions.get(key) for key in session.order.subsequent_to or ())
        return all(other is not None and other.state == "SIGNED" for other in before)

    async def _signature(self, session: StoredSession, use: Use) -> dict[str, str]:
        try:
            document = self.document(use.document_id)
        except KeyError as error:
            raise ValueError("a document of the session is gone") from error
        if session.order.by_pki and document.media_type == _PDF:
            kind, media_type = "PADES", _PDF
            content = await self._authority.sign_pdf(document.content, [session.signer])
        else:
            kind, media_type = "XADES", _XML
            content = await self._authority.sign_xml(document.content, session.signer)
        made = self.add_document(content, media_type, [session.key])
        return {
            "documentCollectionId": use.document_collection_id,
            "originalDocumentId": use.document_id,
            "resultDocumentId": made.key,
            "signatureType": kind,
        }

    def _waiting(self) -> Iterator[tuple[Bundle, Sequence[str], Sequence[str], Sequence[StoredSession]]]:
        """Bundles that are to be made, now or later: what is asked for, of which documents, and who signed them."""
        for collection in self.collections.values():
            if collection.bundle.waits:
                documents = [item.document_id for item in collection.order.documents]
                yield collection.bundle, collection.order.package_to or (), documents, self.members(collection.key)
        for session in self.sessions.values():
            if session.bundle.waits:
                documents = [use.document_id for use in session.order.documents]
                yield session.bundle, session.order.package_to or (), documents, [session]

    async def _package(self, documents: Sequence[str], members: Sequence[StoredSession]) -> bytes | None:
        """One signed PDF that holds the others and every signature; None without a PDF to begin with."""
        originals = [self.documents[key] for key in documents if key in self.documents]
        pdfs = [document for document in originals if document.media_type == _PDF]
        made = [signature for member in members for signature in member.signatures]
        results = [self.documents[item["resultDocumentId"]] for item in made if item["originalDocumentId"] in documents]
        if not pdfs:
            return None
        attached = [document for document in originals + results if document is not pdfs[0]]
        try:
            container = await to_thread.run_sync(_attach, pdfs[0].content, attached)
            return await self._authority.sign_pdf(container, [member.signer for member in members])
        except (PdfError, ValueError):
            return None


def _attach(pdf: bytes, documents: Sequence[StoredDocument]) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
    for number, document in enumerate(documents, start=1):
        kind = document.media_type.rpartition("/")[2]
        name = document.names.get("filename") or f"{number}.{kind}"
        data = EmbeddedFileObject.from_file_data(writer, data=document.content, mime_type=document.media_type)
        embed_file(writer, FileSpec(file_spec_string=f"{number}-{name}", embedded_data=data))
    out = BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]
    return out.getvalue()
