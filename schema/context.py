"""Resolver context: the use cases, viewer and clock that every resolver of one operation reaches through its ``info``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import strawberry

from gateway.auth.viewer import Viewer
from gateway.signing import Signing
from providers.clock import Clock


@dataclass(slots=True)
class Context:
    """Context of one operation, or of one event of a subscription. ``first`` bounds the size of every page.

    ``resume_after`` is the cursor that a client sent outside of the operation (``Last-Event-ID``) to resume after a lost
    connection, ``begins_after`` the cursor behind which a subscription's events begin. ``log_cursor`` is the event log's
    cursor from before anything was read for this operation, where it selects that.
    """

    signing: Signing
    viewer: Viewer
    clock: Clock
    first: int
    resume_after: str | None = None
    begins_after: str | None = None
    log_cursor: str | None = None

    def idempotency_key(self, key: str | None) -> str | None:
        """An idempotency key in this viewer's namespace: the same key of another viewer is another one."""
        return None if key is None else f"{self.viewer.id}\n{key}"


Info: TypeAlias = strawberry.Info[Context, None]
