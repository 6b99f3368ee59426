"""The documents of a batch as ours: what SEAL tells of each, joined with what only the order said."""

from __future__ import annotations

from dataclasses import replace

from providers.model import (
    Document,
    DocumentRole,
    DocumentStatus,
    Session,
    SessionRef,
    SessionStatus,
    Signature,
    SignatureFormat,
)
from providers.orders import Order
from providers.seal.timestamp import stamped
from providers.seal.wire import PDF, Batch, BatchDocument, named

_SIGNED = "signed:"


def ordered(ref: SessionRef, order: Order, names: tuple[str, ...]) -> tuple[Document, ...]:
    """The documents of an order under the names they were uploaded with, and the timestamps asked of them.

    SEAL has not told their ids yet.
    """
    originals = _originals(ref, order, names)
    process = order.options.get("timestampProcessId")
    return originals + (tuple(stamped(document, process) for document in originals) if isinstance(process, int) else ())


def _originals(ref: SessionRef, order: Order, names: tuple[str, ...]) -> tuple[Document, ...]:
    return tuple(
        Document(
            session=ref,
            key=named(name),
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


def merged(known: Session, batch: Batch) -> tuple[Document, ...]:
    """The documents of a batch with what is known of each by its name; until SEAL tells any, what is known."""
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
    """What came out for an original. Its size and hash are not told."""
    return Document(
        session=original.session,
        key=sealed_key(original.key),
        role=DocumentRole.SIGNED,
        status=DocumentStatus.SIGNED,
        title=original.title,
        filename=original.filename,
        media_type=PDF,
    )


def sealed_key(original: str) -> str:
    """The key of what came out for an original, by the key of that."""
    return _SIGNED + original


def signature(sealed: Document) -> Signature:
    """The signature that a sealed document carries."""
    return Signature(session=sealed.session, key=sealed.key, format=SignatureFormat.PADES, document=sealed.key)


def deleted(known: Session) -> Session:
    """A batch that is gone: what is known of it stays, its sealed documents can no longer be had."""
    documents = tuple(
        replace(document, status=DocumentStatus.DELETED) if document.role is DocumentRole.SIGNED else document
        for document in known.documents
    )
    return replace(known, status=SessionStatus.DELETED, documents=documents)
