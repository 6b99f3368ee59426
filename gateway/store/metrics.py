"""Figures of providers by minute and by hour, as every gateway has counted them. What a row holds is not known here."""

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

Sum = Callable[[Iterable[bytes]], bytes]


@dataclass(frozen=True, slots=True)
class MetricRow:
    """What was counted of a provider from ``at`` on, for ``span`` seconds."""

    provider: str
    at: datetime
    span: int
    body: bytes = field(repr=False)


class MetricRows:
    """Rows of figures. Each is written by the one gateway that has counted it, or has summed it up."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def put(self, gateway: str, rows: Sequence[MetricRow]) -> None:
        """Writes rows of a gateway, all or none, in the place of those that it has written before."""
        if not rows:
            return
        async with self._engine.begin() as connection:
            for row in sorted(rows, key=lambda each: (each.provider, each.at)):
                await _put(connection, gateway, row)

    async def read_since(self, begin: datetime, providers: Collection[str]) -> list[MetricRow]:
        """The rows of providers that begin then or later, of all gateways, oldest first; all as of one moment."""
        query = select(_M.provider, _M.at, _M.span, _M.body).where(_M.at >= begin, _M.provider.in_(sorted(providers)))
        async with self._engine.connect() as connection:
            return [MetricRow(*row) for row in await connection.execute(query.order_by(_M.at))]

    async def roll_up(self, gateway: str, before: datetime, total: Sum) -> None:
        """Makes hours of all minutes before the begin of an hour, whichever gateway has counted them.

        Whoever removes the row of a minute puts it into an hour, so that two who do it at once put in each row once.
        """
        while (oldest := await self._oldest_minute()) is not None and oldest < before:
            begin = bucket_start(oldest, HOUR)
            async with self._engine.begin() as connection:
                gone = delete(tables.metric).where(_M.span == MINUTE, _M.at >= begin, _M.at < begin + timedelta(seconds=HOUR))
                by_provider: dict[str, list[bytes]] = defaultdict(list)
                for provider, body in await connection.execute(gone.returning(_M.provider, _M.body)):
                    by_provider[provider].append(body)
                for provider, bodies in sorted(by_provider.items()):
                    mine = (_M.provider == provider, _M.at == begin, _M.span == HOUR, _M.gateway == gateway)
                    bodies += (await connection.execute(select(_M.body).where(*mine))).scalars()
                    await _put(connection, gateway, MetricRow(provider, begin, HOUR, total(bodies)))

    async def delete_before(self, before: datetime) -> None:
        """Removes what is older."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.metric).where(_M.at < before))

    async def _oldest_minute(self) -> datetime | None:
        query = select(type_coerce(func.min(_M.at), Instant())).where(_M.span == MINUTE)
        async with self._engine.connect() as connection:
            found: datetime | None = (await connection.execute(query)).scalar()
        return found


def bucket_start(at: datetime, span: int) -> datetime:
    """When the minute or the hour began that a moment is in."""
    return datetime.fromtimestamp(at.timestamp() // span * span, at.tzinfo)


async def _put(connection: AsyncConnection, gateway: str, row: MetricRow) -> None:
    values = {"provider": row.provider, "at": row.at, "span": row.span, "gateway": gateway, "body": row.body}
    await upsert(connection, tables.metric, values)
