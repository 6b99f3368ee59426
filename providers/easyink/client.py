"""EasyInk's calls by the names of its path table: answers come back read, refusals as our errors."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from providers.decoding.coercion import parse_count
from providers.decoding.json import MALFORMED, decode, decode_parts, decode_rows
from providers.easyink import sessions as translation
from providers.easyink import wire
from providers.easyink.errors import understood
from providers.easyink.orders import upload
from providers.errors import NotFound
from providers.http.client import HttpClient
from providers.http.message.response import Response
from providers.http.response_memo import ResponseMemo, UnchangedResponses
from providers.model import DocumentRole, ListRow, Page, Session, SessionStatus, UnreadableRow, next_offset
from providers.orders import DocumentOrder

T = TypeVar("T")


class EasyInkApi:
    """EasyInk's API v1. Every method may raise any ``ProviderError``."""

    def __init__(self, http: HttpClient, settings: wire.EasyInkSettings) -> None:
        self._http = http
        self._settings = settings
        self._unchanged = UnchangedResponses()
        self._pages: ResponseMemo[Page] = ResponseMemo()
        self.provider = settings.name

    async def session(self, key: str, known: Session | None) -> Session:
        """Reads the view of a session, or its draft while it is one: a draft has no view at every installation.

        It is ``known`` itself where EasyInk answers what that was read from.
        """
        if known is not None and known.status is SessionStatus.DRAFT:
            with suppress(NotFound):
                draft, locked = await self._draft(key, known)
                if not locked:
                    return draft
        try:
            path, reply = await self._reply("fetch_session", session=key)
        except NotFound:
            return await self.draft(key, known)
        if known is not None and self._unchanged.is_unchanged(known, (reply.body,), self._http.clock.now()):
            return known
        view, dropped = self._parts(wire.View, path, reply)
        session = _named(translation.from_view(view, reply.body, self.carried(key, known)), dropped)
        if session.status is SessionStatus.DRAFT:
            with suppress(NotFound):
                return await self.draft(key, known)
        self._unchanged.record(known, session, (reply.body,))
        return session

    async def draft(self, key: str, known: Session | None) -> Session:
        """Reads a draft; ``known`` is what it was."""
        return (await self._draft(key, known))[0]

    def carried(self, key: str, known: Session | None = None) -> Session:
        """What is kept of a session when it is read anew."""
        return translation.carried(self.provider, key, known)

    async def search(self, offset: int, limit: int) -> Page:
        """One page of all sessions, newest first; pages are numbered, so it begins at ``offset`` or before."""
        size = min(limit, wire.LONGEST_PAGE)
        number = offset // size
        path, query = self._settings.path("search_sessions"), {"pageIndex": number, "pageSize": size}
        with understood():
            reply = await self._http.request("GET", path, query=query)
        return self._pages.get_or_make((number, size), reply.body, lambda: self._page(number, size, path, reply))

    def _page(self, number: int, size: int, path: str, reply: Response) -> Page:
        try:
            page = reply.page(wire.SearchPage, "items")
        except MALFORMED as error:
            raise self._http.unreadable("GET", path, reply, error) from error
        rows, unreadable = decode_rows(map(bytes, page.items), self._row)
        here, total = len(rows) + len(unreadable), parse_count(page.total_items_count)
        more = next_offset(number * size, here, size, total) is not None
        following = (number + 1) * size if more else None
        return Page(rows=tuple(rows), total=total, next_offset=following, unreadable=tuple(unreadable))

    async def upload(self, key: str, document: DocumentOrder) -> str:
        """Uploads a document or an attachment to a draft and gives its id, before it is processed."""
        name = "add_attachment" if document.role is DocumentRole.ATTACHMENT else "upload_document"
        parts = upload(document)
        path = self._settings.path(name, session=key)
        with understood():
            return await self._http.fetch(str, "POST", path, body=parts.body, headers=parts.headers)

    async def make(self, name: str, json: object, **keys: str) -> str:
        """Makes something and gives its id, which comes back as a bare string."""
        with understood():
            return await self._http.fetch(str, "POST", self._settings.path(name, **keys), json=json)

    async def do(self, method: str, name: str, json: object = None, **keys: str) -> None:
        """Does something that answers nothing we need. A PATCH says how things are to be, so it may be sent twice."""
        repeatable = True if method == "PATCH" else None
        with understood():
            await self._http.request(method, self._settings.path(name, **keys), json=json, repeatable=repeatable)

    async def read(self, into: type[T], name: str, **keys: str) -> tuple[T, bytes]:
        """Reads something, and gives it with its bytes as they came. Raises ``Misbehaved`` where it is unreadable."""
        path, reply = await self._reply(name, **keys)
        return self._read(into, path, reply), reply.body

    async def exists(self, name: str, **keys: str) -> bool:
        """Whether there is such a draft or session, without reading it."""
        try:
            with understood():
                await self._http.request("HEAD", self._settings.path(name, **keys))
        except NotFound:
            return False
        return True

    async def _reply(self, name: str, **keys: str) -> tuple[str, Response]:
        """What is answered at a path, and that path."""
        path = self._settings.path(name, **keys)
        with understood():
            return path, await self._http.request("GET", path)

    async def _draft(self, key: str, known: Session | None) -> tuple[Session, bool]:
        """A draft, and whether it is locked."""
        path, reply = await self._reply("fetch_draft", session=key)
        draft, dropped = self._parts(wire.Draft, path, reply)
        return _named(translation.from_draft(draft, reply.body, self.carried(key, known)), dropped), bool(draft.is_locked)

    def _parts(self, into: type[T], path: str, reply: Response) -> tuple[T, tuple[str, ...]]:
        """What is answered, without the parts of it that are odd, and why each of those is."""
        try:
            return decode_parts(reply.body, into)
        except MALFORMED as error:
            raise self._http.unreadable("GET", path, reply, error) from error

    def _read(self, into: type[T], path: str, reply: Response) -> T:
        try:
            return reply.json(into)
        except MALFORMED as error:
            raise self._http.unreadable("GET", path, reply, error) from error

    def _row(self, native: bytes) -> ListRow:
        item = decode(native, wire.SearchItem)
        return ListRow(key=item.id, native=native, read=lambda: translation.from_row(self.provider, item, native))


def _named(session: Session, dropped: tuple[str, ...]) -> Session:
    """A session that names what of it was dropped."""
    return replace(session, unreadable=tuple(UnreadableRow(session.key, each) for each in dropped)) if dropped else session
