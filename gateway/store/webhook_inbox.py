"""Inbox of webhooks: stores each delivery before it is answered, deduplicates it, and lets one gateway at a time claim it."""

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
from gateway.store.engine.datatype import parse_enum
from gateway.store.engine.membership import in_values
from gateway.store.session_state.body import DECODE_ERRORS
from providers.errors import Misbehaved, ProblemCode, SigningError, error_class

_D = tables.delivery.c
_COLUMNS = [column for column in tables.delivery.c if column.name not in {"body", "same_id", "same_body"}]
_ATTEMPTS = 3


class WebhookVerification(StrEnum):
    """Whether the signature of a delivery was verified."""

    VERIFIED = "VERIFIED"
    REJECTED = "REJECTED"
    NOT_CONFIGURED = "NOT_CONFIGURED"


class WebhookOutcome(StrEnum):
    """Outcome of processing a delivery."""

    PENDING = "PENDING"
    PROCESSED = "PROCESSED"
    IGNORED = "IGNORED"
    FAILED = "FAILED"


_REJECTED = _D.verification == WebhookVerification.REJECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """Delivery of a webhook, by a provider or by an impostor.

    ``session_key`` is the provider's own, perhaps of a part of a session. ``due_at`` is when it is processed (again).
    ``attempts`` counts those begun. ``body`` is loaded only on request, and stored only of verified deliveries.
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
    """Criteria of deliveries, joined by AND; None is no criterion."""

    providers: Sequence[str] | None = None
    outcomes: Sequence[WebhookOutcome] | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Delivery that this gateway is processing. A later claim raises ``attempts``, and makes this one void."""

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
    """Inbox of deliveries. A claim is a lease: once it expires, the delivery is due again for any gateway."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def receive(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Stores a delivery, as a duplicate where its event or its body was received before; returns it as it is stored.

        A rejected delivery makes only its body a duplicate: its event may still come in a verified one.
        """
        verified = delivery.verification is WebhookVerification.VERIFIED
        same_id = _digest(delivery.event_id) if verified else None
        first = _row(delivery) | {"same_id": same_id, "same_body": delivery.body_sha256}
        for _ in range(_ATTEMPTS):
            async with self._engine.begin() as connection:
                if await _insert_unless_duplicate(connection, first):
                    return delivery
                original = (await connection.execute(_select_original(first))).scalar()
                if original is not None:
                    problem = None if verified else delivery.problem
                    duplicate = replace(
                        delivery, outcome=WebhookOutcome.IGNORED, duplicate_of=original, body=None, due_at=None, problem=problem
                    )
                    await connection.execute(insert(tables.delivery).values(_row(duplicate)))
                    return duplicate
        raise RuntimeError("a delivery is neither inserted nor a duplicate")

    async def record_unverified(self, delivery: WebhookDelivery) -> None:
        """Stores an unverified delivery without its body; it is not processed."""
        async with self._engine.begin() as connection:
            await connection.execute(insert(tables.delivery).values(_row(replace(delivery, body=None, due_at=None))))

    async def prune(self, keep: int) -> None:
        """Deletes the unverified deliveries, and the duplicates, except the newest of each."""
        async with self._engine.begin() as connection:
            for kind in (_D.verification != WebhookVerification.VERIFIED, _D.duplicate_of.is_not(None)):
                old = select(_D.id).where(kind).order_by(_D.received_at.desc(), _D.id.desc()).offset(keep)
                await connection.execute(delete(tables.delivery).where(_D.id.in_(old)))

    async def delete_before(self, before: datetime) -> None:
        """Deletes deliveries received before then that are not due any more."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.delivery).where(_D.received_at < before, _D.due_at.is_(None)))

    async def next_due_at(self) -> datetime | None:
        """When the next delivery is due, perhaps in the past."""
        async with self._engine.connect() as connection:
            due_at: datetime | None = (await connection.execute(select(func.min(_D.due_at)))).scalar_one()
        return due_at

    async def claim(self, now: datetime, until: datetime, sessions: int) -> list[Claim]:
        """Claims the due deliveries of the sessions that have waited longest; they are due again at ``until``."""
        due = _D.due_at <= now
        oldest = select(_D.provider, _D.session_key).where(due).group_by(_D.provider, _D.session_key)
        oldest = oldest.order_by(func.min(_D.due_at)).limit(sessions)
        free = select(_D.id).where(due, tuple_(_D.provider, _D.session_key).in_(oldest)).with_for_update(skip_locked=True)
        statement = update(tables.delivery).where(due, _D.id.in_(free)).values(due_at=until, attempts=_D.attempts + 1)
        claimed = statement.returning(_D.id, _D.provider, _D.session_key, _D.received_at, _D.attempts)
        async with self._engine.begin() as connection:
            return [Claim(*row) for row in await connection.execute(claimed)]

    async def renew(self, ids: Collection[str], until: datetime) -> None:
        """Renews claims of deliveries that are still being processed."""
        await self._update(in_values(ids, _D.id), due_at=until)

    async def finish(self, claims: Sequence[Claim], outcome: WebhookOutcome, problem: SigningError | None = None) -> None:
        """Records the outcome of deliveries, except those that another gateway has claimed since.

        A rejected delivery keeps its outcome and its problem.
        """
        final_outcome = case((_REJECTED, _D.outcome), else_=literal(outcome.value, _D.outcome.type))
        await self._update(_is_claimed(claims), outcome=final_outcome, problem=_problem_column(problem), due_at=None)

    async def postpone(self, claims: Sequence[Claim], due_at: datetime, problem: SigningError | None = None) -> None:
        """Schedules a retry of deliveries."""
        await self._update(_is_claimed(claims), problem=_problem_column(problem), due_at=due_at)

    async def release(self, claims: Sequence[Claim], due_at: datetime) -> None:
        """Releases deliveries that were not tried after all; they are due then."""
        await self._update(_is_claimed(claims), attempts=_D.attempts - 1, due_at=due_at)

    async def requeue(self, key: str, now: datetime, session_key: str) -> None:
        """Makes a delivery due now, as if it had never been tried."""
        untried = {"outcome": WebhookOutcome.PENDING, "attempts": 0, "problem": None, "due_at": now, "session_key": session_key}
        async with self._engine.begin() as connection:
            await connection.execute(update(tables.delivery).where(_D.id == key).values(untried))

    async def get(self, key: str) -> WebhookDelivery | None:
        """A delivery with its body."""
        query = select(*_COLUMNS, _D.body).where(_D.id == key)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else _decode_delivery(row)

    async def page(
        self, criteria: WebhookDeliveryFilter, limit: int, after: tuple[datetime, str] | None
    ) -> list[WebhookDelivery]:
        """A page of deliveries, newest first, without bodies."""
        query = select(*_COLUMNS).where(*_conditions(criteria)).order_by(_D.received_at.desc(), _D.id.desc()).limit(limit)
        if after is not None:
            at, key = after
            query = query.where(_D.received_at <= at, or_(_D.received_at < at, _D.id < key))
        async with self._engine.connect() as connection:
            return [_decode_delivery(row) for row in (await connection.execute(query)).mappings()]

    async def _update(self, claimed: ColumnElement[bool], **values: object) -> None:
        open_ = or_(_D.outcome == WebhookOutcome.PENDING, _REJECTED)
        async with self._engine.begin() as connection:
            await connection.execute(update(tables.delivery).where(claimed, open_).values(values))


async def _insert_unless_duplicate(connection: AsyncConnection, row: dict[str, Any]) -> bool:
    insert_into = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert_into(tables.delivery).values(row).on_conflict_do_nothing()
    return (await connection.execute(statement)).rowcount == 1


def _select_original(row: dict[str, Any]) -> Select[str]:
    same = or_(_D.same_body == row["same_body"], and_(_D.same_id == row["same_id"], _D.same_id.is_not(None)))
    return select(_D.id).where(_D.provider == row["provider"], same).order_by(_D.received_at).limit(1)


def _is_claimed(claims: Sequence[Claim]) -> ColumnElement[bool]:
    return in_values([(each.id, each.attempts) for each in claims], _D.id, _D.attempts)


def _conditions(criteria: WebhookDeliveryFilter) -> Iterator[ColumnElement[bool]]:
    if criteria.providers is not None:
        yield _D.provider.in_(list(criteria.providers))
    if criteria.outcomes is not None:
        yield _D.outcome.in_([each.value for each in criteria.outcomes])
    if criteria.received_from is not None:
        yield _D.received_at >= criteria.received_from
    if criteria.received_to is not None:
        yield _D.received_at <= criteria.received_to


def _digest(event: str | None) -> str | None:
    """A digest of an event's id, of a length that every index takes."""
    return None if event is None else hashlib.sha256(event.encode()).hexdigest()


