"""Transitions: converts, starts and voids sessions, and tells by a read what became of a call that was refused or lost."""

from __future__ import annotations

from dataclasses import replace

from providers.clock import Clock
from providers.easyink import wire
from providers.easyink.capability import ACTIVE
from providers.easyink.client import EasyInkClient
from providers.easyink.lifecycle.drafts import Drafts
from providers.easyink.session_reader import SessionReader
from providers.errors import InDoubt, Invalid, Refused, SigningError, WrongState
from providers.model import Session, SessionStatus
from providers.saga import Pivot, Steps

NOT_STARTED = frozenset({SessionStatus.DRAFT, SessionStatus.READY})
"""Statuses of a session whose participants are not invited."""
_SESSION = ("input", "session")


class Transitions:
    """Status transitions of sessions. Every method may raise any ``ProviderError``."""

    def __init__(self, client: EasyInkClient, reader: SessionReader, drafts: Drafts, clock: Clock) -> None:
        self._client = client
        self._reader = reader
        self._drafts = drafts
        self._clock = clock

    async def start(self, session: Session, steps: Steps | None = None) -> Session:
        """Converts a draft and starts it; starts a session that was converted before.

        Starting invites the participants: it is the pivot of the ``steps`` that created the session.
        """
        if session.status is SessionStatus.DRAFT:
            await self._convert(await self._drafts.wait_until_processed(session))
        elif session.status is not SessionStatus.READY:
            raise WrongState(f"Session {session.key} is {session.provider_status} and cannot be started again.", path=_SESSION)
        if steps is not None:
            await steps.pass_pivot(Pivot(session=session))
        return await self.start_converted(session)

    async def start_converted(self, session: Session) -> Session:
        """Starts a converted session. Idempotent: one that was started by a lost call counts as started."""
        started = replace(session, status=SessionStatus.PENDING, started_at=self._clock.now())
        try:
            await self._client.start_session(session.key)
        except (Refused, WrongState):
            now = await self._reader.session(session.key, started)
            if now.status in NOT_STARTED or now.status is SessionStatus.CANCELED:
                raise
            return now
        try:
            return await self._reader.session(session.key, started)
        except SigningError:
            return replace(started, partial=True)  # it is started, whether or not it can be read now

    async def cancel(self, session: Session, reason: str) -> Session:
        """Voids a session. Idempotent: one that somebody else has just voided counts as canceled."""
        if session.status is SessionStatus.DRAFT:
            raise WrongState(f"Session {session.key} is a draft: delete it instead.", path=_SESSION)
        if session.final and session.status is not SessionStatus.CANCELED:
            what = f"Session {session.key} is {session.provider_status} and can no longer be canceled."
            raise WrongState(what, path=_SESSION)
        check_reason(reason)
        try:
            await self._client.void_session(session.key, reason)
        except (Refused, WrongState) as refused:
            now = await self._reader.session(session.key, session)
            if now.status is SessionStatus.CANCELED:
                return now
            if now.status in ACTIVE:
                raise
            what = f"Session {session.key} is {now.provider_status} and cannot be canceled."
            raise WrongState(what, path=_SESSION) from refused
        return replace(await self._reader.session(session.key, session), status_reason=reason)

    async def _convert(self, draft: Session) -> None:
        """Converts a draft; where no answer came, reads whether that has happened."""
        try:
            await self._client.convert_draft(draft.key)
        except InDoubt as doubt:
            try:
                now = await self._reader.session(draft.key, draft)
            except SigningError:
                raise doubt from None
            if now.status is not SessionStatus.READY:
                raise


def check_reason(reason: str) -> None:
    """Raises ``Invalid`` for a reason of a length that EasyInk does not take."""
    if not 1 <= len(reason) <= wire.LONGEST_REASON:
        raise Invalid(f"Give a reason of 1 to {wire.LONGEST_REASON} characters.", path=("input", "reason"))
