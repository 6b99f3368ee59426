"""Removal of sessions: deletes the native sessions of one, the last to sign first, and then what was theirs alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from providers.errors import NotFound, SigningError
from providers.model import Session, SessionStatus
from providers.saga import Pivot, Step, Steps
from providers.signicat.client import COLLECTION, SESSION, SignApi
from providers.signicat.composition.reading import Reader

_PIECES = "pieces"
_ENDED = frozenset({SessionStatus.CANCELED, SessionStatus.EXPIRED})


class Removal:
    """Deletes sessions piece by piece. What is begun is finished: what a piece is part of is of no use without it."""

    def __init__(self, api: SignApi, reader: Reader) -> None:
        self._api = api
        self._reader = reader

    async def pieces(self, session: Session) -> Sequence[tuple[bool, Step]]:
        """What a session consists of, to be deleted last first, and whether each is known to be there."""
        part = None if session.parts else await self._api.find_session(session.key)
        collections = await self._reader.own_collections(part) if part else (session.key,)
        pieces = [(False, Step(COLLECTION, key)) for key in reversed(collections)]
        there = part is not None and part.wire is not None
        return [*pieces, *((there, Step(SESSION, key)) for key in session.parts or (session.key,))]

    async def end(self, session: Session, result: Session, steps: Steps) -> Session:
        """Deletes a session of which ``result`` is left to say. The first deletion is the pivot of the ``steps``.

        Raises ``NotFound`` where nothing of it is there.
        """
        pieces = await self.pieces(session)
        made = [step for _, step in pieces]
        plan = {_PIECES: [[step.name, step.key] for step in made]}
        await steps.pass_pivot(Pivot(session=result, plan=plan, original=session))
        deleted = await self._delete(made, result, steps)
        # One that was there a moment ago and is not now: a first attempt got through, and its answer got lost.
        if not deleted and not any(there for there, _ in pieces) and session.status not in _ENDED:
            raise NotFound("Signicat has no such session (any more).", provider=session.provider)
        return result

    async def finish(self, pivot: Pivot, steps: Steps) -> Session:
        """Deletes what is left of a session whose removal has passed its pivot."""
        pieces = msgspec.convert(pivot.plan[_PIECES], list[tuple[str, str]])
        await self._delete([Step(name, key) for name, key in pieces], pivot.session, steps)
        return pivot.session

    async def _delete(self, pieces: Sequence[Step], result: Session, steps: Steps) -> bool:
        """Says whether any piece was there. Where one cannot be deleted, the ``steps`` get what is left to be."""
        left, deleted = list(pieces), False
        while left:
            try:
                deleted |= await self._api.delete(left[-1].name, left[-1].key)
            except SigningError:
                if len(left) < len(pieces):
                    await steps.record_replacement(result, left)
                raise
            left.pop()
        return deleted


def ends(pivot: Pivot) -> bool:
    """Whether a pivot is that of a removal."""
    return _PIECES in pivot.plan


def canceled(session: Session, reason: str) -> Session:
    """What is left to say of a session that is canceled: nobody can sign it any more."""
    people = tuple(replace(person, signing_url=None, signing_url_expires_at=None) for person in session.participants)
    return replace(session, status=SessionStatus.CANCELED, status_reason=reason, participants=people)
