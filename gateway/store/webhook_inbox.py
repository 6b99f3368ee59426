"""What providers have sent us: kept before it is answered, taken once, and processed by whoever claims it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Select, and_, case, delete, func, insert, literal, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store import tables
from gateway.store.engine.membership import among
from gateway.store.session_state.body import UNDECODABLE
from gateway.store.session_state.unreadable import parse_enum
from providers.errors import Misbehaved, ProblemCode, SigningError, error_class

_D = tables.delivery.c
_SHOWN = [column for column in tables.delivery.c if column.name not in {"body", "same_id", "same_body"}]
_FIRSTS = 3


class WebhookVerification(StrEnum):
    """Whether a delivery was proven to be its provider's."""

    VERIFIED = "VERIFIED"
    REJECTED = "REJECTED"
    NOT_CONFIGURED = "NOT_CONFIGURED"


class WebhookOutcome(StrEnum):
    """What came of a delivery."""

    PENDING = "PENDING"
    PROCESSED = "PROCESSED"
    IGNORED = "IGNORED"
    FAILED = "FAILED"


_REJECTED = _D.verification == WebhookVerification.REJECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """Something that a provider, or somebody who says so, has sent.

    ``session_key`` is the provider's own, perhaps of a part of a session. ``due_at`` is when it is processed (again).
    ``attempts`` are those begun. ``body`` is there only where it is needed, and never of what is not verified.
    """

    id: str
    provider: str
    received_at: datetime
    body_sha256: str
    verification: WebhookVerification
    outcome: WebhookOutcome
    event_id: str | None = None
    event_name: str | None = None
    session_key: str | None = None
    body: bytes | None = field(default=None, repr=False)
    attempts: int = 0
    problem: SigningError | None = None
    duplicate_of: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveryFilter:
    """Which deliveries are meant; what is None does not matter."""

    providers: Sequence[str] | None = None
    outcomes: Sequence[WebhookOutcome] | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this gateway processes, for the how manieth time; another claim makes this one void."""

    id: str
    provider: str
    session_key: str
    received_at: datetime
    attempts: int


class _Problem(msgspec.Struct, frozen=True, array_like=True):
    code: ProblemCode
    message: str
    provider: str | None
    provider_code: str | None


class WebhookInbox:
    """The inbox. What is due is claimed for a while, by one gateway at a time; what a dead one had claimed falls due again."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def receive(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Keeps a delivery that is worth a look; gives it as it is kept: as a duplicate where its event, or its body, was here
        before. One that is rejected stands for its body alone: the event may still come in a delivery that is believed.
        """
        verified = delivery.verification is WebhookVerification.VERIFIED
        same_id = _digest(delivery.event_id) if verified else None
        first = _row(delivery) | {"same_id": same_id, "same_body": delivery.body_sha256}
        for _ in range(_FIRSTS):
            async with self._engine.begin() as connection:
                if await _inserted(connection, first):
                    return delivery
                before = (await connection.execute(_original(first))).scalar()
                if before is not None:
                    problem = None if verified else delivery.problem
                    repeated = replace(
                        delivery, outcome=WebhookOutcome.IGNORED, duplicate_of=before, body=None, due_at=None, problem=problem
                    )
                    await connection.execute(insert(tables.delivery).values(_row(repeated)))
                    return repeated
        raise RuntimeError("a delivery is there and is not")

    async def record_unverified(self, delivery: WebhookDelivery) -> None:
        """Keeps that something came which is not verified; nobody processes it."""
        async with self._engine.begin() as connection:
            await connection.execute(insert(tables.delivery).values(_row(replace(delivery, body=None, due_at=None))))

    async def prune(self, keep: int) -> None:
        """Forgets all but the newest so many of those that are not verified, and of the duplicates."""
        async with self._engine.begin() as connection:
            for many in (_D.verification != WebhookVerification.VERIFIED, _D.duplicate_of.is_not(None)):
                old = select(_D.id).where(many).order_by(_D.received_at.desc(), _D.id.desc()).offset(keep)
                await connection.execute(delete(tables.delivery).where(_D.id.in_(old)))

    async def delete_before(self, before: datetime) -> None:
        """Forgets what came before this and is not waiting any more."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.delivery).where(_D.received_at < before, _D.due_at.is_(None)))

    async def next_due_at(self) -> datetime | None:
        """When something is (or was) due next."""
        async with self._engine.connect() as connection:
            due: datetime | None = (await connection.execute(select(func.min(_D.due_at)))).scalar_one()
        return due

    async def claim(self, now: datetime, until: datetime, sessions: int) -> list[Claim]:
        """Takes all that is due for at most so many sessions, those that have waited longest; it is due again at ``until``."""
        due = _D.due_at <= now
        oldest = select(_D.provider, _D.session_key).where(due).group_by(_D.provider, _D.session_key)
        oldest = oldest.order_by(func.min(_D.due_at)).limit(sessions)
        free = select(_D.id).where(due, tuple_(_D.provider, _D.session_key).in_(oldest)).with_for_update(skip_locked=True)
        statement = update(tables.delivery).where(due, _D.id.in_(free)).values(due_at=until, attempts=_D.attempts + 1)
        mine = statement.returning(_D.id, _D.provider, _D.session_key, _D.received_at, _D.attempts)
        async with self._engine.begin() as connection:
            return [Claim(*row) for row in await connection.execute(mine)]

    async def renew(self, ids: Collection[str], until: datetime) -> None:
        """Says that these are still being processed."""
        await self._update(among(ids, _D.id), due_at=until)

    async def finish(self, claims: Sequence[Claim], outcome: WebhookOutcome, problem: SigningError | None = None) -> None:
        """Notes what came of deliveries; not of those that somebody else has claimed meanwhile.

        Those that are rejected stay so, with the reason for it.
        """
        ended = case((_REJECTED, _D.outcome), else_=literal(outcome.value, _D.outcome.type))
        await self._update(_held(claims), outcome=ended, problem=_told(problem), due_at=None)

    async def postpone(self, claims: Sequence[Claim], due_at: datetime, problem: SigningError | None = None) -> None:
        """They are tried again then."""
        await self._update(_held(claims), problem=_told(problem), due_at=due_at)

    async def release(self, claims: Sequence[Claim], due_at: datetime) -> None:
        """They were not tried after all, and are due then."""
        await self._update(_held(claims), attempts=_D.attempts - 1, due_at=due_at)

    async def requeue(self, key: str, now: datetime, session_key: str) -> None:
        """A delivery is due now, as if it had never been tried."""
        fresh = {"outcome": WebhookOutcome.PENDING, "attempts": 0, "problem": None, "due_at": now, "session_key": session_key}
        async with self._engine.begin() as connection:
            await connection.execute(update(tables.delivery).where(_D.id == key).values(fresh))

    async def get(self, key: str) -> WebhookDelivery | None:
        """A delivery, with its body."""
        query = select(*_SHOWN, _D.body).where(_D.id == key)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else _delivery(row)

    async def page(
        self, wanted: WebhookDeliveryFilter, limit: int, after: tuple[datetime, str] | None
    ) -> list[WebhookDelivery]:
        """A slice of the list, newest first, without bodies."""
        query = select(*_SHOWN).where(*_conditions(wanted)).order_by(_D.received_at.desc(), _D.id.desc()).limit(limit)
        if after is not None:
            at, key = after
            query = query.where(_D.received_at <= at, or_(_D.received_at < at, _D.id < key))
        async with self._engine.connect() as connection:
            return [_delivery(row) for row in (await connection.execute(query)).mappings()]

    async def _update(self, which: ColumnElement[bool], **values: object) -> None:
        still = or_(_D.outcome == WebhookOutcome.PENDING, _REJECTED)
        async with self._engine.begin() as connection:
            await connection.execute(update(tables.delivery).where(which, still).values(values))


