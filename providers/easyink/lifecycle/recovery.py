"""Saga recovery: rolls interrupted writes forward past their pivot, and compensates their steps before it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from providers.clock import Clock
from providers.easyink.client import EasyInkClient
from providers.easyink.lifecycle.copies import Copies, is_recreation
from providers.easyink.lifecycle.drafts import Drafts
from providers.easyink.lifecycle.markers import DRAFT, MARKER, REPLACEMENT, find_by_marker
from providers.easyink.lifecycle.transitions import NOT_STARTED, Transitions
from providers.easyink.session_reader import SessionReader
from providers.errors import NotFound, Refused, Unavailable, Unsupported, WrongState
from providers.model import Session, SessionStatus
from providers.saga import Pivot, Step, Steps


class Recovery:
    """Recovery of sagas. Every method may raise any ``ProviderError``."""

    def __init__(
        self,
        client: EasyInkClient,
        reader: SessionReader,
        drafts: Drafts,
        transitions: Transitions,
        copies: Copies,
        clock: Clock,
    ) -> None:
        self._client = client
        self._reader = reader
        self._drafts = drafts
        self._transitions = transitions
        self._copies = copies
        self._clock = clock

    async def roll_forward(self, pivot: Pivot, marker: str, since: datetime, steps: Steps) -> Session | None:
        """Starts the session that was about to be started, or adopts the replacement that was made.

        None where there is neither, or EasyInk refuses to start the session, as nobody was invited then.
        """
        if is_recreation(pivot):
            return await self._copies.roll_forward(pivot.session.title or "", marker, since, steps)
        try:
            now = await self._reader.session(pivot.session.key, pivot.session)
            if now.status is SessionStatus.READY:
                return await self._transitions.start_converted(now)
        except (NotFound, Refused, WrongState):
            return None
        except Unavailable as error:
            if error.status is None:
                raise
            # EasyInk answered, so the session's status tells whether it was started.
            now = await self._reader.session(pivot.session.key, pivot.session)
        if now.status in NOT_STARTED:
            return None
        return replace(now, started_at=now.started_at or self._clock.now())

    async def has_invited(self, step: Step) -> bool:
        """Whether a draft has become a started session, whose participants would find it voided."""
        if step.name != DRAFT:
            return False
        try:
            status = (await self._reader.session(step.key, None)).status
        except NotFound:
            return False
        return status not in NOT_STARTED and status is not SessionStatus.CANCELED

    async def find_by_marker(self, marker: str, since: datetime) -> tuple[Step, ...]:
        """The drafts whose subject has the marker."""
        return await find_by_marker(self._client, self._reader, marker, since)

    async def compensate(self, step: Step) -> None:
        """Removes a draft with all of its parts, a part that was added to one, or a marker. Idempotent.

        Raises ``Unsupported`` for the replacement of a voided session: it stays, without its marker.
        """
        if step.name == DRAFT:
            await self._remove_draft(step.key)
        elif step.name == REPLACEMENT:
            await self._leave_replacement(step.key)
        elif step.name == MARKER:
            await self._drafts.strip_marker(step.key)
        else:
            session, _, document = step.key.partition("/")
            remove = self._client.remove_attachment if step.name == "attachment" else self._client.remove_document
            with suppress(NotFound):
                await remove(session, document)

    async def _remove_draft(self, key: str) -> None:
        """Deletes a draft; voids the session where it was converted."""
        try:
            await self._drafts.delete(key)
        except WrongState:
            try:
                await self._client.void_session(key, "Its creation failed.")
            except NotFound:
                return
            except (Refused, WrongState):
                if (await self._reader.session(key, None)).status is not SessionStatus.CANCELED:
                    raise

    async def _leave_replacement(self, key: str) -> None:
        """Strips the marker from a replacement and raises ``Unsupported``, as it stays; returns where it is gone."""
        try:
            await self._drafts.strip_marker(key)
        except NotFound:
            return
        except WrongState:
            pass  # somebody has converted it
        raise Unsupported(f"the draft {key}, which took the place of a session that is voided for good")
