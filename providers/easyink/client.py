"""API client of EasyInk: one method for each of its operations. A draft and the session made of it have the same key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from providers.decoding.json import MALFORMED, decode_parts
from providers.easyink import wire
from providers.easyink.errors import translated_refusals
from providers.easyink.orders import multipart_upload
from providers.easyink.settings import EasyInkSettings
from providers.errors import NotFound, Refused
from providers.http.client import HttpClient
from providers.http.message.response import Response
from providers.model import Content, DocumentRole
from providers.orders import DocumentOrder

T = TypeVar("T")
Body = Mapping[str, object]

_NO_SUCH_PATH = frozenset({404, 405})


class EasyInkClient:
    """Calls to EasyInk's API v1. A method that creates something returns its id, which EasyInk sends as a bare string."""

    def __init__(self, http: HttpClient, settings: EasyInkSettings) -> None:
        self._http = http
        self._settings = settings

    async def create_draft(self, subject: str) -> str:
        """Creates an empty draft."""
        return await self._create("create_draft", {"subject": subject})

    def fetch_draft(self, key: str) -> Awaitable[Response]:
        """A draft, undecoded. Raises ``NotFound``."""
        return self._get("fetch_draft", session=key)

    def decode_draft(self, key: str, reply: Response) -> tuple[wire.Draft, tuple[str, ...]]:
        """Decodes a draft without its unreadable parts, with the reasons why they are."""
        return self._decode_parts(wire.Draft, "fetch_draft", key, reply)

    async def fetch_complete_draft(self, key: str) -> wire.Draft:
        """A draft. Raises ``Misbehaved`` where any part is unreadable."""
        return self._decode(wire.Draft, await self.fetch_draft(key), "fetch_draft", session=key)

    async def draft_exists(self, key: str) -> bool:
        """Whether there is such a draft."""
        return await self._exists("draft_exists", key)

    async def update_draft(self, key: str, changes: Body) -> None:
        """Changes subject and reminder frequency. Idempotent, so that it may be sent twice."""
        with translated_refusals():
            await self._http.request("PATCH", self._settings.path("update_draft", session=key), json=changes, repeatable=True)

    async def delete_draft(self, key: str) -> None:
        """Deletes a draft with all of its parts."""
        await self._send("DELETE", "delete_draft", session=key)

    async def convert_draft(self, key: str) -> None:
        """Makes a session of a draft, which can no longer be changed."""
        await self._send("POST", "convert_draft", session=key)

    async def upload(self, key: str, document: DocumentOrder) -> str:
        """Uploads a document or an attachment; returns before it is processed."""
        operation = "add_attachment" if document.role is DocumentRole.ATTACHMENT else "upload_document"
        upload = multipart_upload(document)
        with translated_refusals():
            path = self._settings.path(operation, session=key)
            return await self._http.fetch(str, "POST", path, body=upload.body, headers=upload.headers)

    async def remove_document(self, key: str, document: str) -> None:
        """Removes a document with the fields on it."""
        await self._send("DELETE", "remove_document", session=key, document=document)

    async def remove_attachment(self, key: str, attachment: str) -> None:
        """Removes an attachment."""
        await self._send("DELETE", "remove_attachment", session=key, document=attachment)

    async def add_participant(self, key: str, participant: Body) -> str:
        """Adds a participant to a draft."""
        return await self._create("add_participant", participant, session=key)

    async def add_self(self, key: str) -> None:
        """Adds the person of the token to a draft."""
        await self._send("POST", "add_self", session=key)

    async def update_participant(self, key: str, participant: str, body: Body) -> None:
        """Replaces a participant of a draft as a whole."""
        await self._send("PUT", "update_participant", body, session=key, participant=participant)

    async def update_delivery(self, key: str, participant: str, body: Body) -> None:
        """Replaces the delivery methods of a participant of a session, and invites them again."""
        await self._send("PUT", "update_delivery", body, session=key, participant=participant)

    async def remove_participant(self, key: str, participant: str) -> None:
        """Removes a participant with their fields and their place in the signing order."""
        await self._send("DELETE", "remove_participant", session=key, participant=participant)

    async def set_sequential_order(self, key: str, participants: Sequence[str]) -> None:
        """Has the participants of a draft sign one by one, in this order of all of them."""
        await self._send("PUT", "sequential_order", {"participantsOrder": participants}, session=key)

    async def set_parallel_order(self, key: str) -> None:
        """Has the participants of a draft sign all at once."""
        await self._send("PUT", "parallel_order", session=key)

    async def add_field(self, key: str, field: Body) -> None:
        """Places a field on a processed document."""
        await self._create("add_field", field, session=key)

    async def add_fields(self, key: str, fields: Sequence[Body]) -> None:
        """Places several fields in one call; one by one where EasyInk has no such call, which is not published in full."""
        if len(fields) > 1:
            try:
                await self._send("POST", "add_fields", {"signatureFields": fields}, session=key)
            except (NotFound, Refused) as refused:
                if refused.status not in _NO_SUCH_PATH:
                    raise
            else:
                return
        for field in fields:
            await self.add_field(key, field)

    async def update_field_placement(self, key: str, field: str, placement: Body) -> None:
        """Moves or resizes a field."""
        await self._send("PUT", "update_field_placement", placement, session=key, field=field)

    async def update_field_options(self, key: str, field: str, options: Body) -> None:
        """Replaces the options of a field."""
        await self._send("PUT", "update_field_options", options, session=key, field=field)

    async def remove_field(self, key: str, field: str) -> None:
        """Removes a field and every field that depends on it."""
        await self._send("DELETE", "remove_field", session=key, field=field)

    def fetch_session(self, key: str) -> Awaitable[Response]:
        """The view of a session, undecoded. Raises ``NotFound``."""
        return self._get("fetch_session", session=key)

    def decode_session(self, key: str, reply: Response) -> tuple[wire.View, tuple[str, ...]]:
        """Decodes a view without its unreadable parts, with the reasons why they are."""
        return self._decode_parts(wire.View, "fetch_session", key, reply)

    async def session_exists(self, key: str) -> bool:
        """Whether there is such a session."""
        return await self._exists("session_exists", key)

    async def start_session(self, key: str) -> None:
        """Starts a converted session, which invites its participants."""
        await self._send("POST", "start_session", session=key)

    async def void_session(self, key: str, reason: str) -> None:
        """Voids a session for good."""
        await self._send("POST", "void_session", {"reason": reason}, session=key)

    async def duplicate_session(self, key: str, subject: str) -> str:
        """Copies a session into a new draft."""
        return await self._create("duplicate_session", {"subject": subject}, session=key)

    async def recreate_session(self, key: str, subject: str, reason: str) -> str:
        """Copies a session into a new draft, and voids it for good."""
        return await self._create("recreate_session", {"subject": subject, "voidReason": reason}, session=key)

    async def search_sessions(self, number: int, size: int) -> Response:
        """A page of all sessions and drafts, newest first, undecoded; pages are numbered from 0."""
        query = {"pageIndex": number, "pageSize": size}
        with translated_refusals():
            return await self._http.request("GET", self._settings.path("search_sessions"), query=query)

    def decode_search(self, reply: Response) -> wire.SearchPage:
        """Decodes a page of a search, but for its rows."""
        try:
            return reply.page(wire.SearchPage, "items")
        except MALFORMED as error:
            raise self._http.unreadable("GET", self._settings.path("search_sessions"), reply, error) from error

    async def fetch_statistics(self) -> wire.Counts:
        """EasyInk's counts of sessions."""
        return self._decode(wire.Counts, await self._get("fetch_statistics"), "fetch_statistics")

    @asynccontextmanager
    async def download(self, operation: str, key: str, document: str) -> AsyncIterator[Content]:
        """Opens a document as PDF, by one of the six download operations of the path table."""
        path = self._settings.path(operation, session=key, document=document)
        async with AsyncExitStack() as stack:
            with translated_refusals():
                content = await stack.enter_async_context(self._http.download(path))
            yield content

    async def _create(self, operation: str, body: Body, **keys: str) -> str:
        with translated_refusals():
            return await self._http.fetch(str, "POST", self._settings.path(operation, **keys), json=body)

    async def _send(self, method: str, operation: str, body: Body | None = None, **keys: str) -> None:
        with translated_refusals():
            await self._http.request(method, self._settings.path(operation, **keys), json=body)

    async def _get(self, operation: str, **keys: str) -> Response:
        with translated_refusals():
            return await self._http.request("GET", self._settings.path(operation, **keys))

    async def _exists(self, operation: str, key: str) -> bool:
        try:
            with translated_refusals():
                await self._http.request("HEAD", self._settings.path(operation, session=key))
        except NotFound:
            return False
        return True

    def _decode(self, into: type[T], reply: Response, operation: str, **keys: str) -> T:
        try:
            return reply.json(into)
        except MALFORMED as error:
            raise self._http.unreadable("GET", self._settings.path(operation, **keys), reply, error) from error

    def _decode_parts(self, into: type[T], operation: str, key: str, reply: Response) -> tuple[T, tuple[str, ...]]:
        try:
            return decode_parts(reply.body, into)
        except MALFORMED as error:
            raise self._http.unreadable("GET", self._settings.path(operation, session=key), reply, error) from error
