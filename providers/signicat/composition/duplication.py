"""Duplication: a native order that repeats an existing session, with copies of its documents."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import IO, Any

import msgspec
from anyio import CancelScope, to_thread

from providers.decoding.coercion import parse_instant
from providers.errors import Misbehaved, NotFound
from providers.http.task_group import task_group
from providers.model import Archive, Document, Participant, ParticipantStatus, Session
from providers.orders import DocumentOrder
from providers.signicat.client import SignicatClient
from providers.signicat.composition.native_order import NativeOrder, empty_session, without_nulls
from providers.signicat.composition.native_session import NativeSession
from providers.signicat.errors import dropped_documents
from providers.signicat.wire import Collection

_CHUNK = 256 * 1024
_REPEATED = ("title", "signText", "signingSetup", "signatureUrlTTL", "packageTo", "signer", "preAuthentication", "ui")
_ARCHIVING = ("sendSignatureResultsToArchive", "retentionPeriod")


@asynccontextmanager
async def copy_documents(client: SignicatClient, documents: Sequence[Document]) -> AsyncIterator[tuple[DocumentOrder, ...]]:
    """Downloads documents into temporary files, from which they are uploaded again.

    An upload that waits for a download would keep one of few connections from it, and may have to be sent twice.
    Raises ``WrongState`` where a document is gone.
    """
    async with AsyncExitStack() as stack:
        files = [await stack.enter_async_context(_temporary_file()) for _ in documents]
        async with task_group() as tasks:
            copies = [tasks.create_task(_copy(client, *pair)) for pair in zip(documents, files, strict=True)]
        yield tuple(copy.result() for copy in copies)


def repeat_order(
    session: Session,
    parts: Sequence[NativeSession],
    collections: Sequence[Collection],
    documents: tuple[DocumentOrder, ...],
    *,
    title: str | None,
    marker: str,
    now: datetime,
) -> NativeOrder:
    """The native order of another session like this one.

    All documents go into one collection. A due date that has passed becomes Signicat's default; sessions of others
    that had to be signed first still have to be.
    """
    kinds = (kind for item in collections for kind in item.package_to or ())
    own = frozenset(part.key for part in parts)
    return NativeOrder(
        documents=documents,
        natives=tuple({**_native(part, own, now), **without_nulls(title=title)} for part in parts),
        draft=_draft(session, title),
        package_to=tuple(dict.fromkeys(kinds)),
        marker=marker,
    )


def _native(part: NativeSession, own: frozenset[str], now: datetime) -> Mapping[str, object]:
    wire: dict[str, Any] = msgspec.json.decode(part.raw)
    due_at = parse_instant(wire.get("dueDate"))
    archive = wire.get("archive") or {}
    return {name: wire[name] for name in _REPEATED if wire.get(name)} | without_nulls(
        dueDate=wire["dueDate"] if due_at and due_at > now else None,
        subsequentTo=[key for key in wire.get("subsequentTo") or () if key not in own] or None,
        redirectSettings=wire.get("redirectSettings") or None,
        archive={name: archive[name] for name in _ARCHIVING if name in archive} or None,
    )


def _draft(session: Session, title: str | None) -> Session:
    archive = session.archive and Archive(
        requested=session.archive.requested, retention_period=session.archive.retention_period
    )
    return replace(
        empty_session(),
        title=title or session.title,
        reference=session.reference,
        signing_order=session.signing_order,
        participants=tuple(map(_person, session.participants)),
        archive=archive,
    )


def _person(participant: Participant) -> Participant:
    """A participant who has not been invited."""
    return replace(
        participant,
        session=empty_session().ref,
        key="",
        status=ParticipantStatus.INVITED,
        provider_status=None,
        order=None,
        signed_at=None,
        decline_reason=None,
        signing_url=None,
        signing_url_expires_at=None,
    )


async def _copy(client: SignicatClient, document: Document, file: IO[bytes]) -> DocumentOrder:
    digest, size = sha256(), 0
    try:
        async with client.download(document.key) as content:
            async for chunk in content.chunks:
                size += len(chunk)
                digest.update(chunk)
                await to_thread.run_sync(file.write, chunk)
    except NotFound as error:
        raise dropped_documents(error.provider) from error
    if document.sha256 not in {None, digest.hexdigest()}:
        provider = document.session.provider
        raise Misbehaved(f"{provider} answered with bytes that are not those of the document.", provider=provider)
    return DocumentOrder(
        filename=document.filename or "",
        media_type=document.media_type or content.media_type,
        size_bytes=size,
        sha256=digest.hexdigest(),
        open=lambda: _chunks(file),
        title=document.title,
        description=document.description,
        role=document.role,
    )


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    await to_thread.run_sync(file.seek, 0)
    while chunk := await to_thread.run_sync(file.read, _CHUNK):
        yield chunk


@asynccontextmanager
async def _temporary_file() -> AsyncIterator[IO[bytes]]:
    """A temporary file without a name, deleted on close."""
    file = await to_thread.run_sync(tempfile.TemporaryFile)
    try:
        yield file
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(file.close)
