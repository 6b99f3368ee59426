"""Saga recovery: sends this gateway's heartbeats, and settles the sagas that dead gateways have left."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence

from gateway.directory import ConnectedProvider, Directory
from gateway.signing.saga.gateway_liveness import GatewayLiveness
from gateway.signing.saga.idempotency import IdempotencyKeys
from gateway.signing.saga.settler import SagaSettler
from gateway.store import Saga, Store
from gateway.task import cancel_and_wait
from gateway.telemetry.log_once import OutageLog
from providers.clock import Clock

_log = logging.getLogger("countersign.sagas")


class SagaRecovery:
    """A loop that, each heartbeat, settles abandoned sagas and releases or prunes idempotency keys and secrets."""

    def __init__(
        self,
        directory: Directory,
        store: Store,
        settler: SagaSettler,
        keys: IdempotencyKeys,
        heartbeat: GatewayLiveness,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._store = store
        self._settler = settler
        self._keys = keys
        self._heartbeat = heartbeat
        self._clock = clock
        self._silence = OutageLog(_log, "this gateway could not say that it is alive")
        self._neglect = OutageLog(_log, "abandoned sagas could not be looked after")
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Sends the first heartbeat, and begins to look after abandoned sagas."""
        await self._heartbeat.send()
        self._task = asyncio.create_task(self._run(), name="keeper of sagas")

    async def close(self) -> None:
        """Ends, and removes this gateway's heartbeat, so that others need not wait until its lease ends."""
        await cancel_and_wait(self._task)
        await self._store.gateways.release(self._heartbeat.owner)

    async def recover(self) -> None:
        """Settles abandoned sagas, those of each provider apart. What cannot be reached now is tried again later."""
        before = self._heartbeat.dead_before
        abandoned: dict[str, list[Saga]] = defaultdict(list)
        for saga in await self._store.sagas.unfinished(self._heartbeat.owner, before):
            if self._settler.is_idle(saga) and saga.provider in self._directory:
                abandoned[saga.provider].append(saga)
        await asyncio.gather(*(self._recover(self._directory.get(name), sagas) for name, sagas in abandoned.items()))
        if before is not None:
            await self._store.gateways.prune(before)

    async def _recover(self, provider: ConnectedProvider, sagas: Sequence[Saga]) -> None:
        """Settles a provider's sagas one by one; one that fails does not keep the others from it."""
        failed: Exception | None = None
        for saga in sagas:
            try:
                if (taken := await self._settler.take_over(saga)) is not None:
                    await self._settler.settle(provider, taken, self._settler.steps_of(saga))
            except Exception as error:
                failed = failed or error
        if failed is not None:
            raise failed

    async def _run(self) -> None:
        """Sends heartbeats in time, however long the recovery takes that runs beside them."""
        async with asyncio.TaskGroup() as tasks:
            recovery: asyncio.Task[None] | None = None
            while True:
                with self._silence.log_and_continue():
                    await self._heartbeat.send()
                if recovery is None or recovery.done():
                    recovery = tasks.create_task(self._look_after(), name="recovery of sagas")
                await self._clock.sleep(self._heartbeat.interval)

    async def _look_after(self) -> None:
        with self._neglect.log_and_continue():
            await self.recover()
            await self._keys.release_unattended()
            await self._store.idempotency_keys.delete_expired(self._clock.now())
            await self._store.secrets.delete_expired(self._clock.now())
