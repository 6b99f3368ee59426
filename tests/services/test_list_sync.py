"""Keeping lists fresh: nothing is lost while a list moves, nothing is read twice, and whoever is missing is named.

The provider here is a list in memory behind an adapter, so that it can change between any two calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from stage import START, Hands, Template, examples, fresh_store, statements

from gateway.cache.shared_cache import SharedCache
from gateway.config import FreshnessSettings, Settings, UploadSettings, WatchSettings
from gateway.directory import ConnectedProvider, Directory
from gateway.signing import Services, Signing
from gateway.store import PageRequest, SessionFilter, SessionOrder, SessionWrite, Store
from gateway.sync.list_freshness import SourceOutcome, SourceReport
from gateway.web.uploads import Uploads
from providers.adapter import Adapter
from providers.capability import Capabilities, Capability, Operation, Support, operations
from providers.errors import (
    AuthorizationRequired,
    Busy,
    Forbidden,
    Misbehaved,
    NotFound,
    ProviderError,
    Refused,
    SigningError,
    TimedOut,
    Unavailable,
)
from providers.http.deadline import deadline, remaining_time
from providers.model import ListRow, Page, Session, SessionKind, SessionRef, SessionStatus
from providers.model.change import find_changes
from providers.registry import Provider
from providers.settings import ProviderSettings

Edit = Callable[[list["Item"]], None]

PENDING, SIGNING, DONE, DELETED = (
    SessionStatus.PENDING,
    SessionStatus.IN_PROGRESS,
    SessionStatus.COMPLETED,
    SessionStatus.DELETED,
)
EVERYTHING = SessionFilter()
WITH_DELETED = SessionFilter(statuses=tuple(SessionStatus))
NOW = timedelta(0)


class ShelfSettings(ProviderSettings):
    kind: Literal["shelf"] = "shelf"


class NoOptions(BaseModel):
    pass


@dataclass(frozen=True)
class Item:
    """A row of the provider's list; ``whole`` is the session that it is a part of, if any."""

    key: str
    status: SessionStatus = PENDING
    whole: str | None = None


class Shelf(Adapter):
    """A provider whose sessions are a list in memory, newest first, in pages of ``size``."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        session_kind=SessionKind.SIGNING,
        operations=operations(Capability(Operation.LIST_SESSIONS, Support.NATIVE)),
        media_types=frozenset(),
    )

    def stock(self, *items: Item, size: int = 3, numbered: bool = False, counted: bool = True) -> None:
        self.items = list(items)
        self.size, self.numbered, self.counted = size, numbered, counted
        self.listed: list[int] = []
        self.fetched: list[str] = []
        self.left: list[float | None] = []
        self.edits: list[Edit] = []
        self.failures: list[BaseException | None] = []
        self.go = asyncio.Event()
        self.go.set()

    async def list_sessions(self, offset: int, limit: int) -> Page:
        self.listed.append(offset)
        self.left.append(remaining_time(self.clock))
        await self.go.wait()
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        size = min(limit, self.size)
        begin = offset // size * size if self.numbered else offset
        rows, total = self.items[begin : begin + size], len(self.items)
        following = begin + size if begin + size < total else None
        if not self.counted:
            following = begin + len(rows) if len(rows) == size else None
        page = Page(
            rows=tuple(ListRow.from_session(self._session(item, partial=True)) for item in rows),
            total=total if self.counted else None,
            next_offset=following,
        )
        if self.edits:
            self.edits.pop(0)(self.items)
        return page

    async def fetch_session(self, key: str, known: Session | None = None) -> Session:
        self.fetched.append(key)
        parts = [item for item in self.items if item.whole == key]
        if parts:
            return replace(self._session(replace(parts[0], key=key)), parts=tuple(item.key for item in parts))
        for item in self.items:
            if item.key == key:
                return self._session(item)
        raise NotFound("There is no such session.")

    def _session(self, item: Item, *, partial: bool = False) -> Session:
        return Session(
            provider=self.settings.name,
            key=item.key,
            kind=SessionKind.SIGNING,
            status=item.status,
            native=repr(item).encode(),
            partial=partial,
        )


class Unlisted(Shelf):
    """The same without a list."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        session_kind=SessionKind.SEALING, operations=operations(), media_types=frozenset()
    )


