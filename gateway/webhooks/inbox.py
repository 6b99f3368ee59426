"""Inbox of webhooks: verifies and stores each delivery before it is answered, then has it processed."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

from gateway.config import Settings
from gateway.directory import Connected, Directory
from gateway.store import Store, WebhookDelivery, WebhookOutcome, WebhookVerification
from gateway.webhooks.worker import Fetch, Processing
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import Invalid, NotFound, TooLarge, WrongState
from providers.http.message.response import safe_code
from providers.webhook import Hint, WebhookSettings

_BODY_SECONDS = 10.0
_LONGEST_WORD = 512
_REPLACED = "\ufffd"
"""What stands for a character that could not be read: a key with one is another key."""
_log = logging.getLogger("countersign.webhooks")

Headers = Sequence[tuple[str, str]]


class Untimely(Invalid):
    """A genuine delivery was not sent when it came, and is not believed: its sender need not send it again."""


class Inbox:
    """Inbox: stores each delivery before it is answered, and has it processed afterwards.

    A delivery is a hint that a session has changed: nothing else in it is believed.
    """

    def __init__(self, settings: Settings, directory: Directory, store: Store, clock: Clock, fetch: Fetch) -> None:
        """``fetch`` reads a session at its provider."""
        self._settings = settings.inbox
        self._directory = directory
        self._store = store
        self._clock = clock
        window = max((each.adapter.webhook.window for each in directory if each.adapter.webhook), default=0.0)
        self._processing = Processing(
            store, settings.inbox, settings.sagas, clock, window=timedelta(seconds=window), fetch=fetch
        )
        self._told: set[str] = set()

    async def open(self) -> None:
        """Begins to process deliveries, also those that a dead gateway left."""
        await self._processing.open()

    async def close(self) -> None:
        """Ends; deliveries under way fall due again."""
        await self._processing.close()

    async def receive(self, name: str, headers: Headers, chunks: AsyncIterator[bytes]) -> WebhookDelivery:
        """Takes a delivery and keeps it; nothing in it is believed, and it is processed afterwards.

        Raises ``NotFound`` where nobody of that name sends any, ``TooLarge`` as soon as there is too much of it. One that
        cannot be verified, or was here before, is only noted.
        """
        provider, webhook = self._sender(name)
        body = await self._whole(chunks)
        received = WebhookDelivery(
            id=secrets.token_hex(16),
            provider=provider.name,
            received_at=self._clock.now(),
            body_sha256=hashlib.sha256(body).hexdigest(),
            verification=WebhookVerification.REJECTED,
            outcome=WebhookOutcome.IGNORED,
        )
        if not webhook.configured:
            self._tell(provider)
            return await self._note(replace(received, verification=WebhookVerification.NOT_CONFIGURED))
        if not webhook.is_authentic(headers, body):
            problem = Invalid(f"The header {webhook.header} does not prove that {provider.name} has sent this.")
            return await self._note(replace(received, problem=problem))
        verified = replace(received, verification=WebhookVerification.VERIFIED, body=body)
        try:
            hint = provider.adapter.parse_webhook(body)
        except Invalid as error:
            return await self._take(replace(verified, outcome=WebhookOutcome.FAILED, problem=error))
        if not webhook.is_within_replay_window(hint.timestamp, received.received_at):
            return await self._reject(received, hint, webhook)
        return await self._take(_hinted(verified, hint))

    async def replay(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Queues a verified delivery once more, decoded anew where it could not be decoded before; gives it as it waits.

        Raises ``WrongState`` for one that was not verified, or names no session, and ``NotFound`` where it is gone.
        """
        if delivery.verification is not WebhookVerification.VERIFIED:
            raise WrongState("This delivery was not verified: nothing in it can be believed.", path=("id",))
        about = delivery.session_key
        if about is None and delivery.body is not None:
            provider, _ = self._sender(delivery.provider)
            about = _hinted(delivery, provider.adapter.parse_webhook(delivery.body)).session_key
        if about is None:
            raise WrongState("This delivery names no session: there is nothing to be processed.", path=("id",))
        await self._store.webhook_inbox.requeue(delivery.id, self._clock.now(), about)
        waiting = await self._store.webhook_inbox.get(delivery.id)
        if waiting is None:
            raise NotFound("There is no such delivery (any more).", path=("id",))
        self._processing.wake()
        return waiting

    def _sender(self, name: str) -> tuple[Connected, WebhookSettings]:
        provider = self._directory.get(name) if name in self._directory else None
        webhook = provider.adapter.webhook if provider and provider.can(Operation.WEBHOOKS) else None
        if provider is None or webhook is None:
            raise NotFound("No provider of this name sends anything here.")
        return provider, webhook

    async def _whole(self, chunks: AsyncIterator[bytes]) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for chunk in chunks:
                    body += chunk
                    if len(body) > self._settings.max_bytes:
                        raise TooLarge(f"A delivery has at most {self._settings.max_bytes} bytes here.")
        except TimeoutError:
            raise Invalid(f"The body did not come within {_BODY_SECONDS:g} seconds.") from None
        return bytes(body)

    async def _reject(self, received: WebhookDelivery, hint: Hint, webhook: WebhookSettings) -> WebhookDelivery:
        """Keeps that a genuine delivery was not sent when it came: too early, too late, or it does not say when.

        Its sender, whose clock is wrong or which was down for long, would send it again for as long as it is refused. So it
        is told to stop, and the session is read once: nothing in the delivery is believed, and the same body is no reason to
        read again, so that whoever replays it gains nothing.
        """
        if hint.timestamp is None:
            why = "It does not say when it was sent."
        elif hint.timestamp > received.received_at:
            why = f"It came more than {webhook.window:g} seconds before it says that it was sent."
        else:
            why = f"It came more than {webhook.window:g} seconds after it was sent."
        untimely = replace(received, problem=Untimely(why))
        key = _usable(hint.session_key)
        if key is None:
            return await self._note(untimely)
        self._processing.noted()
        return await self._take(replace(untimely, session_key=key, due_at=received.received_at))

    async def _take(self, delivery: WebhookDelivery) -> WebhookDelivery:
        taken = await self._store.webhook_inbox.receive(delivery)
        if taken.due_at is not None:
            self._processing.wake()
        if taken.duplicate_of is not None:
            self._processing.noted()
        return taken

    async def _note(self, delivery: WebhookDelivery) -> WebhookDelivery:
        await self._store.webhook_inbox.record_unverified(delivery)
        self._processing.noted()
        return delivery

    def _tell(self, provider: Connected) -> None:
        if provider.name not in self._told:
            self._told.add(provider.name)
            key = f"providers[{provider.name}].webhook.secrets"
            _log.warning("deliveries of %s are not taken, as they cannot be verified: configure %s", provider.name, key)


def _hinted(delivery: WebhookDelivery, hint: Hint) -> WebhookDelivery:
    """The delivery with what it says, as far as that can be kept; due at once if it names a session."""
    key = _usable(hint.session_key)
    said = replace(delivery, event_id=_usable(hint.id), event_name=_usable(safe_code(hint.event_name)), session_key=key)
    if key is None:
        return replace(said, outcome=WebhookOutcome.IGNORED, problem=NotFound("It names no session."))
    return replace(said, outcome=WebhookOutcome.PENDING, due_at=delivery.received_at)


def _usable(word: str | None) -> str | None:
    """A word of theirs, if it is of a length and in letters that every database takes."""
    usable = word is not None and 0 < len(word) <= _LONGEST_WORD and word.isprintable() and _REPLACED not in word
    return word if usable else None
