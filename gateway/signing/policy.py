"""Authorization policy: which use cases a viewer may run, and which providers, files and authorizations are theirs.

Every public method of a use case asks ``Policy.require`` first, by its own name; the table below says which scope that needs.
The policy is asked again where something stored is handed out: a receipt of an idempotency key, a staged file, an
authorization under way. The same rule stands before a thing, whatever path leads to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from gateway.auth.rate_limits import Quota
from gateway.auth.viewer import (
    ADMINISTER_PROVIDERS,
    ADMINISTER_WEBHOOKS,
    AUTHORIZE_PROVIDERS,
    COMPARE_PROVIDERS,
    NOBODY,
    READ_DOCUMENTS,
    READ_NATIVE,
    READ_SESSIONS,
    READ_SIGNATURES,
    SIGN_SESSIONS,
    WRITE_SESSIONS,
    Viewer,
)
from gateway.directory import Directory
from gateway.store import EventFilter, SessionFilter, SignatureFilter, WebhookDeliveryFilter
from providers.errors import Forbidden

T = TypeVar("T")
F = TypeVar("F", SessionFilter, SignatureFilter, WebhookDeliveryFilter)

SCOPES_OF_USE_CASES: Final[Mapping[str, str | None]] = {
    "session": READ_SESSIONS,
    "session_by_key": READ_SESSIONS,
    "last_known": READ_SESSIONS,
    "sessions": READ_SESSIONS,
    "count_sessions": READ_SESSIONS,
    "session_events": READ_SESSIONS,
    "event": READ_SESSIONS,
    "subscribe": READ_SESSIONS,
    "event_log": READ_SESSIONS,
    "follow": READ_SESSIONS,
    "statistics": READ_SESSIONS,
    "native": READ_NATIVE,
    "signing_url": SIGN_SESSIONS,
    "link": READ_DOCUMENTS,
    "signatures": READ_SIGNATURES,
    "count_signatures": READ_SIGNATURES,
    "verify": READ_SIGNATURES,
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
    # The state of a provider, and what can be done with a session that is shown already, need no scope.
    "provider_health": None,
    "log_cursor": None,
    "updated_at": None,
    "sync": None,
    "actions": None,
    "has_bytes": None,
    # A link is its own credential.
    "download": None,
}
"""The scope that each use case needs; None where every viewer may run it."""


class Policy:
    """The policy for one viewer. ``directory`` has the providers that this viewer may know of.

    ``quota`` bounds how much they may follow at a time; without one nothing is bounded.
    """

    def __init__(self, viewer: Viewer, directory: Directory, quota: Quota | None = None) -> None:
        self.viewer = viewer
        self.directory = directory if viewer.providers is None else directory.restrict_to(viewer.providers)
        self._quota = quota
        self._forbidden = frozenset(each for each in SCOPES_OF_USE_CASES if refusal(each, viewer) is not None)

    def require(self, use_case: str) -> None:
        """Raises ``Forbidden`` where this viewer lacks the scope of a use case."""
        if use_case in self._forbidden and (error := refusal(use_case, self.viewer)):
            raise error

    def require_provider(self, name: str, path: Sequence[str] = ()) -> None:
        """Raises ``NotFound``, as if there were no such provider, where it is hidden from this viewer."""
        if self.viewer.providers is not None:
            self.directory.get(name, path)

    def hides(self, provider: str) -> bool:
        """Whether this viewer may not know of a provider, be it configured or not."""
        return self.viewer.providers is not None and provider not in self.directory

    def require_bytes(self, path: Sequence[str] = ()) -> None:
        """Raises ``Forbidden`` unless this viewer may read documents.

        Whoever copies one into a session of their own can have it sent to them.
        """
        if READ_DOCUMENTS not in self.viewer.scopes:
            raise Forbidden(f"This copies documents, and needs the scope {READ_DOCUMENTS}.", path=path)

    def require_room(self) -> None:
        """Raises ``TooMany`` where this viewer follows as much as one may."""
        if self._quota is not None:
            self._quota.require_room(self.viewer)

    def count(self, stream: AsyncIterator[T]) -> AsyncIterator[T]:
        """The stream, counted among those that this viewer follows until it is closed."""
        return stream if self._quota is None else self._quota.following(self.viewer, stream)

    def restrict(self, wanted: F) -> F:
        """The filter, restricted to the providers of this viewer where it names none."""
        if wanted.providers is not None or self.viewer.providers is None:
            return wanted
        return replace(wanted, providers=tuple(each.name for each in self.directory))

    def restrict_events(self, wanted: EventFilter) -> EventFilter:
        """The filter, for the providers of this viewer that it names, or all of them.

        Raises ``NotFound`` for one that it names and that is not there.
        """
        for name in wanted.providers or ():
            self.directory.get(name, path=("filter", "providers"))
        names: Iterable[str] = (each.name for each in self.directory) if wanted.providers is None else wanted.providers
        return replace(wanted, providers=frozenset(names))

    @property
    def owner(self) -> str | None:
        """Owner of the files that this viewer stages and the authorizations they begin; None without authentication."""
        return None if self.viewer is NOBODY else hashlib.sha256(self.viewer.id.encode()).hexdigest()


def refusal(use_case: str, viewer: Viewer) -> Forbidden | None:
    """Why a viewer may not run a use case; None where they may."""
    scope = SCOPES_OF_USE_CASES[use_case]
    if scope is None or not _sufficient(scope).isdisjoint(viewer.scopes):
        return None
    return Forbidden(f"This needs the scope {scope}.")


def _sufficient(scope: str) -> set[str]:
    """The scopes of which one is enough: who may write may see what was written."""
    return {scope, WRITE_SESSIONS} if scope == READ_SESSIONS else {scope}
