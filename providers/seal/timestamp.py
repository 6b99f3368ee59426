"""Timestamps (RFC 3161) as documents: SEAL makes one at each download, and stores none."""

from __future__ import annotations

from collections.abc import AsyncIterator

from providers.errors import Misbehaved, NotFound
from providers.model import Content, Document, DocumentRole, DocumentStatus, Session
from providers.seal.client import SealClient

_MEDIA_TYPE = "application/timestamp-reply"
_PREFIX = "timestamp"


def timestamp_document(original: Document, process: int) -> Document:
    """The document that stands for a timestamp of an original; its key holds the process and the original's key."""
    return Document(
        session=original.session,
        key=f"{_PREFIX}:{process}:{original.key}",
        role=DocumentRole.EVIDENCE,
        status=DocumentStatus.READY,
        title=original.title and f"Timestamp of {original.title}",
        filename=original.filename and f"{original.filename}.tsr",
        media_type=_MEDIA_TYPE,
    )


async def fetch_timestamp(client: SealClient, session: Session, timestamp: Document) -> Content:
    """A new timestamp of the SHA-256 that the original had when it was ordered."""
    _, process, key = timestamp.key.split(":", 2)
    original = session.document(key)
    if original is None or original.sha256 is None:
        what = "The document of this timestamp is not known, or its hash is not."
        raise NotFound(what, provider=session.provider)
    digest = bytes.fromhex(original.sha256)
    reply = await client.timestamp(process, digest)
    # A timestamp repeats the hash that it is of, whatever it is wrapped in.
    if digest not in reply.body:
        raise Misbehaved(f"{session.provider} answered with no timestamp of this document.", provider=session.provider)
    return Content(chunks=_chunks(reply.body), media_type=_MEDIA_TYPE, filename=timestamp.filename, size_bytes=len(reply.body))


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    yield body
