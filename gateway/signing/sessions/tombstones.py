"""Tombstones: the last state of sessions that their providers no longer have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from providers.model import Session, SessionStatus

_ENDED_WITHOUT_RESULT: Final = frozenset(
    {
        SessionStatus.DECLINED,
        SessionStatus.CANCELED,
        SessionStatus.EXPIRED,
        SessionStatus.FAILED,
        SessionStatus.DELETED,
    }
)
"""Where such a session is missing, perhaps removed by ourselves, its status says more than DELETED would."""


def deleted(session: Session) -> Session:
    """The tombstone of a session that was removed: its state as DELETED, without its parts."""
    return replace(
        session, status=SessionStatus.DELETED, provider_status=None, documents=(), fields=(), signatures=(), partial=False
    )


def tombstone(last: Session) -> Session:
    """The tombstone of a session that its provider answers 404 for: as it ended without a result, or else DELETED.

    Nothing more will be learned of it, so that it is not partial any more.
    """
    if last.status not in _ENDED_WITHOUT_RESULT:
        return deleted(last)
    return replace(last, partial=False) if last.partial else last


def void_digests(last: Session, seen: Session) -> Mapping[str, bytes]:
    """Digests that equal no list row, for the rows of a session that was just found missing.

    A provider that has it after all, such as behind a proxy that answered 404 for a while, lists it unchanged: the row would
    be skipped, and the session hidden for good. With these digests the row counts as changed once, and the session is read.
    """
    if seen.status is not SessionStatus.DELETED or last.status is SessionStatus.DELETED:
        return {}
    return dict.fromkeys(last.parts or (last.key,), b"")
