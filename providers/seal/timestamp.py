"""Timestamps of documents: asked of SEAL when they are downloaded, as nobody keeps them in between."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator

from providers.errors import Misbehaved, NotFound, Refused
from providers.http.client import Http
from providers.http.message.response import Reply
from providers.model import Content, Document, DocumentRole, DocumentStatus, Session
from providers.seal.wire import NO_PROCESS, SealSettings

_MEDIA_TYPE = "application/timestamp-reply"
_PREFIX = "timestamp"


def stamped(original: Document, process: int) -> Document:
    """The timestamp that a process makes of a document; both are in its key."""
    return Document(
        session=original.session,
        key=f"{_PREFIX}:{process}:{original.key}",
        role=DocumentRole.EVIDENCE,
        status=DocumentStatus.READY,
        title=original.title and f"Timestamp of {original.title}",
        filename=original.filename and f"{original.filename}.tsr",
        media_type=_MEDIA_TYPE,
    )


async def fetch_timestamp(http: Http, settings: SealSettings, session: Session, timestamp: Document) -> Content:
    """A new timestamp (RFC 3161) of the SHA-256 of a document, as it was when it was ordered."""
    _, process, key = timestamp.key.split(":", 2)
    original = session.document(key)
    if original is None or original.sha256 is None:
        raise NotFound("The document of this timestamp is not known, or its hash is not.", provider=settings.name)
    digest = bytes.fromhex(original.sha256)
    reply = await _stamp(http, settings, process, digest)
    # Whatever wraps it, a timestamp repeats the hash that it is of.
    if digest not in reply.body:
        raise Misbehaved(f"{settings.name} answered with no timestamp of this document.", provider=settings.name)
    return Content(chunks=_whole(reply.body), media_type=_MEDIA_TYPE, filename=timestamp.filename, size_bytes=len(reply.body))


async def _stamp(http: Http, settings: SealSettings, process: str, digest: bytes) -> Reply:
    try:
        if settings.stamps_by == "json":
            path, asked = settings.path("stamp", process=process), {"hash": b64encode(digest).decode()}
            return await http.request("POST", path, json=asked, repeatable=True)
        path, headers = settings.path("stamp_rfc3161", process=process), {"content-type": "application/octet-stream"}
        return await http.request("POST", path, body=digest, headers=headers, repeatable=True)
    except (Refused, NotFound) as error:
        if error.status not in NO_PROCESS:
            raise
        raise Refused(
            f"{settings.name} made no timestamp: ask whether process {process} makes any, or change tsa in its settings.",
            provider=settings.name,
            status=error.status,
        ) from error


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body
