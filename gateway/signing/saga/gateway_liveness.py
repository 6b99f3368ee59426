"""Liveness of gateways: shows by a heartbeat in the store that this one is alive, and tells which others are dead."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from gateway.store.idempotency import NO_OWNER
from gateway.store.leases import Gateways
from providers.clock import Clock

_LEAST_SECONDS = 5.0


class GatewayLiveness:
    """Heartbeats of this gateway under the name ``owner``; a gateway without one for the time of a lease counts as dead.

    While the database is down no heartbeat succeeds. So no gateway counts as dead until this one's heartbeats have succeeded
    for long enough that those of the others must have as well.
    """

    def __init__(self, gateways: Gateways, lease: float, clock: Clock, owner: str) -> None:
        self.owner = owner
        self.interval = lease / 3
        self.lease = timedelta(seconds=lease)
        self._gateways = gateways
        self._clock = clock
        self._succeeding_since: datetime | None = None

    async def send(self) -> None:
        """Records one heartbeat. Raises what the database does, and ``TimeoutError`` where it does not answer."""
        begun = self._clock.now()
        try:
            async with asyncio.timeout(max(2 * self.interval, _LEAST_SECONDS)):
                await self._gateways.heartbeat(self.owner, begun)
        except Exception:
            self._succeeding_since = None
            raise
        self._succeeding_since = self._succeeding_since or begun

    @property
    def dead_before(self) -> datetime | None:
        """Gateways whose last heartbeat is older than this are dead; None while that cannot be told."""
        since, now = self._succeeding_since, self._clock.now()
        return None if since is None or now - since < self.lease / 2 else now - self.lease

    async def is_dead(self, owner: str) -> bool:
        """Whether a gateway is surely dead."""
        if owner == NO_OWNER:
            return True
        before = self.dead_before
        return before is not None and not await self._gateways.is_alive(owner, before)