@dataclass(frozen=True)
class Scene:
    """A gateway in front of shelves."""

    services: Services
    store: Store
    clock: Hands
    shelves: Sequence[Shelf]

    @property
    def signing(self) -> Signing:
        return self.services.signing

    @property
    def shelf(self) -> Shelf:
        return self.shelves[0]

    async def refresh(self, max_age: timedelta | None = NOW) -> Sequence[SourceReport]:
        """How fresh each list is now; time has passed since it was asked before."""
        self.clock.pass_(seconds=1)
        return (
            await self.signing.queries.sessions(EVERYTHING, SessionOrder.CREATED_AT_DESC, PageRequest(limit=0), max_age)
        ).sources

    async def outcome(self, max_age: timedelta | None = NOW) -> SourceOutcome:
        return (await self.refresh(max_age))[0].outcome

    async def known(self) -> dict[str, SessionStatus]:
        page = await self.store.sessions.page(WITH_DELETED, SessionOrder.CREATED_AT_DESC, PageRequest(limit=1000))
        return {row.session.key: row.session.status for row in page}


def _connected(name: str, kind: type[Shelf], clock: Hands) -> ConnectedProvider:
    mine = ShelfSettings(name=name, base_url="http://127.0.0.1:1")
    record = Provider(
        kind="shelf",
        display_name="Shelf",
        adapter=kind,
        settings=ShelfSettings,
        options=NoOptions,
        participant_options=NoOptions,
    )
    return ConnectedProvider(record, mine, kind(mine, clock=clock))


@asynccontextmanager
async def opened(
    store: Store, folder: Path, *kinds: type[Shelf], wait: float = 5.0, lasting: float = 0
) -> AsyncIterator[Scene]:
    clock = Hands()
    connected = [_connected(f"shelf-{number}", kind, clock) for number, kind in enumerate(kinds)]
    shelves = [each.adapter for each in connected if isinstance(each.adapter, Shelf)]
    for shelf in shelves:
        shelf.stock()
    directory = Directory(connected)
    uploads = Uploads(UploadSettings(folder=folder), store.uploads, clock)
    freshness = FreshnessSettings(open=lasting, final=lasting, list=10, list_wait=wait)
    services = Services(
        Settings(freshness=freshness, watch=WatchSettings(enabled=False)),
        directory,
        store,
        uploads,
        SharedCache(None, None, clock),
        clock,
    )
    try:
        yield Scene(services, store, clock, shelves)
    finally:
        for shelf in shelves:
            shelf.go.set()
        await services.close()
        await directory.close()


