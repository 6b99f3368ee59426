"""Store: repositories over SQLite and PostgreSQL return what was written, and pages lose and repeat no row."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import START, Hands, Template, examples, fresh_store, keep, session, sessions, signature, signer, statements

from gateway.store import (
    ListCheckpoint,
    PageRequest,
    Position,
    SessionFilter,
    SessionOrder,
    SessionRow,
    SessionWrite,
    SignatureFilter,
    SignaturePosition,
    StagedFile,
    Store,
)
from gateway.store.list_query.due_sort_key import due_sort_key
from providers.model import Session, SessionKind, SessionRef, SessionStatus

T = TypeVar("T")
NOW = START + timedelta(days=400)
EVERYTHING = SessionFilter()


# sessions


@examples(40)
@given(seen=sessions())
async def test_session_is_read_as_it_was_saved(template: Template, seen: Session) -> None:
    async with fresh_store(template) as store:
        await keep(store, seen, NOW)
        assert await store.sessions.get(seen.ref) == seen


@examples(15)
@given(first=sessions(), second=sessions())
async def test_save_replaces_every_column_parts_and_addresses(template: Template, first: Session, second: Session) -> None:
    second = replace(second, provider=first.provider, key=first.key)
    async with fresh_store(template) as store:
        await keep(store, first, NOW)
        await keep(store, second, NOW)
        assert await store.sessions.get(first.ref) == second
        anything = tuple(SessionStatus)
        assert await store.sessions.count(SessionFilter(statuses=anything)) == 1
        for person in second.participants:
            if person.email:
                theirs = SessionFilter(participant_email=person.email, statuses=anything)
                assert await store.sessions.count(theirs) == 1


async def test_concurrent_reads_by_ref_share_one_query(store: Store) -> None:
    kept = [session(str(number)) for number in range(30)]
    for each in kept:
        await keep(store, each, START)
    unknown = SessionRef("acme", "unknown")
    with statements(store) as asked:
        found = await asyncio.gather(*(store.sessions.get(ref) for ref in [unknown, *(each.ref for each in kept)]))
    assert found == [None, *kept]
    assert len(asked) == 1, asked


async def test_unknown_ref_is_none(store: Store) -> None:
    assert await store.sessions.get(SessionRef("acme", "nothing")) is None
    assert await store.checkpoints.get("acme") is None


async def test_session_without_creation_time_sorts_by_first_sight(store: Store) -> None:
    for later in range(3):
        await keep(store, session(), NOW + timedelta(hours=later))
    (row,) = await store.sessions.page(EVERYTHING, SessionOrder.CREATED_AT_DESC, PageRequest(limit=9))
    assert row.position == Position(NOW, "acme", "s1")


async def test_creation_time_learned_later_replaces_first_sight(store: Store) -> None:
    await keep(store, session(), NOW)
    await keep(store, session(created_at=START), NOW)
    await keep(store, session(created_at=None), NOW)
    (row,) = await store.sessions.page(EVERYTHING, SessionOrder.CREATED_AT_DESC, PageRequest(limit=9))
    assert row.position.at == START


async def test_sessions_without_due_date_sort_last_by_creation(store: Store) -> None:
    day = timedelta(days=1)
    await keep(store, session("later", created_at=START + day), NOW)
    await keep(store, session("undated"), START + day / 2)
    await keep(store, session("first", created_at=START), NOW)
    await keep(store, session("due", created_at=START, due_at=NOW + 9 * day), NOW)
    await keep(store, session("was due", due_at=NOW), START + day / 4)
    for known in (session("undated", title="Lease"), session("was due", title="Lease")):
        await keep(store, known, NOW + day)
    expected = ["due", "first", "was due", "undated", "later"]
    page = await store.sessions.page(EVERYTHING, SessionOrder.DUE_AT_ASC, PageRequest(limit=9))
    assert [row.session.key for row in page] == expected
    page = await store.sessions.page(SessionFilter(title_contains="lease"), SessionOrder.DUE_AT_ASC, PageRequest(limit=9))
    assert [row.session.key for row in page] == ["was due", "undated"]


@pytest.mark.parametrize("year", [1, 1969, 2950, 9999])
async def test_due_sort_key_exists_for_any_creation_time(store: Store, year: int) -> None:
    made_at = datetime(year, 6, 1, tzinfo=UTC)
    await keep(store, session(title="Lease", created_at=made_at), NOW)
    await keep(store, session(title="Leases", created_at=None), NOW)
    for order in SessionOrder:
        page = await store.sessions.page(SessionFilter(title_contains="lease"), order, PageRequest(limit=9))
        assert [row.session.title for row in page] == ["Leases"]


async def test_composed_session_absorbs_its_parts(store: Store) -> None:
    for key in ("p1", "p2", "other"):
        await keep(store, session(key), NOW, {key: b"row"})
    await keep(store, session("whole", parts=("p1", "p2")), NOW)
    page = await store.sessions.page(EVERYTHING, SessionOrder.CREATED_AT_ASC, PageRequest(limit=9))
    assert {row.session.key for row in page} == {"whole", "other"}
    listed = await store.sessions.list_rows("acme", ["p1", "p2", "other", "none"])
    assert {key: row.session_key for key, row in listed.items()} == {"p1": "whole", "p2": "whole", "other": "other"}
    assert listed["p1"].digest == b"row"


async def test_part_seen_late_is_not_a_session_of_its_own(store: Store) -> None:
    await keep(store, session("whole", parts=("p1", "p2")), NOW)
    await keep(store, session("p1", partial=True), NOW, {"p1": b"row"})
    page = await store.sessions.page(EVERYTHING, SessionOrder.CREATED_AT_ASC, PageRequest(limit=9))
    assert [row.session.key for row in page] == ["whole"]
    assert (await store.sessions.list_rows("acme", ["p1"]))["p1"].session_key == "whole"


async def test_composed_session_may_have_the_key_of_its_first_part(store: Store) -> None:
    await keep(store, session("p1"), NOW)
    for title in ("once", "twice"):
        await keep(store, session("p1", parts=("p1", "p2"), title=title), NOW)
    (row,) = await store.sessions.page(EVERYTHING, SessionOrder.CREATED_AT_ASC, PageRequest(limit=9))
    assert row.session.title == "twice"


async def test_rows_of_former_parts_are_not_unsettled(store: Store) -> None:
    await keep(store, session("whole"), NOW)
    await keep(store, session("whole", parts=("p1", "p2")), NOW)
    assert await store.sessions.unsettled_rows("acme") == {"p1": "whole", "p2": "whole"}
    await keep(store, session("whole", parts=("p2",)), NOW)
    assert await store.sessions.unsettled_rows("acme") == {"p2": "whole"}


async def test_unsettled_rows_are_those_of_sessions_that_can_change(store: Store) -> None:
    for status in SessionStatus:
        await keep(store, session(status.value, status), NOW)
    await keep(store, session("elsewhere", provider="umbrella"), NOW)
    unfinished = await store.sessions.unsettled_rows("acme")
    assert set(unfinished) == {status.value for status in SessionStatus if not status.final}
    assert await store.sessions.count_by_status("acme") == {status.value: 1 for status in SessionStatus}


async def test_unsettled_rows_come_most_overdue_first(store: Store) -> None:
    for hours in (2, 0, 3, 1):
        state = SessionWrite(seen_at=NOW, poll_at=NOW + timedelta(hours=hours))
        assert await store.sessions.save(session(f"h{hours}"), state)
    assert list(await store.sessions.unsettled_rows("acme")) == ["h0", "h1", "h2", "h3"]


async def test_checkpoint_is_kept_for_each_provider(store: Store) -> None:
    await store.checkpoints.mark_incomplete("acme")
    await store.checkpoints.record_refresh("acme", NOW + timedelta(microseconds=1))
    assert await store.checkpoints.get("acme") == ListCheckpoint(NOW + timedelta(microseconds=1), complete=True)
    assert await store.checkpoints.get("umbrella") is None


async def test_concurrent_saves_all_succeed(store: Store) -> None:
    await asyncio.gather(*(keep(store, session(f"s{n}"), NOW) for n in range(60)))
    assert await store.sessions.count(EVERYTHING) == 60


# filters


@pytest.mark.parametrize("asked", ["Ann@Acme.test", "ann@acme.test", "ANN@ACME.TEST"])
async def test_participant_email_matches_in_any_case_and_only_present_participants(store: Store, asked: str) -> None:
    ref = session().ref
    people = (signer(ref, "a", email="aNN@acme.TEST"), signer(ref, "b", email="Ann@Acme.test"), signer(ref, "c"))
    await keep(store, session(participants=people), NOW)
    await keep(store, session("s2", participants=(signer(ref, "x", email="bob@acme.test"),)), NOW)
    assert await store.sessions.count(SessionFilter(participant_email=asked)) == 1
    await keep(store, session(), NOW)
    assert await store.sessions.count(SessionFilter(participant_email=asked)) == 0


@pytest.mark.parametrize(("part", "found"), [("STRASSE", 1), ("straße", 1), ("100%", 1), ("100_", 0), ("1%s", 0), ("", 2)])
async def test_title_search_ignores_case_and_has_no_wildcards(store: Store, part: str, found: int) -> None:
    await keep(store, session(title="Straße 100% sicher"), NOW)
    await keep(store, session("s2"), NOW)
    assert await store.sessions.count(SessionFilter(title_contains=part)) == found


async def test_empty_list_in_filter_matches_nothing(store: Store) -> None:
    await keep(store, session(), NOW)
    for wanted in (SessionFilter(providers=[]), SessionFilter(kinds=[]), SessionFilter(statuses=[])):
        assert await store.sessions.count(wanted) == 0


# what providers write


@pytest.mark.parametrize(
    "text", ["\x00", "a\x00b", "\x01", "\x01\x01\x00\x02", "long " * 5000], ids=["1", "2", "3", "4", "long"]
)
async def test_any_text_is_stored_and_found(store: Store, text: str) -> None:
    key = text[:20].replace("\0", "\ufffd")  # as answers of providers are read
    ref = SessionRef("acme", key)
    seen = session(
        key,
        title=text,
        reference=text,
        participants=(signer(ref, "a", email=f"{text[:20]}@acme.test"), signer(ref, "b", email=text * 400)),
        signatures=(signature(ref, text[:20], tags=(text[:20],)),),
    )
    await keep(store, seen, NOW, {key: b"row"})
    assert await store.sessions.get(ref) == seen
    for wanted in (
        SessionFilter(title_contains=text),
        SessionFilter(reference=text),
        SessionFilter(participant_email=f"{text[:20]}@acme.test"),
    ):
        (row,) = await store.sessions.page(wanted, SessionOrder.CREATED_AT_DESC, PageRequest(limit=9))
        assert row.position.key == key
    for each in (SignatureFilter(document=text), SignatureFilter(thread=text), SignatureFilter(tags=[text[:20]])):
        (found,) = await store.signatures.page(each, 9, None, None, backwards=False)
        assert (found.session, found.key) == (ref, text[:20])
    assert set(await store.sessions.list_rows("acme", [key])) == {key}


@pytest.mark.parametrize("length", [20_000, 40_000, 200_000])
async def test_title_of_any_length_is_stored_in_linear_time_and_found(store: Store, length: int) -> None:
    title = "".join(f"clause {place} " for place in range(length // 10))[:length]
    begun = time.monotonic()
    await keep(store, session("long", title=title), NOW)
    assert time.monotonic() - begun < 3.0
    for part in (title[:1_000], "CLAUSE 1 clause"):
        found = await store.sessions.page(
            SessionFilter(title_contains=part), SessionOrder.CREATED_AT_DESC, PageRequest(limit=9)
        )
        assert [row.position.key for row in found] == ["long"]


async def test_signatures_are_stored_whose_tags_exceed_the_index(store: Store) -> None:
    ref = SessionRef("acme", "s")
    tags = ("lease", "x" * 50_000, *(f"tag {place:06}" for place in range(50_000)))
    seen = session("s", signatures=(signature(ref, "one", tags=tags),))
    await keep(store, seen, NOW)
    assert await store.sessions.get(ref) == seen
    (found,) = await store.signatures.page(SignatureFilter(tags=["lease"]), 9, None, None, backwards=False)
    assert found.key == "one"


# pages

moments = st.sampled_from([START, START + timedelta(microseconds=1), START + timedelta(days=1), START + timedelta(days=100)])
texts = st.sampled_from(["a", "A", "b", "ä", "z", "\U0001f58b", "￿", "aa"])
titles = texts | st.sampled_from(["Lease", "LEASES of flats", "ease", 'say "aaa"', '"aa', "Straße", "ASSE", "a\x00bcd", "bcd"])
emails = st.sampled_from(["ann@acme.test", "bob@acme.test"])
statuses = st.sampled_from([SessionStatus.PENDING, SessionStatus.COMPLETED, SessionStatus.UNKNOWN])


@st.composite
def crowds(draw: st.DrawFn, *, least: int = 0, most: int = 9) -> list[Session]:
    """Sessions that have much in common: few instants, few words, keys that differ by little."""
    refs = draw(st.lists(st.tuples(st.sampled_from(["acme", "umbrella"]), texts), min_size=least, max_size=most, unique=True))
    return [
        session(
            key,
            draw(statuses),
            provider=provider,
            kind=draw(st.sampled_from([SessionKind.SIGNING, SessionKind.SEALING])),
            created_at=draw(st.none() | moments),
            due_at=draw(st.none() | moments),
            title=draw(st.none() | titles),
            reference=draw(st.none() | texts),
            participants=tuple(
                signer(SessionRef(provider, key), str(place), email=email)
                for place, email in enumerate(draw(st.lists(emails, max_size=2)))
            ),
        )
        for provider, key in refs
    ]


def seldom(value: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | st.none() | st.none() | value


filters = st.builds(
    SessionFilter,
    providers=seldom(st.lists(st.sampled_from(["acme", "umbrella", "nobody"]))),
    kinds=seldom(st.lists(st.sampled_from(SessionKind))),
    statuses=seldom(st.lists(statuses)),
    created_from=seldom(moments),
    created_to=seldom(moments | st.just(NOW)),
    due_from=seldom(moments),
    due_to=seldom(moments),
    title_contains=seldom(titles),
    reference=seldom(texts),
    participant_email=seldom(emails),
)


def _between(at: datetime | None, lower: datetime | None, upper: datetime | None) -> bool:
    if lower is None and upper is None:
        return True
    return at is not None and (lower is None or at >= lower) and (upper is None or at <= upper)


def _matches(each: Session, wanted: SessionFilter) -> bool:
    return (
        (wanted.providers is None or each.provider in wanted.providers)
        and (wanted.kinds is None or each.kind in wanted.kinds)
        and (each.status is not SessionStatus.DELETED if wanted.statuses is None else each.status in wanted.statuses)
        and _between(each.created_at or NOW, wanted.created_from, wanted.created_to)
        and _between(each.due_at, wanted.due_from, wanted.due_to)
        and (wanted.title_contains is None or wanted.title_contains.casefold() in (each.title or "").casefold())
        and (wanted.reference is None or each.reference == wanted.reference)
        and (wanted.participant_email is None or wanted.participant_email in {p.email for p in each.participants})
    )


def _place(each: Session, order: SessionOrder) -> tuple[datetime, bytes, bytes]:
    created_at = each.created_at or NOW
    at = due_sort_key(each.due_at, created_at) if order is SessionOrder.DUE_AT_ASC else created_at
    return at, each.provider.encode(), each.key.encode()


def _naively(crowd: Iterable[Session], wanted: SessionFilter, order: SessionOrder) -> list[Session]:
    """The whole list as anybody would write it down."""
    found = [each for each in crowd if _matches(each, wanted)]
    return sorted(found, key=lambda each: _place(each, order), reverse=order is SessionOrder.CREATED_AT_DESC)


async def _walk(
    read: Callable[[SessionRow | None], Awaitable[Sequence[SessionRow]]],
    *,
    backwards: bool,
    between: Callable[[], Awaitable[None]] | None = None,
) -> list[Session]:
    """Page after page until one is empty, put together in the order of the list."""
    found: list[SessionRow] = []
    while page := await read((found[0] if backwards else found[-1]) if found else None):
        found = [*page, *found] if backwards else [*found, *page]
        assert len(found) < 50, "the same sessions come again and again"
        if between:
            await between()
    return [row.session for row in found]


def _reader(
    store: Store, wanted: SessionFilter, order: SessionOrder, size: int, *, backwards: bool
) -> Callable[[SessionRow | None], Awaitable[Sequence[SessionRow]]]:
    async def read(edge: SessionRow | None) -> Sequence[SessionRow]:
        at = edge.position if edge else None
        part = PageRequest(limit=size, before=at, backwards=True) if backwards else PageRequest(limit=size, after=at)
        return await store.sessions.page(wanted, order, part)

    return read


async def _keep(store: Store, crowd: Iterable[Session]) -> None:
    for each in crowd:
        await keep(store, each, NOW)


@pytest.mark.parametrize("order", SessionOrder)
@pytest.mark.parametrize("backwards", [False, True])
async def test_title_search_sorts_sessions_of_one_second_in_any_order_of_insertion(
    store: Store, order: SessionOrder, *, backwards: bool
) -> None:
    moments = [START + timedelta(microseconds=number * 7919 % 23) for number in range(23)]
    crowd = [session(str(number), title="Lease", created_at=at) for number, at in enumerate(moments)]
    await _keep(store, crowd)
    wanted = SessionFilter(title_contains="lease")
    found = await _walk(_reader(store, wanted, order, 3, backwards=backwards), backwards=backwards)
    assert found == _naively(crowd, wanted, order)


@examples(50)
@given(crowd=crowds(), wanted=filters, order=st.sampled_from(SessionOrder), size=st.integers(1, 4), backwards=st.booleans())
async def test_pages_of_any_size_equal_the_naive_list_in_both_directions(
    template: Template, crowd: list[Session], wanted: SessionFilter, order: SessionOrder, size: int, backwards: bool
) -> None:
    async with fresh_store(template) as store:
        await _keep(store, crowd)
        expected = _naively(crowd, wanted, order)
        assert await _walk(_reader(store, wanted, order, size, backwards=backwards), backwards=backwards) == expected
        assert await store.sessions.count(wanted) == len(expected)


@examples(40)
@given(
    crowd=crowds(least=2),
    order=st.sampled_from(SessionOrder),
    edges=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    size=st.integers(1, 9),
    backwards=st.booleans(),
)
async def test_page_between_two_positions_has_the_rows_between_them(
    template: Template, crowd: list[Session], order: SessionOrder, edges: tuple[int, int], size: int, backwards: bool
) -> None:
    expected = _naively(crowd, EVERYTHING, order)
    low, high = (edge % len(expected) for edge in edges)
    async with fresh_store(template) as store:
        await _keep(store, crowd)
        rows = await store.sessions.page(EVERYTHING, order, PageRequest(limit=len(crowd)))
        part = PageRequest(limit=size, after=rows[low].position, before=rows[high].position, backwards=backwards)
        found = [row.session for row in await store.sessions.page(EVERYTHING, order, part)]
    between = expected[low + 1 : high]
    assert found == (between[-size:] if backwards else between[:size])


@examples(40)
@given(
    everyone=crowds(least=3, most=12),
    late=st.integers(1, 6),
    order=st.sampled_from(SessionOrder),
    size=st.integers(1, 3),
    backwards=st.booleans(),
)
async def test_paging_lists_each_lasting_session_once_while_others_are_inserted(
    template: Template, everyone: list[Session], late: int, order: SessionOrder, size: int, backwards: bool
) -> None:
    coming, crowd = everyone[:late], everyone[late:]
    async with fresh_store(template) as store:
        await _keep(store, crowd)
        waiting = list(coming)

        async def between() -> None:
            if waiting:
                await _keep(store, [waiting.pop()])
            if crowd:
                await keep(store, crowd[0], NOW + timedelta(days=1))  # seen again, unchanged

        found = await _walk(_reader(store, EVERYTHING, order, size, backwards=backwards), backwards=backwards, between=between)
    assert [each for each in found if each in crowd] == _naively(crowd, EVERYTHING, order)
    assert len({each.ref for each in found}) == len(found)


# signatures


@st.composite
def records(draw: st.DrawFn) -> list[Session]:
    """Sessions with signatures of few instants, few tags."""
    refs = draw(st.lists(st.tuples(st.sampled_from(["acme", "umbrella"]), texts), max_size=5, unique=True))
    found = []
    for provider, key in refs:
        ref = SessionRef(provider, key)
        keys = draw(st.lists(texts, max_size=3, unique=True))
        signatures = tuple(
            signature(
                ref,
                each,
                created_at=draw(st.none() | moments),
                signed_at=draw(st.none() | moments),
                tags=tuple(draw(st.lists(st.sampled_from(["red", "green"]), max_size=2))),
            )
            for each in keys
        )
        title, reference = draw(texts), draw(texts)
        created_at = draw(st.none() | moments)
        found.append(
            session(key, provider=provider, created_at=created_at, title=title, reference=reference, signatures=signatures)
        )
    return found


signature_filters = st.builds(
    SignatureFilter,
    providers=seldom(st.lists(st.sampled_from(["acme", "umbrella"]))),
    document=seldom(texts),
    thread=seldom(texts),
    tags=seldom(st.lists(st.sampled_from(["red", "green", "blue"]))),
    signed_from=seldom(moments),
    signed_to=seldom(moments),
)


def _signatures_naively(kept: Iterable[Session], wanted: SignatureFilter) -> list[SignaturePosition]:
    found = [
        SignaturePosition(each.created_at or each.signed_at or whole.created_at or NOW, whole.provider, whole.key, each.key)
        for whole in kept
        for each in whole.signatures
        if (wanted.providers is None or whole.provider in wanted.providers)
        and (wanted.document is None or whole.title == wanted.document)
        and (wanted.thread is None or whole.reference == wanted.thread)
        and (wanted.tags is None or set(wanted.tags) & set(each.tags))
        and _between(each.signed_at, wanted.signed_from, wanted.signed_to)
    ]
    return sorted(found, key=lambda at: (at.at, at.provider.encode(), at.session_key.encode(), at.key.encode()), reverse=True)


@examples(40)
@given(kept=records(), wanted=signature_filters, size=st.integers(1, 3), backwards=st.booleans())
async def test_signature_pages_equal_the_naive_list_while_sessions_are_saved_again(
    template: Template, kept: list[Session], wanted: SignatureFilter, size: int, backwards: bool
) -> None:
    async with fresh_store(template) as store:
        await _keep(store, kept)
        expected = _signatures_naively(kept, wanted)
        assert await store.signatures.count(wanted) == len(expected)
        found: list[SignaturePosition] = []
        clock = Hands(NOW)
        while True:
            edge = (found[0] if backwards else found[-1]) if found else None
            after, before = (None, edge) if backwards else (edge, None)
            page = await store.signatures.page(wanted, size, after, before, backwards=backwards)
            if not page:
                break
            found = [*page, *found] if backwards else [*found, *page]
            assert len(found) < 50, "the same signatures come again and again"
            clock.pass_(hours=1)
            await keep(store, kept[len(found) % len(kept)], clock.now())
        assert found == expected


async def test_signatures_of_deleted_session_are_not_listed(store: Store) -> None:
    ref = session().ref
    await keep(store, session(signatures=(signature(ref, "a", tags=("red", "red")),)), NOW)
    assert await store.signatures.count(SignatureFilter(tags=["red"])) == 1
    deleted = session(status=SessionStatus.DELETED, signatures=(signature(ref, "a"),))
    await keep(store, deleted, NOW)
    assert await store.signatures.count(SignatureFilter()) == 0


async def test_signatures_of_absorbed_session_are_deleted(store: Store) -> None:
    ref = session("p1").ref
    await keep(store, session("p1", signatures=(signature(ref, "a", tags=("red",)),)), NOW)
    await keep(store, session("whole", parts=("p1",)), NOW)
    assert await store.signatures.count(SignatureFilter()) == 0


# uploads


async def test_expired_and_used_staged_files_are_deleted(store: Store) -> None:
    def file(key: str, hours: int) -> StagedFile:
        return StagedFile(
            id=key,
            filename=None,
            media_type="application/pdf",
            size_bytes=1,
            sha256="",
            path=f"/{key}",
            expires_at=NOW + timedelta(hours=hours),
        )

    for each in (file("old", -1), file("used", 1), file("new", 1)):
        await store.uploads.add(each)
    await store.uploads.mark_used("used", NOW)
    assert set(await store.uploads.delete_expired(NOW)) == {Path("/old"), Path("/used")}
    assert await store.uploads.get("old") is None
    used = await store.uploads.get("used")
    assert used is not None
    assert used.used_at == NOW
    assert await store.uploads.get("new") == file("new", 1)


async def test_session_awaiting_results_is_due_by_itself_and_not_by_its_row(store: Store) -> None:
    """Once everyone has signed, a row may stay as it is until the end, while the package that was asked for is made."""
    making = session("making", SessionStatus.PROCESSING, parts=("p1", "p2"))
    await keep(store, making, NOW)
    await keep(store, session("open"), NOW)
    await keep(store, session("done", SessionStatus.COMPLETED), NOW)
    assert await store.polls.due_awaiting_results("acme", NOW, 10) == ["making"]
    assert await store.polls.due_awaiting_results("acme", NOW - timedelta(seconds=1), 10) == []
    assert await store.polls.sessions_of_rows("acme", ["p1", "p2", "open", "done"]) == ["open"]
