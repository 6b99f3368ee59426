"""Session creation: the saga that uploads documents, collects them, and creates a native session for each participant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex

from providers.clock import Clock
from providers.errors import NotFound, Refused, Unavailable
from providers.http.task_group import task_group
from providers.model import Session, SessionRef
from providers.orders import DocumentOrder
from providers.saga import Pivot, Steps
from providers.signicat.client import COLLECTION, DOCUMENT, SESSION, SignicatClient
from providers.signicat.composition.native_order import NativeOrder
from providers.signicat.composition.native_session import NativeSession
from providers.signicat.composition.saga_plan import SagaPlan
from providers.signicat.errors import half_signed, unmatched_sessions
from providers.signicat.sessions import Snapshot
from providers.signicat.wire import Collection, Metadata

_DROPPED_DOCUMENT = frozenset({400, 404, 410, 422})
"""Statuses with which Signicat may refuse a document that it has dropped."""


@dataclass(frozen=True, slots=True)
class _Created:
    collection: Collection
    raw: bytes
    parts: Sequence[NativeSession]


class SessionCreation:
    """Creates sessions from native orders, and records every step.

    Signicat drops a document that no session uses within 30 minutes. One that is gone before the native sessions are
    created is uploaded again, once.
    """

    def __init__(self, client: SignicatClient, provider: str, clock: Clock) -> None:
        self._client = client
        self._provider = provider
        self._clock = clock

    async def create(self, order: NativeOrder, steps: Steps, original: Session | None = None) -> Session:
        """Creates a session, which replaces the ``original``.

        Several native sessions always have a marker, by which an answer in another order is matched to participants.
        """
        if order.composed and not order.marker:
            order = replace(order, marker=token_hex(6))
        uploads = await self._uploads(order, steps)
        try:
            created = await self._create(order, uploads, steps, original)
        except (Refused, NotFound) as error:
            if error.status not in _DROPPED_DOCUMENT or any(step.name == SESSION for step in steps.entries):
                raise
            repeated = await self._repeat_dropped_uploads(order, uploads, steps)
            if repeated is None:
                raise
            uploads = repeated
            created = await self._create(order, uploads, steps, original)
        return self._session(order, uploads, created)

    async def roll_forward(self, pivot: Pivot, existing: Sequence[NativeSession], steps: Steps) -> Session | None:
        """Rolls forward from the ``existing`` native sessions, which have the marker: creates the missing ones.

        None where there is none, or where none can be added and nobody has signed. Raises ``Irreversible`` where somebody has.
        """
        if not existing:
            return None
        plan = SagaPlan.read(pivot)
        order = plan.native_order(pivot.session)
        collection, raw = plan.decode_collection()
        places = {order.external_reference(place): place for place in order.places}
        present = {places[name]: part for part in existing if part.wire and (name := part.wire.external_reference) in places}
        missing = [place for place in order.places if place not in present]
        try:
            parts = await self._sessions(order, collection.id, plan.uploads, present, missing, steps)
        except (Refused, NotFound, Unavailable) as error:
            if isinstance(error, Unavailable) and error.status is None:
                raise
            if any(part.acted for part in existing):
                raise half_signed(self._provider) from error
            return None
        return self._session(order, plan.uploads, _Created(collection, raw, parts))

    async def _uploads(self, order: NativeOrder, steps: Steps) -> Sequence[Metadata]:
        """Uploads all documents. Where one fails, waits for the others: every upload has to be recorded."""
        uploading = (self._upload(document, steps) for document in order.documents)
        outcomes = await asyncio.gather(*uploading, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]

    async def _upload(self, document: DocumentOrder, steps: Steps) -> Metadata:
        upload = await self._client.upload(document)
        await steps.record(DOCUMENT, upload.document_id)
        names = {"filename": document.filename, "title": document.title, "description": document.description}
        if names := {name: value for name, value in names.items() if value}:
            await self._client.name_document(upload.document_id, names)
        return upload

    async def _repeat_dropped_uploads(
        self, order: NativeOrder, uploads: Sequence[Metadata], steps: Steps
    ) -> Sequence[Metadata] | None:
        """The uploads, with dropped ones repeated; None where Signicat has all of them."""
        async with task_group() as tasks:
            metadata = [tasks.create_task(self._client.find_metadata(upload.document_id)) for upload in uploads]
        if all(task.result() for task in metadata):
            return None
        for step in [step for step in steps.entries if step.name == COLLECTION and step.key]:
            await self._client.delete(COLLECTION, step.key)
        return [
            upload if task.result() else await self._upload(document, steps)
            for upload, task, document in zip(uploads, metadata, order.documents, strict=True)
        ]

    async def _create(
        self, order: NativeOrder, uploads: Sequence[Metadata], steps: Steps, original: Session | None
    ) -> _Created:
        await steps.record_intent(COLLECTION)
        collection, raw = await self._client.create_collection(order.collection(uploads))
        await steps.record(COLLECTION, collection.id)
        await steps.pass_pivot(SagaPlan.of(order, uploads, raw).pivot(order.draft, original))
        return _Created(collection, raw, await self._sessions(order, collection.id, uploads, {}, list(order.places), steps))

    async def _sessions(
        self,
        order: NativeOrder,
        collection: str,
        uploads: Sequence[Metadata],
        present: Mapping[int, NativeSession],
        missing: Sequence[int],
        steps: Steps,
    ) -> Sequence[NativeSession]:
        """The native sessions of all places; creates the missing ones, one after the other or all at once."""
        parts = dict(present)
        for places in [[place] for place in missing] if order.in_turn else [list(missing)] if missing else []:
            before = parts.get(places[0] - 1) if order.in_turn else None
            payloads = [order.signing_session(place, collection, uploads, before.key if before else None) for place in places]
            created = await self._client.create_sessions(payloads)
            await _record(created, steps)
            parts.update(
                zip(places, self._in_order(created, [order.external_reference(place) for place in places]), strict=True)
            )
        return [parts[place] for place in order.places]

    def _in_order(self, parts: Sequence[NativeSession], references: Sequence[str | None]) -> Sequence[NativeSession]:
        """The answered sessions in the order of the request; Signicat does not promise to keep it."""
        if len(parts) == len(references) == 1:
            return parts
        by_reference = {part.wire.external_reference: part for part in parts if part.wire and part.wire.external_reference}
        if set(by_reference) == set(references):
            return [by_reference[reference] for reference in references if reference]
        if not by_reference and len(parts) == len(references):
            return parts
        raise unmatched_sessions(self._provider, len(parts), len(references))

    def _session(self, order: NativeOrder, uploads: Sequence[Metadata], created: _Created) -> Session:
        ref = SessionRef(self._provider, created.collection.id if order.composed else created.parts[0].key)
        return Snapshot(
            ref=ref,
            parts=tuple(created.parts),
            now=self._clock.now(),
            composed=order.composed,
            collections=(created.collection,),
            collection_raw=created.raw,
            known=order.known(ref, [part.key for part in created.parts], uploads),
        ).session()


async def _record(parts: Sequence[NativeSession], steps: Steps) -> None:
    """Records all native sessions of one call; goes on where one cannot be recorded, as all of them exist."""
    failed: Exception | None = None
    for part in parts:
        try:
            await steps.record(SESSION, part.key)
        except Exception as error:
            failed = failed or error
    if failed is not None:
        raise failed
