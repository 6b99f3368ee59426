"""What is known stays true by itself: providers that do not tell of changes are asked for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.config import Settings
from gateway.directory import Directory
from gateway.store import Store
from gateway.sync import Watcher
from gateway.sync.poller import Poller
from gateway.web.uploads import Uploads
from gateway.webhooks.inbox import Inbox
from providers.clock import Clock


class SyncStrategy(StrEnum):
    """How the gateway learns of changes at a provider."""

    WEBHOOK = "WEBHOOK"
    POLL = "POLL"
    BOTH = "BOTH"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class SyncState:
    """How far the gateway is behind a provider; ``lag`` is the time since it last looked."""

    strategy: SyncStrategy
    last_sync_at: datetime | None
    lag: timedelta | None
    open_sessions: int


class Watching(Inbox):
    """Sessions that are watched at their providers."""

    def __init__(self, settings: Settings, directory: Directory, store: Store, uploads: Uploads, clock: Clock) -> None:
        super().__init__(settings, directory, store, uploads, clock)
        self._watched = settings.watch.enabled
        self._watcher = Watcher(
            settings.watch, self._undertakings.owner, directory, store, self._hub, self._schedule, self._poller, clock
        )

    async def open(self) -> None:
        """Begins to watch."""
        await super().open()
        await self._watcher.open()

    async def close(self) -> None:
        """Ends everything that is under way."""
        await self._watcher.close()
        await super().close()

    async def sync(self, name: str) -> SyncState:
        """How far the gateway is behind a provider. Asks it nothing."""
        provider = self.directory.get(name)
        sync = await self._store.checkpoints.get(name)
        last = sync.as_of if sync else None
        webhook = provider.adapter.webhook
        return SyncState(
            strategy=_STRATEGIES[webhook is not None and webhook.configured, self._watched],
            last_sync_at=last,
            lag=None if last is None else self._clock.now() - last,
            open_sessions=await self._store.polls.count_open(name),
        )

    def _poller(self, name: str) -> Poller:
        return Poller(self.directory.get(name), self._store, self._schedule, self._listing, self._fetch, self._clock)


_STRATEGIES = {
    (True, True): SyncStrategy.BOTH,
    (True, False): SyncStrategy.WEBHOOK,
    (False, True): SyncStrategy.POLL,
    (False, False): SyncStrategy.NONE,
}
