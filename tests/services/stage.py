"""Shared fixtures: a clock to set, a database for every example, and generated sessions."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import event

from gateway.store import SessionWrite, Store, tables
from providers.clock import Clock
from providers.model import (
    Archive,
    ChangeSource,
    DeliveryMethod,
    Document,
    DocumentRole,
    DocumentStatus,
    Field,
    Participant,
    ParticipantRole,
    ParticipantStatus,
    ReminderFrequency,
    Session,
    SessionKind,
    SessionRef,
    SessionStatus,
    Signature,
    SignatureFormat,
    SigningOrder,
)
from tests.servers import create_database

START = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)


class Hands(Clock):
    """A clock that stands until somebody moves it."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def pass_(self, **time: float) -> None:
        self.at += timedelta(**time)


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    engine = store.sessions._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def settle() -> None:
    """Lets everybody go on as far as they can by themselves."""
    for _ in range(5):
        await asyncio.sleep(0)


def examples(count: int) -> settings:
    """For a property over a database: so many examples, and no minutes of shrinking the one that fails."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    return settings(
        max_examples=count, deadline=None, phases=phases, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )


@dataclass(frozen=True)
class Copied:
    """A file for every store. ``folder`` is for all else."""

    folder: Path

    @asynccontextmanager
    async def copied(self) -> AsyncIterator[str]:
        """The address of an empty database, for gateways to share."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "store.db"
            create_database(file)
            yield f"sqlite:///{file}"

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[Store]:
        async with self.copied() as url:
            store = await Store.open(SecretStr(url))
            try:
                yield store
            finally:
                await store.close()


@dataclass(frozen=True)
class Emptied:
    """A store over a server, which is emptied again and again through another connection. ``folder`` is for all else."""

    url: str
    store: Store
    connection: asyncpg.Connection
    folder: Path

    @asynccontextmanager
    async def copied(self) -> AsyncIterator[str]:
        """The address of an empty database, for gateways to share."""
        kept = {tables.log.name, tables.compatibility.name}
        statements = [str(each.delete()) for each in reversed(tables.metadata.sorted_tables) if each.name not in kept]
        log = "UPDATE log SET head = 0, trimmed = 0, trimmed_mark = NULL, unmarked = 0"
        await self.connection.execute(";".join([*statements, log]))
        yield self.url

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[Store]:
        async with self.copied():
            yield self.store


Template = Copied | Emptied


@asynccontextmanager
async def fresh_store(template: Template) -> AsyncIterator[Store]:
    """An empty store. There is one at a time."""
    async with template.fresh() as store:
        yield store


async def keep(store: Store, seen: Session, at: datetime, digests: Mapping[str, bytes] | None = None) -> None:
    """Saves a state in place of whatever is known by now."""
    stored = await store.sessions.load(seen.ref)
    state = SessionWrite(seen_at=at, expected_version=stored.version if stored else None, digests=digests or {})
    assert await store.sessions.save(seen, state)


def session(key: str = "s1", status: SessionStatus = SessionStatus.PENDING, **known: object) -> Session:
    """A session of ``acme`` unless told otherwise."""
    values: dict[str, object] = {"provider": "acme", "kind": SessionKind.SIGNING, "native": key.encode() + status.encode()}
    return Session(key=key, status=status, **(values | known))  # type: ignore[arg-type]


def signature(ref: SessionRef, key: str, **known: object) -> Signature:
    """A signature of a session."""
    return Signature(session=ref, key=key, format=SignatureFormat.CADES, **known)  # type: ignore[arg-type]


def signer(ref: SessionRef, key: str, **known: object) -> Participant:
    """Somebody who was asked to sign."""
    return Participant(session=ref, key=key, role=ParticipantRole.SIGNER, status=ParticipantStatus.INVITED, **known)  # type: ignore[arg-type]


def paper(ref: SessionRef, key: str, **known: object) -> Document:
    """A document to sign."""
    return Document(session=ref, key=key, role=DocumentRole.TO_SIGN, status=DocumentStatus.READY, **known)  # type: ignore[arg-type]


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
instants = st.datetimes(datetime(1971, 1, 1), datetime(2900, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
lengths = st.floats(allow_nan=False, allow_infinity=False, width=32)


def maybe(value: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | value


def few(item: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(item, max_size=3).map(tuple)


@st.composite
def sessions(draw: st.DrawFn) -> Session:
    """Any session at all, with everything that may be in it."""
    ref = SessionRef(draw(st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)), draw(keys))
    mine = {"session": st.just(ref), "key": keys}
    documents = st.builds(
        Document,
        **mine,
        role=st.sampled_from(DocumentRole),
        status=st.sampled_from(DocumentStatus),
        title=maybe(words),
        filename=maybe(words),
        media_type=maybe(words),
        size_bytes=maybe(st.integers(0, 2**40)),
        created_at=maybe(instants),
    )
    participants = st.builds(
        Participant,
        **mine,
        role=st.sampled_from(ParticipantRole),
        status=st.sampled_from(ParticipantStatus),
        order=maybe(st.integers(0, 99)),
        email=maybe(words),
        last_name=maybe(words),
        delivery_methods=few(st.sampled_from(DeliveryMethod)),
        signed_at=maybe(instants),
        signing_url=maybe(words),
    )
    signatures = st.builds(
        Signature,
        **mine,
        format=st.sampled_from(SignatureFormat),
        version=maybe(st.integers(0, 2**31)),
        tags=few(words),
        created_at=maybe(instants),
        signed_at=maybe(instants),
    )
    fields = st.builds(
        Field,
        **mine,
        document=keys,
        participant=maybe(keys),
        type=words,
        page=st.integers(1, 999),
        x=lengths,
        y=lengths,
        width=lengths,
        height=lengths,
        required=st.booleans(),
    )
    archive = st.builds(Archive, requested=st.booleans(), retention_period=maybe(words), archive_id=maybe(words))
    return Session(
        provider=ref.provider,
        key=ref.key,
        kind=draw(st.sampled_from(SessionKind)),
        status=draw(st.sampled_from(SessionStatus)),
        provider_status=draw(maybe(words)),
        title=draw(maybe(words)),
        reference=draw(maybe(words)),
        created_at=draw(maybe(instants)),
        due_at=draw(maybe(instants)),
        completed_at=draw(maybe(instants)),
        signing_order=draw(st.sampled_from(SigningOrder)),
        reminder_frequency=draw(maybe(st.sampled_from(ReminderFrequency))),
        documents=draw(few(documents)),
        participants=draw(few(participants)),
        signatures=tuple(draw(st.lists(signatures, max_size=3, unique_by=lambda each: each.key))),
        fields=draw(few(fields)),
        archive=draw(maybe(archive)),
        parts=draw(few(keys)),
        partial=draw(st.booleans()),
        native=draw(st.binary(max_size=20)),
        observed_at=draw(maybe(instants)),
        source=draw(st.sampled_from(ChangeSource)),
        stale=draw(st.booleans()),
    )
