"""Sessions that their providers have no more: what is left to say of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from providers.model import Session, SessionStatus

_ENDED: Final = frozenset(
    {
        SessionStatus.DECLINED,
        SessionStatus.CANCELED,
        SessionStatus.EXPIRED,
        SessionStatus.FAILED,
        SessionStatus.DELETED,
    }
)
"""Ended without a result: where such a session is gone, perhaps by our own hand, its end is worth more than that."""


def gone(known: Session) -> Session:
    """A session whose provider has answered that there is none: with the end that was known of it, or else DELETED.

    Nobody will ever say more of it, so that it is not partial any more.
    """
    if known.status not in _ENDED:
        return deleted(known)
    return replace(known, partial=False) if known.partial else known


def forgotten_rows(known: Session, seen: Session) -> Mapping[str, bytes]:
    """Digests that no row of a list has, for the rows of a session that is newly found to be missing.

    A provider that has it after all, as behind a proxy that answered 404 for a while, lists it as before: an unchanged row
    would be passed over, and the session hidden for good. Now its row is news, once, and the session is read again.
    """
    if seen.status is not SessionStatus.DELETED or known.status is SessionStatus.DELETED:
        return {}
    return dict.fromkeys(known.parts or (known.key,), b"")


def deleted(session: Session) -> Session:
    """A session that was removed."""
    return replace(
        session, status=SessionStatus.DELETED, provider_status=None, documents=(), fields=(), signatures=(), partial=False
    )
