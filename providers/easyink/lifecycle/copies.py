"""Copies: duplicates a session, or recreates it, which voids the original for good and is therefore rolled forward."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from providers.capability import Operation
from providers.clock import Clock
from providers.easyink.capability import CAPABILITIES
from providers.easyink.client import EasyInkClient
from providers.easyink.lifecycle.drafts import Drafts, check_title
from providers.easyink.lifecycle.markers import DRAFT, MARKER, REPLACEMENT, add_marker, find_by_marker
from providers.easyink.lifecycle.transitions import check_reason
from providers.easyink.session_reader import SessionReader
from providers.errors import InDoubt, Refused, SigningError, WrongState
from providers.model import Session, SessionStatus
from providers.saga import Pivot, Step, Steps

_REPLACES = "replaces"


class Copies:
    """Copies of sessions. Every method may raise any ``ProviderError``."""

    def __init__(self, client: EasyInkClient, reader: SessionReader, drafts: Drafts, clock: Clock) -> None:
        self._client = client
        self._reader = reader
        self._drafts = drafts
        self._clock = clock

    async def duplicate(self, session: Session, title: str | None, marker: str, steps: Steps) -> Session:
        """Copies a session into a new draft; all of its parts have new keys."""
        check_title(title)
        new_title = title or session.title or ""
        subject = add_marker(DRAFT, new_title, marker)
        try:
            key = await self._client.duplicate_session(session.key, subject)
        except Refused as refused:
            await self._check_status(session, refused, Operation.DUPLICATE_SESSION)
            raise
        await steps.record(DRAFT, key)
        return await self._drafts.adopt(key, new_title)

    async def recreate(self, session: Session, title: str | None, reason: str, marker: str, steps: Steps) -> Session:
        """Copies a session into a new draft and voids the original, in one call.

        The call cannot be compensated: a voided session can be neither restored nor copied. So it is the pivot, and where
        its answer is lost, the new draft is found by its marker at once.
        """
        check_title(title)
        check_reason(reason)
        new_title = title or session.title or ""
        subject = add_marker(REPLACEMENT, new_title, marker)
        await steps.pass_pivot(Pivot(session=replace(session, title=new_title), plan={_REPLACES: session.key}))
        begun_at = self._clock.now()
        try:
            key = await self._client.recreate_session(session.key, subject, reason)
        except InDoubt as doubt:
            key = await self._find_replacement(marker, begun_at, doubt)
        except Refused as refused:
            await self._check_status(session, refused, Operation.RECREATE_SESSION)
            raise
        return await self._adopt(key, new_title, steps)

    async def roll_forward(self, title: str, marker: str, since: datetime, steps: Steps) -> Session | None:
        """Finds and adopts the replacement that an interrupted ``recreate`` has made; None where there is none."""
        for step in await find_by_marker(self._client, self._reader, marker, since):
            if step.name == REPLACEMENT:
                return await self._adopt(step.key, title, steps)
        return None

    async def _adopt(self, key: str, title: str, steps: Steps) -> Session:
        """Records a replacement, and strips its marker."""
        known, now = self._reader.carry_over(key), self._clock.now()
        draft = replace(known, status=SessionStatus.DRAFT, title=title or None, created_at=now, partial=True)
        await steps.record_replacement(draft, (Step(MARKER, key),))
        return await self._drafts.adopt(key, title)

    async def _find_replacement(self, marker: str, since: datetime, doubt: InDoubt) -> str:
        try:
            steps = await find_by_marker(self._client, self._reader, marker, since)
        except SigningError:
            raise doubt from None
        for step in steps:
            if step.name == REPLACEMENT:
                return step.key
        raise doubt

    async def _check_status(self, session: Session, refused: Refused, operation: Operation) -> None:
        """Raises ``WrongState`` where a status explains a refusal: EasyInk's messages for it are not published."""
        now = await self._reader.session(session.key, session)
        if not CAPABILITIES.allows(operation, now.status):
            verb = "recreated" if operation is Operation.RECREATE_SESSION else "duplicated"
            what = f"Session {session.key} is {now.provider_status} and cannot be {verb}."
            raise WrongState(what, path=("input", "session")) from refused


def is_recreation(pivot: Pivot) -> bool:
    """Whether a pivot is that of ``recreate``."""
    return _REPLACES in pivot.plan
