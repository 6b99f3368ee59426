"""From a draft to a session at a provider, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import anyio

from gateway.directory import Connected, Directory
from gateway.drafts import DocumentDraft, SessionDraft
from gateway.eligibility import problems, validated
from gateway.store import StagedFile, Store
from gateway.uploads import Uploads
from providers.adapter import Steps
from providers.capability import Operation
from providers.clock import Clock
from providers.deadline import deadline
from providers.errors import Invalid, NotFound, SigningError, expected
from providers.model import Document, Session, SessionRef
from providers.order import Order

_UNDO_SECONDS = 20.0


class Ordering:
    """Looks up what a draft names, checks it, and has it carried out."""

    def __init__(self, directory: Directory, uploads: Uploads, store: Store, clock: Clock) -> None:
        self._directory = directory
        self._uploads = uploads
        self._store = store
        self._clock = clock

    async def problems(self, provider: Connected, draft: SessionDraft) -> list[SigningError]:
        """What stands in the way of a draft at a provider. Calls nobody."""
        try:
            order = self._order(draft, await self._files(draft.documents))
        except (SigningError, ExceptionGroup) as error:
            if found := expected(error):
                return found
            raise
        return problems(provider, order, self._clock.now())

    async def create(self, draft: SessionDraft) -> Session:
        """Makes the session of a draft.

        Raises a group of ``Invalid`` before any provider is called. A later failure unmakes what was made, and
        says what could not be unmade.
        """
        provider = self._directory.able(draft.provider, Operation.CREATE_SESSION, path=("input", "provider"))
        files = await self._files(draft.documents)
        if found := problems(provider, self._order(draft, files), self._clock.now()):
            raise ExceptionGroup("the order cannot be carried out", found)
        staged = await self._staged(draft.documents, files)
        steps = Steps()
        try:
            session = await provider.adapter.create_session(validated(provider, self._order(draft, staged)), steps)
        except BaseException as error:
            await self._undo(provider, steps, error)
            raise
        await self._spend(staged)
        return session

    async def add_document(self, provider: Connected, session: Session, draft: DocumentDraft) -> Session:
        """Adds the document of a draft to a session."""
        files = await self._staged((draft,), await self._files((draft,), ("input", "document")))
        steps = Steps()
        try:
            changed = await provider.adapter.add_document(session, draft.order(files[0]), steps)
        except BaseException as error:
            await self._undo(provider, steps, error)
            raise
        await self._spend(files)
        return changed

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
            return await self._uploads.find(draft.upload)
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
        session = await self._store.sessions.get(ref)
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

    async def _spend(self, files: list[StagedFile]) -> None:
        for file in files:
            await self._uploads.use(file)

    async def _undo(self, provider: Connected, steps: Steps, cause: BaseException) -> None:
        """Unmakes every step, last first, also when the caller has gone; tells of what is left."""
        left: list[str] = []
        with anyio.CancelScope(shield=True), deadline(self._clock, _UNDO_SECONDS):
            for step in reversed(steps.made):
                try:
                    await provider.adapter.undo(step)
                except SigningError:
                    left.append(f"{step.name} {step.key}")
        if left and isinstance(cause, SigningError):
            cause.message += f" Left behind at {provider.name}, because it could not be removed: {', '.join(left)}."
        elif steps.made and isinstance(cause, SigningError):
            cause.message += f" What had been made at {provider.name} was removed again."
