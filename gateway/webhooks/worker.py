"""What providers have sent becomes what is known: each session that a delivery is about is read, by one gateway, in time.

A delivery is claimed for the time of a lease. One whose gateway dies falls due again, for any other.
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
from gateway.store import Claim, Store, WebhookOutcome
from gateway.task import end
from gateway.telemetry.log_once import Trouble
from providers.clock import Clock
from providers.errors import Misbehaved, NotFound, SigningError, expected_errors
from providers.http.deadline import deadline
from providers.model import ChangeSource, SessionRef

_SIDE_BY_SIDE = 8
_LOOK_SECONDS = 0.5
_READ_SECONDS = 30.0
_LONGEST_PAUSE = 600.0
_TIDY = timedelta(hours=1)
_MOST_DOUBLINGS = 32
"""So often the pause is doubled: a float ends after 1,023 times."""
_SAGA_PATIENCE, _SAGA_PAUSE = timedelta(minutes=1), timedelta(seconds=0.2)
_log = logging.getLogger("countersign.webhooks")

Fetch = Callable[[SessionRef, ChangeSource, Mapping[str, bytes]], Awaitable[object]]
Groups = dict[SessionRef, list[Claim]]


class Processing:
    """Processes deliveries, those of one session together and one after the other. ``fetch`` reads a session anew every time.

    ``window`` is the longest time that a delivery could be sent again: none is forgotten within it.
    """

    def __init__(
        self, store: Store, inbox: InboxSettings, sagas: SagaSettings, clock: Clock, *, window: timedelta, fetch: Fetch
    ) -> None:
        self._store = store
        self._settings = inbox
        self._lease = timedelta(seconds=sagas.lease)
        self._clock = clock
        self._fetch = fetch
        self._keep = max(timedelta(seconds=inbox.keep), 2 * window)
        self._trouble = Trouble(_log, "deliveries could not be looked after")
        self._woken = asyncio.Event()
        self._reading: dict[SessionRef, asyncio.Task[None]] = {}
        self._following: Groups = defaultdict(list)
        self._held: dict[str, Claim] = {}
        self._noted = 0
        self._renew_at: datetime | None = None
        self._tidy_at: datetime | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begins, with what was left from before."""
        self._task = asyncio.create_task(self._run(), name="processing of deliveries", context=Context())

    def wake(self) -> None:
        """Something is due now."""
        self._woken.set()

    def noted(self) -> None:
        """There is one more of those that change nothing: they are kept up to a bound, so that nobody can fill the disk."""
        self._noted += 1
        if self._crowded:
            self._woken.set()

    async def close(self) -> None:
        """Ends; what is under way is left to others at once."""
        await end(self._task, *self._reading.values())
        if self._held:
            await self._store.webhook_inbox.release(list(self._held.values()), self._clock.now())

    async def _run(self) -> None:
        """Looks whenever it is woken, and now and then for what others have left."""
        longest = min(_LOOK_SECONDS, self._lease.total_seconds() / 3)
        while True:
            self._woken.clear()
            pause = longest
            with self._trouble.survived():
                pause = min(longest, await self._turn())
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()

    async def _turn(self) -> float:
        """Begins what is due, as far as there is room; gives the seconds until there is more to do."""
        await self._keep_hold()
        await self._tidy()
        while (room := _SIDE_BY_SIDE - len(self._reading)) > 0:
            now, due = self._clock.now(), await self._store.webhook_inbox.next_due_at()
            if due is None:
                return _LOOK_SECONDS
            if due > now:
                return (due - now).total_seconds()
            await self._begin(await self._store.webhook_inbox.claim(now, now + self._lease, room))
        return _LOOK_SECONDS

    async def _begin(self, claims: Sequence[Claim]) -> None:
        self._held |= {claim.id: claim for claim in claims}
        try:
            groups = await self._by_session(claims)
        except Exception:
            self._let_go(claims)
            raise
        for ref, group in groups.items():
            self._following[ref] += group
            if ref not in self._reading:
                self._reading[ref] = asyncio.create_task(self._work(ref), name="reading for deliveries", context=Context())

    async def _by_session(self, claims: Sequence[Claim]) -> Groups:
        """Which session each is about. What may be a part of a session that is being made waits until that is known."""
        groups: Groups = defaultdict(list)
        by_provider: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            by_provider[claim.provider].append(claim)
        for provider, mine in by_provider.items():
            known = await self._wholes(provider, mine)
            if strange := [claim for claim in mine if claim.session_key not in known]:
                waiting = await self._waiting(provider, strange)
                mine = [claim for claim in mine if claim not in waiting]
                known |= await self._wholes(provider, strange)
            for claim in mine:
                groups[SessionRef(provider, known.get(claim.session_key, claim.session_key))].append(claim)
        return groups

    async def _wholes(self, provider: str, claims: Iterable[Claim]) -> dict[str, str]:
        rows = await self._store.sessions.list_rows(provider, {claim.session_key for claim in claims})
        return {key: row.session_key for key, row in rows.items()}

    async def _waiting(self, provider: str, claims: Iterable[Claim]) -> frozenset[Claim]:
        """Those that came after a saga had begun which is still at work: what they are about may be its doing."""
        now, begun = self._clock.now(), await self._store.sagas.oldest_begun_at(provider)
        if begun is None:
            return frozenset()
        waiting = frozenset(each for each in claims if begun <= each.received_at and now - each.received_at < _SAGA_PATIENCE)
        if waiting:
            await self._store.webhook_inbox.release(list(waiting), now + _SAGA_PAUSE)
            self._let_go(waiting)
        return waiting

    async def _work(self, ref: SessionRef) -> None:
        """Reads a session for all who wait for it, and again for those who came meanwhile."""
        group: list[Claim] = []
        try:
            while group := self._following.pop(ref, []):
                await self._process(ref, group)
        except Exception:
            _log.exception("what came of deliveries could not be kept")
            self._let_go([*group, *self._following.pop(ref, [])])
        finally:
            del self._reading[ref]
            self._woken.set()

    async def _process(self, ref: SessionRef, group: Sequence[Claim]) -> None:
        outcome: WebhookOutcome
        problem: SigningError | None
        outcome, problem = WebhookOutcome.PROCESSED, None
        try:
            with deadline(self._clock, _READ_SECONDS):
                await self._fetch(ref, ChangeSource.WEBHOOK, {})
        except NotFound as error:
            outcome, problem = WebhookOutcome.IGNORED, error
        except Exception as error:
            failures = expected_errors(error)
            if not failures:
                _log.exception("a session could not be read for its deliveries")
            outcome, problem = WebhookOutcome.FAILED, failures[0] if failures else _unexpected(ref)
        if outcome is WebhookOutcome.FAILED:
            await self._failed(group, problem)
        else:
            await self._store.webhook_inbox.finish(group, outcome, problem)
        self._let_go(group)

    async def _failed(self, group: Sequence[Claim], problem: SigningError | None) -> None:
        """Tries again later, each as often as is configured; with full jitter, or when the provider asks for it."""
        over = [claim for claim in group if claim.attempts >= self._settings.attempts]
        again = [claim for claim in group if claim.attempts < self._settings.attempts]
        if over:
            await self._store.webhook_inbox.finish(over, WebhookOutcome.FAILED, problem)
        if again:
            longest = min(_LONGEST_PAUSE, 2.0 ** min(_MOST_DOUBLINGS, *(claim.attempts for claim in again)))
            asked = problem.retry_after if problem and problem.retry_after else 0.0
            pause = max(random.uniform(0, longest), min(asked, _LONGEST_PAUSE))
            await self._store.webhook_inbox.postpone(again, self._clock.now() + timedelta(seconds=pause), problem)

    def _let_go(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            self._held.pop(claim.id, None)

    async def _keep_hold(self) -> None:
        """Says that this gateway is still at what it has claimed."""
        now = self._clock.now()
        if self._renew_at is None or now >= self._renew_at:
            self._renew_at = now + self._lease / 3
            if self._held:
                await self._store.webhook_inbox.renew(list(self._held), now + self._lease)

    @property
    def _crowded(self) -> bool:
        return self._noted > self._settings.keep_rejected // 10

    async def _tidy(self) -> None:
        """Forgets what has been kept long enough, and the oldest of what changes nothing."""
        now = self._clock.now()
        if self._crowded:
            self._noted = 0
            await self._store.webhook_inbox.prune(self._settings.keep_rejected)
        if self._tidy_at is None or now >= self._tidy_at:
            self._tidy_at = now + _TIDY
            await self._store.webhook_inbox.delete_before(now - self._keep)


def _unexpected(ref: SessionRef) -> SigningError:
    return Misbehaved("The session could not be read, for a reason that the log tells.", provider=ref.provider)
