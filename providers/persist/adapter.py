"""The verbs of a signature store: every record is a session that is completed from the start.

The server checks a version and then writes without a lock, so a write is believed only after it has been read
back. Parameters go into the query, because proxies drop the body of a GET; only POST has one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, TypeVar
from weakref import WeakValueDictionary

import msgspec

from providers.adapter import Adapter, Steps
from providers.capability import Capabilities, Capability, Operation, Support, operations
from providers.clock import Clock
from providers.decoding.coercion import count
from providers.decoding.json import MALFORMED, decode, mismatch
from providers.decoding.pagination import next_offset
from providers.errors import Conflict, InDoubt, Misbehaved, NotFound, Refused, SigningError, Unavailable
from providers.http.message.request import Query
from providers.http.message.response import Fault, Reply
from providers.http.transport import Transport
from providers.model import Content, Document, Listed, Page, Session, SessionKind, SessionStatus, Signature
from providers.orders import SignatureOrder
from providers.persist.orders import objections, trimmed
from providers.persist.provenance import RULES
from providers.persist.sessions import SIGNATURE, Pair, file, pair, session, sessions
from providers.persist.wire import Envelope, Many, ManyContent, One, OneContent, PersistSettings, StoredSignature
from providers.provenance import Rule

T = TypeVar("T")
E = TypeVar("E", bound=Envelope)

_LIST_NOTE = (
    "The provider never lists a signature without tags, repeats one for each of its tags, and counts the repetitions: "
    "a page may hold fewer sessions than asked for, the total counts rows, and untagged signatures are found by key only."
)
_SAVE_NOTE = "Read back after writing, because the provider lets simultaneous writers overwrite each other."
_STORED = frozenset({SessionStatus.COMPLETED})
_CHUNK = 64 * 1024


class PersistAdapter(Adapter):
    """One signature store."""

    settings: PersistSettings
    rules: ClassVar[tuple[Rule, ...]] = RULES
    capabilities: ClassVar[Capabilities] = Capabilities(
        session_kind=SessionKind.RECORD,
        operations=operations(
            Capability(Operation.LIST_SESSIONS, Support.COMPOSED, _LIST_NOTE),
            Capability(Operation.DELETE_SESSION, Support.NATIVE, "The same as deleting its signature.", _STORED),
            Capability(Operation.DOWNLOAD_DOCUMENT, Support.NATIVE),
            Capability(Operation.SAVE_SIGNATURE, Support.COMPOSED, _SAVE_NOTE),
            Capability(Operation.DELETE_SIGNATURE, Support.NATIVE, "Removes every version.", _STORED),
            Capability(Operation.LIST_SIGNATURES, Support.NATIVE),
        ),
        media_types=frozenset(),
        participants=False,
    )

    def __init__(self, settings: PersistSettings, *, transport: Transport | None = None, clock: Clock | None = None) -> None:
        super().__init__(settings, transport=transport, clock=clock)
        self._turns: WeakValueDictionary[Pair, asyncio.Lock] = WeakValueDictionary()

    def fault(self, reply: Reply) -> Fault:
        """The server's own failures are JSON with a message; anything else was said by something in front of it."""
        try:
            envelope = reply.json(Envelope)
        except MALFORMED:
            return Fault()
        return Fault(detail=envelope.message or "no reason given")

    def has_key(self, key: str) -> bool:
        """``document/thread``, both percent-encoded in our one way, and without what the server strips from their ends."""
        found = pair(key)
        return found is not None and Pair(trimmed(found.document), trimmed(found.thread)).key == key

    async def fetch_session(self, key: str, known: Session | None = None) -> Session:
        """Reads a record by its key, ``document/thread`` with both percent-encoded."""
        return await self._session(await self._fetch(self._pair(key)))

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """A slice of the records that have tags, newest first; offset and total count the server's rows."""
        query: Query = {"limit": limit, "offset": offset, "count": 1}
        answer = await self._call(Many, "GET", "list_signatures", query=query, rows=("content", "signatures"))
        content = answer.content if isinstance(answer.content, ManyContent) else ManyContent()
        rows = [bytes(row) for row in content.signatures]
        found, unreadable = await self._read(lambda: sessions(self.settings.name, rows, self.clock.now()))
        total = count(content.nb_results)
        following = next_offset(offset, len(rows), limit, total)
        return Page(rows=tuple(map(Listed.of, found)), total=total, next_offset=following, unreadable=tuple(unreadable))

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Removes the record; one that is gone already counts as removed, for the call may have been repeated."""
        try:
            await self._call(Envelope, "DELETE", "delete_signature", query=self._pair(session.key).query)
        except NotFound:
            return

    async def delete_signature(self, session: Session, signature: Signature) -> None:
        """The same as removing the record."""
        await self.delete_session(session)

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """The one signature of a record, as it is now."""
        return (await self.fetch_session(session.key)).signatures

    @asynccontextmanager
    async def download_document(self, session: Session, document: Document) -> AsyncIterator[Content]:
        """The bytes of the signature, decoded."""
        if document.key != SIGNATURE:
            raise NotFound("This record has one document only: its signature.", provider=self.settings.name)
        yield await self._content(session.key)

    @asynccontextmanager
    async def download_signature(self, session: Session, signature: Signature) -> AsyncIterator[Content]:
        """The same bytes as those of its document."""
        yield await self._content(session.key)

    async def save_signature(self, order: SignatureOrder) -> Session:
        """Stores a signature or its next version, and reads it back.

        Raises ``Invalid`` for what the server would refuse or change, and ``Conflict`` where another version is
        there, where another writer won, and where this one has overwritten a version that it was not to replace.
        """
        await asyncio.to_thread(_refuse, order, self)
        wanted = Pair(trimmed(order.document), trimmed(order.thread))
        # Those who write here take turns; against those who write elsewhere only reading back helps.
        turn = self._turns.setdefault(wanted, asyncio.Lock())
        async with turn:
            return await self._session(await self._save(order, wanted))

    async def find_saved(self, order: SignatureOrder) -> Session | None:
        """The record, where it has the version and the content that the order was to give it."""
        try:
            raw = await self._fetch(Pair(trimmed(order.document), trimmed(order.thread)))
        except NotFound:
            return None
        stored = await self._read(lambda: decode(raw, StoredSignature))
        as_ordered = trimmed(stored.text) == trimmed(order.content) and stored.number in {(order.version or 0) + 1, None}
        return await self._session(raw) if as_ordered else None

    async def _save(self, order: SignatureOrder, wanted: Pair) -> bytes:
        present = await self._present(wanted) if order.version is not None else None
        if order.version is not None and (present is None or present.number not in {order.version, None}):
            raise self._conflict(f"Version {order.version} is not the present one", present)
        doubt: SigningError | None = None
        try:
            await self._call(One, "POST", "save_signature", json=_body(order, wanted, present))
        except Refused as refused:
            if "version" not in (refused.detail or "").lower():
                raise
            raise self._conflict("The version does not match", await self._present(wanted)) from refused
        except (Unavailable, InDoubt) as error:
            # Answered by 500 the write may have landed all the same; a call that never left had no status.
            if error.status is None and not isinstance(error, InDoubt):
                raise
            doubt = error
        return await self._read_back(order, wanted, doubt)

    async def _read_back(self, order: SignatureOrder, wanted: Pair, doubt: SigningError | None) -> bytes:
        """The record as it is after a write. Raises ``Conflict`` where it is somebody else's, or what was in doubt."""
        try:
            raw = await self._fetch(wanted)
        except NotFound as error:
            raise doubt or self._conflict("The signature was deleted as soon as it was stored", None) from error
        except SigningError as error:
            raise InDoubt(
                f"{self.settings.name} was sent the signature but cannot be asked what it has stored.",
                provider=self.settings.name,
            ) from error
        stored = await self._read(lambda: decode(raw, StoredSignature))
        before = order.version or 0
        if doubt is not None and stored.number is not None and stored.number <= before:
            raise doubt
        if trimmed(stored.text) != trimmed(order.content):
            raise self._conflict("Somebody else stored another signature at the same time", stored)
        if stored.number not in {before + 1, None}:
            raise self._conflict("This signature was stored, but over that of somebody else at the same time", stored)
        return raw

    def _pair(self, key: str) -> Pair:
        if (wanted := pair(key)) is None:
            raise NotFound(
                "A key of this provider is the document and the thread, percent-encoded and joined by a slash.",
                provider=self.settings.name,
            )
        return wanted

    async def _content(self, key: str) -> Content:
        raw = await self._fetch(self._pair(key))
        found = await self._read(lambda: file(decode(raw, StoredSignature).text))
        return Content(
            chunks=_chunks(found.content),
            media_type=found.media_type,
            filename=found.filename,
            size_bytes=len(found.content),
        )

    async def _present(self, wanted: Pair) -> StoredSignature | None:
        try:
            raw = await self._fetch(wanted)
        except NotFound:
            return None
        return await self._read(lambda: decode(raw, StoredSignature))

    async def _fetch(self, wanted: Pair) -> bytes:
        """The stored signature as JSON, unchanged."""
        answer = await self._call(One, "GET", "fetch_signature", query=wanted.query)
        raw = bytes(answer.content.signature) if isinstance(answer.content, OneContent) else b""
        if raw in {b"", b"null"}:
            raise Misbehaved(f"{self.settings.name} answered without a signature.", provider=self.settings.name)
        return raw

    async def _call(
        self,
        into: type[E],
        method: str,
        name: str,
        *,
        query: Query | None = None,
        json: object = None,
        rows: Sequence[str] = (),
    ) -> E:
        path = self.settings.path(name)
        headers = {"api-locale": self.settings.locale}
        try:
            answer = await self.http.fetch(into, method, path, query=query, json=json, headers=headers, rows=rows)
        except (NotFound, Refused) as error:
            raise self._reading(error, method, path) from error
        if not answer.status:
            raise Refused(f"{self.settings.name} refused.", provider=self.settings.name, detail=answer.message)
        return answer

    def _reading(self, error: SigningError, method: str, path: str) -> SigningError:
        """A 404 in plain text is no missing signature but a wrong address; an older server says 400 for not found."""
        if isinstance(error, NotFound) and error.detail is None:
            return Misbehaved(
                f"{self.settings.name} has no {method} {path}: check base_url and paths.",
                provider=self.settings.name,
                status=error.status,
            )
        if isinstance(error, Refused) and "not found" in (error.detail or "").lower():
            what = f"{self.settings.name} has no such thing (HTTP {error.status})."
            return NotFound(what, provider=error.provider, status=error.status, detail=error.detail)
        return error

    async def _session(self, raw: bytes) -> Session:
        return await self._read(lambda: session(self.settings.name, raw, self.clock.now()))

    async def _read(self, reading: Callable[[], T]) -> T:
        """Reads in a thread, for signatures take processor time. Raises ``Misbehaved`` where the JSON is another."""
        try:
            return await asyncio.to_thread(reading)
        except MALFORMED as error:
            why = mismatch(error) if isinstance(error, msgspec.ValidationError) else "it is none"
            what = f"{self.settings.name} answered with a signature that cannot be read ({why})."
            raise Misbehaved(what, provider=self.settings.name) from error

    def _conflict(self, what: str, present: StoredSignature | None) -> Conflict:
        there = "there is none" if present is None else f"version {present.number} is stored now"
        return Conflict(f"{what}; {there}. Read it and decide again.", provider=self.settings.name)


def _refuse(order: SignatureOrder, adapter: PersistAdapter) -> None:
    for objection in objections(order, adapter.clock.now()):
        raise objection


def _body(order: SignatureOrder, wanted: Pair, present: StoredSignature | None) -> dict[str, object]:
    """What to send: the server forgets everything about the last version that is not sent again."""
    tags = order.tags if order.tags is not None else tuple(str(tag) for tag in (present.tags if present else None) or ())
    comment = order.comment if order.comment is not None or present is None else present.version_comment
    author = order.created_by if order.created_by is not None or present is None else present.version_created_by
    body = {
        **wanted.query,
        "cms": order.content,
        "version": order.version,
        "version_comment": comment,
        "version_created_by": author,
        "tags": list(dict.fromkeys(trimmed(tag) for tag in tags)),
    }
    return {name: value for name, value in body.items() if value is not None}


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _CHUNK):
        yield content[start : start + _CHUNK]
