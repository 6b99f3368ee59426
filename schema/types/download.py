"""A link to bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import strawberry

from gateway.web.links import Link
from schema.scalars import Duration
from schema.types.describes import describes, resolved

TEN_MINUTES = Duration.of(timedelta(minutes=10), "PT10M")


@dataclass(frozen=True, slots=True)
class Linked:
    """A link, and what the bytes behind it are called."""

    link: Link
    filename: str | None
    media_type: str | None


def _url(root: strawberry.Parent[Linked]) -> str:
    return root.link.url


def _expires_at(root: strawberry.Parent[Linked]) -> datetime:
    return root.link.expires_at


@strawberry.type
@describes(Linked)
class Download:
    """A link to bytes that needs no other credential."""

    url: str = resolved(_url, pure=True)
    expires_at: datetime = resolved(_expires_at, pure=True)
    filename: str | None
    media_type: str | None
