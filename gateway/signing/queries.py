"""Queries: sessions by id, by key and in lists, and the state of synchronization with their providers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import anyio

from gateway.auth.viewer import READ_DOCUMENTS, WRITE_SESSIONS
from gateway.metrics.session_counts import SessionCounts, listed_counts, own_statistics
from gateway.signing.policy import Policy
from gateway.signing.sessions.list_reader import ListReader, SessionList
from gateway.signing.sessions.reader import SessionReader
from gateway.store import PageRequest, SessionFilter, SessionOrder, Store
from gateway.sync.list_sync import ListSync
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import NotFound
from providers.model import Document, DocumentStatus, Participant, Session, SessionRef
from providers.provenance import MappingReport, explain

_ACTIONS: Final = dict.fromkeys(
    (
        Operation.UPDATE_SESSION,
        Operation.START_SESSION,
        Operation.CANCEL_SESSION,
        Operation.DELETE_SESSION,
        Operation.SET_SIGNING_ORDER,
        Operation.ADD_DOCUMENT,
        Operation.UPDATE_DOCUMENT,
        Operation.REMOVE_DOCUMENT,
        Operation.ADD_PARTICIPANT,
        Operation.ADD_SELF,
        Operation.UPDATE_PARTICIPANT,
        Operation.REMOVE_PARTICIPANT,
        Operation.ADD_FIELD,
        Operation.UPDATE_FIELD,
        Operation.REMOVE_FIELD,
        Operation.SAVE_SIGNATURE,
        Operation.DELETE_SIGNATURE,
    ),
    frozenset({WRITE_SESSIONS}),
) | {
    Operation.DUPLICATE_SESSION: frozenset({WRITE_SESSIONS, READ_DOCUMENTS}),
    Operation.RECREATE_SESSION: frozenset({WRITE_SESSIONS, READ_DOCUMENTS}),
    Operation.DOWNLOAD_DOCUMENT: frozenset({READ_DOCUMENTS}),
}
"""Operations on one session, and the scopes that each needs: two copy its documents."""
_WITHOUT_BYTES: Final = frozenset({DocumentStatus.PROCESSING, DocumentStatus.FAILED, DocumentStatus.DELETED})


class SyncStrategy(StrEnum):
    """How the gateway learns of changes at a provider."""

    WEBHOOK = "WEBHOOK"
    POLL = "POLL"
    BOTH = "BOTH"
    NONE = "NONE"

    @classmethod
    def of(cls, *, webhook: bool, polled: bool) -> SyncStrategy:
        """The strategy of a provider that sends webhooks, or is polled, or both."""
        if polled:
            return cls.BOTH if webhook else cls.POLL
        return cls.WEBHOOK if webhook else cls.NONE


@dataclass(frozen=True, slots=True)
class SyncState:
    """State of synchronization with a provider; ``lag`` is the time since its list was last polled."""

    strategy: SyncStrategy
    last_sync_at: datetime | None
    lag: timedelta | None
    open_sessions: int


class Queries:
    """Queries of one viewer. ``polled`` says that providers are polled for changes."""

    def __init__(
        self,
        policy: Policy,
        reader: SessionReader,
        lists: ListReader,
        list_sync: ListSync,
        store: Store,
        clock: Clock,
        *,
        polled: bool,
    ) -> None:
        self._policy = policy
        self._reader = reader
        self._lists = lists
        self._list_sync = list_sync
        self._store = store
        self._clock = clock
        self._polled = polled

    def session(self, ref: SessionRef, max_age: timedelta | None = None) -> Coroutine[Any, Any, Session]:
        """A session, read at its provider where what is stored is older than ``max_age``.

        Where the provider does not answer, the last state comes back marked as stale. Raises ``NotFound``.
        """
        self._policy.require("session")
        self._policy.require_provider(ref.provider, ("id",))
        return self._reader.session(ref, max_age)

    def last_known(self, ref: SessionRef) -> Coroutine[Any, Any, Session]:
        """The last state of a session, or of the one that it has become a part of. Calls no provider. Raises ``NotFound``."""
        self._policy.require("last_known")
        if ref.provider not in self._policy.directory:
            raise NotFound("There is no such session.", path=("id",))
        return self._reader.last_known(ref)

    async def session_by_key(self, provider: str, key: str, max_age: timedelta | None = None) -> Session:
        """A session by the provider's own identifier, or that of one of its parts."""
        self._policy.require("session_by_key")
        self._policy.directory.get(provider, path=("provider",)).require_key(key, "key")
        rows = await self._store.sessions.list_rows(provider, [key])
        return await self._reader.session(SessionRef(provider, rows[key].session_key if key in rows else key), max_age)

    async def sessions(
        self,
        wanted: SessionFilter,
        order: SessionOrder,
        part: PageRequest,
        max_age: timedelta | None = None,
        *,
        at_head: bool = False,
    ) -> SessionList:
        """A slice of one list over all providers, and how fresh each provider's share is.

        ``at_head`` asks for a cursor at the log's present head, which may have to be read for it.
        """
        self._policy.require("sessions")
        wanted = self._policy.restrict(wanted)
        providers = self._policy.directory.select(wanted.providers, ("filter", "providers"))
        return await self._lists.sessions(providers, wanted, order, part, max_age, at_head=at_head)

    async def count_sessions(self, wanted: SessionFilter) -> int:
        """The number of sessions that match."""
        self._policy.require("count_sessions")
        return await self._lists.count_sessions(self._policy.restrict(wanted))

    async def statistics(self, name: str) -> SessionCounts:
        """The number of a provider's sessions by status, as a list of them would show it, and the provider's own statistic."""
        self._policy.require("statistics")
        provider = self._policy.directory.get(name)
        reports, own = await asyncio.gather(self._list_sync.refresh([provider], None), own_statistics(provider))
        counts = listed_counts(await self._store.sessions.count_by_status(name))
        return SessionCounts(counts, reports[0].as_of or self._clock.now(), own)

    async def explain(self, ref: SessionRef) -> MappingReport:
        """The provenance of a session's fields: which native value became which, by which rule. Raises ``NotFound``."""
        self._policy.require("explain")
        session = await self.session(ref)
        rules = self._policy.directory.get(ref.provider).adapter.rules
        return await anyio.to_thread.run_sync(explain, session, rules)

    async def updated_at(self, session: Session) -> datetime:
        """The time of the last change of a session, as a gateway observed it."""
        return await self._store.sessions.changed_at(session.ref) or session.observed_at or self._clock.now()

    async def sync(self, name: str) -> SyncState:
        """The state of synchronization with a provider. Calls no provider."""
        provider = self._policy.directory.get(name)
        sync = await self._store.checkpoints.get(name)
        last = sync.as_of if sync else None
        webhook = provider.adapter.webhook
        return SyncState(
            strategy=SyncStrategy.of(webhook=webhook is not None and webhook.configured, polled=self._polled),
            last_sync_at=last,
            lag=None if last is None else self._clock.now() - last,
            open_sessions=await self._store.polls.count_open(name),
        )

    def actions(self, session: Session) -> list[Operation]:
        """The operations that this viewer's scopes, the provider and the session's status allow now."""
        scopes, can = self._policy.viewer.scopes, self._policy.directory.get(session.provider).capabilities
        possible = [each for each, needs in _ACTIONS.items() if needs <= scopes and can.allows(each, session.status)]
        nothing = not any(map(self.has_bytes, session.documents))
        return [each for each in possible if not (nothing and each is Operation.DOWNLOAD_DOCUMENT)]

    def has_bytes(self, document: Document) -> bool:
        """Whether the provider gives back the bytes of a document, and has them."""
        returns = self._policy.directory.get(document.session.provider).capabilities.returns
        return document.role in returns and document.status not in _WITHOUT_BYTES

    def native(self, session: Session) -> bytes:
        """The provider's last payload, as JSON."""
        self._policy.require("native")
        return session.native

    def signing_url(self, person: Participant) -> str | None:
        """The page where a participant signs; whoever has the address can."""
        self._policy.require("signing_url")
        return person.signing_url
