"""Store of the simulator: keeps documents, collections and signing sessions, and makes signatures and packages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from uuid import uuid4

from anyio import to_thread
from pyhanko.pdf_utils.embed import EmbeddedFileObject, FileSpec, embed_file
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError

from providers.clock import Clock
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.signicat.sandbox.records import Packaging, StoredCollection, StoredDocument, StoredSession
from providers.signicat.sandbox.requests import CollectionOrder, DocumentUse, SessionOrder
from providers.signicat.wire import instant_text

UNUSED_LIFETIME = timedelta(minutes=30)
PEOPLE = ("Kari Nordmann", "Ola Nordmann", "Anna Svensson", "Mikko Virtanen", "Freja Jensen", "Jón Jónsson", "Liis Tamm")
_PDF, _XML = "application/pdf", "application/xml"


class Store:
    """All stored objects. ``packaging_delay`` is seconds of the simulator's clock.

    ``on_package`` is called with a session whose package, or that of its collection, was made; ``signed`` is set by each
    signature.
    """

    def __init__(self, clock: Clock, authority: CertificateAuthority, on_package: Callable[[StoredSession], None]) -> None:
        self.packaging_delay = 0.5
        self.documents: dict[str, StoredDocument] = {}
        self.collections: dict[str, StoredCollection] = {}
        self.sessions: dict[str, StoredSession] = {}
        self._clock = clock
        self._authority = authority
        self._on_package = on_package
        self.signed = asyncio.Event()
        self._count = 0
        self._lock = asyncio.Lock()

    def document(self, key: str) -> StoredDocument:
        """A document that exists. Raises ``KeyError`` for any other, an expired one included."""
        document, now = self.documents[key], self._clock.now()
        if document.assigned:
            alive = any(owner in self.sessions and self.sessions[owner].due_at >= now for owner in document.owners)
        else:
            alive = now - document.created_at < UNUSED_LIFETIME
        if not alive:
            raise KeyError(key)
        return document

    def add_document(self, content: bytes, media_type: str, owners: Sequence[str] = ()) -> StoredDocument:
        """Stores a document; one with owners lives as long as they do."""
        document = StoredDocument(str(uuid4()), content, media_type, self._clock.now(), {}, set(owners), bool(owners))
        self.documents[document.key] = document
        return document

    def add_collection(self, order: CollectionOrder) -> StoredCollection:
        """Stores a collection."""
        collection = StoredCollection(str(uuid4()), order)
        self.collections[collection.key] = collection
        return collection

    def add_session(self, order: SessionOrder, due_at: datetime) -> StoredSession:
        """Stores a session, blocked until those before it are signed."""
        signer = PEOPLE[self._count % len(PEOPLE)]
        self._count += 1
        session = StoredSession(str(uuid4()), order, self._clock.now(), due_at, signer)
        session.state = "READY" if self._unblocked(session) else "BLOCKED"
        self.sessions[session.key] = session
        for use in order.documents:
            document = self.documents[use.document_id]
            document.assigned = True
            document.owners.add(session.key)
            self.collections[use.document_collection_id].packaging.ready_at = None
        return session

    def delete_session(self, session: StoredSession) -> None:
        """Deletes a session with its documents, also those that other sessions share."""
        del self.sessions[session.key]
        own = {use.document_id for use in session.order.documents}
        own |= {result["resultDocumentId"] for result in session.signatures}
        for key in own & self.documents.keys():
            del self.documents[key]

    def members(self, collection: str) -> Sequence[StoredSession]:
        """The sessions that use documents of a collection, oldest first."""
        return [session for session in self.sessions.values() if collection in session.collections]

    async def sign(self, key: str) -> None:
        """The signer of a session signs its documents. Raises ``KeyError`` or ``ValueError``."""
        async with self._lock:
            session = self._open(key)
            signatures = [await self._signature(session, use) for use in session.order.documents if use.action == "SIGN"]
            session.signatures, session.state = signatures, "SIGNED"
            if session.order.archive:
                session.archive_id = str(uuid4())
        for other in self.sessions.values():
            if other.state == "BLOCKED" and self._unblocked(other):
                other.state = "READY"
        ready_at = self._clock.now() + timedelta(seconds=self.packaging_delay)
        if session.order.package_to:
            session.packaging.ready_at = ready_at
        for collection in session.collections & self.collections.keys():
            if all(member.state == "SIGNED" for member in self.members(collection)):
                self.collections[collection].packaging.ready_at = ready_at
        self.signed.set()

    def reject(self, key: str) -> None:
        """The signer of a session rejects it, for good. Raises ``KeyError`` or ``ValueError``."""
        self._open(key).state = "REJECTED"

    def next_package(self) -> datetime | None:
        """When the next package is due."""
        return min(
            (packaging.ready_at for packaging, kinds, *_ in self._pending() if kinds and packaging.ready_at), default=None
        )

    async def pack(self) -> None:
        """Makes the packages that are due."""
        async with self._lock:
            for packaging, kinds, documents, members in list(self._pending()):
                if packaging.ready_at is None or packaging.ready_at > self._clock.now():
                    continue
                packaging.done = True
                for kind in kinds:
                    if content := await self._package(documents, members):
                        made = self.add_document(content, _PDF, [member.key for member in members])
                        made.created_at = packaging.ready_at
                        package = {"packageId": str(uuid4()), "packageType": kind, "resultDocumentId": made.key}
                        packaging.packages.append(package)
                if packaging.packages and members:
                    self._on_package(members[-1])

    def _open(self, key: str) -> StoredSession:
        session = self.sessions[key]
        if not session.signable(self._clock.now()):
            raise ValueError(f"the session is {session.state} and due at {instant_text(session.due_at)}")
        return session

    def _unblocked(self, session: StoredSession) -> bool:
        before = (self.sessions.get(key) for key in session.order.subsequent_to or ())
        return all(other is not None and other.state == "SIGNED" for other in before)

    async def _signature(self, session: StoredSession, use: DocumentUse) -> dict[str, str]:
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

    def _pending(self) -> Iterator[tuple[Packaging, Sequence[str], Sequence[str], Sequence[StoredSession]]]:
        """Pending packagings, each with the requested kinds, its documents and its sessions."""
        for collection in self.collections.values():
            if collection.packaging.pending:
                documents = [item.document_id for item in collection.order.documents]
                yield collection.packaging, collection.order.package_to or (), documents, self.members(collection.key)
        for session in self.sessions.values():
            if session.packaging.pending:
                documents = [use.document_id for use in session.order.documents]
                yield session.packaging, session.order.package_to or (), documents, [session]

    async def _package(self, documents: Sequence[str], members: Sequence[StoredSession]) -> bytes | None:
        """One signed PDF with the other documents and every signature attached; None where no document is a PDF."""
        originals = [self.documents[key] for key in documents if key in self.documents]
        pdfs = [document for document in originals if document.media_type == _PDF]
        signatures = [signature for member in members for signature in member.signatures]
        results = [self.documents[item["resultDocumentId"]] for item in signatures if item["originalDocumentId"] in documents]
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