@pytest.fixture
async def scene(store: Store, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened(store, tmp_path / "uploads", Shelf) as scene:
        yield scene


@pytest.fixture
async def two(store: Store, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened(store, tmp_path / "uploads", Shelf, Shelf, wait=3.0) as scene:
        yield scene


def items(count: int, status: SessionStatus = DONE) -> list[Item]:
    return [Item(f"s{number:02}", status) for number in range(count)]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 (what is waited for is no event of ours)
            await asyncio.sleep(0.001)


# how far a walk goes


async def test_first_walk_reads_list_to_its_end(scene: Scene) -> None:
    scene.shelf.stock(*items(10))
    assert await scene.outcome() is SourceOutcome.FRESH
    assert scene.shelf.listed == [0, 3, 6, 9]
    assert await scene.known() == {item.key: item.status for item in scene.shelf.items}
    assert scene.shelf.fetched == []


async def test_empty_list_is_fresh(scene: Scene) -> None:
    assert await scene.outcome() is SourceOutcome.FRESH
    assert scene.shelf.listed == [0]


async def test_unchanged_list_costs_one_call(scene: Scene) -> None:
    scene.shelf.stock(*items(10))
    await scene.refresh()
    for _ in range(3):
        scene.shelf.listed.clear()
        await scene.refresh()
        assert scene.shelf.listed == [0]


ROWS = "FROM part"
"""Which rows are known is asked so."""


@pytest.mark.parametrize("swept", [False, True])
async def test_fingerprinted_list_is_not_compared_with_store(scene: Scene, *, swept: bool) -> None:
    """Also while it is ``swept`` for the first time, where all of it is on one page."""
    scene.shelf.stock(*items(2))
    if swept:
        await scene.store.checkpoints.begin_sweep("shelf-0", anew=True)
    for _ in range(3):
        await scene.refresh()
    with statements(scene.store) as quiet:
        assert await scene.outcome() is SourceOutcome.FRESH
    assert not [each for each in quiet if ROWS in each], quiet


async def test_uncached_session_is_loaded_once(store: Store, tmp_path: Path) -> None:
    ref = SessionRef("shelf-0", "s00")
    for _ in range(2):
        async with opened(store, tmp_path / "uploads", Shelf, lasting=60) as scene:
            scene.shelf.stock(*items(1))
            with statements(store) as asked:
                await scene.signing.queries.session(ref, NOW)
    assert len(asked) == 1, asked


async def test_concurrent_page_requests_share_one_query(scene: Scene) -> None:
    scene.shelf.stock(*items(2))
    await scene.refresh()
    page = PageRequest(limit=2)
    with statements(scene.store) as asked:
        lists = await asyncio.gather(
            *(
                scene.signing.queries.sessions(EVERYTHING, SessionOrder.CREATED_AT_DESC, page, timedelta(seconds=9))
                for _ in range(10)
            )
        )
    assert [len(each.page.rows) for each in lists] == [2] * 10
    told = [each for each in asked if "FROM sync" in each or "ORDER BY" in each]
    assert len(told) == 2, told


async def test_fingerprint_is_invalid_after_write_of_other_gateway(scene: Scene) -> None:
    scene.shelf.stock(*items(2))
    for _ in range(3):
        await scene.refresh()
    known = await scene.store.sessions.load(SessionRef("shelf-0", "s00"))
    assert known is not None
    seen = replace(known.session, status=DELETED)
    state = SessionWrite(seen_at=scene.clock.now(), expected_version=known.version, changes=find_changes(known.session, seen))
    assert await scene.store.sessions.save(seen, state)
    with statements(scene.store) as told:
        await scene.refresh()
    assert [each for each in told if ROWS in each]


async def test_unchanged_list_is_confirmed_in_store_once_a_second(scene: Scene) -> None:
    scene.shelf.stock(*items(2))
    for _ in range(3):
        await scene.refresh()
    written = []
    for _ in range(10):
        scene.clock.pass_(seconds=-0.75)
        await scene.refresh()
        sync = await scene.store.checkpoints.get("shelf-0")
        assert sync is not None
        written.append(sync.synced_at)
    assert 2 <= len(set(written)) <= 4, "2.5 seconds have passed"


async def test_walk_ends_at_page_without_changes(scene: Scene) -> None:
    scene.shelf.stock(*items(10))
    await scene.refresh()
    scene.shelf.listed.clear()
    scene.shelf.items[:0] = [Item(f"new{number}", DONE) for number in range(4)]
    await scene.refresh()
    assert scene.shelf.listed == [0, 3, 6]
    assert set(await scene.known()) == {item.key for item in scene.shelf.items}


async def test_walk_ends_once_all_unsettled_sessions_were_seen(scene: Scene) -> None:
    scene.shelf.stock(*items(7), Item("open", PENDING), *[Item(f"z{number}", DONE) for number in range(7)])
    await scene.refresh()
    scene.shelf.listed.clear()
    await scene.refresh()
    assert scene.shelf.listed == [0, 3, 6]
    scene.shelf.items[7] = Item("open", DONE)
    await scene.refresh()
    assert (await scene.known())["open"] is DONE
    scene.shelf.listed.clear()
    await scene.refresh()
    assert scene.shelf.listed == [0]


async def test_stored_session_with_changed_row_is_read_in_full_once(scene: Scene) -> None:
    scene.shelf.stock(*items(4, PENDING))
    await scene.refresh()
    scene.shelf.items[2] = replace(scene.shelf.items[2], status=SIGNING)
    await scene.refresh()
    await scene.refresh()
    assert scene.shelf.fetched == ["s02"]
    assert (await scene.known())["s02"] is SIGNING


async def test_rows_of_one_session_share_one_read(scene: Scene) -> None:
    scene.shelf.stock(Item("p1", PENDING, "whole"), Item("p2", PENDING, "whole"), Item("single"))
    await scene.signing.queries.session(SessionRef("shelf-0", "whole"))
    scene.shelf.fetched.clear()
    await scene.refresh()
    assert scene.shelf.fetched == ["whole"]
    assert set(await scene.known()) == {"whole", "single"}
    await scene.refresh()
    assert scene.shelf.fetched == ["whole"]


async def test_walk_after_interrupted_one_reads_to_the_end(scene: Scene) -> None:
    scene.shelf.stock(*items(4))
    await scene.refresh()
    scene.shelf.items[:0] = [Item(f"new{number}", DONE) for number in range(6)]
    scene.shelf.failures = [None, Unavailable("not now")]
    assert await scene.outcome() is SourceOutcome.UNAVAILABLE
    assert await scene.outcome() is SourceOutcome.FRESH
    assert set(await scene.known()) == {item.key for item in scene.shelf.items}


# what has gone


async def test_vanished_session_is_deleted_and_final_one_stays(scene: Scene) -> None:
    scene.shelf.stock(Item("open", PENDING), Item("done", DONE), Item("other", PENDING))
    await scene.refresh()
    del scene.shelf.items[:2]
    await scene.refresh()
    assert await scene.known() == {"open": DELETED, "done": DONE, "other": PENDING}


async def test_session_missing_from_list_is_read_singly(scene: Scene) -> None:
    scene.shelf.stock(Item("hidden", PENDING), Item("shown", PENDING))
    await scene.refresh()
    hidden = scene.shelf.items.pop(0)
    scene.shelf.items.append(replace(hidden, key="part", whole="hidden", status=SIGNING))
    await scene.refresh()
    assert (await scene.known())["hidden"] is SIGNING


async def test_provider_without_list_has_unsettled_sessions_read_singly(store: Store, tmp_path: Path) -> None:
    async with opened(store, tmp_path / "uploads", Unlisted) as scene:
        scene.shelf.stock(Item("open", PENDING), Item("done", DONE), Item("gone", PENDING))
        for item in scene.shelf.items:
            await scene.signing.queries.session(SessionRef("shelf-0", item.key))
        scene.shelf.items[0] = Item("open", SIGNING)
        del scene.shelf.items[2]
        scene.shelf.fetched.clear()
        assert await scene.outcome() is SourceOutcome.FRESH
        assert sorted(scene.shelf.fetched) == ["gone", "open"]
        assert scene.shelf.listed == []
        assert await scene.known() == {"open": SIGNING, "done": DONE, "gone": DELETED}


# a list that moves under the reader


@dataclass(frozen=True)
class Insert:
    count: int

    def __call__(self, rows: list[Item]) -> None:
        start = sum(1 for row in rows if row.key.startswith("new"))
        rows[:0] = [Item(f"new{start + number}-{id(self)}", DONE) for number in range(self.count)]


@dataclass(frozen=True)
class Remove:
    places: tuple[int, ...]

    def __call__(self, rows: list[Item]) -> None:
        for place in self.places:
            if rows:
                rows.pop(place % len(rows))


@dataclass(frozen=True)
class Finish:
    place: int

    def __call__(self, rows: list[Item]) -> None:
        if rows:
            rows[self.place % len(rows)] = replace(rows[self.place % len(rows)], status=DONE)


@dataclass(frozen=True)
class Raise:
    place: int

    def __call__(self, rows: list[Item]) -> None:
        if rows:
            rows.insert(0, rows.pop(self.place % len(rows)))


@dataclass(frozen=True)
class Both:
    edits: tuple[Edit, ...]

    def __call__(self, rows: list[Item]) -> None:
        for edit in self.edits:
            edit(rows)


inserts = st.integers(1, 4).map(Insert)
removes = st.lists(st.integers(0, 30), min_size=1, max_size=3).map(lambda places: Remove(tuple(places)))
finishes = st.integers(0, 30).map(Finish)
raises = st.integers(0, 30).map(Raise)


def scripts(*edits: st.SearchStrategy[Edit]) -> st.SearchStrategy[list[Edit]]:
    return st.lists(st.lists(st.one_of(edits), max_size=3).map(lambda some: Both(tuple(some))), max_size=8)


rows = (
    st.integers(0, 14)
    .flatmap(lambda least: st.lists(st.sampled_from([PENDING, DONE]), min_size=least, max_size=14))
    .map(lambda statuses: [Item(f"s{number:02}", status) for number, status in enumerate(statuses)])
)
moving = examples(25)


async def _moved(
    template: Template, stock: list[Item], script: Sequence[Edit], *, walked: bool, **how: object
) -> tuple[set[str], set[str], Scene]:
    """What was there throughout a walk, what the walk came to know; then it is quiet, and a second one has to settle all."""
    async with fresh_store(template) as store, opened(store, template.folder / "uploads", Shelf) as scene:
        shelf = scene.shelf
        shelf.stock(*stock, **how)  # type: ignore[arg-type]
        if walked:
            await scene.refresh()
        before = {item.key for item in shelf.items}
        seen_throughout = set(before)

        def noting(edit: Edit) -> Edit:
            def run(items: list[Item]) -> None:
                edit(items)
                seen_throughout.intersection_update(item.key for item in items)

            return run

        shelf.edits = [noting(edit) for edit in script]
        assert await scene.outcome() is SourceOutcome.FRESH
        first = set(await scene.known())
        shelf.edits = []
        assert await scene.outcome() is SourceOutcome.FRESH
        second = await scene.known()
        present = {item.key: item.status for item in shelf.items}
        assert {key: second.get(key) for key in present} == present
        assert all(status.final for key, status in second.items() if key not in present)
        shelf.listed.clear()
        assert await scene.outcome() is SourceOutcome.FRESH
        if all(item.status.final for item in shelf.items):
            assert len(shelf.listed) == 1
        return seen_throughout, first, scene


@pytest.mark.parametrize("numbered", [False, True])
@pytest.mark.parametrize("gone", [1, 2, 3])
async def test_walk_steps_back_as_far_as_list_has_shrunk(scene: Scene, numbered: bool, gone: int) -> None:
    scene.shelf.stock(*items(9), numbered=numbered)
    scene.shelf.edits = [Insert(0), Remove((0,) * gone)]
    await scene.refresh()
    assert {f"s{number:02}" for number in range(9)} == set(await scene.known())


@moving
@given(
    stock=rows, script=scripts(inserts, removes, finishes), size=st.integers(1, 5), numbered=st.booleans(), walked=st.booleans()
)
async def test_walk_misses_no_permanent_row_while_list_changes(
    template: Template, stock: list[Item], script: list[Edit], size: int, numbered: bool, walked: bool
) -> None:
    throughout, first, _ = await _moved(template, stock, script, walked=walked, size=size, numbered=numbered)
    assert throughout <= first


@moving
@given(stock=rows, script=scripts(inserts, finishes), size=st.integers(1, 5), numbered=st.booleans())
async def test_walk_through_growing_list_without_total_misses_nothing(
    template: Template, stock: list[Item], script: list[Edit], size: int, numbered: bool
) -> None:
    throughout, first, _ = await _moved(template, stock, script, walked=False, size=size, numbered=numbered, counted=False)
    assert throughout <= first


@moving
@given(
    stock=rows,
    before=scripts(inserts, finishes),
    jump=raises,
    after=scripts(inserts, removes, finishes),
    size=st.integers(2, 5),
    walked=st.booleans(),
)
async def test_row_that_moves_to_front_during_walk_is_found_by_next_walk(
    template: Template, stock: list[Item], before: list[Edit], jump: Edit, after: list[Edit], size: int, walked: bool
) -> None:
    await _moved(template, stock, [*before[:2], jump, *after], walked=walked, size=size)


# who waits, and for how long


async def test_list_is_refreshed_only_when_older_than_max_age(scene: Scene) -> None:
    scene.shelf.stock(*items(1))
    (first,) = await scene.refresh(None)
    assert first.as_of == scene.clock.now()
    scene.clock.pass_(seconds=8.9)
    (second,) = await scene.refresh(None)  # 9.9 seconds later
    assert second == first
    assert scene.shelf.listed == [0]
    assert await scene.outcome(timedelta(seconds=10)) is SourceOutcome.FRESH
    assert scene.shelf.listed == [0, 0]


async def test_concurrent_refreshes_share_one_walk(scene: Scene) -> None:
    scene.shelf.stock(*items(5))
    await asyncio.gather(*(scene.known() for _ in range(8)))  # none has to wait for a connection
    scene.shelf.go.clear()
    asking = [asyncio.create_task(scene.refresh()) for _ in range(8)]
    await until(lambda: bool(scene.shelf.listed))
    scene.shelf.go.set()
    reports = await asyncio.gather(*asking)
    assert {report.outcome for (report,) in reports} == {SourceOutcome.FRESH}
    assert scene.shelf.listed == [0, 3]


async def test_age_of_list_counts_from_begin_of_walk(scene: Scene) -> None:
    scene.shelf.go.clear()
    asking = asyncio.create_task(scene.refresh())
    await until(lambda: bool(scene.shelf.listed))
    begun = scene.clock.now()
    scene.clock.pass_(minutes=1)
    scene.shelf.go.set()
    (report,) = await asking
    assert report.as_of == begun


async def test_walk_of_timed_out_provider_serves_next_refresh(two: Scene) -> None:
    slow, _ = two.shelves
    slow.stock(*items(5))
    slow.go.clear()
    late, on_time = await two.refresh()
    assert (late.outcome, on_time.outcome) == (SourceOutcome.TIMED_OUT, SourceOutcome.FRESH)
    assert isinstance(late.problem, TimedOut)
    assert late.provider == late.problem.provider == "shelf-0"
    assert late.as_of is None
    slow.go.set()
    await until(lambda: not [task for task in asyncio.all_tasks() if "walk" in task.get_name()])
    again = await two.refresh(timedelta(hours=1))
    assert [report.outcome for report in again] == [SourceOutcome.FRESH] * 2
    assert slow.listed == [0, 3]
    assert set(await two.known()) == {item.key for item in slow.items}


async def test_walk_continues_after_client_is_cancelled(scene: Scene) -> None:
    scene.shelf.stock(*items(5))
    scene.shelf.go.clear()
    asking = asyncio.create_task(scene.refresh())
    await until(lambda: bool(scene.shelf.listed))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    scene.shelf.go.set()
    await until(lambda: len(scene.shelf.listed) == 2)
    assert await scene.outcome(timedelta(hours=1)) is SourceOutcome.FRESH
    assert scene.shelf.listed == [0, 3]


async def test_walk_has_its_own_deadline(scene: Scene) -> None:
    with deadline(scene.clock, 1.0):
        await scene.refresh()
    (left,) = scene.shelf.left
    assert left is not None
    assert left > 60


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (AuthorizationRequired("no"), SourceOutcome.UNAUTHORIZED),
        (Forbidden("no"), SourceOutcome.UNAUTHORIZED),
        (Refused("no", status=403), SourceOutcome.UNAUTHORIZED),
        (Refused("no", status=400), SourceOutcome.UNAVAILABLE),
        (Unavailable("no"), SourceOutcome.UNAVAILABLE),
        (Misbehaved("no"), SourceOutcome.UNAVAILABLE),
        (TimedOut("no"), SourceOutcome.TIMED_OUT),
        (Busy("later", status=429, retry_after=3), SourceOutcome.STALE),
    ],
)
async def test_failing_provider_is_reported_while_others_are_fresh(
    two: Scene, failure: ProviderError | Forbidden, outcome: SourceOutcome
) -> None:
    broken, whole = two.shelves
    broken.stock(Item("old", PENDING))
    before, _ = await two.refresh()
    whole.stock(Item("here", PENDING))
    broken.failures = [failure]
    report, other = await two.refresh()
    assert (report.outcome, other.outcome) == (outcome, SourceOutcome.FRESH)
    assert report.problem is failure
    assert report.as_of == before.as_of
    assert await two.known() == {"old": PENDING, "here": PENDING}
    again, _ = await two.refresh()
    assert (again.outcome, again.problem) == (SourceOutcome.FRESH, None)


