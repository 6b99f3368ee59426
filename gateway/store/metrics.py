"""Metric rows: each gateway's counts of a provider by minute, rolled up by hour. Their bodies are opaque to the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store import tables
from gateway.store.engine.datatype import Instant
from gateway.store.engine.upsert import upsert

MINUTE: Final = 60
HOUR: Final = 3_600
_M = tables.metric.c

Merge = Callable[[Iterable[bytes]], bytes]


@dataclass(frozen=True, slots=True)
class MetricRow:
    """Counts of a provider from ``at`` on, for ``span`` seconds."""

    provider: str
    at: datetime
    span: int
    body: bytes = field(repr=False)


class MetricRows:
    """Repository of metric rows. Each is written by the one gateway that counted it, or rolled it up."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def put(self, gateway: str, rows: Sequence[MetricRow]) -> None:
        """Upserts rows of a gateway in one transaction."""
        if not rows:
            return
        async with self._engine.begin() as connection:
            for row in sorted(rows, key=lambda each: (each.provider, each.at)):
                await _put(connection, gateway, row)

    async def read_since(self, begin: datetime, providers: Collection[str]) -> list[MetricRow]:
        """Reads rows of all gateways that begin then or later, oldest first, from one snapshot."""
        query = select(_M.provider, _M.at, _M.span, _M.body).where(_M.at >= begin, _M.provider.in_(sorted(providers)))
        async with self._engine.connect() as connection:
            return [MetricRow(*row) for row in await connection.execute(query.order_by(_M.at))]

    async def roll_up(self, gateway: str, before: datetime, merge: Merge) -> None:
        """Rolls up the minutes before the start of an hour, of all gateways, into rows by hour.

        The transaction that deletes a minute adds it to an hour, so that two gateways at once add it only once.
        """
        while (oldest := await self._oldest_minute()) is not None and oldest < before:
            begin = bucket_start(oldest, HOUR)
            async with self._engine.begin() as connection:
                minutes = delete(tables.metric).where(
                    _M.span == MINUTE, _M.at >= begin, _M.at < begin + timedelta(seconds=HOUR)
                )
                by_provider: dict[str, list[bytes]] = defaultdict(list)
                for provider, body in await connection.execute(minutes.returning(_M.provider, _M.body)):
                    by_provider[provider].append(body)
                for provider, bodies in sorted(by_provider.items()):
                    hour = (_M.provider == provider, _M.at == begin, _M.span == HOUR, _M.gateway == gateway)
                    bodies += (await connection.execute(select(_M.body).where(*hour))).scalars()
                    await _put(connection, gateway, MetricRow(provider, begin, HOUR, merge(bodies)))

    async def delete_before(self, before: datetime) -> None:
        """Deletes older rows."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.metric).where(_M.at < before))

    async def _oldest_minute(self) -> datetime | None:
        query = select(type_coerce(func.min(_M.at), Instant())).where(_M.span == MINUTE)
        async with self._engine.connect() as connection:
            oldest: datetime | None = (await connection.execute(query)).scalar()
        return oldest


def bucket_start(at: datetime, span: int) -> datetime:
    """The start of the minute or hour that contains a time."""
    return datetime.fromtimestamp(at.timestamp() // span * span, at.tzinfo)


async def _put(connection: AsyncConnection, gateway: str, row: MetricRow) -> None:
    values = {"provider": row.provider, "at": row.at, "span": row.span, "gateway": gateway, "body": row.body}
    await upsert(connection, tables.metric, values)
