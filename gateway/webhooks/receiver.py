"""Webhook receiver: verifies each delivery by its HMAC and replay window, and stores it in the inbox, before it is answered."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from gateway.config import InboxSettings
from gateway.directory import ConnectedProvider, Directory
from gateway.store import Store, WebhookDelivery, WebhookOutcome, WebhookVerification
from gateway.webhooks.worker import WebhookWorker
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import Invalid, NotFound, TooLarge, WrongState
from providers.http.message.response import safe_code
from providers.webhook import Hint, WebhookSettings

_BODY_TIMEOUT = 10.0
_MAX_WORD = 512
_REPLACEMENT = "\ufffd"
"""Stands for a character that could not be decoded: a key that contains it is another key."""
_log = logging.getLogger("countersign.webhooks")

Headers = Sequence[tuple[str, str]]


class OutsideReplayWindow(Invalid):
    """An authentic delivery was not sent when it came, and is not believed: its sender need not retry."""


class WebhookReceiver:
    """Receives deliveries, and has the ``worker`` process them afterwards.

    A delivery is a hint that a session has changed: nothing else in it is believed.
    """

    def __init__(
        self, settings: InboxSettings, directory: Directory, store: Store, clock: Clock, worker: WebhookWorker
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._inbox = store.webhook_inbox
        self._clock = clock
        self._worker = worker
        self._warned: set[str] = set()

    async def receive(self, name: str, headers: Headers, chunks: AsyncIterator[bytes]) -> WebhookDelivery:
        """Stores a delivery of a provider, due at once if it is verified.

        Raises ``NotFound`` where no provider of that name sends webhooks, and ``TooLarge`` as soon as the body is. A
        delivery that cannot be verified, or is a duplicate, is recorded without being processed.
        """
        provider, webhook = self._sender(name)
        body = await self._read_body(chunks)
        received = WebhookDelivery(
            id=secrets.token_hex(16),
            provider=provider.name,
            received_at=self._clock.now(),
            body_sha256=hashlib.sha256(body).hexdigest(),
            verification=WebhookVerification.REJECTED,
            outcome=WebhookOutcome.IGNORED,
        )
        if not webhook.configured:
            self._warn_unconfigured(provider)
            return await self._record_unverified(replace(received, verification=WebhookVerification.NOT_CONFIGURED))
        if not webhook.is_authentic(headers, body):
            problem = Invalid(f"The header {webhook.header} does not prove that {provider.name} has sent this.")
            return await self._record_unverified(replace(received, problem=problem))
        verified = replace(received, verification=WebhookVerification.VERIFIED, body=body)
        try:
            hint = provider.adapter.parse_webhook(body)
        except Invalid as error:
            return await self._store_delivery(replace(verified, outcome=WebhookOutcome.FAILED, problem=error))
        if not webhook.is_within_replay_window(hint.timestamp, received.received_at):
            return await self._reject(received, hint, webhook)
        return await self._store_delivery(_with_hint(verified, hint))

    async def replay(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Queues a verified delivery once more, decoded anew where it could not be decoded before; gives it as it waits.

        Raises ``WrongState`` for one that was not verified, or names no session, and ``NotFound`` where it is gone.
        """
        if delivery.verification is not WebhookVerification.VERIFIED:
            raise WrongState("This delivery was not verified: nothing in it can be believed.", path=("id",))
        session_key = delivery.session_key
        if session_key is None and delivery.body is not None:
            provider, _ = self._sender(delivery.provider)
            session_key = _with_hint(delivery, provider.adapter.parse_webhook(delivery.body)).session_key
        if session_key is None:
            raise WrongState("This delivery names no session: there is nothing to be processed.", path=("id",))
        await self._inbox.requeue(delivery.id, self._clock.now(), session_key)
        queued = await self._inbox.get(delivery.id)
        if queued is None:
            raise NotFound("There is no such delivery (any more).", path=("id",))
        self._worker.wake()
        return queued

    def _sender(self, name: str) -> tuple[ConnectedProvider, WebhookSettings]:
        provider = self._directory.get(name) if name in self._directory else None
        webhook = provider.adapter.webhook if provider and provider.can(Operation.WEBHOOKS) else None
        if provider is None or webhook is None:
            raise NotFound("No provider of this name sends anything here.")
        return provider, webhook

    async def _read_body(self, chunks: AsyncIterator[bytes]) -> bytes:
        """The whole body. Raises ``TooLarge`` and, once it has timed out, ``Invalid``."""
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_TIMEOUT):
                async for chunk in chunks:
                    body += chunk
                    if len(body) > self._settings.max_bytes:
                        raise TooLarge(f"A delivery has at most {self._settings.max_bytes} bytes here.")
        except TimeoutError:
            raise Invalid(f"The body did not come within {_BODY_TIMEOUT:g} seconds.") from None
        return bytes(body)

    async def _reject(self, received: WebhookDelivery, hint: Hint, webhook: WebhookSettings) -> WebhookDelivery:
        """Stores an authentic delivery outside of the replay window: too early, too late, or without a timestamp.

        Its sender, whose clock is wrong or which was down for long, would retry for as long as it is refused. So it is told
        to stop, and the session is read once: nothing in the delivery is believed, and a duplicate has it read no more, so
        that an attacker who replays one gains nothing.
        """
        if hint.timestamp is None:
            reason = "It does not say when it was sent."
        elif hint.timestamp > received.received_at:
            reason = f"It came more than {webhook.window:g} seconds before it says that it was sent."
        else:
            reason = f"It came more than {webhook.window:g} seconds after it was sent."
        rejected = replace(received, problem=OutsideReplayWindow(reason))
        key = _storable(hint.session_key)
        if key is None:
            return await self._record_unverified(rejected)
        self._worker.count_unprocessed()
        return await self._store_delivery(replace(rejected, session_key=key, due_at=received.received_at))

    async def _store_delivery(self, delivery: WebhookDelivery) -> WebhookDelivery:
        stored = await self._inbox.receive(delivery)
        if stored.due_at is not None:
            self._worker.wake()
        if stored.duplicate_of is not None:
            self._worker.count_unprocessed()
        return stored

    async def _record_unverified(self, delivery: WebhookDelivery) -> WebhookDelivery:
        await self._inbox.record_unverified(delivery)
        self._worker.count_unprocessed()
        return delivery

    def _warn_unconfigured(self, provider: ConnectedProvider) -> None:
        if provider.name not in self._warned:
            self._warned.add(provider.name)
            key = f"providers[{provider.name}].webhook.secrets"
            _log.warning("deliveries of %s are not taken, as they cannot be verified: configure %s", provider.name, key)


def _with_hint(delivery: WebhookDelivery, hint: Hint) -> WebhookDelivery:
    """The delivery with its hint, where that can be stored; due at once if it names a session."""
    key = _storable(hint.session_key)
    hinted = replace(delivery, event_id=_storable(hint.id), event_name=_storable(safe_code(hint.event_name)), session_key=key)
    if key is None:
        return replace(hinted, outcome=WebhookOutcome.IGNORED, problem=NotFound("It names no session."))
    return replace(hinted, outcome=WebhookOutcome.PENDING, due_at=delivery.received_at)


def _storable(word: str | None) -> str | None:
    """A word of the provider, if it is of a length and in characters that every database can store."""
    is_storable = word is not None and 0 < len(word) <= _MAX_WORD and word.isprintable() and _REPLACEMENT not in word
    return word if is_storable else None