async def test_provider_failure_of_single_read_fails_the_walk(scene: Scene) -> None:
    scene.shelf.stock(Item("s", PENDING))
    await scene.refresh()

    class Refusing(Shelf):
        async def fetch_session(self, key: str, known: Session | None = None) -> Session:
            raise Busy("later")

    scene.shelf.items.clear()
    scene.shelf.__class__ = Refusing
    (report,) = await scene.refresh()
    assert report.outcome is SourceOutcome.STALE
    assert isinstance(report.problem, SigningError)


async def test_unexpected_failure_is_reported_as_misbehaviour_while_others_are_fresh(
    two: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = two.shelves
    broken.stock(Item("old", PENDING))
    await two.refresh()
    whole.stock(Item("here", PENDING))
    broken.failures = [ZeroDivisionError("Ada's birthday"), ZeroDivisionError("Ada's birthday")]
    for _ in range(2):
        report, other = await two.refresh()
        assert (report.outcome, other.outcome) == (SourceOutcome.UNAVAILABLE, SourceOutcome.FRESH)
        assert isinstance(report.problem, Misbehaved)
    [record] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert report.problem.trace_id
    assert report.problem.trace_id in record.getMessage()
    assert "Ada" not in caplog.text
    assert "Ada" not in report.problem.message
    assert await two.known() == {"old": PENDING, "here": PENDING}


async def test_close_cancels_walks(scene: Scene) -> None:
    scene.shelf.go.clear()
    asking = asyncio.create_task(scene.refresh())
    await until(lambda: bool(scene.shelf.listed))
    await scene.services.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not [task for task in asyncio.all_tasks() if "walk" in task.get_name()]
    assert scene.clock.now() > START
