"""Reads everything at Signicat that one session is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from providers.clock import Clock
from providers.errors import NotFound
from providers.http.message.response import Response
from providers.http.response_memo import UnchangedResponses
from providers.http.task_group import task_group
from providers.model import Session, SessionRef
from providers.signicat.client import SignApi, found
from providers.signicat.composition.native_session import Part
from providers.signicat.sessions import Reading
from providers.signicat.wire import Collection


class Reader:
    """Reads native sessions, and the documents and collections that belong to them."""

    def __init__(self, api: SignApi, provider: str, clock: Clock) -> None:
        self._api = api
        self._provider = provider
        self._clock = clock
        self._unchanged = UnchangedResponses()

    async def session(self, key: str, known: Session | None) -> Session:
        """A session: ``known`` itself where Signicat answers what it was read from. Raises ``NotFound``."""
        answers = await self._answers(key, known)
        payloads = [b"" if each is None else each.body for each in answers]
        if known is not None and self._unchanged.is_unchanged(known, payloads, self._clock.now()):
            return known
        reading = self._reading(key, known, answers)
        whole = await self._completed(reading)
        session = whole.session()
        if whole is reading:
            self._unchanged.record(known, session, payloads)
        return session

    async def read(self, key: str, known: Session | None) -> Reading:
        """A session. Raises ``NotFound`` where Signicat has nothing of it (any more)."""
        return await self._completed(self._reading(key, known, await self._answers(key, known)))

    async def collections(self, part: Part) -> tuple[Collection, ...]:
        """The collections that a native session's documents belong to."""
        async with task_group() as tasks:
            read = [tasks.create_task(self._api.find_collection(key)) for key in sorted(part.collections)]
        return tuple(collection for task in read if (collection := task.result()))

    async def own_collections(self, part: Part) -> Sequence[str]:
        """Collections that hold nothing but this native session's documents, which go with it anyway."""
        mine = {use.document_id for use in part.documents}
        collections = await self.collections(part)
        return [item.id for item in collections if {use.document_id for use in item.documents or ()} <= mine]

    async def _answers(self, key: str, known: Session | None) -> Sequence[Response | None]:
        """Each native session, and behind them the collection of a composed one; None where Signicat has it no more."""
        if known is None or not known.parts:
            return [await self._api.payload(key)]
        async with task_group() as tasks:
            parts = [tasks.create_task(found(self._api.payload(each))) for each in known.parts]
            collection = tasks.create_task(found(self._api.collection_payload(key)))
        answers = [task.result() for task in parts]
        if not any(answers):
            raise NotFound("Signicat has no such session (any more).", provider=self._provider)
        return [*answers, collection.result()]

    def _reading(self, key: str, known: Session | None, answers: Sequence[Response | None]) -> Reading:
        keys = known.parts if known and known.parts else (key,)
        parts = tuple(
            Part(each, None) if answer is None else self._api.part(each, answer)
            for each, answer in zip(keys, answers, strict=False)
        )
        reading = Reading(ref=SessionRef(self._provider, key), parts=parts, now=self._clock.now(), known=known)
        if len(answers) == len(parts):
            return reading
        if (last := answers[-1]) is None:
            return replace(reading, composed=True)
        return replace(reading, composed=True, collections=(self._api.collection(key, last),), collection_raw=last.body)

    async def _completed(self, reading: Reading) -> Reading:
        """The same with all that is not known yet of what belongs to it."""
        # Only packages are read from a collection, and there are none before everyone has signed.
        if reading.all_signed and not reading.composed:
            reading = replace(reading, collections=await self.collections(reading.parts[0]))
        if not (unread := reading.unread()):
            return reading
        async with task_group() as tasks:
            metadata = {document: tasks.create_task(self._api.find_metadata(document)) for document in unread}
        return replace(reading, metadata={document: task.result() for document, task in metadata.items()})
