"""What is shown of a session: what can be done with it, its signatures, and the bytes behind both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from mimetypes import guess_type
from typing import Final, Literal

from gateway.auth.viewer import READ_DOCUMENTS, WRITE_SESSIONS, Viewer
from gateway.cache.single_flight import SingleFlight
from gateway.config import Settings
from gateway.directory import Directory
from gateway.signing.reading import Reading, trimmed
from gateway.signing.signature_check import Inspection
from gateway.store import SignatureFilter, SignaturePosition, StagedFile, Store
from gateway.sync.list_freshness import SourceReport
from gateway.web.links import Link, Links
from gateway.web.uploads import Uploads
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import NotFound, WrongState
from providers.model import Content, Document, DocumentStatus, Participant, Session, SessionRef, Signature
from providers.verification import SignatureReport

_ACTIONS: Final = dict.fromkeys(
    (
        Operation.UPDATE_SESSION,
        Operation.START_SESSION,
        Operation.CANCEL_SESSION,
        Operation.DELETE_SESSION,
        Operation.SET_SIGNING_ORDER,
        Operation.ADD_DOCUMENT,
        Operation.UPDATE_DOCUMENT,
        Operation.REMOVE_DOCUMENT,
        Operation.ADD_PARTICIPANT,
        Operation.ADD_SELF,
        Operation.UPDATE_PARTICIPANT,
        Operation.REMOVE_PARTICIPANT,
        Operation.ADD_FIELD,
        Operation.UPDATE_FIELD,
        Operation.REMOVE_FIELD,
        Operation.SAVE_SIGNATURE,
        Operation.DELETE_SIGNATURE,
    ),
    frozenset({WRITE_SESSIONS}),
) | {
    Operation.DUPLICATE_SESSION: frozenset({WRITE_SESSIONS, READ_DOCUMENTS}),
    Operation.RECREATE_SESSION: frozenset({WRITE_SESSIONS, READ_DOCUMENTS}),
    Operation.DOWNLOAD_DOCUMENT: frozenset({READ_DOCUMENTS}),
}
"""What can be done with one session, and the scopes that it needs: two copy its documents."""
_WITHOUT_BYTES: Final = frozenset({DocumentStatus.PROCESSING, DocumentStatus.FAILED, DocumentStatus.DELETED})


@dataclass(frozen=True, slots=True)
class SignatureList:
    """A slice of the list of signatures; ``more`` says whether it goes on in the direction that was read."""

    rows: Sequence[tuple[Signature, SignaturePosition]]
    more: bool
    sources: Sequence[SourceReport]


class Showing(Reading):
    """What a viewer sees of sessions beyond their state."""

    def __init__(self, settings: Settings, directory: Directory, store: Store, uploads: Uploads, clock: Clock) -> None:
        super().__init__(settings, directory, store, uploads, clock)
        self._links = Links(settings.server, clock)
        self._inspection = Inspection(clock, tuple(path.read_bytes() for path in settings.trust.roots))
        self._inspections: SingleFlight[SignatureReport] = SingleFlight()

    def actions(self, session: Session, viewer: Viewer) -> list[Operation]:
        """What a viewer can do with a session now: what its provider can, in its state, with the viewer's scopes."""
        can = self.directory.get(session.provider).capabilities
        possible = [each for each, needs in _ACTIONS.items() if needs <= viewer.scopes and can.allows(each, session.status)]
        nothing = not any(map(self.has_bytes, session.documents))
        return [each for each in possible if not (nothing and each is Operation.DOWNLOAD_DOCUMENT)]

    def has_bytes(self, document: Document) -> bool:
        """Whether there are bytes of a document that its provider gives back."""
        returns = self.directory.get(document.session.provider).capabilities.returns
        return document.role in returns and document.status not in _WITHOUT_BYTES

    def native(self, session: Session) -> bytes:
        """The provider's last payload, as JSON."""
        return session.native

    def signing_url(self, person: Participant) -> str | None:
        """Where somebody signs; whoever has it can."""
        return person.signing_url

    async def signatures(
        self,
        wanted: SignatureFilter,
        limit: int,
        *,
        after: SignaturePosition | None = None,
        before: SignaturePosition | None = None,
        backwards: bool = False,
    ) -> SignatureList:
        """A slice of one list of signatures over all providers, newest first."""
        able = [each for each in self._asked(wanted.providers) if each.can(Operation.LIST_SIGNATURES)]
        sources = await self._listing.refresh(able, None)
        hidden = self._departed.hidden(wanted)
        found = await self._store.signatures.page(hidden, limit + 1, after, before, backwards=backwards)
        if self._departed.noticed(place.session.provider for place in found):
            hidden = self._departed.hidden(wanted)
            found = await self._store.signatures.page(hidden, limit + 1, after, before, backwards=backwards)
        places, more = trimmed(found, limit, backwards=backwards)
        sessions = await asyncio.gather(*(self._kept_session(place.session) for place in places))
        pairs = (
            (session.signature(place.key) if session else None, place) for session, place in zip(sessions, places, strict=True)
        )
        return SignatureList([(each, place) for each, place in pairs if each is not None], more, sources)

    async def count_signatures(self, wanted: SignatureFilter) -> int:
        """How many signatures match."""
        return await self._store.signatures.count(self._departed.hidden(wanted))

    async def upload(self, chunks: AsyncIterator[bytes], *, filename: str | None, media_type: str | None) -> StagedFile:
        """Stages a file, to be named by a later mutation."""
        return await self.uploads.stage(chunks, filename=filename, media_type=media_type)

    def link(self, kind: Literal["document", "signature"], session: SessionRef, key: str, lasting: timedelta) -> Link:
        """A link to the bytes of a document or a signature that needs no other credential."""
        self.policy.require_provider(session.provider, ("id",))
        return self._links.make(kind, session.provider, session.key, key, lasting)

    @asynccontextmanager
    async def download(self, token: str) -> AsyncIterator[Content]:
        """Opens what a link leads to."""
        target = self._links.open(token)
        ref = SessionRef(target.provider, target.session)
        session = await self.session(ref)
        provider = self.directory.get(ref.provider)
        adapter = provider.adapter
        document, signature = session.document(target.key), session.signature(target.key)
        if target.kind == "document" and document is not None:
            if not provider.capabilities.allows(Operation.DOWNLOAD_DOCUMENT, session.status):
                raise WrongState(f"{provider.name} gives back no documents while the session is {session.status}.")
            async with adapter.download_document(session, document) as content:
                yield _named(content, document.filename or document.title)
        elif target.kind == "signature" and signature is not None:
            async with adapter.download_signature(session, signature) as content:
                yield content
        else:
            raise NotFound("What this link leads to is gone.")

    async def inspect(self, signature: Signature) -> SignatureReport:
        """Reads and checks a signature, once for all who ask at a time; the provider's word is not taken for it."""

        async def look() -> SignatureReport:
            adapter = self.directory.get(signature.session.provider).adapter
            # Not as a viewer: who may look at signatures need not see sessions, and others wait for the same look.
            session = await Reading.session(self, signature.session)
            return await self._inspection.inspect(adapter, session, signature)

        return await self._inspections.do(signature, look)


def _named(content: Content, name: str | None) -> Content:
    """Under the name that we know, as the provider's may have lost letters; unless it made another type of the file."""
    ours = name and (not content.filename or guess_type(name)[0] == content.media_type)
    return replace(content, filename=name) if ours else content
