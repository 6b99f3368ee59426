"""Authorization policy: whose things a viewer may have, and with which scopes.

It is asked before a use case runs, and again where something stored is handed out: a receipt of an idempotency key, a staged
file, an authorization under way. The same rule stands before a thing, whatever path leads to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.auth.viewer import NOBODY, READ_DOCUMENTS, Viewer
from gateway.directory import Directory
from providers.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Policy:
    """What one viewer may have. ``directory`` has the providers that are there for them."""

    viewer: Viewer
    directory: Directory

    def require_provider(self, name: str, path: Sequence[str] = ()) -> None:
        """Raises ``NotFound``, as if there were no such provider, where it is not there for this viewer."""
        if self.viewer.providers is not None:
            self.directory.get(name, path)

    def require_bytes(self, path: Sequence[str] = ()) -> None:
        """Raises ``Forbidden`` unless this viewer may read documents.

        Whoever copies one into a session of their own can have it sent to them.
        """
        if READ_DOCUMENTS not in self.viewer.scopes:
            raise Forbidden(f"This copies documents, and needs the scope {READ_DOCUMENTS}.", path=path)

    @property
    def owner(self) -> str | None:
        """Whom what this viewer stages or begins belongs to; None where nobody has to say who they are."""
        return None if self.viewer is NOBODY else hashlib.sha256(self.viewer.id.encode()).hexdigest()
