"""Sessions: translates a batch into a session, joining SEAL's fields with those that only the order had."""

from __future__ import annotations

from dataclasses import replace

from providers.decoding.coercion import parse_instant
from providers.model import (
    Document,
    DocumentRole,
    DocumentStatus,
    Session,
    SessionKind,
    SessionRef,
    SessionStatus,
    Signature,
    SignatureFormat,
)
from providers.orders import Order
from providers.seal.timestamp import timestamp_document
from providers.seal.wire import PDF, Batch, BatchDocument, CreatedBatch, document_key

_SIGNED = "signed:"


def unread_session(ref: SessionRef) -> Session:
    """A batch of which nothing but the key is known."""
    return Session(provider=ref.provider, key=ref.key, kind=SessionKind.SEALING, status=SessionStatus.UNKNOWN)


def draft_session(ref: SessionRef, order: Order, created: CreatedBatch, names: tuple[str, ...]) -> Session:
    """A batch whose documents are uploaded under these file names and which is not accepted.

    It has the timestamps that the order asks for; ids of documents are unknown before the acceptance.
    """
    documents = _originals(ref, order, names)
    process = order.options.get("timestampProcessId")
    if isinstance(process, int):
        documents += tuple(timestamp_document(document, process) for document in documents)
    return replace(
        unread_session(ref),
        status=SessionStatus.DRAFT,
        title=order.title,
        reference=order.reference,
        created_at=parse_instant(created.created),
        documents=documents,
    )


def session(batch: Batch, known: Session, native: bytes) -> Session:
    """Translates an answer of BatchStatus; ``known`` is the session as it was, for what SEAL does not repeat."""
    documents = _merged_documents(known, batch)
    translated = Session(
        provider=known.provider,
        key=known.key,
        kind=SessionKind.SEALING,
        status=batch.state,
        provider_status=batch.word or None,
        title=known.title,
        reference=known.reference,
        # SEAL's endpoints give different times of one instant: the first one stays.
        created_at=known.created_at or parse_instant(batch.created),
        started_at=known.started_at,
        completed_at=known.completed_at,
        documents=documents,
        signatures=tuple(_signature(document) for document in documents if document.role is DocumentRole.SIGNED),
        native=native,
    )
    return deleted_session(translated) if translated.status is SessionStatus.DELETED else translated


def deleted_session(known: Session) -> Session:
    """A batch that is gone: its fields stay, and its sealed documents can no longer be downloaded."""
    documents = tuple(
        replace(document, status=DocumentStatus.DELETED) if document.role is DocumentRole.SIGNED else document
        for document in known.documents
    )
    return replace(known, status=SessionStatus.DELETED, documents=documents)


def sealed_key(original: str) -> str:
    """The key of a sealed document, by the key of its original."""
    return _SIGNED + original


def _originals(ref: SessionRef, order: Order, names: tuple[str, ...]) -> tuple[Document, ...]:
    return tuple(
        Document(
            session=ref,
            key=document_key(name),
            role=DocumentRole.TO_SIGN,
            status=DocumentStatus.READY,
            title=document.title,
            filename=name,
            description=document.description,
            media_type=document.media_type,
            size_bytes=document.size_bytes,
            sha256=document.sha256,
        )
        for name, document in zip(names, order.documents, strict=True)
    )


def _merged_documents(known: Session, batch: Batch) -> tuple[Document, ...]:
    """The documents of a batch, each joined by file name with the known one; the known ones until SEAL lists any."""
    if not batch.documents:
        return known.documents
    before = {document.filename: document for document in known.documents if document.role is DocumentRole.TO_SIGN}
    originals = tuple(_original(known.ref, document, before.get(document.filename), batch) for document in batch.documents)
    timestamps = tuple(document for document in known.documents if document.role is DocumentRole.EVIDENCE)
    sealed = tuple(document for document in known.documents if document.role is DocumentRole.SIGNED)
    if batch.closed:
        sealed = tuple(_sealed(document) for document in originals if document.status is DocumentStatus.SIGNED)
    return originals + sealed + timestamps


def _original(ref: SessionRef, document: BatchDocument, before: Document | None, batch: Batch) -> Document:
    if document.sealed:
        status = DocumentStatus.SIGNED
    elif batch.closed:
        status = DocumentStatus.FAILED
    else:
        status = before.status if before else DocumentStatus.READY
    empty = Document(session=ref, key="", role=DocumentRole.TO_SIGN, status=status, filename=document.filename)
    return replace(before or empty, key=document.key, status=status)


def _sealed(original: Document) -> Document:
    """The sealed document of an original. SEAL does not give its size and hash."""
    return Document(
        session=original.session,
        key=sealed_key(original.key),
        role=DocumentRole.SIGNED,
        status=DocumentStatus.SIGNED,
        title=original.title,
        filename=original.filename,
        media_type=PDF,
    )


def _signature(sealed: Document) -> Signature:
    """The signature that a sealed document carries."""
    return Signature(session=sealed.session, key=sealed.key, format=SignatureFormat.PADES, document=sealed.key)
