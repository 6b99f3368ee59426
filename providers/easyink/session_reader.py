"""Session reader: fetches a session as a draft or a view and translates it, and remembers unchanged answers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from providers.clock import Clock
from providers.decoding.coercion import parse_count
from providers.decoding.json import decode, decode_rows
from providers.easyink import wire
from providers.easyink.client import EasyInkClient
from providers.easyink.sessions import carry_over, from_draft, from_row, from_view
from providers.errors import NotFound
from providers.http.message.response import Response
from providers.http.response_memo import ResponseMemo, UnchangedResponses
from providers.model import ListRow, Page, Session, SessionStatus, UnreadableRow, next_offset


class SessionReader:
    """Reads sessions of one account. Every method may raise any ``ProviderError``."""

    def __init__(self, client: EasyInkClient, provider: str, clock: Clock) -> None:
        self._client = client
        self._provider = provider
        self._clock = clock
        self._unchanged = UnchangedResponses()
        self._pages: ResponseMemo[Page] = ResponseMemo()

    async def session(self, key: str, known: Session | None) -> Session:
        """Reads the view of a session, or its draft while it is one: not every installation has views of drafts.

        Returns ``known`` itself where EasyInk's answer is the one that it was translated from.
        """
        if known is not None and known.status is SessionStatus.DRAFT:
            with suppress(NotFound):
                draft, locked = await self._draft(key, known)
                if not locked:
                    return draft
        try:
            reply = await self._client.fetch_session(key)
        except NotFound:
            return await self.draft(key, known)
        if known is not None and self._unchanged.is_unchanged(known, (reply.body,), self._clock.now()):
            return known
        view, dropped = self._client.decode_session(key, reply)
        session = _with_unreadable(from_view(view, reply.body, self.carry_over(key, known)), dropped)
        if session.status is SessionStatus.DRAFT:
            with suppress(NotFound):
                return await self.draft(key, known)
        self._unchanged.record(known, session, (reply.body,))
        return session

    async def draft(self, key: str, known: Session | None) -> Session:
        """Reads a draft; ``known`` is the session as it was."""
        return (await self._draft(key, known))[0]

    def carry_over(self, key: str, known: Session | None = None) -> Session:
        """The fields of ``known`` that EasyInk does not return; without it, a session that has a key alone."""
        return carry_over(self._provider, key, known)

    async def page(self, offset: int, limit: int) -> Page:
        """A page of all sessions, newest first; pages are numbered, so it begins at ``offset`` or before."""
        size = min(limit, wire.LONGEST_PAGE)
        number = offset // size
        reply = await self._client.search_sessions(number, size)
        return self._pages.get_or_make((number, size), reply.body, lambda: self._page(number, size, reply))

    def _page(self, number: int, size: int, reply: Response) -> Page:
        page = self._client.decode_search(reply)
        rows, unreadable = decode_rows(map(bytes, page.items), self._row)
        length, total = len(rows) + len(unreadable), parse_count(page.total_items_count)
        more = next_offset(number * size, length, size, total) is not None
        following = (number + 1) * size if more else None
        return Page(rows=tuple(rows), total=total, next_offset=following, unreadable=tuple(unreadable))

    def _row(self, native: bytes) -> ListRow:
        item = decode(native, wire.SearchItem)
        return ListRow(key=item.id, native=native, read=lambda: from_row(self._provider, item, native))

    async def _draft(self, key: str, known: Session | None) -> tuple[Session, bool]:
        """A draft, and whether it is locked."""
        reply = await self._client.fetch_draft(key)
        draft, dropped = self._client.decode_draft(key, reply)
        session = from_draft(draft, reply.body, self.carry_over(key, known))
        return _with_unreadable(session, dropped), bool(draft.is_locked)


def _with_unreadable(session: Session, dropped: tuple[str, ...]) -> Session:
    """The session with the parts that were dropped as unreadable."""
    return replace(session, unreadable=tuple(UnreadableRow(session.key, each) for each in dropped)) if dropped else session
