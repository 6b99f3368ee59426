"""Order builder: turns a draft into an order that a provider can carry out, with its documents staged."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import anyio

from gateway.directory import ConnectedProvider
from gateway.signing.orders.draft import DocumentDraft, SessionDraft
from gateway.signing.orders.eligibility import (
    document_problems,
    participant_problems,
    problems,
    validated,
    validated_participant,
)
from gateway.signing.policy import Policy
from gateway.store import StagedFile, Store
from gateway.web.uploads import Uploads
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import Invalid, NotFound, SigningError, expected_errors
from providers.http.deadline import deadline
from providers.model import Document, Session, SessionRef
from providers.orders import DocumentOrder, Order, ParticipantOrder
from providers.saga import Steps

_COMPENSATION_SECONDS = 20.0
_log = logging.getLogger("countersign.orders")


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether a provider could carry out an order, and the problems that stand in the way."""

    provider: ConnectedProvider
    problems: Sequence[SigningError]


@dataclass(frozen=True, slots=True)
class PreparedOrder:
    """An order that was checked, the provider that it is for, and the staged files that it uses up."""

    provider: ConnectedProvider
    order: Order
    files: Sequence[StagedFile]


class OrderBuilder:
    """Builds orders for one viewer: looks up the documents of a draft, and checks it against a provider."""

    def __init__(self, policy: Policy, uploads: Uploads, store: Store, clock: Clock) -> None:
        self._policy = policy
        self._uploads = uploads
        self._store = store
        self._clock = clock

    def require(self, provider: str, path: Sequence[str], drafts: Sequence[DocumentDraft] = ()) -> None:
        """Raises ``NotFound`` or ``Forbidden`` where this viewer may not name that provider, or copy one of those documents.

        It holds for what was carried out before as well: it is asked ahead of an idempotency key.
        """
        self._policy.require_provider(provider, path)
        if any(draft.document is not None for draft in drafts):
            self._policy.require_bytes(("input",))

    async def check(self, provider: ConnectedProvider, draft: SessionDraft, flaws: Sequence[Invalid]) -> Eligibility:
        """Whether a provider could carry out a draft. Calls no provider."""
        try:
            order, _ = await self._drafted(provider, draft, flaws)
        except ExceptionGroup as error:
            if not (found := expected_errors(error)):
                raise
            return Eligibility(provider, found)
        return Eligibility(provider, problems(provider, order, self._clock.now(), flaws))

    async def prepare(self, draft: SessionDraft, flaws: Sequence[Invalid] = ()) -> PreparedOrder:
        """The order of a draft at its provider, checked. Raises a group of ``Invalid``.

        A document that another session has is downloaded from its provider only once everything else is right.
        """
        provider = self._policy.directory.get(draft.provider, path=("input", "provider"))
        order, files = await self._drafted(provider, draft, flaws)
        if found := problems(provider, order, self._clock.now(), flaws):
            raise ExceptionGroup("the order cannot be carried out", found)
        staged = await self._stage_all(draft.documents, files)
        return PreparedOrder(provider, validated(provider, replace(order, documents=_orders(draft, staged))), staged)

    async def document(self, provider: ConnectedProvider, draft: DocumentDraft) -> tuple[DocumentOrder, StagedFile]:
        """The order of a document for a session that exists, and its file, checked. Raises a group of ``Invalid``."""
        path = ("input", "document")
        files = await self._files((draft,), path)
        if found := document_problems(provider, draft.order(files[0]), self._clock.now()):
            raise ExceptionGroup("the document cannot be added", found)
        staged = await self._stage_all((draft,), files)
        return draft.order(staged[0]), staged[0]

    async def attach(self, provider: ConnectedProvider, session: Session, order: DocumentOrder) -> Session:
        """Adds a document to a session, or compensates and leaves the session as it was."""
        steps = Steps()
        try:
            return await provider.adapter.add_document(session, order, steps)
        except BaseException:
            with anyio.CancelScope(shield=True), deadline(self._clock, _COMPENSATION_SECONDS), suppress(SigningError):
                for step in reversed(steps.entries):
                    await provider.adapter.compensate(step)
            raise

    def participant(self, provider: ConnectedProvider, order: ParticipantOrder) -> ParticipantOrder:
        """The order of a person for a session that exists, checked. Raises a group of ``Invalid``."""
        if found := participant_problems(provider, order, self._clock.now()):
            raise ExceptionGroup("the participant cannot be added", found)
        return validated_participant(provider, order)

    @asynccontextmanager
    async def spending(self, drafts: Sequence[DocumentDraft], files: Sequence[StagedFile]) -> AsyncIterator[None]:
        """Removes staged files that become documents meanwhile: their ids are used up.

        Where that fails, an upload can be named again; copies of other documents are removed, as nobody can name them.
        """
        try:
            yield
        except BaseException:
            await self._discard_copies(drafts, files)
            raise
        for file in files:
            await self._uploads.use(file)

    async def _drafted(
        self, provider: ConnectedProvider, draft: SessionDraft, flaws: Sequence[Invalid]
    ) -> tuple[Order, list[StagedFile]]:
        """The order before any download, and its files. Raises a group of ``Invalid`` where the draft makes none."""
        try:
            self._policy.directory.get_supporting(provider.name, Operation.CREATE_SESSION, path=("input", "provider"))
            files = await self._files(draft.documents)
            return draft.order(_orders(draft, files)), files
        except (SigningError, ExceptionGroup) as error:
            if not (found := expected_errors(error)):
                raise
            raise ExceptionGroup("the order cannot be carried out", [*flaws, *found]) from error

    async def _files(self, drafts: Sequence[DocumentDraft], path: Sequence[str] | None = None) -> list[StagedFile]:
        """The file of every document, without a call to any provider. Raises a group of the problems of all."""
        files: list[StagedFile] = []
        missing: list[SigningError] = []
        for place, draft in enumerate(drafts):
            try:
                files.append(await self._file(draft))
            except SigningError as error:
                missing.append(error.at((*(path or ("input", "documents", str(place))), *error.path)))
        if missing:
            raise ExceptionGroup("documents that cannot be used", missing)
        return files

    async def _file(self, draft: DocumentDraft) -> StagedFile:
        if draft.upload is not None:
            return await self._uploads.find(draft.upload, self._policy.owner)
        if draft.document is None:
            raise Invalid("Name the document by exactly one of upload, file and document.")
        _, document = await self._stored_document(*draft.document)
        return StagedFile(
            id="",
            filename=document.filename or document.title,
            media_type=document.media_type or "application/pdf",
            size_bytes=document.size_bytes or 0,
            sha256=document.sha256 or "",
            path="",
            expires_at=self._clock.now() + timedelta(days=1),
        )

    async def _stored_document(self, ref: SessionRef, key: str) -> tuple[Session, Document]:
        session = await self._store.sessions.get(ref) if ref.provider in self._policy.directory else None
        document = session.document(key) if session else None
        if session is None or document is None:
            raise NotFound("There is no such document.", path=("document",))
        return session, document

    async def _stage_all(self, drafts: Sequence[DocumentDraft], files: Sequence[StagedFile]) -> list[StagedFile]:
        """The files with their bytes staged: documents of other sessions are downloaded."""
        staged: list[StagedFile] = []
        try:
            for draft, file in zip(drafts, files, strict=True):
                staged.append(await self._stage(draft, file))
        except BaseException:
            await self._discard_copies(drafts, staged)
            raise
        return staged

    async def _discard_copies(self, drafts: Sequence[DocumentDraft], files: Sequence[StagedFile]) -> None:
        """Removes the copies among staged files. One that cannot be removed now is removed when it expires."""
        with anyio.CancelScope(shield=True):
            try:
                for draft, file in zip(drafts, files, strict=False):
                    if draft.document is not None:
                        await self._uploads.use(file)
            except Exception:
                _log.warning("copies of documents could not be removed yet", exc_info=True)

    async def _stage(self, draft: DocumentDraft, file: StagedFile) -> StagedFile:
        if draft.document is None:
            return file
        session, document = await self._stored_document(*draft.document)
        adapter = self._policy.directory.get(session.provider).adapter
        async with adapter.download_document(session, document) as content:
            return await self._uploads.stage(content.chunks, filename=file.filename, media_type=content.media_type)


def _orders(draft: SessionDraft, files: Sequence[StagedFile]) -> tuple[DocumentOrder, ...]:
    return tuple(each.order(file) for each, file in zip(draft.documents, files, strict=True))


class EligibleProviders:
    """Eligibility of one viewer's providers for an order."""

    def __init__(self, policy: Policy, orders: OrderBuilder) -> None:
        self._policy = policy
        self._orders = orders

    async def eligible(self, draft: SessionDraft, flaws: Sequence[Invalid] = ()) -> list[Eligibility]:
        """Which providers could carry out an order, and why the others could not. Calls no provider.

        ``flaws`` are the problems of the order's texts at any provider.
        """
        self._policy.require("eligible")
        return [await self._orders.check(each, draft, flaws) for each in self._policy.directory]
