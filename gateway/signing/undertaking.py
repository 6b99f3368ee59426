"""Writes of several calls, all or nothing: unmade when one fails, when the caller leaves, and when a gateway dies."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import anyio

from gateway.directory import Connected, Directory
from gateway.settings import SagaSettings
from gateway.store import Store
from gateway.store.sagas import Saga, SagaState
from providers.adapter import Steps
from providers.clock import Clock
from providers.deadline import deadline
from providers.errors import InDoubt, NotFound, SigningError, Unavailable, Unsupported
from providers.model import Session
from providers.order import Step

_UNDO_SECONDS = 20.0
_log = logging.getLogger("countersign.sagas")

Work = Callable[[Steps, str], Awaitable[Session]]
Keep = Callable[[Session, str], Awaitable[Session]]


class StoredSteps(Steps):
    """Steps that outlive the process: each is in the store before the next call is made."""

    def __init__(self, store: Store, saga: str) -> None:
        super().__init__()
        self._store = store
        self._saga = saga

    async def did(self, name: str, key: str) -> None:
        """Records that something now exists at the provider."""
        step = Step(name, key)
        await self._store.sagas.made(self._saga, len(self.made), step)
        self.made.append(step)


class Undertakings:
    """Runs sagas, and finishes those that a dead gateway left: by unmaking what they had made."""

    def __init__(self, directory: Directory, store: Store, settings: SagaSettings, clock: Clock) -> None:
        self.owner = secrets.token_hex(8)
        self._directory = directory
        self._store = store
        self._settings = settings
        self._clock = clock
        self._running: set[str] = set()
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Shows that this gateway is alive, and begins to look after abandoned sagas."""
        await self._store.sagas.beat(self.owner, self._clock.now())
        self._keeper = asyncio.create_task(self._keep(), name="keeper of sagas")

    async def close(self) -> None:
        """Ends; what is still running is left to whoever comes next."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        await self._store.sagas.leave(self.owner)

    async def run(self, provider: Connected, work: Work, keep: Keep) -> Session:
        """Does the work and keeps its result, or leaves nothing behind.

        ``work`` gets the steps to record and the marker to put into what it makes; ``keep`` gets the session
        and the id of the saga, which it has to end in the same transaction. Raises what the work raises; the
        message then says what became of the steps.
        """
        marker = secrets.token_hex(6)
        saga = Saga(
            id=secrets.token_hex(16), provider=provider.name, marker=marker, owner=self.owner, begun_at=self._clock.now()
        )
        await self._store.sagas.begin(saga)
        self._running.add(saga.id)
        steps = StoredSteps(self._store, saga.id)
        try:
            return await keep(await work(steps, marker), saga.id)
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                outcome = await self._unmake(provider, saga, in_doubt=isinstance(error, InDoubt | asyncio.CancelledError))
            if isinstance(error, SigningError):
                raise _told(error, outcome, made=bool(steps.made)) from error
            raise
        finally:
            self._running.discard(saga.id)

    async def recover(self) -> None:
        """Unmakes what abandoned sagas have made. Whatever cannot be reached now is tried again later."""
        since = self._clock.now() - timedelta(seconds=self._settings.lease)
        for saga in await self._store.sagas.abandoned(since):
            await self._store.sagas.claim(saga, self.owner)
        for saga in await self._store.sagas.running(self.owner):
            if saga.id not in self._running and saga.provider in self._directory:
                outcome = await self._unmake(self._directory.get(saga.provider), saga, in_doubt=True)
                _log.warning("saga %s of a stopped gateway at %s: %s", saga.id, saga.provider, outcome or "undone")

    async def _keep(self) -> None:
        while True:
            with suppress(OSError):
                await self._store.sagas.beat(self.owner, self._clock.now())
            try:
                await self.recover()
            except Exception:
                _log.exception("abandoned sagas could not be looked after")
            await self._clock.sleep(self._settings.lease / 3)

    async def _unmake(self, provider: Connected, saga: Saga, *, in_doubt: bool) -> str | None:
        """Unmakes every step, last first, and what carries the marker; says what is left, if anything is.

        A saga whose provider cannot be reached now stays RUNNING, and is looked after again.
        """
        with deadline(self._clock, _UNDO_SECONDS):
            left, again = await self._undo_steps(provider, saga)
            if in_doubt:
                unknown, unreached = await self._undo_traces(provider, saga)
                left, again = left + unknown, again or unreached
        if again:
            return "The gateway keeps trying to remove what was made."
        note = ", ".join(left) or None
        await self._store.sagas.end(saga.id, SagaState.LEFT if note else SagaState.UNDONE, note)
        return note and f"Left behind, because it could not be removed: {note}."

    async def _undo_steps(self, provider: Connected, saga: Saga) -> tuple[list[str], bool]:
        left: list[str] = []
        again = False
        for place, step in reversed(await self._store.sagas.steps(saga.id)):
            try:
                await provider.adapter.undo(step)
            except Unavailable:
                again = True
            except SigningError:
                left.append(f"{step.name} {step.key}")
                continue
            else:
                await self._store.sagas.unmade(saga.id, place)
        return left, again

    async def _undo_traces(self, provider: Connected, saga: Saga) -> tuple[list[str], bool]:
        """Removes what an unanswered call may have made, as far as the provider can be asked for it."""
        try:
            for step in await provider.adapter.trace(saga.marker, saga.begun_at):
                with suppress(NotFound):
                    await provider.adapter.undo(step)
        except Unsupported as error:
            return [error.message], False
        except SigningError:
            return [], True
        return [], False


def _told(error: SigningError, outcome: str | None, *, made: bool) -> SigningError:
    """The error, with what became of the steps. A doubt that could be settled is none any more."""
    if outcome is not None:
        error.message += f" {outcome}"
        return error
    if isinstance(error, InDoubt):
        settled = f"{error.message} The gateway has looked: nothing of it is there. Try again."
        return Unavailable(settled, provider=error.provider, path=error.path, status=error.status)
    if made:
        error.message += " What had been made was removed again."
    return error
