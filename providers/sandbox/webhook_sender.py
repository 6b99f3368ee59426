"""Webhook sender of a sandbox: signed deliveries in order, each retried until it is accepted or has expired."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import msgspec
from pydantic import SecretStr

from providers.clock import Clock
from providers.webhook import Scheme, sign

_MAX_QUEUED = 10_000
_TIMEOUT_SECONDS = 5.0
_FIRST_DELAY, _MAX_DELAY = 0.1, 5.0


class Callback(msgspec.Struct, forbid_unknown_fields=True):
    """Address of webhooks, and the secret that signs them. ``header`` is the provider's usual one unless given."""

    url: str
    secret: str
    header: str | None = None
    scheme: Scheme = "hmac-sha256-hex"

    def __repr__(self) -> str:
        """Shows no secret."""
        return f"Callback({self.url!r})"


@dataclass(frozen=True, slots=True)
class _Delivery:
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    expires_at: datetime


class WebhookSender:
    """Queue of webhooks, which ``deliver`` sends while it runs. Counts those that were ``delivered`` and ``lost``."""

    def __init__(self, clock: Clock) -> None:
        self.delivered = 0
        self.lost = 0
        self._clock = clock
        self._queue: asyncio.Queue[_Delivery] = asyncio.Queue(_MAX_QUEUED)

    def enqueue(self, callback: Callback, header: str, body: bytes, expires_at: datetime) -> None:
        """Queues a signed body, to be sent after those before it, unless it has expired by then."""
        headers = {"content-type": "application/json", header: sign(callback.scheme, SecretStr(callback.secret), body)}
        try:
            self._queue.put_nowait(_Delivery(callback.url, headers, body, expires_at))
        except asyncio.QueueFull:
            self.lost += 1

    async def deliver(self) -> None:
        """Sends queued webhooks in order until it is cancelled."""
        delivery = await self._queue.get()
        # Not before there is something to post: a client reads every trusted certificate, which takes 25 ms.
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            while True:
                if await self._send_with_retries(client, delivery):
                    self.delivered += 1
                else:
                    self.lost += 1
                delivery = await self._queue.get()

    async def _send_with_retries(self, client: httpx.AsyncClient, delivery: _Delivery) -> bool:
        delay = _FIRST_DELAY
        while self._clock.now() < delivery.expires_at:
            with suppress(httpx.HTTPError):
                if (await client.post(delivery.url, content=delivery.body, headers=delivery.headers)).is_success:
                    return True
            await self._clock.sleep(delay)
            delay = min(2 * delay, _MAX_DELAY)
        return False
