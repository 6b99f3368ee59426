"""API client of Toy: one method for each of its operations."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import msgspec

from providers.errors import Conflict, SigningError
from providers.http.client import HttpClient
from providers.http.message.response import Response
from providers.model import Content
from providers.orders import DocumentOrder
from providers.toy.errors import has_ended
from providers.toy.settings import ToySettings
from providers.toy.wire import Created, Rows


class ToyClient:
    """Calls to one Toy server."""

    def __init__(self, http: HttpClient, settings: ToySettings) -> None:
        self._http = http
        self._settings = settings

    async def create_draft(self, body: Mapping[str, object]) -> str:
        """Creates a draft; returns its id."""
        return (await self._http.fetch(Created, "POST", self._settings.path("sessions"), json=body)).id

    async def add_file(self, session: str, document: DocumentOrder) -> None:
        """Uploads a file to a draft."""
        headers = {"x-title": document.title or document.filename}
        path = self._settings.path("files", session=session)
        await self._http.fetch(Created, "POST", path, body=document.open, headers=headers)

    async def start(self, session: str) -> None:
        """Starts a draft, which invites its people."""
        await self._http.request("POST", self._settings.path("start", session=session))

    async def fetch(self, session: str) -> bytes:
        """A session, as JSON. Raises ``NotFound``."""
        return bytes(await self._http.fetch(msgspec.Raw, "GET", self._settings.path("session", session=session)))

    async def list(self, offset: int, limit: int) -> Rows:
        """A slice of all sessions, newest first."""
        query = {"offset": offset, "limit": limit}
        return await self._http.fetch(Rows, "GET", self._settings.path("sessions"), query=query)

    async def withdraw(self, session: str, reason: str) -> None:
        """Withdraws a session. Raises ``WrongState`` where it has ended."""
        try:
            await self._http.request("POST", self._settings.path("withdraw", session=session), json={"reason": reason})
        except Conflict as error:
            raise has_ended(error) from error

    async def delete(self, session: str) -> None:
        """Deletes a session with its files. Raises ``NotFound``."""
        await self._http.request("DELETE", self._settings.path("session", session=session))

    def download_file(self, session: str, file: str) -> AbstractAsyncContextManager[Content]:
        """Opens a file."""
        return self._http.download(self._settings.path("file", session=session, file=file))

    def download_result(self, session: str, file: str) -> AbstractAsyncContextManager[Content]:
        """Opens a signed file."""
        return self._http.download(self._settings.path("result", session=session, file=file))

    def unreadable(self, raw: bytes, error: Exception) -> SigningError:
        """The error for a session that cannot be decoded."""
        return self._http.unreadable("GET", self._settings.path("sessions"), Response(200, {}, raw), error)