async def _inserted(connection: AsyncConnection, row: dict[str, Any]) -> bool:
    insert_into = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert_into(tables.delivery).values(row).on_conflict_do_nothing()
    return (await connection.execute(statement)).rowcount == 1


def _original(row: dict[str, Any]) -> Select[str]:
    same = or_(_D.same_body == row["same_body"], and_(_D.same_id == row["same_id"], _D.same_id.is_not(None)))
    return select(_D.id).where(_D.provider == row["provider"], same).order_by(_D.received_at).limit(1)


def _held(claims: Sequence[Claim]) -> ColumnElement[bool]:
    return among([(each.id, each.attempts) for each in claims], _D.id, _D.attempts)


def _conditions(wanted: WebhookDeliveryFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.providers is not None:
        yield _D.provider.in_(list(wanted.providers))
    if wanted.outcomes is not None:
        yield _D.outcome.in_([each.value for each in wanted.outcomes])
    if wanted.received_from is not None:
        yield _D.received_at >= wanted.received_from
    if wanted.received_to is not None:
        yield _D.received_at <= wanted.received_to


def _digest(event: str | None) -> str | None:
    """An event's id at a length that every index takes."""
    return None if event is None else hashlib.sha256(event.encode()).hexdigest()


def _told(problem: SigningError | None) -> ColumnElement[Any]:
    return case((_REJECTED, _D.problem), else_=literal(_encoded(problem), _D.problem.type))


def _encoded(problem: SigningError | None) -> bytes | None:
    if problem is None:
        return None
    return msgspec.msgpack.encode(_Problem(problem.code, problem.message, problem.provider, problem.provider_code))


def _decoded(problem: bytes | None) -> SigningError | None:
    if problem is None:
        return None
    try:
        said = msgspec.msgpack.decode(problem, type=_Problem)
    except UNDECODABLE:
        return Misbehaved("The reason was stored by another version of the gateway, and this one cannot read it.")
    return error_class(said.code)(said.message, provider=said.provider, provider_code=said.provider_code)


def _row(delivery: WebhookDelivery) -> dict[str, Any]:
    row = {name: getattr(delivery, name) for name in WebhookDelivery.__dataclass_fields__}
    return row | {"problem": _encoded(delivery.problem)}


def _delivery(row: RowMapping) -> WebhookDelivery:
    known = dict(row)
    known["verification"] = parse_enum(WebhookVerification, known["verification"], WebhookVerification.REJECTED)
    known["outcome"] = parse_enum(WebhookOutcome, known["outcome"], WebhookOutcome.IGNORED)
    return WebhookDelivery(**(known | {"problem": _decoded(known["problem"])}))
