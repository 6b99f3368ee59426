"""How far each provider's list was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import tables
from gateway.store.engine.upsert import upsert
from gateway.store.session_state.body import UNDECODABLE
from providers.model import UnreadableRow

_Y = tables.sync.c
_rows = msgspec.msgpack.Decoder(tuple[UnreadableRow, ...])


@dataclass(frozen=True, slots=True)
class ListCheckpoint:
    """How far a provider's list was read.

    ``synced_at`` is when everything in it that can still change was last seen, ``looked_at`` when the watcher had last
    seen what was due. ``complete`` says that no news can be behind a page without news. ``swept_at`` is when it was last
    read from end to end, and ``sweep_offset`` how far that has come this time. ``unreadable`` are the first of its rows that
    could not be read.
    """

    synced_at: datetime | None = None
    complete: bool = False
    looked_at: datetime | None = None
    swept_at: datetime | None = None
    sweep_offset: int | None = None
    unreadable: tuple[UnreadableRow, ...] = ()

    @property
    def can_stop_early(self) -> bool:
        """Whether a walk may end at a page without news. While a first sweep is under way, it may not."""
        return self.complete and (self.swept_at is not None or self.sweep_offset is None)

    @property
    def as_of(self) -> datetime | None:
        """When the list was last read."""
        return max((each for each in (self.synced_at, self.looked_at) if each is not None), default=None)


class ListCheckpoints:
    """The progress of walks and sweeps, by provider."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, provider: str) -> ListCheckpoint | None:
        """How far a provider's list was read; None where it never was."""
        query = select(_Y.synced_at, _Y.complete, _Y.looked_at, _Y.swept_at, _Y.sweep, _Y.unreadable)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query.where(_Y.provider == provider))).one_or_none()
        return None if row is None else ListCheckpoint(*row[:-1], _named(row.unreadable))

    async def record_walk(self, provider: str, begun: datetime) -> None:
        """A walk has seen all that is new and all that can still change."""
        await self._note(provider, synced_at=begun, complete=True)

    async def record_look(self, provider: str, begun: datetime, complete: bool | None = None) -> None:
        """The watcher has seen what was due; ``complete`` where a walk has to say again what was so before it."""
        told = {} if complete is None else {"complete": complete}
        await self._note(provider, looked_at=begun, **told)

    async def mark_incomplete(self, provider: str) -> None:
        """Until the walk that has found some ends, there may be more of it behind."""
        await self._note(provider, complete=False)

    async def begin_sweep(self, provider: str, *, anew: bool) -> None:
        """A sweep begins; ``anew`` where nothing is known of the whole list until it ends."""
        await self._note(provider, sweep=0, **({"complete": True, "swept_at": None} if anew else {}))

    async def record_sweep_offset(self, provider: str, offset: int) -> None:
        """A sweep has come so far."""
        await self._note(provider, sweep=offset)

    async def end_sweep(self, provider: str, at: datetime) -> None:
        """A sweep has come to the end."""
        await self._note(provider, sweep=None, swept_at=at)

    async def record_unreadable(self, provider: str, rows: Sequence[UnreadableRow]) -> None:
        """These rows of the list could not be read; those that were named before are forgotten."""
        await self._note(provider, unreadable=msgspec.msgpack.encode(rows) if rows else None)

    async def _note(self, provider: str, **marks: datetime | bool | int | bytes | None) -> None:
        values = {"provider": provider, "complete": False, **marks}
        async with self._engine.begin() as connection:
            await upsert(connection, tables.sync, values, keep=set[str]() if "complete" in marks else {"complete"})


def _named(body: bytes | None) -> tuple[UnreadableRow, ...]:
    """Rows that were named; none where another version of the gateway has named them in another form."""
    try:
        return () if body is None else _rows.decode(body)
    except UNDECODABLE:
        return ()
