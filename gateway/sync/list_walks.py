"""List walks: the three ways through a provider's list: until nothing is new, for what is due, and from end to end."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime, timedelta

from gateway.directory import ConnectedProvider
from gateway.store import ListCheckpoint, Store
from gateway.store.list_query.due_sort_key import NEVER
from gateway.sync.list_fingerprint import ListFingerprints
from gateway.sync.list_freshness import CheckpointCache, UnreadableRows
from gateway.sync.list_rows import WALK_SECONDS, ListRows, Pacing
from gateway.sync.schedule import Schedule
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import expected_errors
from providers.http.deadline import deadline
from providers.model import Page, UnreadableRow

_MAX_UNLISTED = 50
_MAX_DUE = 1_000
_CONFIRM_INTERVAL = timedelta(seconds=1)
"""Interval in which it is stored that a list is unchanged."""
_WORTH_A_PAGE = 10
"""So many due sessions are worth one more page, though none was on the last; fewer are read by themselves."""

_log = logging.getLogger("countersign.listing")


class _Walk:
    """One pass over a list: observes the changed rows of each page, and collects the unreadable ones."""

    def __init__(
        self, provider: ConnectedProvider, checkpoint: ListCheckpoint | None, rows: ListRows, store: Store, pacing: Pacing
    ) -> None:
        self.provider = provider
        self.checkpoint = checkpoint
        self.unreadable = UnreadableRows(checkpoint.unreadable if checkpoint else ())
        self._rows = rows
        self._store = store
        self._pacing = pacing

    async def pages(
        self, *, offset: int = 0, first: tuple[Page, datetime] | None = None, was_complete: bool = False
    ) -> AsyncGenerator[tuple[Page, bool], None]:
        """Each page once its changed rows are observed, and whether there were any.

        Where the list ``was_complete``, the first changes mark it incomplete: until the walk ends there may be more behind
        them, and one after a walk that was cut off looks there.
        """
        async with aclosing(self._rows.pages(self.provider, self._pacing, offset, first)) as pages:
            async for page, asked_at in pages:
                self.unreadable.record_page(page)
                changed = await self._rows.changed(self.provider, page.rows)
                if was_complete and changed and page.next_offset is not None:
                    await self._store.checkpoints.mark_incomplete(self.provider.name)
                await self._rows.observe(self.provider, changed, asked_at, self._pacing, self.unreadable)
                yield page, bool(changed)


class ListWalks:
    """Walks through providers' lists, which have the newest rows first.

    ``refresh`` and ``poll`` end at a page without changes, once they have seen what they were made for. Changes behind such
    a page are found by ``sweep``. No walk finds a session that no list shows.
    """

    def __init__(
        self,
        store: Store,
        schedule: Schedule,
        rows: ListRows,
        fingerprints: ListFingerprints,
        checkpoints: CheckpointCache,
        clock: Clock,
        read_log: Callable[[float], Awaitable[None]],
    ) -> None:
        """``read_log`` reads the event log, unless that was done since an instant of the clock's ``monotonic``."""
        self._store = store
        self._schedule = schedule
        self._rows = rows
        self._fingerprints = fingerprints
        self._checkpoints = checkpoints
        self._clock = clock
        self._read_log = read_log
        self._confirmed_at: dict[str, datetime] = {}

    async def refresh(self, provider: ConnectedProvider) -> ListCheckpoint:
        """Reads a list until nothing is new, and all sessions that can still change were seen; gives how far it was read."""
        begun, first = self._clock.now(), None
        if provider.can(Operation.LIST_SESSIONS) and self._fingerprints.has_recent(provider.name):
            first = await self._rows.page(provider, 0), begun
            await self._read_log(self._clock.monotonic())
            if self._fingerprints.matches(provider.name, first[0]):
                return await self._confirm(provider, begun)
        version = self._fingerprints.version()
        walk = await self._begin(provider, Pacing())
        fingerprint = await self._read_all_unsettled(walk, first)
        unreadable = await self._record_unreadable(walk, whole=walk.unreadable.reached_end)
        await self._store.checkpoints.record_refresh(provider.name, begun)
        self._fingerprints.record(provider.name, fingerprint, version)
        return ListCheckpoint(synced_at=begun, complete=True, unreadable=unreadable)

    async def poll(self, provider: ConnectedProvider, pacing: Pacing) -> list[str]:
        """Reads a list for changes and for due sessions; gives the due ones that it did not show in full."""
        begun, walk = self._clock.now(), await self._begin(provider, pacing)
        due = dict(await self._schedule.due_rows(provider.name, _MAX_DUE))
        was_complete = walk.checkpoint is not None and walk.checkpoint.complete
        pages_without_due = 0
        async with aclosing(walk.pages(was_complete=was_complete)) as pages:
            async for page, has_changes in pages:
                keys = [row.key for row in page.rows]
                due_on_page = [key for key in keys if due.pop(key, None) is not None]
                await self._schedule.record_rows(provider.name, keys)
                pages_without_due = 0 if due_on_page else pages_without_due + 1
                if not has_changes and pages_without_due * _WORTH_A_PAGE >= len(due):
                    break
        await self._record_unreadable(walk, whole=walk.unreadable.reached_end)
        await self._store.checkpoints.record_poll(provider.name, begun, complete=True if was_complete else None)
        awaiting = await self._schedule.awaiting(provider.name, _MAX_UNLISTED)
        return list(dict.fromkeys([*awaiting, *due.values()]))[:_MAX_UNLISTED]

    async def sweep(self, provider: ConnectedProvider, pacing: Pacing) -> None:
        """Reads a list from end to end, or on from where the last sweep was cut off."""
        walk = await self._begin(provider, pacing)
        offset = walk.checkpoint.sweep_offset if walk.checkpoint else None
        if offset is None:
            anew = not (walk.checkpoint and walk.checkpoint.complete)
            await self._store.checkpoints.begin_sweep(provider.name, anew=anew)
        async with aclosing(walk.pages(offset=offset or 0)) as pages:
            async for page, _ in pages:
                await self._schedule.record_rows(provider.name, [row.key for row in page.rows])
                if page.next_offset is not None:
                    await self._store.checkpoints.record_sweep_offset(provider.name, page.next_offset)
        await self._record_unreadable(walk, whole=walk.unreadable.reached_end and not offset)
        await self._store.checkpoints.end_sweep(provider.name, self._clock.now())

    async def _begin(self, provider: ConnectedProvider, pacing: Pacing) -> _Walk:
        return _Walk(provider, await self._store.checkpoints.get(provider.name), self._rows, self._store, pacing)

    async def _read_all_unsettled(self, walk: _Walk, first: tuple[Page, datetime] | None) -> Page | None:
        """Reads the list, then by themselves the unsettled sessions that it does not show.

        Gives the first page where nothing else had to be read: it is the fingerprint of the list.
        """
        provider = walk.provider
        unseen = dict(await self._store.sessions.unsettled_rows(provider.name))
        try:
            with deadline(self._clock, WALK_SECONDS):
                only_page = None
                if provider.can(Operation.LIST_SESSIONS):
                    only_page = await self._read_until_unchanged(walk, unseen, first)
                awaiting = await self._store.polls.due_awaiting_results(provider.name, NEVER, _MAX_UNLISTED)
                unlisted = list(dict.fromkeys([*awaiting, *unseen.values()]))[:_MAX_UNLISTED]
                await self._rows.read_unlisted(provider, unlisted, walk.unreadable)
        except ExceptionGroup as group:
            if failures := expected_errors(group):
                raise failures[0] from group
            raise
        return None if unlisted else only_page

    async def _read_until_unchanged(
        self, walk: _Walk, unseen: dict[str, str], first: tuple[Page, datetime] | None
    ) -> Page | None:
        """Reads the list to a page without changes, once every ``unseen`` row was on a page; removes rows from that.

        The walk goes on to the end of the list where the last one was cut off. Gives the first page where it sufficed.
        """
        can_stop_early = walk.checkpoint is not None and walk.checkpoint.can_stop_early
        is_first = True
        async with aclosing(walk.pages(first=first, was_complete=can_stop_early)) as pages:
            async for page, has_changes in pages:
                for row in page.rows:
                    unseen.pop(row.key, None)
                may_stop = can_stop_early or page.next_offset is None
                if may_stop and not has_changes and not unseen:
                    return page if is_first and not self._rows.holds_back(walk.provider.name) else None
                is_first = False
        return None

    async def _record_unreadable(self, walk: _Walk, *, whole: bool) -> tuple[UnreadableRow, ...]:
        """Stores which rows could not be read, and logs their number, where they are others than before."""
        name, unreadable = walk.provider.name, walk.unreadable.named(whole=whole)
        before = walk.checkpoint.unreadable if walk.checkpoint else ()
        if unreadable != before:
            await self._store.checkpoints.record_unreadable(name, unreadable)
            self._checkpoints.discard(name)
            _log.warning("%s: %d rows of its list cannot be read (there were %d)", name, len(unreadable), len(before))
        return unreadable

    async def _confirm(self, provider: ConnectedProvider, begun: datetime) -> ListCheckpoint:
        """Records that a list is unchanged; in the store, for other gateways, once a second at most."""
        confirmed_at, cached = self._confirmed_at.get(provider.name), self._checkpoints.last(provider.name)
        if confirmed_at is None or cached is None or begun - confirmed_at >= _CONFIRM_INTERVAL:
            await self._store.checkpoints.record_refresh(provider.name, begun)
            self._confirmed_at[provider.name] = begun
            cached = await self._checkpoints.read(provider.name)
        checkpoint = ListCheckpoint(synced_at=begun, complete=True, unreadable=cached.unreadable)
        self._checkpoints.put(provider.name, checkpoint)
        return checkpoint
