"""Adapter: Toy behind the operations of every provider."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import ClassVar

import msgspec

from providers.adapter import Adapter
from providers.capability import Capabilities
from providers.clock import Clock
from providers.errors import NotFound
from providers.http.credentials import HeaderAuth
from providers.http.message.response import ErrorDetail, Response
from providers.http.transport import Transport
from providers.model import Content, Document, DocumentRole, ListRow, Page, Session, Signature
from providers.orders import Order
from providers.provenance import Rule
from providers.saga import Step, Steps
from providers.toy.capability import CAPABILITIES
from providers.toy.client import ToyClient
from providers.toy.errors import decode_error
from providers.toy.orders import draft_body
from providers.toy.provenance import RULES
from providers.toy.sessions import file_id, session
from providers.toy.settings import ToySettings


class ToyAdapter(Adapter):
    """Adapter of one Toy server."""

    settings: ToySettings
    rules: ClassVar[tuple[Rule, ...]] = RULES
    capabilities: ClassVar[Capabilities] = CAPABILITIES

    def __init__(self, settings: ToySettings, *, transport: Transport | None = None, clock: Clock | None = None) -> None:
        super().__init__(settings, transport=transport, clock=clock)
        self.client = ToyClient(self.http, settings)

    def auth(self) -> HeaderAuth:
        """An API key in a header."""
        return HeaderAuth({"x-toy-key": self.settings.api_key})

    def parse_error(self, reply: Response) -> ErrorDetail:
        """Decodes an error body; see ``errors``."""
        return decode_error(reply)

    async def fetch_session(self, key: str, previous: Session | None = None) -> Session:
        """Reads a session."""
        return self._session(await self.client.fetch(key), partial=False)

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """A slice of all sessions; rows have neither files nor people."""
        page = await self.client.list(offset, limit)
        end = offset + len(page.rows)
        rows = tuple(ListRow.from_session(self._session(bytes(row), partial=True)) for row in page.rows)
        return Page(rows=rows, total=page.total, next_offset=end if page.rows and end < page.total else None)

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """Creates a draft, uploads its files, and starts it."""
        key = await self.client.create_draft(draft_body(order))
        await steps.record("session", key)
        for document in order.documents:
            await self.client.add_file(key, document)
        await self.client.start(key)
        return await self.fetch_session(key)

    async def cancel_session(self, session: Session, reason: str, steps: Steps | None = None) -> Session:
        """Withdraws a session. Raises ``WrongState`` where it has ended."""
        await self.client.withdraw(session.key, reason)
        return replace(await self.fetch_session(session.key), status_reason=reason)

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Deletes a session with its files."""
        await self.client.delete(session.key)

    async def compensate(self, step: Step) -> None:
        """Deletes a session that a failed creation has left. Idempotent."""
        try:
            await self.client.delete(step.key)
        except NotFound:
            return

    def download_document(self, session: Session, document: Document) -> AbstractAsyncContextManager[Content]:
        """Opens a file, or its signed one."""
        download = self.client.download_result if document.role is DocumentRole.SIGNED else self.client.download_file
        return download(session.key, file_id(document.key))

    def download_signature(self, session: Session, signature: Signature) -> AbstractAsyncContextManager[Content]:
        """Opens the signed file that carries the signature."""
        return self.client.download_result(session.key, file_id(signature.key))

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """One signature for each signed file."""
        return (await self.fetch_session(session.key)).signatures

    def _session(self, raw: bytes, *, partial: bool) -> Session:
        try:
            return session(self.settings.name, raw, partial=partial)
        except msgspec.DecodeError as error:
            raise self.client.unreadable(raw, error) from error
