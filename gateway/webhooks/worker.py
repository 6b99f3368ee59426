"""Webhook worker: claims due deliveries under a lease, and reads the session of each at its provider, with retries.

A delivery whose gateway dies falls due again when the lease ends, for any other gateway (at least once).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from datetime import datetime, timedelta

from gateway.config import InboxSettings, SagaSettings
from gateway.directory import Directory
from gateway.store import Claim, Store, WebhookOutcome
from gateway.task import cancel_and_wait
from gateway.telemetry.log_once import OutageLog
from providers.clock import Clock
from providers.errors import Misbehaved, NotFound, SigningError, expected_errors
from providers.http.deadline import deadline
from providers.http.retry import full_jitter
from providers.model import ChangeSource, SessionRef

_CONCURRENT_READS = 8
_POLL_SECONDS = 0.5
_READ_TIMEOUT = 30.0
_FIRST_BACKOFF, _MAX_BACKOFF = 1.0, 600.0
_SWEEP_INTERVAL = timedelta(hours=1)
_MAX_SAGA_WAIT, _SAGA_POLL = timedelta(minutes=1), timedelta(seconds=0.2)
_log = logging.getLogger("countersign.webhooks")

Fetch = Callable[[SessionRef, ChangeSource, Mapping[str, bytes]], Awaitable[object]]
Groups = dict[SessionRef, list[Claim]]


class WebhookWorker:
    """Processes deliveries, those of one session together and one after the other; ``fetch`` reads a session at its provider.

    No delivery is removed within ``window``, the longest replay window: a replay of it would not be a duplicate then.
    """

    def __init__(
        self, store: Store, inbox: InboxSettings, sagas: SagaSettings, clock: Clock, *, window: timedelta, fetch: Fetch
    ) -> None:
        self._store = store
        self._settings = inbox
        self._lease = timedelta(seconds=sagas.lease)
        self._clock = clock
        self._fetch = fetch
        self._retention = max(timedelta(seconds=inbox.keep), 2 * window)
        self._outage = OutageLog(_log, "deliveries could not be looked after")
        self._woken = asyncio.Event()
        self._reading: dict[SessionRef, asyncio.Task[None]] = {}
        self._queued: Groups = defaultdict(list)
        self._held: dict[str, Claim] = {}
        self._unprocessed = 0
        self._renew_at: datetime | None = None
        self._sweep_at: datetime | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Starts, with the deliveries that are due from before."""
        self._task = asyncio.create_task(self._run(), name="processing of deliveries", context=Context())

    def wake(self) -> None:
        """Begins the next turn: a delivery is due."""
        self._woken.set()

    def count_unprocessed(self) -> None:
        """Counts a delivery that is stored and not processed: they have a bound, so that nobody can fill the disk."""
        self._unprocessed += 1
        if self._must_prune:
            self._woken.set()

    async def close(self) -> None:
        """Stops, and releases what is under way to other gateways."""
        await cancel_and_wait(self._task, *self._reading.values())
        if self._held:
            await self._store.webhook_inbox.release(list(self._held.values()), self._clock.now())

    async def _run(self) -> None:
        """Takes a turn whenever it is woken, and every half second for deliveries that other gateways have left."""
        max_pause = min(_POLL_SECONDS, self._lease.total_seconds() / 3)
        while True:
            self._woken.clear()
            pause = max_pause
            with self._outage.log_and_continue():
                pause = min(max_pause, await self._take_turn())
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()

    async def _take_turn(self) -> float:
        """Claims what is due, up to the bound of concurrent reads; gives the seconds until the next turn."""
        await self._renew_leases()
        await self._sweep()
        while (room := _CONCURRENT_READS - len(self._reading)) > 0:
            now, due = self._clock.now(), await self._store.webhook_inbox.next_due_at()
            if due is None:
                return _POLL_SECONDS
            if due > now:
                return (due - now).total_seconds()
            await self._start_reads(await self._store.webhook_inbox.claim(now, now + self._lease, room))
        return _POLL_SECONDS

    async def _start_reads(self, claims: Sequence[Claim]) -> None:
        self._held |= {claim.id: claim for claim in claims}
        try:
            groups = await self._group_by_session(claims)
        except Exception:
            self._forget_claims(claims)
            raise
        for ref, group in groups.items():
            self._queued[ref] += group
            if ref not in self._reading:
                self._reading[ref] = asyncio.create_task(self._work(ref), name="reading for deliveries", context=Context())

    async def _group_by_session(self, claims: Sequence[Claim]) -> Groups:
        """Claims by session; a key that may be a part of a session which a running saga creates is postponed."""
        groups: Groups = defaultdict(list)
        by_provider: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            by_provider[claim.provider].append(claim)
        for provider, claimed in by_provider.items():
            known = await self._session_keys(provider, claimed)
            if unknown := [claim for claim in claimed if claim.session_key not in known]:
                waiting = await self._postpone_for_sagas(provider, unknown)
                claimed = [claim for claim in claimed if claim not in waiting]
                known |= await self._session_keys(provider, unknown)
            for claim in claimed:
                groups[SessionRef(provider, known.get(claim.session_key, claim.session_key))].append(claim)
        return groups

    async def _session_keys(self, provider: str, claims: Iterable[Claim]) -> dict[str, str]:
        rows = await self._store.sessions.list_rows(provider, {claim.session_key for claim in claims})
        return {key: row.session_key for key, row in rows.items()}

    async def _postpone_for_sagas(self, provider: str, claims: Iterable[Claim]) -> frozenset[Claim]:
        """Postpones deliveries that came after a running saga had begun, and may be about what it creates; gives those."""
        now, begun = self._clock.now(), await self._store.sagas.oldest_begun_at(provider)
        if begun is None:
            return frozenset()
        waiting = frozenset(each for each in claims if begun <= each.received_at and now - each.received_at < _MAX_SAGA_WAIT)
        if waiting:
            await self._store.webhook_inbox.release(list(waiting), now + _SAGA_POLL)
            self._forget_claims(waiting)
        return waiting

    async def _work(self, ref: SessionRef) -> None:
        """Reads a session for all of its claims, and again for those that are claimed meanwhile."""
        group: list[Claim] = []
        try:
            while group := self._queued.pop(ref, []):
                await self._process(ref, group)
        except Exception:
            _log.exception("what came of deliveries could not be kept")
            self._forget_claims([*group, *self._queued.pop(ref, [])])
        finally:
            del self._reading[ref]
            self._woken.set()

    async def _process(self, ref: SessionRef, group: Sequence[Claim]) -> None:
        outcome: WebhookOutcome
        problem: SigningError | None
        outcome, problem = WebhookOutcome.PROCESSED, None
        try:
            with deadline(self._clock, _READ_TIMEOUT):
                await self._fetch(ref, ChangeSource.WEBHOOK, {})
        except NotFound as error:
            outcome, problem = WebhookOutcome.IGNORED, error
        except Exception as error:
            failures = expected_errors(error)
            if not failures:
                _log.exception("a session could not be read for its deliveries")
            outcome, problem = WebhookOutcome.FAILED, failures[0] if failures else _unexpected(ref)
        if outcome is WebhookOutcome.FAILED:
            await self._retry_or_fail(group, problem)
        else:
            await self._store.webhook_inbox.finish(group, outcome, problem)
        self._forget_claims(group)

    async def _retry_or_fail(self, group: Sequence[Claim], problem: SigningError | None) -> None:
        """Postpones each delivery with full jitter, or for the provider's ``Retry-After``; fails it after its last attempt."""
        exhausted = [claim for claim in group if claim.attempts >= self._settings.attempts]
        retried = [claim for claim in group if claim.attempts < self._settings.attempts]
        if exhausted:
            await self._store.webhook_inbox.finish(exhausted, WebhookOutcome.FAILED, problem)
        if retried:
            retry_after = problem.retry_after if problem and problem.retry_after else 0.0
            wait = full_jitter(_FIRST_BACKOFF, _MAX_BACKOFF, min(claim.attempts for claim in retried), random.random())
            pause = max(wait, min(retry_after, _MAX_BACKOFF))
            await self._store.webhook_inbox.postpone(retried, self._clock.now() + timedelta(seconds=pause), problem)

    def _forget_claims(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            self._held.pop(claim.id, None)

    async def _renew_leases(self) -> None:
        """Renews the leases of claimed deliveries, three times within their length."""
        now = self._clock.now()
        if self._renew_at is None or now >= self._renew_at:
            self._renew_at = now + self._lease / 3
            if self._held:
                await self._store.webhook_inbox.renew(list(self._held), now + self._lease)

    @property
    def _must_prune(self) -> bool:
        return self._unprocessed > self._settings.keep_rejected // 10

    async def _sweep(self) -> None:
        """Removes expired deliveries, and the oldest unprocessed ones beyond their bound."""
        now = self._clock.now()
        if self._must_prune:
            self._unprocessed = 0
            await self._store.webhook_inbox.prune(self._settings.keep_rejected)
        if self._sweep_at is None or now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_INTERVAL
            await self._store.webhook_inbox.delete_before(now - self._retention)


def _unexpected(ref: SessionRef) -> SigningError:
    return Misbehaved("The session could not be read, for a reason that the log tells.", provider=ref.provider)


def replay_window(directory: Directory) -> timedelta:
    """The longest replay window of all providers."""
    windows = (each.adapter.webhook.window for each in directory if each.adapter.webhook)
    return timedelta(seconds=max(windows, default=0.0))
