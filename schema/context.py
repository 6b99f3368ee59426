"""What a resolver can reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import strawberry

from gateway.auth.viewer import Viewer
from gateway.signing import Signing
from providers.clock import Clock


@dataclass(slots=True)
class Context:
    """One operation's surroundings; ``first`` bounds every list.

    ``resume_after`` is where a client says, outside of the operation, that its connection was lost, and ``begins_after``
    where the events begin that the operation follows. ``log_cursor`` is the event log's cursor from before anything was
    read for this operation, where it asks for that.
    """

    signing: Signing
    viewer: Viewer
    clock: Clock
    first: int
    resume_after: str | None = None
    begins_after: str | None = None
    log_cursor: str | None = None

    def once(self, key: str | None) -> str | None:
        """An idempotency key as this viewer's own: what others call by the same name is another."""
        return None if key is None else f"{self.viewer.id}\n{key}"


Info: TypeAlias = strawberry.Info[Context, None]
