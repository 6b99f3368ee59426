"""The verbs that Signicat has, as calls to its Sign API v2."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import ClassVar

import httpx

from providers.adapter import Adapter, Connection, ConnectionState, Steps
from providers.authorization import Authorization, Bearer, Token
from providers.capability import Capabilities, Capability, Limits, Operation, Support, operations
from providers.clock import Clock
from providers.errors import AuthorizationRequired, Invalid, Misbehaved, NotFound, WrongState
from providers.model import (
    Content,
    Document,
    Page,
    ParticipantStatus,
    Session,
    SessionKind,
    SessionRef,
    SessionStatus,
    Signature,
    SigningOrder,
)
from providers.order import DocumentOrder, Order, Step
from providers.reply import Fault, Reply
from providers.signicat.api import SignApi, fault_of, fetch_token
from providers.signicat.composition import Reading
from providers.signicat.order import Demand, options_of, problems
from providers.signicat.part import Part
from providers.signicat.wire import (
    LANGUAGES,
    MOST_OFFSET,
    MOST_ROWS,
    Collection,
    Metadata,
    SignicatSettings,
)

_LONGEST_PLACE = len("#100")


class SignicatAdapter(Adapter):
    """Signicat Sign API v2.

    A composed session has the key of its document collection; any other has that of its native session.
    """

    capabilities: ClassVar[Capabilities] = Capabilities(
        session_kind=SessionKind.SIGNING,
        operations=operations(
            Capability(Operation.CREATE_SESSION, Support.COMPOSED, "One native session for each participant."),
            Capability(Operation.LIST_SESSIONS, Support.NATIVE, "A row for each native session."),
            Capability(Operation.CANCEL_SESSION, Support.COMPOSED, "By deletion: Signicat forgets the session."),
            Capability(Operation.DELETE_SESSION, Support.COMPOSED),
            Capability(Operation.DOWNLOAD_DOCUMENT, Support.NATIVE),
            Capability(Operation.LIST_SIGNATURES, Support.NATIVE),
            Capability(Operation.ARCHIVE, Support.NATIVE, "Signicat's support has to enable it for the account."),
        ),
        media_types=frozenset({"application/pdf", "text/plain", "text/markdown"}),
        languages=LANGUAGES,
        due_date=True,
        limits=Limits(documents=50, participants=100, title=255, message=2048, reference=1024 - _LONGEST_PLACE, due_in=45),
    )

    settings: SignicatSettings

    def __init__(
        self, settings: SignicatSettings, *, transport: httpx.AsyncBaseTransport | None = None, clock: Clock | None = None
    ) -> None:
        super().__init__(settings, transport=transport, clock=clock)
        self.api = SignApi(self.http, settings)
        self._connection = Connection(ConnectionState.UNKNOWN)

    @property
    def connection(self) -> Connection:
        """Whether Signicat gave us a token when it was last asked for one."""
        return self._connection

    def authorization(self) -> Authorization:
        """A token for client credentials; good for 300 seconds where Signicat does not say, and replaced 10 early."""
        return Bearer(self._fetch_token, self.clock)

    def fault(self, reply: Reply) -> Fault:
        """Reads problem+json, OAuth's errors and what older products send; a body of ``{}`` says nothing."""
        return fault_of(reply)

    def check(self, order: Order) -> Iterator[Invalid]:
        """What Signicat would refuse, or could never finish."""
        yield from problems(order)

    async def fetch_session(self, key: str, known: Session | None = None) -> Session:
        """Reads the native sessions of a session, and what belongs to them.

        A session that the gateway did not make has one participant. Its ``created_at`` is that of its earliest
        document, and ``completed_at`` that of its last result, as Signicat states neither. One that is gone after it
        was due is EXPIRED if it was open when last seen, as that is all that Signicat shows of it.
        """
        composed = bool(known and known.parts)
        keys = known.parts if known and known.parts else (key,)
        ref = SessionRef(self.settings.name, key)
        reading = Reading(ref=ref, parts=(), now=self.clock.now(), composed=composed, known=known)
        try:
            reading = await (self._read_composed(reading, keys) if composed else self._read_single(reading))
        except NotFound:
            if known and not known.final and known.due_at and known.due_at < reading.now:
                return _expired(known)
            raise
        async with _together() as tasks:
            metadata = {document: tasks.create_task(self.api.find_metadata(document)) for document in reading.unread()}
        return replace(reading, metadata={document: task.result() for document, task in metadata.items()}).session()

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """Native sessions; those beyond the first 100,000 are out of reach.

        A row does not say when it was created, nor whether a package is outstanding (see ``Reading``).
        """
        asked = min(limit, MOST_ROWS)
        rows, total = await self.api.list_sessions(offset, asked)
        end = offset + len(rows)
        more = end < total if total is not None else len(rows) == asked
        following = end if rows and more and end <= MOST_OFFSET else None
        return Page(sessions=tuple(map(self._row, rows)), total=total, next_offset=following)

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """Uploads the documents, collects them, and opens a native session for each participant.

        Documents come first but late: Signicat drops one that no session uses within 30 minutes.
        """
        async with _together() as tasks:
            uploads = [tasks.create_task(self._upload(document, steps)) for document in order.documents]
        demand = Demand(order=order, uploads=[task.result() for task in uploads], options=options_of(order))
        collection, raw = await self.api.create_collection(demand.collection())
        await steps.did("document_collection", collection.id)
        composed = len(order.participants) > 1
        in_turn = composed and order.signing_order is SigningOrder.SEQUENTIAL
        parts = await (self._open_in_turn if in_turn else self._open_at_once)(demand, collection.id, steps)
        ref = SessionRef(self.settings.name, collection.id if composed else parts[0].key)
        known = demand.known(ref, [part.key for part in parts])
        return Reading(
            ref=ref,
            parts=tuple(parts),
            now=self.clock.now(),
            composed=composed,
            collections=(collection,),
            collection_raw=raw,
            known=known,
        ).session()

    async def cancel_session(self, session: Session, reason: str) -> Session:
        """Deletes an open session, as Signicat has no other way; keeps it for us as canceled.

        It is read first: deleting takes the results along, and everyone may have signed meanwhile.
        """
        now = await self.fetch_session(session.key, session)
        if now.final or now.status is SessionStatus.PROCESSING:
            raise WrongState(
                f"The session is {now.status} at Signicat: only an open one can be canceled.", provider=now.provider
            )
        await self.delete_session(now)
        people = tuple(replace(person, signing_url=None, signing_url_expires_at=None) for person in now.participants)
        return replace(now, status=SessionStatus.CANCELED, status_reason=reason, participants=people)

    async def delete_session(self, session: Session) -> None:
        """Deletes the native sessions, the last to sign first, and then the collection if it was theirs alone."""
        part = None if session.parts else await self.api.find_session(session.key)
        collections = await self._own_collections(part) if part else (session.key,)
        deleted = [await self.api.delete("signing_session", key) for key in reversed(session.parts or (session.key,))]
        deleted += [await self.api.delete("document_collection", key) for key in collections]
        # One that was there a moment ago and is not now: a first attempt got through, and its answer got lost.
        if not any(deleted) and not (part and part.wire):
            raise NotFound("Signicat has no such session (any more).", provider=session.provider)

    def download_document(self, session: Session, document: Document) -> AbstractAsyncContextManager[Content]:
        """Opens a document, a signature or a package: Signicat keeps all of them as documents."""
        return self.http.download(self.settings.path("download_document", key=document.key), query=self.api.query())

    def download_signature(self, session: Session, signature: Signature) -> AbstractAsyncContextManager[Content]:
        """Opens the XML of a signature, or the PDF that carries it."""
        key = signature.document or signature.key
        return self.http.download(self.settings.path("download_document", key=key), query=self.api.query())

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """The signatures that are there by now."""
        return (await self.fetch_session(session.key, session)).signatures

    async def undo(self, step: Step) -> None:
        """Deletes what was made; Signicat may have deleted it already, along with a session."""
        await self.api.delete(step.name, step.key)

    async def _fetch_token(self) -> Token:
        try:
            token = await fetch_token(self.http, self.settings)
        except AuthorizationRequired:
            self._connection = Connection(ConnectionState.REFUSED, note="Check client_id and client_secret.")
            raise
        self._connection = Connection(ConnectionState.CONNECTED)
        return token

    async def _upload(self, document: DocumentOrder, steps: Steps) -> Metadata:
        upload = await self.api.upload(document)
        await steps.did("document", upload.document_id)
        await self.api.name_document(upload.document_id, document)
        return upload

    async def _open_at_once(self, demand: Demand, collection: str, steps: Steps) -> Sequence[Part]:
        return await self._open(demand, [(place, None) for place in demand.places], collection, steps)

    async def _open_in_turn(self, demand: Demand, collection: str, steps: Steps) -> Sequence[Part]:
        parts: list[Part] = []
        for place in demand.places:
            after = parts[-1].key if parts else None
            parts += await self._open(demand, [(place, after)], collection, steps)
        return parts

    async def _open(
        self, demand: Demand, places: Sequence[tuple[int, str | None]], collection: str, steps: Steps
    ) -> Sequence[Part]:
        parts = await self.api.create_sessions([demand.signing_session(collection, *place) for place in places])
        for part in parts:
            await steps.did("signing_session", part.key)
        return self._in_order(parts, [demand.external_reference(place) for place, _ in places])

    def _in_order(self, parts: Sequence[Part], references: Sequence[str | None]) -> Sequence[Part]:
        """The answered sessions in the order asked for: nobody promises that they come in it."""
        if len(parts) == len(references) == 1:
            return parts
        named = {part.wire.external_reference: part for part in parts if part.wire and part.wire.external_reference}
        if set(named) == set(references):
            return [named[reference] for reference in references if reference]
        if not named and len(parts) == len(references):
            return parts
        what = f"{len(parts)} sessions for {len(references)} participants, and not whose they are"
        raise Misbehaved(f"{self.settings.name} answered with {what}.", provider=self.settings.name)

    async def _read_single(self, reading: Reading) -> Reading:
        part = await self.api.fetch_session(reading.ref.key)
        reading = replace(reading, parts=(part,))
        # Only packages are read from a collection, and there are none before everyone has signed.
        return replace(reading, collections=await self._collections(part)) if reading.all_signed else reading

    async def _read_composed(self, reading: Reading, keys: Sequence[str]) -> Reading:
        async with _together() as tasks:
            parts = [tasks.create_task(self.api.find_session(key)) for key in keys]
            collection = tasks.create_task(self.api.find_collection(reading.ref.key))
        reading = replace(reading, parts=tuple(task.result() for task in parts))
        if all(part.wire is None for part in reading.parts):
            raise NotFound("Signicat has no such session (any more).", provider=self.settings.name)
        if found := collection.result():
            reading = replace(reading, collections=(found[0],), collection_raw=found[1])
        return reading

    async def _collections(self, part: Part) -> tuple[Collection, ...]:
        async with _together() as tasks:
            found = [tasks.create_task(self.api.find_collection(key)) for key in sorted(part.collections)]
        return tuple(result[0] for task in found if (result := task.result()))

    async def _own_collections(self, part: Part) -> Sequence[str]:
        """Collections that hold nothing but this native session's documents, which go with it anyway."""
        mine = {use.document_id for use in part.documents}
        collections = await self._collections(part)
        return [item.id for item in collections if {use.document_id for use in item.documents or ()} <= mine]

    def _row(self, part: Part) -> Session:
        ref = SessionRef(self.settings.name, part.key)
        return Reading(ref=ref, parts=(part,), now=self.clock.now(), partial=True).session()


@asynccontextmanager
async def _together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises the first failure as it is, as callers know our errors and no groups of them."""
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as failures:
        failure = failures.exceptions[0]
    if failure is not None:
        raise failure


def _expired(known: Session) -> Session:
    open_states = {ParticipantStatus.WAITING, ParticipantStatus.INVITED}
    people = tuple(
        replace(person, status=ParticipantStatus.EXPIRED) if person.status in open_states else person
        for person in known.participants
    )
    return replace(known, status=SessionStatus.EXPIRED, participants=people)
