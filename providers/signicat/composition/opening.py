"""Opens sessions: uploads the documents, collects them, and posts a native session for each participant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex

from providers.clock import Clock
from providers.errors import Irreversible, Misbehaved, NotFound, Refused, Unavailable
from providers.http.task_group import task_group
from providers.model import Session, SessionRef
from providers.orders import DocumentOrder
from providers.saga import Pivot, Steps
from providers.signicat.client import COLLECTION, DOCUMENT, SESSION, SignApi
from providers.signicat.composition.native_order import Demand
from providers.signicat.composition.native_session import Part
from providers.signicat.composition.saga_plan import Plan
from providers.signicat.sessions import Reading
from providers.signicat.wire import Collection, Metadata

_WANTING = frozenset({400, 404, 410, 422})


@dataclass(frozen=True, slots=True)
class _Opened:
    collection: Collection
    raw: bytes
    parts: Sequence[Part]


class Opening:
    """Carries out demands, and records every step.

    Documents come first but late: Signicat drops one that no session uses within 30 minutes. One that has gone all
    the same is uploaded again, once.
    """

    def __init__(self, api: SignApi, provider: str, clock: Clock) -> None:
        self._api = api
        self._provider = provider
        self._clock = clock

    async def open(self, demand: Demand, steps: Steps, original: Session | None = None) -> Session:
        """Makes a session, which replaces the ``original``.

        Several native sessions are always marked, so that they can be told apart in a reply.
        """
        if demand.composed and not demand.marker:
            demand = replace(demand, marker=token_hex(6))
        uploads = await self._uploads(demand, steps)
        try:
            opened = await self._open(demand, uploads, steps, original)
        except (Refused, NotFound) as error:
            if error.status not in _WANTING or any(step.name == SESSION for step in steps.entries):
                raise
            renewed = await self._renewed(demand, uploads, steps)
            if renewed is None:
                raise
            uploads = renewed
            opened = await self._open(demand, uploads, steps, original)
        return self._session(demand, uploads, opened)

    async def resume(self, pivot: Pivot, found: Sequence[Part], steps: Steps) -> Session | None:
        """Rolls forward from the native sessions that were ``found`` by the marker: opens those that are missing.

        None where none is there, or none can be added and nobody has signed. Raises ``Irreversible`` where somebody has.
        """
        if not found:
            return None
        plan = Plan.read(pivot)
        demand = plan.demand(pivot.session)
        collection, raw = plan.collected()
        names = {demand.external_reference(place): place for place in demand.places}
        there = {names[name]: part for part in found if part.wire and (name := part.wire.external_reference) in names}
        missing = [place for place in demand.places if place not in there]
        try:
            parts = await self._sessions(demand, collection.id, plan.uploads, there, missing, steps)
        except (Refused, NotFound, Unavailable) as error:
            if isinstance(error, Unavailable) and error.status is None:
                raise
            if any(part.acted for part in found):
                what = f"{self._provider} opens no more signing sessions beside those that somebody has signed"
                raise Irreversible(what) from error
            return None
        return self._session(demand, plan.uploads, _Opened(collection, raw, parts))

    async def _uploads(self, demand: Demand, steps: Steps) -> Sequence[Metadata]:
        """The documents at Signicat. Where one fails, the others are waited for: what they make has to be recorded."""
        under_way = (self._upload(document, steps) for document in demand.documents)
        outcomes = await asyncio.gather(*under_way, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]

    async def _upload(self, document: DocumentOrder, steps: Steps) -> Metadata:
        upload = await self._api.upload(document)
        await steps.record(DOCUMENT, upload.document_id)
        names = {"filename": document.filename, "title": document.title, "description": document.description}
        if names := {name: value for name, value in names.items() if value}:
            await self._api.name_document(upload.document_id, names)
        return upload

    async def _renewed(self, demand: Demand, uploads: Sequence[Metadata], steps: Steps) -> Sequence[Metadata] | None:
        """The uploads, those that Signicat has dropped made again; None where it has all of them."""
        async with task_group() as tasks:
            found = [tasks.create_task(self._api.find_metadata(upload.document_id)) for upload in uploads]
        if all(task.result() for task in found):
            return None
        for step in [step for step in steps.entries if step.name == COLLECTION and step.key]:
            await self._api.delete(COLLECTION, step.key)
        return [
            upload if task.result() else await self._upload(document, steps)
            for upload, task, document in zip(uploads, found, demand.documents, strict=True)
        ]

    async def _open(self, demand: Demand, uploads: Sequence[Metadata], steps: Steps, original: Session | None) -> _Opened:
        await steps.record_intent(COLLECTION)
        collection, raw = await self._api.create_collection(demand.collection(uploads))
        await steps.record(COLLECTION, collection.id)
        await steps.pass_pivot(Plan.of(demand, uploads, raw).pivot(demand.draft, original))
        return _Opened(collection, raw, await self._sessions(demand, collection.id, uploads, {}, list(demand.places), steps))

    async def _sessions(
        self,
        demand: Demand,
        collection: str,
        uploads: Sequence[Metadata],
        there: Mapping[int, Part],
        missing: Sequence[int],
        steps: Steps,
    ) -> Sequence[Part]:
        """The native sessions of all places, those that are missing opened: one after the other, or all at once."""
        parts = dict(there)
        for places in [[place] for place in missing] if demand.in_turn else [list(missing)] if missing else []:
            before = parts.get(places[0] - 1) if demand.in_turn else None
            payloads = [demand.signing_session(place, collection, uploads, before.key if before else None) for place in places]
            made = await self._api.create_sessions(payloads)
            await _record(made, steps)
            parts.update(zip(places, self._in_order(made, [demand.external_reference(place) for place in places]), strict=True))
        return [parts[place] for place in demand.places]

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
        raise Misbehaved(f"{self._provider} answered with {what}.", provider=self._provider)

    def _session(self, demand: Demand, uploads: Sequence[Metadata], opened: _Opened) -> Session:
        ref = SessionRef(self._provider, opened.collection.id if demand.composed else opened.parts[0].key)
        return Reading(
            ref=ref,
            parts=tuple(opened.parts),
            now=self._clock.now(),
            composed=demand.composed,
            collections=(opened.collection,),
            collection_raw=opened.raw,
            known=demand.known(ref, [part.key for part in opened.parts], uploads),
        ).session()


async def _record(parts: Sequence[Part], steps: Steps) -> None:
    """Records all native sessions of one call, also where one cannot be recorded: they exist together."""
    failed: Exception | None = None
    for part in parts:
        try:
            await steps.record(SESSION, part.key)
        except Exception as error:
            failed = failed or error
    if failed is not None:
        raise failed
