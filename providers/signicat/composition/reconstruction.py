"""A session that Signicat has, as a demand to open another one like it."""

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
from providers.errors import Misbehaved, NotFound, WrongState
from providers.http.task_group import task_group
from providers.model import Archive, Document, Participant, ParticipantStatus, Session
from providers.orders import DocumentOrder
from providers.signicat.client import SignApi
from providers.signicat.composition.native_order import Demand, blank, given
from providers.signicat.composition.native_session import Part
from providers.signicat.wire import Collection

_CHUNK = 256 * 1024
_KEPT = ("title", "signText", "signingSetup", "signatureUrlTTL", "packageTo", "signer", "preAuthentication", "ui")
_ARCHIVING = ("sendSignatureResultsToArchive", "retentionPeriod")


@asynccontextmanager
async def copied(api: SignApi, documents: Sequence[Document]) -> AsyncIterator[tuple[DocumentOrder, ...]]:
    """Documents of Signicat's, to be uploaded again from temporary files.

    Through files, because an upload that waits for a download keeps one of few connections from it, and because it
    may have to be sent twice. Raises ``WrongState`` where a document is gone.
    """
    async with AsyncExitStack() as stack:
        files = [await stack.enter_async_context(_temporary()) for _ in documents]
        async with task_group() as tasks:
            copies = [tasks.create_task(_copy(api, *pair)) for pair in zip(documents, files, strict=True)]
        yield tuple(copy.result() for copy in copies)


def repeated(
    session: Session,
    parts: Sequence[Part],
    collections: Sequence[Collection],
    documents: tuple[DocumentOrder, ...],
    *,
    title: str | None,
    marker: str,
    now: datetime,
) -> Demand:
    """What to open for another session like this one.

    All documents go into one collection. A due date that has passed becomes Signicat's usual one; sessions of others
    that had to be signed first still have to be.
    """
    kinds = (kind for item in collections for kind in item.package_to or ())
    own = frozenset(part.key for part in parts)
    return Demand(
        documents=documents,
        natives=tuple({**_native(part, own, now), **given(title=title)} for part in parts),
        draft=_draft(session, title),
        package_to=tuple(dict.fromkeys(kinds)),
        marker=marker,
    )


def _native(part: Part, own: frozenset[str], now: datetime) -> Mapping[str, object]:
    said: dict[str, Any] = msgspec.json.decode(part.raw)
    due_at = parse_instant(said.get("dueDate"))
    archive = said.get("archive") or {}
    return {name: said[name] for name in _KEPT if said.get(name)} | given(
        dueDate=said["dueDate"] if due_at and due_at > now else None,
        subsequentTo=[key for key in said.get("subsequentTo") or () if key not in own] or None,
        redirectSettings=said.get("redirectSettings") or None,
        archive={name: archive[name] for name in _ARCHIVING if name in archive} or None,
    )


def _draft(session: Session, title: str | None) -> Session:
    archive = session.archive and Archive(
        requested=session.archive.requested, retention_period=session.archive.retention_period
    )
    return replace(
        blank(),
        title=title or session.title,
        reference=session.reference,
        signing_order=session.signing_order,
        participants=tuple(map(_person, session.participants)),
        archive=archive,
    )


def _person(participant: Participant) -> Participant:
    """Somebody who has not been asked yet."""
    return replace(
        participant,
        session=blank().ref,
        key="",
        status=ParticipantStatus.INVITED,
        provider_status=None,
        order=None,
        signed_at=None,
        decline_reason=None,
        signing_url=None,
        signing_url_expires_at=None,
    )


async def _copy(api: SignApi, document: Document, file: IO[bytes]) -> DocumentOrder:
    digest, size = sha256(), 0
    try:
        async with api.download(document.key) as content:
            async for chunk in content.chunks:
                size += len(chunk)
                digest.update(chunk)
                await to_thread.run_sync(file.write, chunk)
    except NotFound as error:
        what = "Signicat has dropped the documents of this session: make a new one from documents of your own."
        raise WrongState(what, path=("input", "session"), provider=error.provider) from error
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
async def _temporary() -> AsyncIterator[IO[bytes]]:
    """A file without a name, gone afterwards."""
    file = await to_thread.run_sync(tempfile.TemporaryFile)
    try:
        yield file
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(file.close)
