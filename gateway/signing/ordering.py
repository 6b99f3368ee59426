"""From a draft to a session at a provider, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import anyio

from gateway.directory import Connected
from gateway.signing.drafts import DocumentDraft, SessionDraft
from gateway.signing.eligibility import document_problems, participant_problems, problems, validated, validated_participant
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

_UNDO_SECONDS = 20.0


class Ordering:
    """Looks up what a draft names, checks it, and has it carried out."""

    def __init__(self, policy: Policy, uploads: Uploads, store: Store, clock: Clock) -> None:
        self._policy = policy
        self._directory = policy.directory
        self._uploads = uploads
        self._store = store
        self._clock = clock

    def within(self, policy: Policy) -> Ordering:
        """The same, for another viewer."""
        return Ordering(policy, self._uploads, self._store, self._clock)

    def require(self, provider: str, path: Sequence[str], drafts: Sequence[DocumentDraft] = ()) -> None:
        """Raises ``NotFound`` or ``Forbidden`` where this viewer may not name that provider, or copy one of those documents.

        It holds for what was carried out before as well: it is asked ahead of an idempotency key.
        """
        self._policy.require_provider(provider, path)
        if any(draft.document is not None for draft in drafts):
            self._policy.require_bytes(("input",))

    async def problems(self, provider: Connected, draft: SessionDraft, flaws: Sequence[Invalid] = ()) -> list[SigningError]:
        """What stands in the way of a draft at a provider. Calls nobody."""
        try:
            self._directory.able(provider.name, Operation.CREATE_SESSION, path=("input", "provider"))
            order = self._order(draft, await self._files(draft.documents))
        except (SigningError, ExceptionGroup) as error:
            if found := expected_errors(error):
                return [*flaws, *found]
            raise
        return problems(provider, order, self._clock.now(), flaws)

    async def prepare(self, draft: SessionDraft, flaws: Sequence[Invalid] = ()) -> tuple[Connected, Order, list[StagedFile]]:
        """The provider of a draft, its order and its files, checked. Raises a group of ``Invalid``.

        Only a document that another session has is fetched from its provider, once everything else is right.
        """
        provider = self._directory.get(draft.provider, path=("input", "provider"))
        if found := await self.problems(provider, draft, flaws):
            raise ExceptionGroup("the order cannot be carried out", found)
        files = await self._files(draft.documents)
        staged = await self._staged(draft.documents, files)
        return provider, validated(provider, self._order(draft, staged)), staged

    async def document(self, provider: Connected, draft: DocumentDraft) -> tuple[DocumentOrder, StagedFile]:
        """The order of a document for a session that exists, and its file, checked. Raises a group of ``Invalid``."""
        path = ("input", "document")
        files = await self._files((draft,), path)
        if found := document_problems(provider, draft.order(files[0]), self._clock.now()):
            raise ExceptionGroup("the document cannot be added", found)
        staged = await self._staged((draft,), files)
        return draft.order(staged[0]), staged[0]

    async def attach(self, provider: Connected, session: Session, order: DocumentOrder) -> Session:
        """Adds a document to a session, or leaves the session as it was."""
        steps = Steps()
        try:
            return await provider.adapter.add_document(session, order, steps)
        except BaseException:
            with anyio.CancelScope(shield=True), deadline(self._clock, _UNDO_SECONDS), suppress(SigningError):
                for step in reversed(steps.entries):
                    await provider.adapter.compensate(step)
            raise

    def participant(self, provider: Connected, order: ParticipantOrder) -> ParticipantOrder:
        """The order of a person for a session that exists, checked. Raises a group of ``Invalid``."""
        if found := participant_problems(provider, order, self._clock.now()):
            raise ExceptionGroup("the participant cannot be added", found)
        return validated_participant(provider, order)

    async def spend(self, files: Sequence[StagedFile]) -> None:
        """The files have become documents: their ids are used up."""
        for file in files:
            await self._uploads.use(file)

    async def _files(self, drafts: Sequence[DocumentDraft], path: Sequence[str] | None = None) -> list[StagedFile]:
        """What is known of every document without asking a provider. Raises a group of what is wrong with any."""
        files: list[StagedFile] = []
        missing: list[SigningError] = []
        for place, draft in enumerate(drafts):
            try:
                files.append(await self._file(draft))
            except SigningError as error:
                error.path = (*(path or ("input", "documents", str(place))), *error.path)
                missing.append(error)
        if missing:
            raise ExceptionGroup("documents that cannot be used", missing)
        return files

    async def _file(self, draft: DocumentDraft) -> StagedFile:
        if draft.upload is not None:
            return await self._uploads.find(draft.upload, self._policy.owner)
        if draft.document is None:
            raise Invalid("Name the document by exactly one of upload, file and document.")
        _, document = await self._known(*draft.document)
        return StagedFile(
            id="",
            filename=document.filename or document.title,
            media_type=document.media_type or "application/pdf",
            size_bytes=document.size_bytes or 0,
            sha256=document.sha256 or "",
            path="",
            expires_at=self._clock.now() + timedelta(days=1),
        )

    async def _known(self, ref: SessionRef, key: str) -> tuple[Session, Document]:
        session = await self._store.sessions.get(ref) if ref.provider in self._directory else None
        document = session.document(key) if session else None
        if session is None or document is None:
            raise NotFound("There is no such document.", path=("document",))
        return session, document

    async def _staged(self, drafts: Sequence[DocumentDraft], files: Sequence[StagedFile]) -> list[StagedFile]:
        """The files with their bytes here: those that another session's document provides are fetched."""
        return [await self._stage(draft, file) for draft, file in zip(drafts, files, strict=True)]

    async def _stage(self, draft: DocumentDraft, file: StagedFile) -> StagedFile:
        if draft.document is None:
            return file
        session, document = await self._known(*draft.document)
        adapter = self._directory.get(session.provider).adapter
        async with adapter.download_document(session, document) as content:
            return await self._uploads.stage(content.chunks, filename=file.filename, media_type=content.media_type)

    def _order(self, draft: SessionDraft, files: Sequence[StagedFile]) -> Order:
        return draft.order(tuple(each.order(file) for each, file in zip(draft.documents, files, strict=True)))