def _problem_column(problem: SigningError | None) -> ColumnElement[Any]:
    return case((_REJECTED, _D.problem), else_=literal(_encode_problem(problem), _D.problem.type))


def _encode_problem(problem: SigningError | None) -> bytes | None:
    if problem is None:
        return None
    return msgspec.msgpack.encode(_Problem(problem.code, problem.message, problem.provider, problem.provider_code))


def _decode_problem(problem: bytes | None) -> SigningError | None:
    if problem is None:
        return None
    try:
        decoded = msgspec.msgpack.decode(problem, type=_Problem)
    except DECODE_ERRORS:
        return Misbehaved("The reason was stored by another version of the gateway, and this one cannot read it.")
    return error_class(decoded.code)(decoded.message, provider=decoded.provider, provider_code=decoded.provider_code)


def _row(delivery: WebhookDelivery) -> dict[str, Any]:
    row = {name: getattr(delivery, name) for name in WebhookDelivery.__dataclass_fields__}
    return row | {"problem": _encode_problem(delivery.problem)}


def _decode_delivery(row: RowMapping) -> WebhookDelivery:
    columns = dict(row)
    columns["verification"] = parse_enum(WebhookVerification, columns["verification"], WebhookVerification.REJECTED)
    columns["outcome"] = parse_enum(WebhookOutcome, columns["outcome"], WebhookOutcome.IGNORED)
    return WebhookDelivery(**(columns | {"problem": _decode_problem(columns["problem"])}))
