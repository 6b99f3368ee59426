"""Drafts: creates, edits and deletes sessions that are not converted yet, and waits until their documents are processed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from providers.clock import Clock
from providers.easyink import wire
from providers.easyink.client import EasyInkClient
from providers.easyink.errors import attributed_to, cancel_instead, not_a_draft
from providers.easyink.lifecycle.markers import DRAFT, add_marker, strip_marker
from providers.easyink.orders import field_body, participant_body
from providers.easyink.session_reader import SessionReader
from providers.easyink.sessions import uploaded_document
from providers.errors import Busy, Invalid, NotFound, Refused
from providers.http.deadline import remaining_time
from providers.http.task_group import task_group
from providers.model import Document, DocumentRole, DocumentStatus, ReminderFrequency, Session, SessionStatus, SigningOrder
from providers.orders import DocumentOrder, FieldOrder, Order, SessionChange
from providers.saga import Steps

_PAUSES = (0.1, 0.2, 0.4, 0.8, *([1.5] * 12))
"""Seconds between reads of a draft whose documents are being processed: about 20 in all."""


def require_draft(session: Session) -> None:
    """Raises ``WrongState`` for a session that is no draft any more."""
    if session.status is not SessionStatus.DRAFT:
        raise not_a_draft(session.key)


def check_title(title: str | None) -> None:
    """Raises ``Invalid`` for a title that is too long."""
    if title is not None and len(title) > wire.LONGEST_SUBJECT:
        raise Invalid(f"Give a title of at most {wire.LONGEST_SUBJECT} characters.", path=("input", "title"))


class Drafts:
    """Operations on drafts. Every method may raise any ``ProviderError``."""

    def __init__(self, client: EasyInkClient, reader: SessionReader, provider: str, clock: Clock) -> None:
        self._client = client
        self._reader = reader
        self._provider = provider
        self._clock = clock

    async def create(self, order: Order, steps: Steps) -> Session:
        """Creates a draft with everything of an order, ready to be converted."""
        subject = add_marker(DRAFT, order.title, order.marker) if order.marker else order.title
        key = await self._client.create_draft(subject)
        created_at = self._clock.now()  # EasyInk states the time in lists only
        await steps.record(DRAFT, key)
        async with task_group() as tasks:
            uploading = tasks.create_task(self._upload_all(key, order))
            adding = tasks.create_task(self._add_participants(key, order))
        documents, people = uploading.result(), adding.result()
        if order.marker or order.reminder_frequency is not None:
            await self._describe(key, order.title if order.marker else None, order.reminder_frequency)
        known = self._reader.carry_over(key)
        known = replace(known, reference=order.reference, created_at=created_at, documents=tuple(documents))
        session = await self._reader.draft(key, known)
        if order.fields or order.start:
            session = await self.wait_until_processed(session)
        if not order.fields:
            return session
        fields = [field_body(each, documents[each.document].key, _participant_key(each, people)) for each in order.fields]
        await self._client.add_fields(key, fields)
        return await self._reader.draft(key, session)

    async def adopt(self, key: str, title: str) -> Session:
        """Strips the marker from a copy that EasyInk has made, and reads it."""
        created_at = self._clock.now()
        await self._describe(key, title, None)
        return await self._reader.draft(key, replace(self._reader.carry_over(key), created_at=created_at))

    async def strip_marker(self, key: str) -> None:
        """Strips the marker from the replacement of a session, where it still has one."""
        draft = await self._reader.draft(key, None)
        if draft.title is not None and (title := strip_marker(draft.title)) != draft.title:
            await self._describe(key, title, None)

    async def update(self, session: Session, change: SessionChange) -> Session:
        """Changes title and reminder frequency."""
        require_draft(session)
        check_title(change.title)
        if change != SessionChange():
            await self._describe(session.key, change.title, change.reminder_frequency)
        return await self._reader.draft(session.key, session)

    async def delete(self, key: str) -> None:
        """Deletes a draft with all of its parts. Idempotent. Raises ``WrongState`` where it has become a session."""
        try:
            await self._client.delete_draft(key)
        except NotFound:
            # A draft that was converted is gone as well, but there is its session.
            if await self._client.session_exists(key):
                raise cancel_instead(key) from None

    async def set_signing_order(self, session: Session, order: SigningOrder, participants: tuple[str, ...]) -> Session:
        """Sets who signs after whom; without ``participants`` in their present order."""
        require_draft(session)
        if order is SigningOrder.PARALLEL:
            await self._client.set_parallel_order(session.key)
            return await self._reader.draft(session.key, session)
        present = [person.key for person in session.participants]
        if not present:
            raise Invalid("There is nobody to be put in order: add participants first.", path=("input", "order"))
        sequence = list(participants) or present
        if sorted(sequence) != sorted(present):
            raise Invalid("Name every participant of the session, each once.", path=("input", "participants"))
        await self._client.set_sequential_order(session.key, sequence)
        return await self._reader.draft(session.key, session)

    async def add_document(self, session: Session, document: DocumentOrder, steps: Steps) -> Session:
        """Uploads a document or an attachment; returns before it is processed."""
        require_draft(session)
        uploaded = await self._upload(session.key, document)
        step = "attachment" if document.role is DocumentRole.ATTACHMENT else "document"
        await steps.record(step, f"{session.key}/{uploaded.key}")
        return await self._reader.draft(session.key, replace(session, documents=(*session.documents, uploaded)))

    async def remove_document(self, session: Session, document: Document) -> Session:
        """Removes a document with the fields on it, or an attachment."""
        require_draft(session)
        attachment = document.role is DocumentRole.ATTACHMENT
        remove = self._client.remove_attachment if attachment else self._client.remove_document
        with attributed_to("document"):
            removal = remove(session.key, document.key)
            return await self.remove_part(session, removal, lambda now: now.document(document.key))

    async def remove_part(
        self, session: Session, removal: Awaitable[None], find: Callable[[Session], object | None]
    ) -> Session:
        """Awaits the removal of a part and reads the draft. Idempotent: ``NotFound`` is raised where the part still exists."""
        missing: NotFound | None = None
        try:
            await removal
        except NotFound as error:
            missing = error
        now = await self._reader.draft(session.key, session)
        if missing is not None and find(now) is not None:
            raise missing
        return now

    async def wait_until_processed(self, session: Session, document: str | None = None) -> Session:
        """Reads a draft until one document of it is processed, or all are. Raises ``Busy`` on timeout."""
        for pause in (*_PAUSES, None):
            awaited = [each for each in session.documents if document in {None, each.key}]
            if failed := [each.key for each in awaited if each.status is DocumentStatus.FAILED]:
                what = f"{self._provider} could not process {', '.join(failed)}."
                raise Refused(what, provider=self._provider)
            if all(each.status is DocumentStatus.READY for each in awaited):
                return session
            left = remaining_time(self._clock)
            if pause is None or (left is not None and left <= pause):
                break
            await self._clock.sleep(pause)
            session = await self._reader.draft(session.key, session)
        what = f"{self._provider} is still processing the documents of {session.key}."
        raise Busy(what, provider=self._provider)

    async def _upload_all(self, key: str, order: Order) -> list[Document]:
        """Uploads one by one: EasyInk shows documents in the order of their arrival."""
        return [await self._upload(key, document) for document in order.documents]

    async def _add_participants(self, key: str, order: Order) -> list[str]:
        """Adds one by one, as the documents."""
        people = [await self._client.add_participant(key, participant_body(person)) for person in order.participants]
        if order.signing_order is SigningOrder.SEQUENTIAL and people:
            await self._client.set_sequential_order(key, people)
        return people

    async def _upload(self, key: str, document: DocumentOrder) -> Document:
        uploaded = await self._client.upload(key, document)
        return uploaded_document(self._reader.carry_over(key).ref, uploaded, document, self._clock.now())

    async def _describe(self, key: str, title: str | None, reminders: ReminderFrequency | None) -> None:
        changes: dict[str, object] = {} if title is None else {"subject": title}
        if reminders is not None:
            changes["reminderFrequency"] = wire.to_wire(wire.REMINDER, reminders)
        await self._client.update_draft(key, changes)


def _participant_key(field: FieldOrder, people: list[str]) -> str | None:
    return None if field.participant is None else people[field.participant]
