"""What becomes of a session as a whole: converted, started, voided, copied; found again and unmade."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from providers.capability import Operation
from providers.clock import Clock
from providers.easyink import marker as mark
from providers.easyink import wire
from providers.easyink.capability import ACTIVE, CAPABILITIES
from providers.easyink.client import EasyInkApi
from providers.easyink.draft import Drafts, check_title
from providers.errors import InDoubt, Invalid, NotFound, Refused, SigningError, Unavailable, Unsupported, WrongState
from providers.model import Session, SessionStatus
from providers.saga import Pivot, Step, Steps

# How far EasyInk's clock and ours may be apart.
_SKEW = timedelta(minutes=5)
_FARTHEST = 100_000
"""So many sessions are searched: a list may have no end."""
_SESSION = ("input", "session")
_NOT_STARTED = frozenset({SessionStatus.DRAFT, SessionStatus.READY})
_REPLACES = "replaces"


class Lifecycle:
    """Sessions from draft to end. Every method may raise any ``ProviderError``."""

    def __init__(self, api: EasyInkApi, drafts: Drafts, clock: Clock) -> None:
        self._api = api
        self._drafts = drafts
        self._clock = clock

    async def start(self, session: Session, steps: Steps | None = None) -> Session:
        """Converts a draft and starts it; starts a session that was converted before.

        Starting invites the people: it is the pivot of the ``steps`` that made the session.
        """
        if session.status is SessionStatus.DRAFT:
            await self._convert(await self._drafts.processed(session))
        elif session.status is not SessionStatus.READY:
            raise WrongState(f"Session {session.key} is {session.provider_status} and cannot be started again.", path=_SESSION)
        if steps is not None:
            await steps.pass_pivot(Pivot(session=session))
        return await self._invite(session)

    async def cancel(self, session: Session, reason: str) -> Session:
        """Voids a session. One that somebody else has just voided counts as done."""
        if session.status is SessionStatus.DRAFT:
            raise WrongState(f"Session {session.key} is a draft: delete it instead.", path=_SESSION)
        if session.final and session.status is not SessionStatus.CANCELED:
            what = f"Session {session.key} is {session.provider_status} and can no longer be canceled."
            raise WrongState(what, path=_SESSION)
        _check_reason(reason)
        try:
            await self._api.do("POST", "void_session", {"reason": reason}, session=session.key)
        except (Refused, WrongState) as refused:
            fresh = await self._api.session(session.key, session)
            if fresh.status is SessionStatus.CANCELED:
                return fresh
            if fresh.status in ACTIVE:
                raise
            what = f"Session {session.key} is {fresh.provider_status} and cannot be canceled."
            raise WrongState(what, path=_SESSION) from refused
        return replace(await self._api.session(session.key, session), status_reason=reason)

    async def duplicate(self, session: Session, title: str | None, marker: str, steps: Steps) -> Session:
        """A new draft with the same parts, under new keys."""
        check_title(title)
        wanted = title or session.title or ""
        subject = mark.marked(mark.DRAFT, wanted, marker)
        try:
            key = await self._api.make("duplicate_session", {"subject": subject}, session=session.key)
        except Refused as refused:
            await self._explain(session, refused, Operation.DUPLICATE_SESSION)
            raise
        await steps.record(mark.DRAFT, key)
        return await self._drafts.adopt(key, wanted)

    async def recreate(self, session: Session, title: str | None, reason: str, marker: str, steps: Steps) -> Session:
        """A new draft with the same parts, and the original voided, in one step.

        Nothing brings the original back, and it cannot be copied again, so this is finished and never undone: where
        the answer does not come, the new draft is looked for at once and taken for the answer.
        """
        check_title(title)
        _check_reason(reason)
        wanted = title or session.title or ""
        words = {"subject": mark.marked(mark.REPLACEMENT, wanted, marker), "voidReason": reason}
        await steps.pass_pivot(Pivot(session=replace(session, title=wanted), plan={_REPLACES: session.key}))
        begun_at = self._clock.now()
        try:
            key = await self._api.make("recreate_session", words, session=session.key)
        except InDoubt as doubt:
            key = await self._replacement(marker, begun_at, doubt)
        except Refused as refused:
            await self._explain(session, refused, Operation.RECREATE_SESSION)
            raise
        return await self._adopt(key, wanted, steps)

    async def roll_forward(self, pivot: Pivot, marker: str, since: datetime, steps: Steps) -> Session | None:
        """The session that was started, or is started now; the draft that has taken the place of another.

        None where there is none of it, or EasyInk refuses to start it: then nobody was invited.
        """
        if _REPLACES in pivot.plan:
            return await self._adopt_replacement(pivot.session.title or "", marker, since, steps)
        try:
            fresh = await self._api.session(pivot.session.key, pivot.session)
            if fresh.status is SessionStatus.READY:
                return await self._invite(fresh)
        except (NotFound, Refused, WrongState):
            return None
        except Unavailable as error:
            if error.status is None:
                raise
            # It was answered: what it has come to shows.
            fresh = await self._api.session(pivot.session.key, pivot.session)
        if fresh.status in _NOT_STARTED:
            return None
        return replace(fresh, started_at=fresh.started_at or self._clock.now())

    async def has_invited(self, step: Step) -> bool:
        """Whether a draft has become a session that was started, whose people would find it voided."""
        if step.name != mark.DRAFT:
            return False
        try:
            status = (await self._api.session(step.key, None)).status
        except NotFound:
            return False
        return status not in _NOT_STARTED and status is not SessionStatus.CANCELED

    async def find_by_marker(self, marker: str, since: datetime) -> tuple[Step, ...]:
        """Drafts whose subject carries the marker. The search may lag behind, so each is asked for by its key."""
        found: dict[str, Step] = {}
        offset: int | None = 0
        while offset is not None and offset <= _FARTHEST:
            page = await self._api.search(offset, wire.LONGEST_PAGE)
            for row in page.sessions:
                name = None if row.final else mark.step_of(row.title, marker)
                if name is not None and row.key not in found and await self._is_there(row.key):
                    found[row.key] = Step(name, row.key)
            old = [row.created_at is not None and row.created_at < since - _SKEW for row in page.sessions]
            offset = None if old and all(old) else page.next_offset
        return tuple(found.values())

    async def compensate(self, step: Step) -> None:
        """Removes a draft with all that belongs to it, or what was added to one, its mark included.

        Raises ``Unsupported`` for what has taken the place of a voided session: it stays, under its plain title.
        """
        if step.name == mark.DRAFT:
            await self._undo_draft(step.key)
        elif step.name == mark.REPLACEMENT:
            await self._keep(step.key)
        elif step.name == mark.MARK:
            await self._drafts.unmark(step.key)
        else:
            session, _, document = step.key.partition("/")
            with suppress(NotFound):
                await self._api.do("DELETE", f"remove_{step.name}", session=session, document=document)

    async def _convert(self, draft: Session) -> None:
        try:
            await self._api.do("POST", "convert_draft", session=draft.key)
        except InDoubt as doubt:
            # Whether it happened can be read; if so, there is a session that has still to be started.
            try:
                fresh = await self._api.session(draft.key, draft)
            except SigningError:
                raise doubt from None
            if fresh.status is not SessionStatus.READY:
                raise

    async def _undo_draft(self, key: str) -> None:
        try:
            await self._drafts.drop(key)
        except WrongState:
            # It was converted in the meantime.
            try:
                await self._api.do("POST", "void_session", {"reason": "Its creation failed."}, session=key)
            except NotFound:
                return
            except (Refused, WrongState):
                if (await self._api.session(key, None)).status is not SessionStatus.CANCELED:
                    raise

    async def _invite(self, session: Session) -> Session:
        """Starts a session. One that was started already, as by a call that was not answered, counts as started."""
        started = replace(session, status=SessionStatus.PENDING, started_at=self._clock.now())
        try:
            await self._api.do("POST", "start_session", session=session.key)
        except (Refused, WrongState):
            fresh = await self._api.session(session.key, started)
            if fresh.status in _NOT_STARTED or fresh.status is SessionStatus.CANCELED:
                raise
            return fresh
        try:
            return await self._api.session(session.key, started)
        except SigningError:
            return replace(started, partial=True)  # it has begun, whether or not it can be read now

    async def _adopt(self, key: str, title: str, steps: Steps) -> Session:
        """What has taken the place of a session, without its mark."""
        draft = replace(
            self._api.carried(key), status=SessionStatus.DRAFT, title=title or None, created_at=self._clock.now(), partial=True
        )
        await steps.record_replacement(draft, (Step(mark.MARK, key),))
        return await self._drafts.adopt(key, title)

    async def _adopt_replacement(self, title: str, marker: str, since: datetime, steps: Steps) -> Session | None:
        for step in await self.find_by_marker(marker, since):
            if step.name == mark.REPLACEMENT:
                return await self._adopt(step.key, title, steps)
        return None

    async def _keep(self, key: str) -> None:
        """Leaves what has taken the place of a session, under its plain title, and says so; none may be there."""
        try:
            await self._drafts.unmark(key)
        except NotFound:
            return
        except WrongState:
            pass  # somebody has gone on with it
        raise Unsupported(f"the draft {key}, which took the place of a session that is voided for good")

    async def _replacement(self, marker: str, since: datetime, doubt: InDoubt) -> str:
        try:
            found = await self.find_by_marker(marker, since)
        except SigningError:
            raise doubt from None
        for step in found:
            if step.name == mark.REPLACEMENT:
                return step.key
        raise doubt

    async def _is_there(self, key: str) -> bool:
        return await self._api.exists("draft_exists", session=key) or await self._api.exists("session_exists", session=key)

    async def _explain(self, session: Session, refused: Refused, operation: Operation) -> None:
        """Raises ``WrongState`` where that is why: EasyInk's words for it are not published."""
        fresh = await self._api.session(session.key, session)
        if not CAPABILITIES.allows(operation, fresh.status):
            verb = "recreated" if operation is Operation.RECREATE_SESSION else "duplicated"
            what = f"Session {session.key} is {fresh.provider_status} and cannot be {verb}."
            raise WrongState(what, path=_SESSION) from refused


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason) <= wire.LONGEST_REASON:
        raise Invalid(f"Give a reason of 1 to {wire.LONGEST_REASON} characters.", path=("input", "reason"))
