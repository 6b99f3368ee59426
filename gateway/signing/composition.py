"""Composition of the use cases: one set of collaborators for the process, one ``Signing`` for each viewer."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from gateway.auth.rate_limits import Quota
from gateway.auth.viewer import NOBODY, Viewer
from gateway.cache.negative_cache import NegativeCache
from gateway.cache.redis import connect
from gateway.cache.session_cache import SessionCache
from gateway.cache.shared_cache import SharedCache
from gateway.cache.shared_freshness import SharedFreshness
from gateway.config import Settings
from gateway.directory import DepartedProviders, Directory
from gateway.events.hub import Hub
from gateway.events.notifier import LogNotifier
from gateway.metrics import MetricReader, MetricRecorder
from gateway.signing.commands import Commands
from gateway.signing.comparison import Comparison
from gateway.signing.deliveries import Deliveries
from gateway.signing.documents import Documents
from gateway.signing.editing import Editing
from gateway.signing.event_feed import EventFeed
from gateway.signing.oauth import OAuth, restore_tokens
from gateway.signing.orders.order_builder import EligibleProviders, OrderBuilder
from gateway.signing.policy import Policy
from gateway.signing.queries import Queries
from gateway.signing.saga.gateway_liveness import GatewayLiveness
from gateway.signing.saga.idempotency import IdempotencyKeys
from gateway.signing.saga.leftovers import Leftovers
from gateway.signing.saga.recovery import SagaRecovery
from gateway.signing.saga.runner import SagaRunner
from gateway.signing.saga.settler import SagaSettler
from gateway.signing.saga.single_call import SingleCalls
from gateway.signing.session_writes import SessionWrites
from gateway.signing.sessions.list_reader import ListReader
from gateway.signing.sessions.observe import Observation
from gateway.signing.sessions.reader import SessionReader
from gateway.signing.signature_queries import SignatureQueries, SignatureVerifier
from gateway.store import Store
from gateway.sync import Watcher
from gateway.sync.list_sync import ListSync
from gateway.sync.poller import Poller
from gateway.sync.schedule import Schedule
from gateway.telemetry.health_monitor import HealthMonitor
from gateway.web.links import Links
from gateway.web.uploads import Uploads
from gateway.webhooks.receiver import WebhookReceiver
from gateway.webhooks.worker import WebhookWorker, replay_window
from providers.clock import Clock


@dataclass(frozen=True, slots=True)
class Signing:
    """The use cases of one viewer. Any of them may raise any ``SigningError``; none knows GraphQL or HTTP.

    ``directory`` has the providers that this viewer may know of.
    """

    directory: Directory
    queries: Queries
    signatures: SignatureQueries
    events: EventFeed
    documents: Documents
    eligibility: EligibleProviders
    commands: Commands
    editing: Editing
    oauth: OAuth
    comparison: Comparison
    leftovers: Leftovers
    deliveries: Deliveries


class Services:
    """The collaborators of all use cases, one of each for the process, in the order in which they need each other."""

    def __init__(
        self,
        settings: Settings,
        directory: Directory,
        store: Store,
        uploads: Uploads,
        shared_cache: SharedCache,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self.shared_cache = shared_cache
        self.directory = directory
        self.store = store
        self.uploads = uploads
        self.clock = clock
        self._compose_shared_state()
        self._compose_reads()
        self._compose_writes()
        self._compose_synchronization()
        self.signing = self.for_viewer(NOBODY)
        """The use cases without authentication."""

    def _compose_shared_state(self) -> None:
        """Caches, the event log's hub, and what is counted or scheduled of providers."""
        settings, store, clock, freshness = self._settings, self.store, self.clock, self._settings.freshness
        self.metrics = MetricRecorder(store, settings.metrics, clock)
        self.metric_reader = MetricReader(store, settings.metrics, clock)
        self.directory.meter(self.metrics.meter)
        self.departed = DepartedProviders(self.directory, store)
        self.cache = SessionCache(freshness)
        self.negative_cache = NegativeCache(freshness.open, clock)
        self.redis = connect(settings.redis.url)
        self.notifier = LogNotifier(self.redis, clock)
        self.shared_freshness = SharedFreshness(self.redis, freshness.open, clock)
        self.hub = Hub(store.events, self.cache, self.notifier, settings.events, clock)
        self.health = HealthMonitor(self.directory, clock)
        self.schedule = Schedule(store, self.directory, clock)

    def _compose_reads(self) -> None:
        """Observation, and the readers over it."""
        settings, store, clock, freshness = self._settings, self.store, self.clock, self._settings.freshness
        self.observation = Observation(
            store,
            self.cache,
            self.negative_cache,
            self.shared_freshness,
            clock,
            notify=self.notifier.notify,
            next_poll_at=self.schedule.soon,
            record_changes=self.metrics.record_change,
        )
        self.reader = SessionReader(
            self.directory,
            store,
            self.cache,
            self.negative_cache,
            self.shared_freshness,
            self.observation,
            self.hub,
            freshness,
            clock,
        )
        self.list_sync = ListSync(
            store,
            self.schedule,
            freshness,
            clock,
            observe=self.observation.observe,
            fetch=self.reader.fetch,
            version=self._version,
            read_log=self.hub.read_log,
            watched=settings.watch.enabled,
        )
        self.lists = ListReader(store, self.departed, self.reader, self.list_sync, self.hub, self._version, freshness, clock)
        self.links = Links(settings.server, clock)
        roots = tuple(path.read_bytes() for path in settings.trust.roots)
        self.verifier = SignatureVerifier(self.reader, self.shared_cache, clock, roots)

    def _compose_writes(self) -> None:
        """Sagas, single calls, and their idempotency keys."""
        settings, store, clock = self._settings, self.store, self.clock
        self.heartbeat = GatewayLiveness(store.gateways, settings.sagas.lease, clock, secrets.token_hex(8))
        self.keys = IdempotencyKeys(store, settings, clock, self.heartbeat)
        self.settler = SagaSettler(store, self.observation, self.keys, self.heartbeat, clock)
        self.sagas = SagaRunner(store, self.settler, clock)
        self.recovery = SagaRecovery(self.directory, store, self.settler, self.keys, self.heartbeat, clock)
        self.calls = SingleCalls(self.reader, self.observation, self.keys, settings.sagas.lease)

    def _compose_synchronization(self) -> None:
        """The webhook receiver and its worker, and the watcher that polls."""
        settings, directory, store, clock = self._settings, self.directory, self.store, self.clock
        window = replay_window(directory)
        self.webhook_worker = WebhookWorker(
            store, settings.inbox, settings.sagas, clock, window=window, fetch=self.reader.fetch
        )
        self.webhooks = WebhookReceiver(settings.inbox, directory, store, clock, self.webhook_worker)
        self.watcher = Watcher(
            settings.watch, self.heartbeat.owner, directory, store, self.hub, self.schedule, self.poller, clock
        )

    def _version(self) -> tuple[int, int]:
        """Version of the store: changes with every write of this gateway, and with every event of others that was read here."""
        return self.hub.head, self.observation.saved

    async def open(self) -> None:
        """Begins to follow the log, to settle what dead gateways have left, and to poll providers."""
        await self.metrics.open()
        await restore_tokens(self.directory, self.store, self.clock)
        await self.departed.open()
        await self.notifier.open()
        await self.shared_freshness.open()
        await self.hub.open()
        await self.recovery.open()
        await self.webhook_worker.open()
        await self.watcher.open()

    async def close(self) -> None:
        """Ends everything that is under way, in reverse."""
        await self.watcher.close()
        await self.webhook_worker.close()
        await self.sagas.close()
        await self.recovery.close()
        await self.hub.close()
        await self.shared_freshness.close()
        await self.notifier.close()
        if self.redis is not None:
            await self.redis.aclose()
        await self.health.close()
        await self.list_sync.close()
        self.cache.clear()
        await self.metrics.close()

    def poller(self, name: str) -> Poller:
        """A poller of one provider."""
        provider = self.directory.get(name)
        return Poller(provider, self.store, self.schedule, self.list_sync, self.reader.fetch, self.clock)

    def for_viewer(self, viewer: Viewer, quota: Quota | None = None) -> Signing:
        """The use cases of a viewer, who may follow as much at a time as their ``quota`` has room for."""
        policy = Policy(viewer, self.directory, quota)
        orders = OrderBuilder(policy, self.uploads, self.store, self.clock)
        writes = SessionWrites(policy, self.reader, self.keys, self.calls)
        queries = Queries(
            policy,
            self.reader,
            self.lists,
            self.list_sync,
            self.store,
            self.clock,
            polled=self._settings.watch.enabled,
        )
        return Signing(
            directory=policy.directory,
            queries=queries,
            signatures=SignatureQueries(policy, self.lists, self.verifier),
            events=EventFeed(policy, self.reader, self.hub, self.health, self.store),
            documents=Documents(policy, self.reader, self.uploads, self.links),
            eligibility=EligibleProviders(policy, orders),
            commands=Commands(policy, orders, writes, self.sagas, self.keys, self.calls, self.reader, self.observation),
            editing=Editing(policy, orders, writes, self.calls),
            oauth=OAuth(policy, self.store, self.clock),
            comparison=Comparison(policy, self.metrics, self.metric_reader),
            leftovers=Leftovers(policy, self.store, self.settler),
            deliveries=Deliveries(policy, self.store, self.webhooks, queries),
        )
