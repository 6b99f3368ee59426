"""Removal: the saga that deletes the native sessions of a session, the last to sign first, and then its collections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from providers.errors import SigningError
from providers.model import Session, SessionStatus
from providers.saga import Pivot, Step, Steps
from providers.signicat.client import COLLECTION, SESSION, SignicatClient
from providers.signicat.composition.session_reader import SessionReader
from providers.signicat.errors import no_session

_PIECES = "pieces"
_ENDED = frozenset({SessionStatus.CANCELED, SessionStatus.EXPIRED})


class Removal:
    """Deletes sessions piece by piece. Its first deletion is the pivot: a session without one of its pieces is of no use."""

    def __init__(self, client: SignicatClient, reader: SessionReader) -> None:
        self._client = client
        self._reader = reader

    async def pieces(self, session: Session) -> Sequence[tuple[bool, Step]]:
        """The pieces of a session, to be deleted from the last on, and whether each is known to exist."""
        part = None if session.parts else await self._client.find_session(session.key)
        collections = await self._reader.own_collections(part) if part else (session.key,)
        pieces = [(False, Step(COLLECTION, key)) for key in reversed(collections)]
        exists = part is not None and part.wire is not None
        return [*pieces, *((exists, Step(SESSION, key)) for key in session.parts or (session.key,))]

    async def remove(self, session: Session, result: Session, steps: Steps) -> Session:
        """Deletes a session; ``result`` is the session afterwards. Passes the pivot before the first deletion.

        Raises ``NotFound`` where no piece exists.
        """
        pieces = await self.pieces(session)
        targets = [step for _, step in pieces]
        plan = {_PIECES: [[step.name, step.key] for step in targets]}
        await steps.pass_pivot(Pivot(session=result, plan=plan, original=session))
        deleted = await self._delete(targets, result, steps)
        # A piece that existed a moment ago was deleted by a first attempt whose answer was lost.
        if not deleted and not any(exists for exists, _ in pieces) and session.status not in _ENDED:
            raise no_session(session.provider)
        return result

    async def finish(self, pivot: Pivot, steps: Steps) -> Session:
        """Rolls a removal forward: deletes the remaining pieces."""
        pieces = msgspec.convert(pivot.plan[_PIECES], list[tuple[str, str]])
        await self._delete([Step(name, key) for name, key in pieces], pivot.session, steps)
        return pivot.session

    async def _delete(self, pieces: Sequence[Step], result: Session, steps: Steps) -> bool:
        """Deletes pieces from the last on; False where none existed. On an error, records the remaining pieces in ``steps``."""
        left, deleted = list(pieces), False
        while left:
            try:
                deleted |= await self._client.delete(left[-1].name, left[-1].key)
            except SigningError:
                if len(left) < len(pieces):
                    await steps.record_replacement(result, left)
                raise
            left.pop()
        return deleted


def is_removal(pivot: Pivot) -> bool:
    """Whether a pivot is that of a removal."""
    return _PIECES in pivot.plan


def canceled_session(session: Session, reason: str) -> Session:
    """A session after its cancellation: nobody can sign it any more, so it has no signing links."""
    people = tuple(replace(person, signing_url=None, signing_url_expires_at=None) for person in session.participants)
    return replace(session, status=SessionStatus.CANCELED, status_reason=reason, participants=people)
