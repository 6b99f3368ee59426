"""Who may do what: every use case with the scope that it needs. It is checked here, and nowhere else."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final, TypeVar

from gateway.auth.quota import Allowance
from gateway.auth.viewer import (
    ADMINISTER_PROVIDERS,
    ADMINISTER_WEBHOOKS,
    AUTHORIZE_PROVIDERS,
    COMPARE_PROVIDERS,
    READ_DOCUMENTS,
    READ_NATIVE,
    READ_SESSIONS,
    READ_SIGNATURES,
    SIGN_SESSIONS,
    WRITE_SESSIONS,
    Viewer,
)
from gateway.directory import Connected
from gateway.signing.following import EventList
from gateway.signing.policy import Policy
from gateway.signing.reading import SessionList
from gateway.signing.showing import SignatureList
from gateway.signing.signing import Signing
from gateway.store import (
    ALL_EVENTS,
    Event,
    EventCursor,
    EventFilter,
    PageRequest,
    SessionFilter,
    SessionOrder,
    SignatureFilter,
    SignaturePosition,
    StagedFile,
    WebhookDelivery,
    WebhookDeliveryFilter,
)
from gateway.webhooks.inbox import DeliveryList
from providers.errors import Forbidden, NotFound
from providers.model import Session, SessionRef

F = TypeVar("F", SessionFilter, SignatureFilter, WebhookDeliveryFilter)

NEEDS: Final[Mapping[str, str | None]] = {
    "session": READ_SESSIONS,
    "session_by_key": READ_SESSIONS,
    "known": READ_SESSIONS,
    "sessions": READ_SESSIONS,
    "count_sessions": READ_SESSIONS,
    "session_events": READ_SESSIONS,
    "event": READ_SESSIONS,
    "events": READ_SESSIONS,
    "event_log": READ_SESSIONS,
    "follow": READ_SESSIONS,
    "statistics": READ_SESSIONS,
    "native": READ_NATIVE,
    "signing_url": SIGN_SESSIONS,
    "link": READ_DOCUMENTS,
    "signatures": READ_SIGNATURES,
    "count_signatures": READ_SIGNATURES,
    "inspect": READ_SIGNATURES,
    "eligible": READ_SESSIONS,
    "upload": WRITE_SESSIONS,
    "create_session": WRITE_SESSIONS,
    "duplicate_session": WRITE_SESSIONS,
    "recreate_session": WRITE_SESSIONS,
    "update_session": WRITE_SESSIONS,
    "start_session": WRITE_SESSIONS,
    "cancel_session": WRITE_SESSIONS,
    "delete_session": WRITE_SESSIONS,
    "set_signing_order": WRITE_SESSIONS,
    "add_document": WRITE_SESSIONS,
    "update_document": WRITE_SESSIONS,
    "remove_document": WRITE_SESSIONS,
    "add_participant": WRITE_SESSIONS,
    "add_self": WRITE_SESSIONS,
    "update_participant": WRITE_SESSIONS,
    "remove_participant": WRITE_SESSIONS,
    "add_field": WRITE_SESSIONS,
    "update_field": WRITE_SESSIONS,
    "remove_field": WRITE_SESSIONS,
    "save_signature": WRITE_SESSIONS,
    "delete_signature": WRITE_SESSIONS,
    "comparison": COMPARE_PROVIDERS,
    "metrics": COMPARE_PROVIDERS,
    "slices": COMPARE_PROVIDERS,
    "explain": READ_NATIVE,
    "begin_authorization": AUTHORIZE_PROVIDERS,
    "complete_authorization": AUTHORIZE_PROVIDERS,
    "leftovers": ADMINISTER_PROVIDERS,
    "leftover": ADMINISTER_PROVIDERS,
    "resolve_leftover": ADMINISTER_PROVIDERS,
    "deliveries": ADMINISTER_WEBHOOKS,
    "delivery": ADMINISTER_WEBHOOKS,
    "delivered_session": ADMINISTER_WEBHOOKS,
    "replay_delivery": ADMINISTER_WEBHOOKS,
    # What is said of a provider, and of what can be done with a session that is shown, needs no more than to be let in.
    "provider_health": None,
    "log_cursor": None,
    "updated_at": None,
    "sync": None,
    "actions": None,
    "has_bytes": None,
}


def admit(signing: Signing, viewer: Viewer, allowance: Allowance) -> Signing:
    """The same gateway as this viewer may use it: what they may not see is not there."""
    admitted = object.__new__(Admitted)
    vars(admitted).update(vars(signing))
    admitted.viewer = viewer
    admitted.allowance = allowance
    if viewer.providers is not None:
        admitted.directory = signing.directory.only(viewer.providers)
    admitted.policy = Policy(viewer, admitted.directory)
    admitted._ordering = signing._ordering.within(admitted.policy)
    return admitted


class _Bounded(Signing):
    """What a viewer may see of several providers at once. Whatever asks for one by name finds it in their ``directory``."""

    viewer: Viewer
    allowance: Allowance

    async def sessions(
        self,
        wanted: SessionFilter,
        order: SessionOrder,
        part: PageRequest,
        max_age: timedelta | None = None,
        *,
        at_head: bool = False,
    ) -> SessionList:
        """As ever."""
        return await super().sessions(self._bounded(wanted), order, part, max_age, at_head=at_head)

    async def count_sessions(self, wanted: SessionFilter) -> int:
        """As ever."""
        return await super().count_sessions(self._bounded(wanted))

    async def signatures(
        self,
        wanted: SignatureFilter,
        limit: int,
        *,
        after: SignaturePosition | None = None,
        before: SignaturePosition | None = None,
        backwards: bool = False,
    ) -> SignatureList:
        """As ever."""
        return await super().signatures(self._bounded(wanted), limit, after=after, before=before, backwards=backwards)

    async def count_signatures(self, wanted: SignatureFilter) -> int:
        """As ever."""
        return await super().count_signatures(self._bounded(wanted))

    async def events(self, wanted: EventFilter = ALL_EVENTS, after: EventCursor | None = None) -> AsyncGenerator[Event, None]:
        """As ever, as long as this viewer follows no more than one may."""
        self.allowance.require_room(self.viewer)
        return self.allowance.following(self.viewer, await super().events(self._bounded_events(wanted), after))

    async def event_log(self, wanted: EventFilter, limit: int, after: EventCursor | None = None) -> EventList:
        """As ever."""
        return await super().event_log(self._bounded_events(wanted), limit, after)

    async def follow(self, ref: SessionRef) -> AsyncGenerator[Session, None]:
        """As ever, as long as this viewer follows no more than one may."""
        self.allowance.require_room(self.viewer)
        return self.allowance.following(self.viewer, await super().follow(ref))

    async def deliveries(
        self, wanted: WebhookDeliveryFilter, limit: int, after: tuple[datetime, str] | None = None
    ) -> DeliveryList:
        """As ever."""
        return await super().deliveries(self._bounded(wanted), limit, after)

    async def delivery(self, key: str, path: Sequence[str] = ("id",)) -> WebhookDelivery:
        """As ever."""
        found = await super().delivery(key, path)
        if self.viewer.providers is not None and found.provider not in self.directory:
            raise NotFound("There is no such delivery (any more).", path=path)
        return found

    def provider_health(self, names: Sequence[str] | None = None) -> AsyncIterator[Connected]:
        """As ever, as long as this viewer follows no more than one may."""
        self.allowance.require_room(self.viewer)
        for name in names or ():
            self.directory.get(name, ("names",))
        return self.allowance.following(self.viewer, super().provider_health(self._those(names)))

    async def upload(self, chunks: AsyncIterator[bytes], *, filename: str | None, media_type: str | None) -> StagedFile:
        """As ever, as long as no more waits for this viewer than may."""
        return await self.uploads.stage(chunks, filename=filename, media_type=media_type, owner=self.policy.owner)

    def _bounded(self, wanted: F) -> F:
        """The same filter, for what there is for this viewer where it names no provider."""
        if wanted.providers is not None or self.viewer.providers is None:
            return wanted
        return replace(wanted, providers=self._those(None))

    def _bounded_events(self, wanted: EventFilter) -> EventFilter:
        those = self._those(wanted.providers)
        return wanted if those is None else replace(wanted, providers=frozenset(those))

    def _those(self, names: Iterable[str] | None) -> tuple[str, ...] | None:
        """Which providers are meant: all that there are for this viewer, where none is named."""
        if names is not None:
            return tuple(names)
        return None if self.viewer.providers is None else tuple(each.name for each in self.directory)


class Admitted(_Bounded):
    """Every use case, each with the scope that it needs. Who may write may see what was written."""


def refusal(use: str, viewer: Viewer) -> Forbidden | None:
    """Why a viewer may not do what a use case does; None where they may."""
    scope = NEEDS[use]
    if scope is None or not _enough(scope).isdisjoint(viewer.scopes):
        return None
    return Forbidden(f"This needs the scope {scope}.")


def _enough(scope: str) -> set[str]:
    return {scope, WRITE_SESSIONS} if scope == READ_SESSIONS else {scope}


def _guarded(name: str, scope: str) -> Callable[..., Any]:
    method: Callable[..., Any] = getattr(_Bounded, name)
    refusal = f"This needs the scope {scope}."
    enough = _enough(scope)

    if inspect.iscoroutinefunction(method):

        async def refused() -> Any:
            raise Forbidden(refusal)

        @wraps(method)
        def guarded(self: Admitted, *args: Any, **named: Any) -> Any:
            # Refused where it is awaited, as it would be allowed.
            return refused() if enough.isdisjoint(self.viewer.scopes) else method(self, *args, **named)
    else:

        @wraps(method)
        def guarded(self: Admitted, *args: Any, **named: Any) -> Any:
            if enough.isdisjoint(self.viewer.scopes):
                raise Forbidden(refusal)
            return method(self, *args, **named)

    return guarded


for _name, _scope in NEEDS.items():
    if _scope is not None:
        setattr(Admitted, _name, _guarded(_name, _scope))
