"""EasyInk's verbs: a session is made as a draft, converted, started, and then only read or voided."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import ClassVar, TypeVar

import msgspec

from providers.adapter import Adapter, Connection, ConnectionState, Steps
from providers.authorization import Authorization
from providers.capability import Capabilities, Capability, Limits, Operation, Support
from providers.capability import operations as table
from providers.deadline import time_left
from providers.easyink import session as translation
from providers.easyink import wire
from providers.easyink.order import field, objections, participant, upload
from providers.easyink.refusal import fault, understood
from providers.easyink.token import REMEDY, PersonalToken, expiry
from providers.errors import AuthorizationRequired, Busy, Invalid, NotFound, Refused, WrongState
from providers.model import (
    Content,
    DeliveryMethod,
    Document,
    DocumentRole,
    DocumentStatus,
    Page,
    Session,
    SessionKind,
    SessionStatus,
    Signature,
    SigningOrder,
)
from providers.order import DocumentOrder, Order, Step
from providers.reply import Fault, Reply

T = TypeVar("T")

_ACTIVE = frozenset({SessionStatus.READY, SessionStatus.PENDING, SessionStatus.IN_PROGRESS})
_LONGEST_REASON = 1000  # characters
# Seconds between looks at documents that are being processed: about 20 in all.
_PAUSES = (0.1, 0.2, 0.4, 0.8, *([1.5] * 12))
_DOWNLOADS = {
    (DocumentRole.TO_SIGN, True): "download_draft_document",
    (DocumentRole.TO_SIGN, False): "download_document",
    (DocumentRole.ATTACHMENT, True): "download_draft_attachment",
    (DocumentRole.ATTACHMENT, False): "download_attachment",
    (DocumentRole.SIGNED, False): "download_signed_document",
    (DocumentRole.EVIDENCE, False): "download_all_in_one",
}


class EasyInkAdapter(Adapter):
    """EasyInk behind our verbs."""

    settings: wire.EasyInkSettings

    capabilities: ClassVar[Capabilities] = Capabilities(
        session_kind=SessionKind.SIGNING,
        operations=table(
            Capability(
                Operation.CREATE_SESSION, Support.COMPOSED, "A draft, its parts one by one, then converted and started."
            ),
            Capability(Operation.LIST_SESSIONS, Support.NATIVE, "What the person of the token may see."),
            Capability(Operation.START_SESSION, Support.COMPOSED, "Converts the draft, then starts the session."),
            Capability(Operation.CANCEL_SESSION, Support.NATIVE, "For sessions that are no draft: a draft is deleted."),
            Capability(Operation.DELETE_SESSION, Support.NATIVE, "Drafts only: any other session is canceled."),
            Capability(Operation.ADD_DOCUMENT, Support.NATIVE, "Drafts only."),
            Capability(Operation.DOWNLOAD_DOCUMENT, Support.NATIVE),
            Capability(Operation.LIST_SIGNATURES, Support.NATIVE, "One per signed document, which carries everybody's."),
        ),
        media_types=frozenset(
            {
                "application/pdf",
                "application/msword",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            }
        ),
        languages=frozenset(wire.LANGUAGE.values()),
        deliveries=frozenset(DeliveryMethod),
        fields=True,
        reminders=True,
        limits=Limits(title=500),
    )

    def authorization(self) -> Authorization:
        """The bearer token of a person."""
        return PersonalToken(self.settings.name, self.settings.access_token)

    def fault(self, reply: Reply) -> Fault:
        """Its code, and its words with those of the inner errors; people are left out of them."""
        return fault(reply)

    @property
    def connection(self) -> Connection:
        """Whether there is a token, and until when it says it is good."""
        token = self.settings.access_token
        if token is None:
            return Connection(ConnectionState.AUTHORIZATION_REQUIRED, note=f"Nobody has given a token: {REMEDY}.")
        expires_at = expiry(token)
        if expires_at is not None and expires_at <= self.clock.now():
            return Connection(ConnectionState.EXPIRED, expires_at, f"The token has ended: {REMEDY}.")
        if isinstance(self.health.last_error, AuthorizationRequired):
            return Connection(ConnectionState.REFUSED, expires_at, f"The token was refused: {REMEDY}.")
        return Connection(ConnectionState.CONNECTED, expires_at)

    def check(self, order: Order) -> Iterator[Invalid]:
        """Phone numbers, names and languages that EasyInk does not take, and what it has no room for."""
        return objections(order)

    async def fetch_session(self, key: str, known: Session | None = None) -> Session:
        """Reads the view of a session, or its draft while it is one: a draft has no view at every installation."""
        if known is not None and known.status is SessionStatus.DRAFT:
            with suppress(NotFound):
                draft, native = await self._read(wire.Draft, "fetch_draft", session=key)
                if not draft.is_locked:
                    return translation.from_draft(draft, native, self._carried(key, known))
        try:
            view, native = await self._read(wire.View, "fetch_session", session=key)
        except NotFound:
            return await self._fetch_draft(key, known)
        session = translation.from_view(view, native, self._carried(key, known))
        if session.status is SessionStatus.DRAFT:
            with suppress(NotFound):
                return await self._fetch_draft(key, known)
        return session

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """One page of a search; pages are numbered, so ``offset`` is rounded down to where one begins."""
        size = min(limit, wire.LONGEST_PAGE)
        number = offset // size
        path, query = self.settings.path("search_sessions"), {"pageIndex": number, "pageSize": size}
        with understood():
            reply = await self.http.request("GET", path, query=query)
        try:
            page = reply.json(wire.SearchPage)
            rows = tuple(self._row(raw) for raw in page.items)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.http.unreadable("GET", path, reply, error) from error
        more = len(rows) == size if page.total_items_count is None else (number + 1) * size < page.total_items_count
        return Page(sessions=rows, total=page.total_items_count, next_offset=(number + 1) * size if more else None)

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """A draft, then its documents, participants and fields, then converted and started where the order says so."""
        key = await self._make("create_draft", {"subject": order.title})
        created_at = self.clock.now()  # our own record: EasyInk tells it in lists only
        await steps.did("draft", key)
        uploaded = [await self._upload(key, document) for document in order.documents]
        people = [await self._make("add_participant", participant(person), session=key) for person in order.participants]
        if order.signing_order is SigningOrder.SEQUENTIAL and people:
            await self._do("PUT", "sequential_order", {"participantsOrder": people}, session=key)
        if order.reminder_frequency is not None:
            reminder = wire.theirs(wire.REMINDER, order.reminder_frequency)
            await self._do("PATCH", "update_draft", {"reminderFrequency": reminder}, session=key)
        known = replace(self._carried(key), reference=order.reference, created_at=created_at, documents=tuple(uploaded))
        session = await self._fetch_draft(key, known)
        if order.fields or order.start:
            session = await self._processed(session)
        if order.fields:
            for placed in order.fields:
                await self._make("add_field", field(placed, uploaded, people), session=key)
            session = await self._fetch_draft(key, session)
        return await self._start(session) if order.start else session

    async def start_session(self, session: Session) -> Session:
        """Converts a draft and starts it; starts a session that was converted before."""
        fresh = await self.fetch_session(session.key, session)
        if fresh.status is SessionStatus.DRAFT:
            return await self._start(await self._processed(fresh))
        if fresh.status is SessionStatus.READY:
            return await self._start(fresh)
        raise WrongState(f"Session {session.key} is {fresh.provider_status} and cannot be started again.")

    async def cancel_session(self, session: Session, reason: str) -> Session:
        """Voids a session. One that somebody else has just voided counts as done."""
        if session.status is SessionStatus.DRAFT:
            raise WrongState(f"Session {session.key} is a draft: delete it instead.")
        if session.final and session.status is not SessionStatus.CANCELED:
            raise WrongState(f"Session {session.key} is {session.provider_status} and can no longer be canceled.")
        if not 1 <= len(reason) <= _LONGEST_REASON:
            raise Invalid(f"Give a reason of 1 to {_LONGEST_REASON} characters.", path=("input", "reason"))
        try:
            await self._do("POST", "void_session", {"reason": reason}, session=session.key)
        except (Refused, WrongState) as refused:
            fresh = await self.fetch_session(session.key, session)
            if fresh.status is SessionStatus.CANCELED:
                return fresh
            if fresh.status in _ACTIVE:
                raise
            raise WrongState(f"Session {session.key} is {fresh.provider_status} and cannot be canceled.") from refused
        return replace(await self.fetch_session(session.key, session), status_reason=reason)

    async def delete_session(self, session: Session) -> None:
        """Deletes a draft with all that belongs to it; one that is gone counts as deleted."""
        if session.status is not SessionStatus.DRAFT:
            raise WrongState(f"Session {session.key} is no draft any more: cancel it instead.")
        with suppress(NotFound):
            await self._do("DELETE", "delete_draft", session=session.key)

    async def add_document(self, session: Session, document: DocumentOrder, steps: Steps) -> Session:
        """Uploads to a draft; the document is still being processed when this returns."""
        if session.status is not SessionStatus.DRAFT:
            raise WrongState(f"Session {session.key} is no draft any more: documents can no longer be added.")
        uploaded = await self._upload(session.key, document)
        name = "attachment" if document.role is DocumentRole.ATTACHMENT else "document"
        await steps.did(name, f"{session.key}/{uploaded.key}")
        return await self._fetch_draft(session.key, replace(session, documents=(*session.documents, uploaded)))

    @asynccontextmanager
    async def download_document(self, session: Session, document: Document) -> AsyncIterator[Content]:
        """Opens a document as PDF, whatever it was uploaded as."""
        name = _DOWNLOADS.get((document.role, session.status is SessionStatus.DRAFT))
        if name is None:
            raise WrongState(f"Session {session.key} is a draft: nobody has signed it yet.")
        if document.role is DocumentRole.EVIDENCE and document.key != translation.ALL_IN_ONE:
            raise NotFound(f"Session {session.key} has no document {document.key}.")
        path = self.settings.path(name, session=session.key, document=translation.their_key(document.key))
        async with AsyncExitStack() as stack:
            with understood():
                content = await stack.enter_async_context(self.http.download(path))
            yield content

    @asynccontextmanager
    async def download_signature(self, session: Session, signature: Signature) -> AsyncIterator[Content]:
        """Opens the document that carries the signatures."""
        document = session.document(signature.key)
        if document is None:
            raise NotFound(f"Session {session.key} has no signed document {signature.key}.")
        async with self.download_document(session, document) as content:
            yield content

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """One for each signed document that is ready."""
        return (await self.fetch_session(session.key, session)).signatures

    async def undo(self, step: Step) -> None:
        """Deletes a draft with all that belongs to it, or what was added to one."""
        if step.name == "draft":
            await self._undo_draft(step.key)
            return
        session, _, document = step.key.partition("/")
        with suppress(NotFound):
            await self._do("DELETE", f"remove_{step.name}", session=session, document=document)

    async def _undo_draft(self, key: str) -> None:
        try:
            await self._do("DELETE", "delete_draft", session=key)
        except (NotFound, WrongState):
            # It was converted in the meantime, or it is gone.
            try:
                await self._do("POST", "void_session", {"reason": "Its creation failed."}, session=key)
            except NotFound:
                return
            except (Refused, WrongState):
                if (await self.fetch_session(key)).status is not SessionStatus.CANCELED:
                    raise

    async def _start(self, session: Session) -> Session:
        if session.status is SessionStatus.DRAFT:
            await self._do("POST", "convert_draft", session=session.key)
        await self._do("POST", "start_session", session=session.key)
        started = replace(session, status=SessionStatus.PENDING, started_at=self.clock.now())
        return await self.fetch_session(session.key, started)

    async def _processed(self, session: Session) -> Session:
        """Looks at a draft until all of its documents are ready; fields and conversion need them."""
        for pause in (*_PAUSES, None):
            if failed := [each.key for each in session.documents if each.status is DocumentStatus.FAILED]:
                raise Refused(f"{self.settings.name} could not process {', '.join(failed)}.", provider=self.settings.name)
            if all(each.status is DocumentStatus.READY for each in session.documents):
                return session
            left = time_left(self.clock)
            if pause is None or (left is not None and left <= pause):
                break
            await self.clock.sleep(pause)
            session = await self._fetch_draft(session.key, session)
        raise Busy(f"{self.settings.name} is still processing the documents of {session.key}.", provider=self.settings.name)

    async def _fetch_draft(self, key: str, known: Session | None) -> Session:
        draft, native = await self._read(wire.Draft, "fetch_draft", session=key)
        return translation.from_draft(draft, native, self._carried(key, known))

    async def _upload(self, key: str, document: DocumentOrder) -> Document:
        name = "add_attachment" if document.role is DocumentRole.ATTACHMENT else "upload_document"
        parts = upload(document)
        path = self.settings.path(name, session=key)
        with understood():
            made = await self.http.fetch(str, "POST", path, body=parts.body, headers=parts.headers)
        return translation.as_ordered(self._carried(key).ref, made, document, self.clock.now())

    async def _make(self, name: str, json: object, **keys: str) -> str:
        """Makes something and gives its id, which comes back as a bare string."""
        with understood():
            return await self.http.fetch(str, "POST", self.settings.path(name, **keys), json=json)

    async def _do(self, method: str, name: str, json: object = None, **keys: str) -> None:
        with understood():
            await self.http.request(method, self.settings.path(name, **keys), json=json)

    async def _read(self, into: type[T], name: str, **keys: str) -> tuple[T, bytes]:
        path = self.settings.path(name, **keys)
        with understood():
            reply = await self.http.request("GET", path)
        try:
            return reply.json(into), reply.body
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.http.unreadable("GET", path, reply, error) from error

    def _row(self, raw: msgspec.Raw) -> Session:
        native = bytes(raw)
        return translation.from_row(self.settings.name, msgspec.json.decode(native, type=wire.SearchItem), native)

    def _carried(self, key: str, known: Session | None = None) -> Session:
        return translation.carried(self.settings.name, key, known)
