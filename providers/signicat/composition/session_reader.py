"""Session reader: fetches all native sessions, collections and metadata of one session, in parallel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from providers.clock import Clock
from providers.http.message.response import Response
from providers.http.response_memo import UnchangedResponses
from providers.http.task_group import task_group
from providers.model import Session, SessionRef
from providers.signicat.client import SignicatClient, or_none
from providers.signicat.composition.native_session import NativeSession
from providers.signicat.errors import no_session
from providers.signicat.sessions import Snapshot
from providers.signicat.wire import Collection


class SessionReader:
    """Reads native sessions, and the documents and collections that belong to them."""

    def __init__(self, client: SignicatClient, provider: str, clock: Clock) -> None:
        self._client = client
        self._provider = provider
        self._clock = clock
        self._unchanged = UnchangedResponses()

    async def session(self, key: str, known: Session | None) -> Session:
        """A session; ``known`` itself where the answers are those that it was translated from. Raises ``NotFound``."""
        answers = await self._answers(key, known)
        payloads = [b"" if each is None else each.body for each in answers]
        if known is not None and self._unchanged.is_unchanged(known, payloads, self._clock.now()):
            return known
        snapshot = self._snapshot(key, known, answers)
        complete = await self._complete(snapshot)
        session = complete.session()
        if complete is snapshot:
            self._unchanged.record(known, session, payloads)
        return session

    async def snapshot(self, key: str, known: Session | None) -> Snapshot:
        """A complete snapshot. Raises ``NotFound`` where Signicat has nothing of the session (any more)."""
        return await self._complete(self._snapshot(key, known, await self._answers(key, known)))

    async def collections(self, part: NativeSession) -> tuple[Collection, ...]:
        """The collections of a native session's documents."""
        async with task_group() as tasks:
            fetching = [tasks.create_task(self._client.find_collection(key)) for key in sorted(part.collections)]
        return tuple(collection for task in fetching if (collection := task.result()))

    async def own_collections(self, part: NativeSession) -> Sequence[str]:
        """Keys of the collections that have documents of this native session only, which are deleted with it."""
        own = {use.document_id for use in part.documents}
        collections = await self.collections(part)
        return [item.id for item in collections if {use.document_id for use in item.documents or ()} <= own]

    async def _answers(self, key: str, known: Session | None) -> Sequence[Response | None]:
        """The answer for each native session, then for the collection of a composed one; None for what is gone."""
        if known is None or not known.parts:
            return [await self._client.fetch_session(key)]
        async with task_group() as tasks:
            parts = [tasks.create_task(or_none(self._client.fetch_session(each))) for each in known.parts]
            collection = tasks.create_task(or_none(self._client.fetch_collection(key)))
        answers = [task.result() for task in parts]
        if not any(answers):
            raise no_session(self._provider)
        return [*answers, collection.result()]

    def _snapshot(self, key: str, known: Session | None, answers: Sequence[Response | None]) -> Snapshot:
        keys = known.parts if known and known.parts else (key,)
        parts = tuple(
            NativeSession(each, None) if answer is None else self._client.decode_session(each, answer)
            for each, answer in zip(keys, answers, strict=False)
        )
        snapshot = Snapshot(ref=SessionRef(self._provider, key), parts=parts, now=self._clock.now(), known=known)
        if len(answers) == len(parts):
            return snapshot
        if (last := answers[-1]) is None:
            return replace(snapshot, composed=True)
        collection = self._client.decode_collection(key, last)
        return replace(snapshot, composed=True, collections=(collection,), collection_raw=last.body)

    async def _complete(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with collections and metadata; itself where none is missing."""
        # Collections are read for their packages, and there are none before everyone has signed.
        if snapshot.all_signed and not snapshot.composed:
            snapshot = replace(snapshot, collections=await self.collections(snapshot.parts[0]))
        if not (unread := snapshot.documents_without_metadata()):
            return snapshot
        async with task_group() as tasks:
            metadata = {document: tasks.create_task(self._client.find_metadata(document)) for document in unread}
        return replace(snapshot, metadata={document: task.result() for document, task in metadata.items()})
