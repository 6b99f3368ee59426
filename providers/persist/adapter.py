"""Adapter: a signature store behind the operations of every provider. A record is a session, completed from the start.

The server checks a version and then writes without a lock, so a write is believed only after it was read back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ClassVar, TypeVar
from weakref import WeakValueDictionary

from providers.adapter import Adapter
from providers.capability import Capabilities
from providers.clock import Clock
from providers.decoding.coercion import parse_count
from providers.decoding.json import MALFORMED, decode
from providers.errors import InDoubt, NotFound, Refused, SigningError, Unavailable
from providers.http.message.response import ErrorDetail, Response
from providers.http.transport import Transport
from providers.model import Content, Document, ListRow, Page, Session, Signature, next_offset
from providers.orders import SignatureOrder
from providers.persist import errors
from providers.persist.capability import CAPABILITIES
from providers.persist.client import PersistClient
from providers.persist.orders import objections, save_body
from providers.persist.provenance import RULES
from providers.persist.sessions import SIGNATURE, session, sessions, signature_file
from providers.persist.settings import PersistSettings
from providers.persist.wire import RecordKey, StoredSignature, trimmed
from providers.provenance import Rule
from providers.saga import Steps

T = TypeVar("T")

_CHUNK = 64 * 1024


class PersistAdapter(Adapter):
    """Adapter of one signature store."""

    settings: PersistSettings
    rules: ClassVar[tuple[Rule, ...]] = RULES
    capabilities: ClassVar[Capabilities] = CAPABILITIES

    def __init__(self, settings: PersistSettings, *, transport: Transport | None = None, clock: Clock | None = None) -> None:
        super().__init__(settings, transport=transport, clock=clock)
        self.client = PersistClient(self.http, settings)
        self._locks: WeakValueDictionary[RecordKey, asyncio.Lock] = WeakValueDictionary()

    def parse_error(self, reply: Response) -> ErrorDetail:
        """Decodes the server's error message; see ``errors``."""
        return errors.fault(reply)

    def is_valid_key(self, key: str) -> bool:
        """Whether a key is ``document/thread``, percent-encoded in our one way, without what the server strips."""
        record = RecordKey.parse(key)
        return record is not None and RecordKey.trimmed(record.document, record.thread).session_key == key

    async def fetch_session(self, key: str, previous: Session | None = None) -> Session:
        """Reads a record by its key, ``document/thread`` with both percent-encoded."""
        return await self._session(await self.client.fetch_signature(self._record_key(key)))

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """A slice of the records that have tags, newest first; offset and total count the server's rows."""
        content = await self.client.list_signatures(offset, limit)
        rows = [bytes(row) for row in content.signatures]
        listed, unreadable = await self._decode(lambda: sessions(self.settings.name, rows, self.clock.now()))
        total = parse_count(content.nb_results)
        following = next_offset(offset, len(rows), limit, total)
        return Page(
            rows=tuple(map(ListRow.from_session, listed)), total=total, next_offset=following, unreadable=tuple(unreadable)
        )

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Deletes the record. Idempotent: one that is gone counts as deleted, as the call may have been repeated."""
        try:
            await self.client.delete_signature(self._record_key(session.key))
        except NotFound:
            return

    async def delete_signature(self, session: Session, signature: Signature) -> None:
        """Deletes the record, as ``delete_session`` does."""
        await self.delete_session(session)

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """The one signature of a record, in its latest version."""
        return (await self.fetch_session(session.key)).signatures

    @asynccontextmanager
    async def download_document(self, session: Session, document: Document) -> AsyncIterator[Content]:
        """Opens the bytes of the signature, decoded."""
        if document.key != SIGNATURE:
            raise NotFound("This record has one document only: its signature.", provider=self.settings.name)
        yield await self._content(session.key)

    @asynccontextmanager
    async def download_signature(self, session: Session, signature: Signature) -> AsyncIterator[Content]:
        """Opens the bytes of the signature, as ``download_document`` does."""
        yield await self._content(session.key)

    async def save_signature(self, order: SignatureOrder) -> Session:
        """Stores a signature or its next version, and reads it back.

        Raises ``Invalid`` for what the server would refuse or change, and ``Conflict`` where another version is
        there, where another writer won, and where this one has overwritten a version that it was not to replace.
        """
        await asyncio.to_thread(_raise_objection, order, self)
        key = RecordKey.trimmed(order.document, order.thread)
        # The lock serializes this process's writers of a record; against those elsewhere only reading back helps.
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            return await self._session(await self._save(order, key))

    async def find_saved_signature(self, order: SignatureOrder) -> Session | None:
        """The record, where it has the version and the content that the order was to give it."""
        try:
            raw = await self.client.fetch_signature(RecordKey.trimmed(order.document, order.thread))
        except NotFound:
            return None
        stored = await self._decode(lambda: decode(raw, StoredSignature))
        as_ordered = trimmed(stored.text) == trimmed(order.content) and stored.number in {(order.version or 0) + 1, None}
        return await self._session(raw) if as_ordered else None

    async def _save(self, order: SignatureOrder, key: RecordKey) -> bytes:
        """Compares the version, writes, and reads back. Returns the record as it is stored."""
        name = self.settings.name
        stored = await self._stored(key) if order.version is not None else None
        if order.version is not None and (stored is None or stored.number not in {order.version, None}):
            raise errors.conflict(name, f"Version {order.version} is not the present one", stored)
        doubt: SigningError | None = None
        try:
            await self.client.save_signature(save_body(order, key, stored))
        except Refused as refused:
            if not errors.version_refused(refused):
                raise
            raise errors.conflict(name, "The version does not match", await self._stored(key)) from refused
        except (Unavailable, InDoubt) as error:
            # Answered by 500 the write may have landed all the same; a call that never left had no status.
            if error.status is None and not isinstance(error, InDoubt):
                raise
            doubt = error
        return await self._read_back(order, key, doubt)

    async def _read_back(self, order: SignatureOrder, key: RecordKey, doubt: SigningError | None) -> bytes:
        """Reads a record after a write. Raises ``Conflict`` for another writer's, and ``doubt`` where nothing landed."""
        name = self.settings.name
        try:
            raw = await self.client.fetch_signature(key)
        except NotFound as error:
            raise doubt or errors.conflict(name, "The signature was deleted as soon as it was stored", None) from error
        except SigningError as error:
            raise InDoubt(f"{name} was sent the signature but cannot be asked what it has stored.", provider=name) from error
        stored = await self._decode(lambda: decode(raw, StoredSignature))
        before = order.version or 0
        if doubt is not None and stored.number is not None and stored.number <= before:
            raise doubt
        if trimmed(stored.text) != trimmed(order.content):
            raise errors.conflict(name, "Somebody else stored another signature at the same time", stored)
        if stored.number not in {before + 1, None}:
            raise errors.conflict(name, "This signature was stored, but over that of somebody else at the same time", stored)
        return raw

    def _record_key(self, key: str) -> RecordKey:
        if (record := RecordKey.parse(key)) is None:
            raise errors.malformed_key(self.settings.name)
        return record

    async def _content(self, key: str) -> Content:
        raw = await self.client.fetch_signature(self._record_key(key))
        file = await self._decode(lambda: signature_file(decode(raw, StoredSignature).text))
        return Content(
            chunks=_chunks(file.content),
            media_type=file.media_type,
            filename=file.filename,
            size_bytes=len(file.content),
        )

    async def _stored(self, key: RecordKey) -> StoredSignature | None:
        try:
            raw = await self.client.fetch_signature(key)
        except NotFound:
            return None
        return await self._decode(lambda: decode(raw, StoredSignature))

    async def _session(self, raw: bytes) -> Session:
        return await self._decode(lambda: session(self.settings.name, raw, self.clock.now()))

    async def _decode(self, decoding: Callable[[], T]) -> T:
        """Decodes in a thread, as signatures are CPU-bound. Raises ``Misbehaved`` for malformed JSON."""
        try:
            return await asyncio.to_thread(decoding)
        except MALFORMED as error:
            raise errors.unreadable_signature(self.settings.name, error) from error


def _raise_objection(order: SignatureOrder, adapter: PersistAdapter) -> None:
    for objection in objections(order, adapter.clock.now()):
        raise objection


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _CHUNK):
        yield content[start : start + _CHUNK]
