"""SEAL's verbs: a session is a batch, and its documents travel as one ZIP each way."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from pydantic import SecretStr

from providers.adapter import Adapter, Steps
from providers.capability import Capabilities, Capability, Operation, Support, operations
from providers.decoding.coercion import instant
from providers.decoding.json import MALFORMED
from providers.decoding.keys import number
from providers.errors import (
    Busy,
    Conflict,
    InDoubt,
    Invalid,
    Misbehaved,
    NotFound,
    ProviderError,
    Refused,
    SigningError,
    Unavailable,
    Unsupported,
    WrongState,
)
from providers.http.credentials import Headers
from providers.model import Content, Document, DocumentRole, Session, SessionKind, SessionRef, SessionStatus, Signature
from providers.orders import Order, Pivot, Step
from providers.provenance import Rule
from providers.seal.archive import BadBundle, Bundle, Member, opened, packed, receive, temporary
from providers.seal.provenance import RULES
from providers.seal.sessions import deleted, merged, ordered, signature
from providers.seal.timestamp import fetch_timestamp
from providers.seal.wire import CLOSED, NO_PROCESS, PDF, STATUSES, Batch, CreatedBatch, SealSettings

_BATCH = "batch"
_OUTCOMES = {SessionStatus.PARTIALLY_COMPLETED, SessionStatus.FAILED, SessionStatus.UNKNOWN}
_THERE = frozenset(STATUSES.values()) - {SessionStatus.DELETED} | _OUTCOMES
_DOWNLOAD_NOTE = (
    "Sealed documents, out of the ZIP of all of them, and timestamps, made anew at each download. Originals are not given back."
)
_REFUSALS = (Refused, Conflict, NotFound, WrongState)


class SealAdapter(Adapter):
    """SIGNIUS SEAL behind our verbs."""

    settings: SealSettings
    rules: ClassVar[tuple[Rule, ...]] = RULES
    capabilities: ClassVar[Capabilities] = Capabilities(
        session_kind=SessionKind.SEALING,
        operations=operations(
            Capability(Operation.CREATE_SESSION, Support.COMPOSED, "A batch, one upload of all documents, and its acceptance."),
            Capability(
                Operation.START_SESSION,
                Support.COMPOSED,
                "A batch is looked at before it is accepted.",
                frozenset({SessionStatus.DRAFT}),
            ),
            Capability(Operation.DELETE_SESSION, Support.NATIVE, "Removes the batch from the server's cache.", _THERE),
            Capability(Operation.DOWNLOAD_DOCUMENT, Support.COMPOSED, _DOWNLOAD_NOTE),
            Capability(Operation.LIST_SIGNATURES, Support.NATIVE, "One per sealed document."),
        ),
        media_types=frozenset({PDF}),
        returns=frozenset({DocumentRole.SIGNED, DocumentRole.EVIDENCE}),
        participants=False,
    )

    def authorization(self) -> Headers | None:
        """The API key, else Basic, else nothing."""
        settings = self.settings
        if settings.api_key:
            return Headers({"API-KEY": settings.api_key})
        if settings.username and settings.password:
            pair = f"{settings.username.get_secret_value()}:{settings.password.get_secret_value()}"
            return Headers({"authorization": SecretStr(f"Basic {b64encode(pair.encode()).decode()}")})
        return None

    def has_key(self, key: str) -> bool:
        """SEAL counts its batches."""
        return number(key)

    def check(self, order: Order) -> Iterator[Invalid]:
        """A batch needs documents, seals all of them, and has nobody to read a message."""
        if not order.documents:
            yield Invalid("Give at least one document: a batch without any cannot be sealed.", path=("input", "documents"))
        for index, document in enumerate(order.documents):
            if document.role is not DocumentRole.TO_SIGN:
                path = ("input", "documents", str(index), "role")
                yield Invalid("Every document of a batch is sealed: give it the role TO_SIGN or leave it out.", path=path)
        if order.message:
            yield Invalid("Nobody reads a batch's message: leave it out.", path=("input", "message"))

    async def fetch_session(self, key: str, known: Session | None = None) -> Session:
        """Reads a batch. One that is gone after it was closed or deleted is DELETED."""
        try:
            batch, native = await self._fetch_batch(key)
        except NotFound:
            if known is not None and (known.final or (known.provider_status or "").upper() == CLOSED):
                return deleted(known)
            raise
        return self._session(key, batch, known or self._unknown(key), native)

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """Makes a batch, uploads all documents at once, and accepts it where the order says so."""
        async with packed(order.documents) as bundle:
            await steps.will(_BATCH)
            created = await self._create_batch(order)
            key = str(created.id)
            await steps.did(_BATCH, key)
            await self._upload(key, bundle)
        session = self._drafted(order, created, bundle.names)
        if not order.start:
            return await self._look(session)
        await steps.pass_pivot(Pivot(session=session))
        return await self._accept(session)

    async def start_session(self, session: Session) -> Session:
        """Accepts a batch, which starts the sealing. Raises ``WrongState`` where it was accepted before."""
        now = await self.fetch_session(session.key, session)
        if now.status is not SessionStatus.DRAFT:
            raise self._accepted(now)
        return await self._accept(now)

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Removes a batch, with its documents and results, from the server's cache."""
        await self._delete_batch(session.key)

    async def undo(self, step: Step) -> None:
        """Removes a batch that was made in vain."""
        try:
            await self._delete_batch(step.key)
        except NotFound:
            return

    async def roll_forward(self, pivot: Pivot, marker: str, since: datetime, steps: Steps) -> Session | None:
        """The batch that was accepted, or is accepted now. None where SEAL refuses that: nothing is sealed then."""
        try:
            now = await self.fetch_session(pivot.session.key, pivot.session)
            return await self._accept(now) if now.status is SessionStatus.DRAFT else now
        except _REFUSALS:
            return None
        except Unavailable as error:
            if error.status is None:
                raise
            # It was answered: what it has come to shows.
            now = await self.fetch_session(pivot.session.key, pivot.session)
            return None if now.status is SessionStatus.DRAFT else now

    async def trace(self, marker: str, since: datetime) -> tuple[Step, ...]:
        """Raises ``Unsupported``: SEAL has no list, and no room for a marker.

        Only a batch whose very creation was not answered can be left. It is empty and was never accepted, so nothing
        is ever sealed in it; from then on the key of a batch is known by its step.
        """
        what = "has no list of its batches: an empty one, in which nothing is ever sealed, may be left there"
        raise Unsupported(f"{self.settings.name} {what}.")

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """One signature per document that was sealed."""
        return (await self.fetch_session(session.key, session)).signatures

    def download_signature(self, session: Session, signature: Signature) -> AbstractAsyncContextManager[Content]:
        """Opens the document that carries the signature."""
        document = session.document(signature.document or "")
        if document is None:
            raise NotFound("The session has no document with this signature.", provider=self.settings.name)
        return self.download_document(session, document)

    @asynccontextmanager
    async def download_document(self, session: Session, document: Document) -> AsyncIterator[Content]:
        """Opens a sealed document out of the batch's ZIP, or makes a timestamp.

        Raises ``Unsupported`` for an original: SEAL gives none back.
        """
        if document.role is DocumentRole.EVIDENCE:
            yield await fetch_timestamp(self.http, self.settings, session, document)
            return
        if document.role is not DocumentRole.SIGNED or document.filename is None:
            raise Unsupported("SEAL gives back no originals: download the sealed document, which has the role SIGNED.")
        async with self._open(session.key, document.filename) as content:
            yield content

    @asynccontextmanager
    async def _open(self, key: str, filename: str) -> AsyncIterator[Content]:
        limit = self.settings.max_batch_bytes
        async with temporary() as file, AsyncExitStack() as stack:
            try:
                async with self.http.download(self.settings.path("batch_file", batch=key)) as batch:
                    await receive(batch.chunks, file, limit)
                member = await stack.enter_async_context(opened(file, filename, limit))
            except _REFUSALS:
                await self._require_closed(key)
                raise
            except BadBundle as error:
                await self._require_closed(key)
                raise self._spoiled(error) from error
            yield Content(chunks=self._chunks(member), media_type=PDF, filename=filename, size_bytes=member.size)

    async def _chunks(self, member: Member) -> AsyncIterator[bytes]:
        try:
            async for chunk in member.chunks:
                yield chunk
        except BadBundle as error:
            raise self._spoiled(error) from error

    async def _require_closed(self, key: str) -> None:
        """What SEAL answers for a batch that is not ready is not public, so its status decides what an answer meant."""
        batch, _ = await self._fetch_batch(key)
        if batch.state is SessionStatus.DELETED:
            raise NotFound("The batch has been removed from the server's cache.", provider=self.settings.name)
        if batch.state is not SessionStatus.UNKNOWN and not batch.closed:
            raise Busy(
                f"The batch is not sealed yet: it is {batch.word}.",
                provider=self.settings.name,
                retry_after=self.settings.poll_interval,
            )

    def _spoiled(self, error: BadBundle) -> Misbehaved:
        return Misbehaved(f"The ZIP of the batch {error}.", provider=self.settings.name)

    async def _create_batch(self, order: Order) -> CreatedBatch:
        process = order.options.get("processId", self.settings.process_id)
        path = self.settings.path("create_batch", process=str(process))
        try:
            return await self.http.fetch(CreatedBatch, "POST", path)
        except (Refused, NotFound) as error:
            if error.status not in NO_PROCESS:
                raise
            raise Refused(
                f"{self.settings.name} has no process {process}: correct process_id in its settings or processId in options.",
                provider=self.settings.name,
                status=error.status,
            ) from error

    async def _upload(self, key: str, bundle: Bundle) -> None:
        headers = {"content-type": "application/octet-stream", "content-length": str(bundle.size)}
        await self.http.request("POST", self.settings.path("upload", batch=key), body=bundle.chunks, headers=headers)

    async def _accept(self, session: Session) -> Session:
        started = replace(session, status=SessionStatus.PENDING, provider_status=None, started_at=self.clock.now())
        try:
            await self.http.request("POST", self.settings.path("accept_batch", batch=session.key))
        except (InDoubt, *_REFUSALS) as error:
            return await self._settle(started, error)
        return await self._look(started)

    async def _settle(self, started: Session, error: SigningError) -> Session:
        """The batch's status tells what became of an acceptance that failed or that nobody answered."""
        now = await self._look(started)
        undone = now.status is SessionStatus.DRAFT
        if undone and not now.partial and isinstance(error, NotFound):
            raise Refused(
                f"{self.settings.name} has the batch but does not take AcceptBatch in this form: "
                "set accept_batch under paths, for example to /api/AcceptBatch?batchId={batch}.",
                provider=self.settings.name,
                status=error.status,
            ) from error
        if undone or now.partial:
            raise error
        if isinstance(error, InDoubt):
            return now
        raise self._accepted(now) from error

    def _accepted(self, session: Session) -> WrongState:
        return WrongState(
            f"The batch is {session.provider_status}: only one that was not accepted before can be started.",
            provider=self.settings.name,
        )

    async def _look(self, session: Session) -> Session:
        """The session after a write; a write that has happened does not fail because nobody could look."""
        try:
            return await self.fetch_session(session.key, session)
        except (ProviderError, NotFound):
            return replace(session, partial=True)

    async def _fetch_batch(self, key: str) -> tuple[Batch, bytes]:
        path = self.settings.path("batch_status", batch=key)
        reply = await self.http.request("GET", path)
        try:
            return reply.json(Batch), reply.body
        except MALFORMED as error:
            raise self.http.unreadable("GET", path, reply, error) from error

    async def _delete_batch(self, key: str) -> None:
        await self.http.request("DELETE", self.settings.path("delete_batch", batch=key))

    def _drafted(self, order: Order, created: CreatedBatch, names: tuple[str, ...]) -> Session:
        key = str(created.id)
        return replace(
            self._unknown(key),
            status=SessionStatus.DRAFT,
            title=order.title,
            reference=order.reference,
            created_at=instant(created.created),
            documents=ordered(SessionRef(self.settings.name, key), order, names),
        )

    def _unknown(self, key: str) -> Session:
        return Session(provider=self.settings.name, key=key, kind=SessionKind.SEALING, status=SessionStatus.UNKNOWN)

    def _session(self, key: str, batch: Batch, known: Session, native: bytes) -> Session:
        documents = merged(known, batch)
        session = Session(
            provider=self.settings.name,
            key=key,
            kind=SessionKind.SEALING,
            status=batch.state,
            provider_status=batch.word or None,
            title=known.title,
            reference=known.reference,
            # the endpoints tell different times of one instant: what was told first stays
            created_at=known.created_at or instant(batch.created),
            started_at=known.started_at,
            completed_at=known.completed_at,
            documents=documents,
            signatures=tuple(signature(document) for document in documents if document.role is DocumentRole.SIGNED),
            native=native,
        )
        return deleted(session) if session.status is SessionStatus.DELETED else session
