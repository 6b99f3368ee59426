"""Deliveries of webhooks: listed, shown, and processed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.signing.policy import Policy
from gateway.signing.queries import Queries
from gateway.store import Store, WebhookDelivery, WebhookDeliveryFilter
from gateway.webhooks.receiver import WebhookReceiver
from providers.errors import NotFound
from providers.model import Session, SessionRef


@dataclass(frozen=True, slots=True)
class DeliveryList:
    """A slice of the list of deliveries, and whether there is more."""

    rows: Sequence[WebhookDelivery]
    more: bool


class Deliveries:
    """Deliveries of one viewer's providers."""

    def __init__(self, policy: Policy, store: Store, receiver: WebhookReceiver, queries: Queries) -> None:
        self._policy = policy
        self._store = store
        self._receiver = receiver
        self._queries = queries

    async def deliveries(
        self, wanted: WebhookDeliveryFilter, limit: int, after: tuple[datetime, str] | None = None
    ) -> DeliveryList:
        """A slice of the list of deliveries, newest first."""
        self._policy.require("deliveries")
        wanted = self._policy.restrict(wanted)
        for name in wanted.providers or ():
            self._policy.directory.get(name, path=("filter", "providers"))
        rows = await self._store.webhook_inbox.page(wanted, limit + 1, after)
        return DeliveryList(rows[:limit], len(rows) > limit)

    async def delivery(self, key: str, path: Sequence[str] = ("id",)) -> WebhookDelivery:
        """A delivery. Raises ``NotFound``."""
        self._policy.require("delivery")
        delivery = await self._store.webhook_inbox.get(key)
        if delivery is None or self._policy.hides(delivery.provider):
            raise NotFound("There is no such delivery (any more).", path=path)
        return delivery

    async def delivered_session(self, delivery: WebhookDelivery) -> Session | None:
        """The session that a delivery is about, if the gateway has it."""
        self._policy.require("delivered_session")
        if delivery.session_key is None or delivery.provider not in self._policy.directory:
            return None
        rows = await self._store.sessions.list_rows(delivery.provider, [delivery.session_key])
        row = rows.get(delivery.session_key)
        try:
            return None if row is None else await self._queries.session(SessionRef(delivery.provider, row.session_key))
        except NotFound:
            return None

    async def replay_delivery(self, key: str) -> WebhookDelivery:
        """Queues a verified delivery once more; gives it as it waits, decoded anew where it could not be decoded before."""
        self._policy.require("replay_delivery")
        return await self._receiver.replay(await self.delivery(key))
