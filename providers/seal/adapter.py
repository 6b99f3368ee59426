"""Adapter: SEAL behind the operations of every provider. A session is a batch; its documents travel as one ZIP each way."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from pydantic import SecretStr

from providers.adapter import Adapter
from providers.capability import Capabilities
from providers.clock import Clock
from providers.errors import InDoubt, Invalid, NotFound, ProviderError, SigningError, Unavailable, Unsupported
from providers.http.credentials import HeaderAuth
from providers.http.message.url import is_number
from providers.http.transport import Transport
from providers.model import Content, Document, DocumentRole, Session, SessionRef, SessionStatus, Signature
from providers.orders import Order
from providers.provenance import Rule
from providers.saga import Pivot, Step, Steps
from providers.seal import errors
from providers.seal.archive import BadArchive, Member, open_member, pack, receive, temporary_file
from providers.seal.capability import CAPABILITIES
from providers.seal.client import SealClient
from providers.seal.orders import objections
from providers.seal.provenance import RULES
from providers.seal.sessions import deleted_session, draft_session, session, unread_session
from providers.seal.settings import SealSettings
from providers.seal.timestamp import fetch_timestamp
from providers.seal.wire import CLOSED, PDF

_BATCH = "batch"


class SealAdapter(Adapter):
    """Adapter of one SEAL server."""

    settings: SealSettings
    rules: ClassVar[tuple[Rule, ...]] = RULES
    capabilities: ClassVar[Capabilities] = CAPABILITIES

    def __init__(self, settings: SealSettings, *, transport: Transport | None = None, clock: Clock | None = None) -> None:
        super().__init__(settings, transport=transport, clock=clock)
        self.client = SealClient(self.http, settings)

    def auth(self) -> HeaderAuth | None:
        """The API key, else HTTP Basic, else None."""
        settings = self.settings
        if settings.api_key:
            return HeaderAuth({"API-KEY": settings.api_key})
        if settings.username and settings.password:
            pair = f"{settings.username.get_secret_value()}:{settings.password.get_secret_value()}"
            return HeaderAuth({"authorization": SecretStr(f"Basic {b64encode(pair.encode()).decode()}")})
        return None

    def is_valid_key(self, key: str) -> bool:
        """Whether a key is a number: SEAL numbers its batches."""
        return is_number(key)

    def validate_order(self, order: Order) -> Iterator[Invalid]:
        """Objections of SEAL to an order; see ``orders``."""
        return objections(order)

    async def fetch_session(self, key: str, previous: Session | None = None) -> Session:
        """Reads a batch. One that is gone after it was closed or deleted is DELETED."""
        try:
            batch, native = await self.client.fetch_batch(key)
        except NotFound:
            if previous is not None and (previous.final or (previous.provider_status or "").upper() == CLOSED):
                return deleted_session(previous)
            raise
        return session(batch, previous or unread_session(SessionRef(self.settings.name, key)), native)

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """Creates a batch, uploads all documents at once, and accepts it where the order says so."""
        async with pack(order.documents) as archive:
            await steps.record_intent(_BATCH)
            created = await self.client.create_batch(order.options.get("processId", self.settings.process_id))
            key = str(created.id)
            await steps.record(_BATCH, key)
            await self.client.upload(key, archive.chunks, archive.size)
        draft = draft_session(SessionRef(self.settings.name, key), order, created, archive.names)
        if not order.start:
            return await self._read_after_write(draft)
        await steps.pass_pivot(Pivot(session=draft))
        return await self._accept(draft)

    async def start_session(self, session: Session) -> Session:
        """Accepts a batch, which starts the sealing. Raises ``WrongState`` where it was accepted before."""
        now = await self.fetch_session(session.key, session)
        if now.status is not SessionStatus.DRAFT:
            raise errors.already_accepted(now)
        return await self._accept(now)

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Removes a batch, with its documents and results, from the server's cache."""
        await self.client.delete_batch(session.key)

    async def compensate(self, step: Step) -> None:
        """Compensates the creation of a batch. Idempotent."""
        try:
            await self.client.delete_batch(step.key)
        except NotFound:
            return

    async def roll_forward(self, pivot: Pivot, marker: str, since: datetime, steps: Steps) -> Session | None:
        """Rolls a creation forward: reads the batch, and accepts it where that has not happened.

        None where SEAL refuses the acceptance, as nothing is sealed then.
        """
        try:
            now = await self.fetch_session(pivot.session.key, pivot.session)
            return await self._accept(now) if now.status is SessionStatus.DRAFT else now
        except errors.REFUSALS:
            return None
        except Unavailable as error:
            if error.status is None:
                raise
            # SEAL answered, so the batch's status tells whether the acceptance has happened.
            now = await self.fetch_session(pivot.session.key, pivot.session)
            return None if now.status is SessionStatus.DRAFT else now

    async def find_by_marker(self, marker: str, since: datetime) -> tuple[Step, ...]:
        """Raises ``Unsupported``: SEAL has no list, and no room for a marker.

        Only a batch whose creation was not answered can be left over. It is empty and was never accepted, so nothing
        is ever sealed in it; any later batch is recorded as a step with its key.
        """
        what = "has no list of its batches: an empty one, in which nothing is ever sealed, may be left there"
        raise Unsupported(f"{self.settings.name} {what}.")

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """One signature for each sealed document."""
        return (await self.fetch_session(session.key, session)).signatures

    def download_signature(self, session: Session, signature: Signature) -> AbstractAsyncContextManager[Content]:
        """Opens the document that carries the signature."""
        document = session.document(signature.document or "")
        if document is None:
            raise NotFound("The session has no document with this signature.", provider=self.settings.name)
        return self.download_document(session, document)

    @asynccontextmanager
    async def download_document(self, session: Session, document: Document) -> AsyncIterator[Content]:
        """Opens a sealed document out of the batch's ZIP, or has a timestamp made.

        Raises ``Unsupported`` for an original: SEAL gives none back.
        """
        if document.role is DocumentRole.EVIDENCE:
            yield await fetch_timestamp(self.client, session, document)
            return
        if document.role is not DocumentRole.SIGNED or document.filename is None:
            raise Unsupported("SEAL gives back no originals: download the sealed document, which has the role SIGNED.")
        async with self._open_sealed(session.key, document.filename) as content:
            yield content

    @asynccontextmanager
    async def _open_sealed(self, key: str, filename: str) -> AsyncIterator[Content]:
        limit = self.settings.max_batch_bytes
        async with temporary_file() as file, AsyncExitStack() as stack:
            try:
                async with self.client.download_batch(key) as batch:
                    await receive(batch.chunks, file, limit)
                member = await stack.enter_async_context(open_member(file, filename, limit))
            except errors.REFUSALS:
                await self._require_closed(key)
                raise
            except BadArchive as error:
                await self._require_closed(key)
                raise errors.bad_archive(self.settings.name, error) from error
            yield Content(chunks=self._chunks(member), media_type=PDF, filename=filename, size_bytes=member.size)

    async def _chunks(self, member: Member) -> AsyncIterator[bytes]:
        try:
            async for chunk in member.chunks:
                yield chunk
        except BadArchive as error:
            raise errors.bad_archive(self.settings.name, error) from error

    async def _require_closed(self, key: str) -> None:
        """Raises where a batch is deleted or not closed yet: SEAL's answer to such a download is not public."""
        batch, _ = await self.client.fetch_batch(key)
        if batch.state is SessionStatus.DELETED:
            raise NotFound("The batch has been removed from the server's cache.", provider=self.settings.name)
        if batch.state is not SessionStatus.UNKNOWN and not batch.closed:
            raise errors.not_closed(self.settings.name, batch, self.settings.poll_interval)

    async def _accept(self, session: Session) -> Session:
        started = replace(session, status=SessionStatus.PENDING, provider_status=None, started_at=self.clock.now())
        try:
            await self.client.accept_batch(session.key)
        except (InDoubt, *errors.REFUSALS) as error:
            return await self._resolve_acceptance(started, error)
        return await self._read_after_write(started)

    async def _resolve_acceptance(self, started: Session, error: SigningError) -> Session:
        """Resolves an acceptance that failed or was not answered, by the batch's status."""
        now = await self._read_after_write(started)
        if now.status is SessionStatus.DRAFT or now.partial:
            if isinstance(error, NotFound) and not now.partial:
                raise errors.wrong_accept_path(error) from error
            raise error
        if isinstance(error, InDoubt):
            return now
        raise errors.already_accepted(now) from error

    async def _read_after_write(self, session: Session) -> Session:
        """Reads a session after a write; partial where it cannot be read, as the write has happened all the same."""
        try:
            return await self.fetch_session(session.key, session)
        except (ProviderError, NotFound):
            return replace(session, partial=True)
