"""Everything that can be followed.

A resolver checks what it was asked for, then returns the stream: what it raises is told before anything is streamed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import strawberry

from gateway.directory import Connected
from schema.context import Info
from schema.describes import followed
from schema.types.provider import Provider


async def _provider_health(info: Info, names: list[str] | None = None) -> AsyncIterator[Connected]:
    return info.context.signing.provider_health(names)


@strawberry.type
class Subscription:
    """Everything that can be followed."""

    provider_health: AsyncIterator[Provider] = followed(
        _provider_health, "Health and connection state of providers, now and at every change."
    )
