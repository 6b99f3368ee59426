"""Anything with an id."""

from __future__ import annotations

import strawberry


@strawberry.interface(description="Anything with an id that is unique across all providers (Relay).")
class Node:
    """Anything with an id."""

    id: strawberry.ID
