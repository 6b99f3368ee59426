"""Documents: files staged for later mutations, and links to the bytes of documents and signatures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from mimetypes import guess_type
from typing import Literal

from gateway.signing.policy import Policy
from gateway.signing.sessions.reader import SessionReader
from gateway.store import StagedFile
from gateway.web.links import Link, Links
from gateway.web.uploads import Uploads
from providers.capability import Operation
from providers.errors import NotFound, WrongState
from providers.model import Content, SessionRef


class Documents:
    """Uploads and downloads of one viewer."""

    def __init__(self, policy: Policy, reader: SessionReader, uploads: Uploads, links: Links) -> None:
        self._policy = policy
        self._reader = reader
        self._uploads = uploads
        self._links = links

    async def upload(self, chunks: AsyncIterator[bytes], *, filename: str | None, media_type: str | None) -> StagedFile:
        """Stages a file, to be named by a later mutation of this viewer. Raises ``TooMany`` where too much is staged."""
        self._policy.require("upload")
        return await self._uploads.stage(chunks, filename=filename, media_type=media_type, owner=self._policy.owner)

    def link(self, kind: Literal["document", "signature"], session: SessionRef, key: str, ttl: timedelta) -> Link:
        """A link to the bytes of a document or a signature that needs no other credential."""
        self._policy.require("link")
        self._policy.require_provider(session.provider, ("id",))
        return self._links.make(kind, session.provider, session.key, key, ttl)

    @asynccontextmanager
    async def download(self, token: str) -> AsyncIterator[Content]:
        """Opens the bytes behind a link, whoever asks for them."""
        target = self._links.open(token)
        ref = SessionRef(target.provider, target.session)
        provider = self._policy.directory.get(ref.provider, ("id",))
        session = await self._reader.session(ref)
        document, signature = session.document(target.key), session.signature(target.key)
        if target.kind == "document" and document is not None:
            if not provider.capabilities.allows(Operation.DOWNLOAD_DOCUMENT, session.status):
                raise WrongState(f"{provider.name} gives back no documents while the session is {session.status}.")
            async with provider.adapter.download_document(session, document) as content:
                yield _named(content, document.filename or document.title)
        elif target.kind == "signature" and signature is not None:
            async with provider.adapter.download_signature(session, signature) as content:
                yield content
        else:
            raise NotFound("What this link leads to is gone.")


def _named(content: Content, name: str | None) -> Content:
    """The content under our name for it, as the provider's may have lost letters; unless that would make another type of it."""
    ours = name and (not content.filename or guess_type(name)[0] == content.media_type)
    return replace(content, filename=name) if ours else content
