"""List checkpoints: how far the list of each provider has been read, by walks, sweeps and looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import tables
from gateway.store.engine.upsert import upsert
from gateway.store.session_state.body import DECODE_ERRORS
from providers.model import UnreadableRow

_C = tables.list_checkpoint.c
_decoder = msgspec.msgpack.Decoder(tuple[UnreadableRow, ...])


@dataclass(frozen=True, slots=True)
class ListCheckpoint:
    """How far the list of a provider has been read.

    ``synced_at`` is when every row that can still change was last seen, ``looked_at`` when the poller had last seen the
    rows that were due. ``complete`` says that no page behind one without changes can have any. ``swept_at`` is when the list
    was last read from end to end, and ``sweep_offset`` where the sweep under way continues. ``unreadable`` are the first rows
    that could not be read.
    """

    synced_at: datetime | None = None
    complete: bool = False
    looked_at: datetime | None = None
    swept_at: datetime | None = None
    sweep_offset: int | None = None
    unreadable: tuple[UnreadableRow, ...] = ()

    @property
    def can_stop_early(self) -> bool:
        """Whether a walk may end at a page without changes. While the first sweep is under way, it may not."""
        return self.complete and (self.swept_at is not None or self.sweep_offset is None)

    @property
    def as_of(self) -> datetime | None:
        """When the list was last read."""
        return max((each for each in (self.synced_at, self.looked_at) if each is not None), default=None)


class ListCheckpoints:
    """Repository of checkpoints, by provider."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, provider: str) -> ListCheckpoint | None:
        """The checkpoint of a provider; None where its list was never read."""
        query = select(_C.synced_at, _C.complete, _C.looked_at, _C.swept_at, _C.sweep, _C.unreadable)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query.where(_C.provider == provider))).one_or_none()
        return None if row is None else ListCheckpoint(*row[:-1], _decode_rows(row.unreadable))

    async def record_refresh(self, provider: str, begun: datetime) -> None:
        """Records that a walk has seen every row that is new or can still change."""
        await self._write(provider, synced_at=begun, complete=True)

    async def record_poll(self, provider: str, begun: datetime, complete: bool | None = None) -> None:
        """Records that the poller has seen the rows that were due; ``complete`` where it restores what it had cleared."""
        restored = {} if complete is None else {"complete": complete}
        await self._write(provider, looked_at=begun, **restored)

    async def mark_incomplete(self, provider: str) -> None:
        """Records that changes were found, behind which there may be more until the walk ends."""
        await self._write(provider, complete=False)

    async def begin_sweep(self, provider: str, *, anew: bool) -> None:
        """Records that a sweep begins; ``anew`` where the list counts as unknown until it ends."""
        await self._write(provider, sweep=0, **({"complete": True, "swept_at": None} if anew else {}))

    async def record_sweep_offset(self, provider: str, offset: int) -> None:
        """Records where a sweep continues if it is cut off."""
        await self._write(provider, sweep=offset)

    async def end_sweep(self, provider: str, at: datetime) -> None:
        """Records that a sweep has come to the end of the list."""
        await self._write(provider, sweep=None, swept_at=at)

    async def record_unreadable(self, provider: str, rows: Sequence[UnreadableRow]) -> None:
        """Replaces the list rows that could not be read."""
        await self._write(provider, unreadable=msgspec.msgpack.encode(rows) if rows else None)

    async def _write(self, provider: str, **columns: datetime | bool | int | bytes | None) -> None:
        values = {"provider": provider, "complete": False, **columns}
        async with self._engine.begin() as connection:
            await upsert(connection, tables.list_checkpoint, values, keep=set[str]() if "complete" in columns else {"complete"})


def _decode_rows(body: bytes | None) -> tuple[UnreadableRow, ...]:
    """Stored unreadable rows; none where another version of the gateway encoded them differently."""
    try:
        return () if body is None else _decoder.decode(body)
    except DECODE_ERRORS:
        return ()
