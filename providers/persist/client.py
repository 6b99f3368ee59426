"""API client of Signatures Persist: one method for each operation of its HTTP API.

Parameters travel in the query, because proxies drop the body of a GET; only POST has a body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from providers.errors import Misbehaved, NotFound, Refused
from providers.http.client import HttpClient
from providers.http.message.request import QueryParams
from providers.persist.errors import refusal
from providers.persist.settings import PersistSettings
from providers.persist.wire import Envelope, Many, ManyContent, One, OneContent, RecordKey

E = TypeVar("E", bound=Envelope)


class PersistClient:
    """Calls to one signature store."""

    def __init__(self, http: HttpClient, settings: PersistSettings) -> None:
        self._http = http
        self._settings = settings
        self._headers = {"api-locale": settings.locale}

    async def fetch_signature(self, key: RecordKey) -> bytes:
        """The latest version of a record, as JSON. Raises ``NotFound``."""
        answer = await self._call(One, "GET", "fetch_signature", query=key.query)
        raw = bytes(answer.content.signature) if isinstance(answer.content, OneContent) else b""
        if raw in {b"", b"null"}:
            name = self._settings.name
            raise Misbehaved(f"{name} answered without a signature.", provider=name)
        return raw

    async def list_signatures(self, offset: int, limit: int) -> ManyContent:
        """A slice of the server's join of signatures with tags, newest first, with the count of all joined rows."""
        query: QueryParams = {"limit": limit, "offset": offset, "count": 1}
        answer = await self._call(Many, "GET", "list_signatures", query=query, rows=("content", "signatures"))
        return answer.content if isinstance(answer.content, ManyContent) else ManyContent()

    async def save_signature(self, body: Mapping[str, object]) -> None:
        """Stores the first or the next version of a record. The answer is not believed: read the record back."""
        await self._call(One, "POST", "save_signature", json=body)

    async def delete_signature(self, key: RecordKey) -> None:
        """Deletes a record with all its versions. Raises ``NotFound``."""
        await self._call(Envelope, "DELETE", "delete_signature", query=key.query)

    async def _call(
        self,
        into: type[E],
        method: str,
        operation: str,
        *,
        query: QueryParams | None = None,
        json: object = None,
        rows: Sequence[str] = (),
    ) -> E:
        path = self._settings.path(operation)
        try:
            answer = await self._http.fetch(into, method, path, query=query, json=json, headers=self._headers, rows=rows)
        except (NotFound, Refused) as error:
            raise refusal(error, method, path) from error
        if not answer.status:
            name = self._settings.name
            raise Refused(f"{name} refused.", provider=name, detail=answer.message)
        return answer
