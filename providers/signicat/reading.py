"""Reads everything at Signicat that one session is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from providers.clock import Clock
from providers.errors import NotFound
from providers.model import Session, SessionRef
from providers.signicat.api import SignApi
from providers.signicat.composition import Reading
from providers.signicat.part import Part
from providers.signicat.wire import Collection
from providers.together import together
from providers.unchanged import Unchanged


class Reader:
    """Reads native sessions, and the documents and collections that belong to them."""

    def __init__(self, api: SignApi, provider: str, clock: Clock) -> None:
        self._api = api
        self._provider = provider
        self._clock = clock
        self._unchanged = Unchanged()

    async def session(self, key: str, known: Session | None) -> Session:
        """A session: ``known`` itself where Signicat answers what it was read from. Raises ``NotFound``."""
        reading = await self._read(key, known)
        if known is not None and self._unchanged.tells(known, reading.payloads, reading.now):
            return known
        whole = await self._completed(reading)
        session = whole.session()
        if whole is reading:
            self._unchanged.note(known, session, reading.payloads)
        return session

    async def read(self, key: str, known: Session | None) -> Reading:
        """A session. Raises ``NotFound`` where Signicat has nothing of it (any more)."""
        return await self._completed(await self._read(key, known))

    async def collections(self, part: Part) -> tuple[Collection, ...]:
        """The collections that a native session's documents belong to."""
        async with together() as tasks:
            found = [tasks.create_task(self._api.find_collection(key)) for key in sorted(part.collections)]
        return tuple(result[0] for task in found if (result := task.result()))

    async def own_collections(self, part: Part) -> Sequence[str]:
        """Collections that hold nothing but this native session's documents, which go with it anyway."""
        mine = {use.document_id for use in part.documents}
        collections = await self.collections(part)
        return [item.id for item in collections if {use.document_id for use in item.documents or ()} <= mine]

    async def _read(self, key: str, known: Session | None) -> Reading:
        """The native sessions, and the collection of a composed one."""
        ref = SessionRef(self._provider, key)
        if known is not None and known.parts:
            return await self._read_composed(ref, known.parts, known)
        part = await self._api.fetch_session(key)
        return Reading(ref=ref, parts=(part,), now=self._clock.now(), known=known)

    async def _completed(self, reading: Reading) -> Reading:
        """The same with all that is not known yet of what belongs to it."""
        # Only packages are read from a collection, and there are none before everyone has signed.
        if reading.all_signed and not reading.composed:
            reading = replace(reading, collections=await self.collections(reading.parts[0]))
        if not (unread := reading.unread()):
            return reading
        async with together() as tasks:
            metadata = {document: tasks.create_task(self._api.find_metadata(document)) for document in unread}
        return replace(reading, metadata={document: task.result() for document, task in metadata.items()})

    async def _read_composed(self, ref: SessionRef, keys: Sequence[str], known: Session | None) -> Reading:
        async with together() as tasks:
            parts = [tasks.create_task(self._api.find_session(key)) for key in keys]
            collection = tasks.create_task(self._api.find_collection(ref.key))
        read = tuple(task.result() for task in parts)
        reading = Reading(ref=ref, parts=read, now=self._clock.now(), composed=True, known=known)
        if all(part.wire is None for part in reading.parts):
            raise NotFound("Signicat has no such session (any more).", provider=self._provider)
        if found := collection.result():
            reading = replace(reading, collections=(found[0],), collection_raw=found[1])
        return reading
