"""Poller: its calls turn by turn under a set clock; the provider is a sandbox on a real port."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lookout import START, lookout, pass_, through
from sqlalchemy.event import listen

from gateway.store import EventFilter
from gateway.sync.list_rows import Pacing
from providers.errors import Unavailable
from providers.model import ChangeSource, SessionStatus
from providers.model.change import ChangeType
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.fault_injection import Fault

MINUTE, HOUR = 60.0, 3600.0
LISTED = ("signicat", "easyink", "persist")
KINDS = ("seal", *LISTED)
PLENTY = 100_000


async def test_followed_session_is_polled_more_often_than_others(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", poll_budget=PLENTY) as out:
        followed, other = await out.make("seal"), await out.make("seal")
        poller, before = out.poller("seal"), out.count("seal")
        for _ in range(12):
            await out.follow(followed)
            await through(out.clock, 10, poller.poll_followed, poller.poll_rest)
        looks = [out.reads("seal", each, before) for each in (followed, other)]
        assert 60 <= looks[0] <= 90, "every two seconds at the latest, for two minutes"
        assert 4 <= looks[1] <= 6, "every half minute at the latest"


async def test_change_from_elsewhere_does_not_postpone_poll_of_followed_session(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    async with lookout(tmp_path, authority, "seal", poll_budget=PLENTY) as out:
        session, poller = await out.make("seal"), out.poller("seal")
        await out.follow(session)
        await through(out.clock, 5, poller.poll_followed)
        await out.services.observation.observe(replace(session, title="Another"), ChangeSource.MUTATION)
        before = out.count("seal")
        await through(out.clock, 2, poller.poll_followed)
        assert out.reads("seal", session, before) >= 1


async def test_session_without_follower_returns_to_regular_interval(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", poll_budget=PLENTY) as out:
        session, poller = await out.make("seal"), out.poller("seal")
        await out.follow(session)
        await through(out.clock, 40, poller.poll_followed, poller.poll_rest)
        before = out.count("seal")
        await through(out.clock, 60, poller.poll_followed, poller.poll_rest)
        assert 1 <= out.reads("seal", session, before) <= 3


async def test_settled_session_is_not_polled(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", poll_budget=PLENTY) as out:
        session, poller = await out.make("seal"), out.poller("seal")
        await out.happen(session)
        await out.follow(session)
        await through(out.clock, 35, poller.poll_followed, poller.poll_rest)
        assert (await out.known(session.ref)).settled
        before = out.count("seal")
        await out.follow(session)
        await through(out.clock, HOUR, poller.poll_followed, poller.poll_rest)
        assert out.calls("seal", before) == []


async def test_unchanged_session_is_polled_ever_less_often(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", poll_budget=PLENTY) as out:
        session, poller = await out.make("seal"), out.poller("seal")
        looks = []
        for _ in range(3):
            before = out.count("seal")
            await through(out.clock, HOUR, poller.poll_rest)
            looks.append(out.reads("seal", session, before))
        assert looks[0] > looks[1] >= looks[2]
        assert 6 <= looks[2] <= 8, "every ten minutes at the latest"


@pytest.mark.parametrize("kind", LISTED)
async def test_provider_with_list_has_only_followed_sessions_read_singly(
    tmp_path: Path, authority: CertificateAuthority, kind: str
) -> None:
    async with lookout(tmp_path, authority, kind, poll_budget=PLENTY) as out:
        followed, other = await out.make(kind), await out.make(kind)
        poller = out.poller(kind)
        await through(out.clock, MINUTE, poller.poll_list)
        before = out.count(kind)
        for _ in range(6):
            await out.follow(followed)
            await through(out.clock, 10, poller.poll_followed, poller.poll_list)
        key = {"signicat": lambda each: each.parts[0], "persist": lambda each: "document"}.get(kind, lambda each: each.key)
        alone = [path for path in out.calls(kind, before) if key(other) in path]
        lists = [
            path for path in out.calls(kind, before) if path.endswith(("/signing-sessions", "/signatures", "/signingSessions"))
        ]
        assert alone == []
        assert 1 <= len(lists) <= 4, "every half minute"
        assert len(out.calls(kind, before)) >= 30, "every two seconds for a minute"


@pytest.mark.parametrize("kind", KINDS)
async def test_changes_during_downtime_are_found_after_restart(
    tmp_path: Path, authority: CertificateAuthority, kind: str
) -> None:
    async with lookout(tmp_path, authority, kind) as out:
        session = await out.make(kind)
        await out.happen(session)
        new = await out.make(kind, known=False)
        await pass_(out.clock, HOUR)
        poller = out.poller(kind)
        turn = poller.poll_rest if kind == "seal" else poller.poll_list
        await through(out.clock, MINUTE, turn, *([] if kind == "seal" else [poller.sweep]))
        events = [event async for event in _events(out, session)]
        assert events, "the change is told"
        assert {event.source for event in events} == {"POLL"}
        if kind != "seal":
            keys = new.parts or (new.key,)
            assert await out.store.sessions.list_rows(kind, keys), "so is what others have made"


async def _events(out, session):
    for event in await out.store.events.read(0, 100, EventFilter(sessions=[session.ref])):
        if event.change.type is not ChangeType.CREATED:
            yield event


async def test_restart_does_not_poll_everything_at_once(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", poll_budget=60) as out:
        sessions = [await out.make("seal") for _ in range(30)]
        await pass_(out.clock, HOUR)
        poller, before, begun = out.poller("seal"), out.count("seal"), out.clock.monotonic()
        await through(out.clock, 10, poller.poll_rest)
        assert out.clock.monotonic() - begun > 30, "a round of thirty took its time"
        assert len(out.calls("seal", before)) <= 60
        assert all(out.reads("seal", each, before) == 1 for each in sessions)
        before = out.count("seal")
        poller = out.poller("seal")
        await through(out.clock, 5, poller.poll_rest)
        assert out.calls("seal", before) == [], "after another restart it goes on where it stood"


async def test_budget_holds_at_provider_and_followed_sessions_go_first(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", poll_budget=60, poll_interval=10, poll_interval_watched=1) as out:
        followed, others = [await out.make("seal") for _ in range(3)], [await out.make("seal") for _ in range(30)]
        poller, before, begun = out.poller("seal"), out.count("seal"), out.clock.monotonic()
        while out.clock.monotonic() - begun < 300:
            await out.follow(*followed)
            await through(out.clock, 5, poller.poll_followed)
            await through(out.clock, 1, poller.poll_followed)
        calls = len(out.calls("seal", before))
        minutes = (out.clock.monotonic() - begun) / 60
        assert 0.6 * 60 * minutes < calls <= 60 * (minutes + 1)
        assert sum(out.reads("seal", each, before) for each in others) == 0
        looks = [out.reads("seal", each, before) for each in followed]
        assert max(looks) - min(looks) <= 8, "and they take turns"


async def test_all_sessions_are_polled_in_turn_when_calls_are_short(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", poll_budget=30, poll_interval=1) as out:
        sessions = [await out.make("seal") for _ in range(40)]
        poller, before = out.poller("seal"), out.count("seal")
        await through(out.clock, 600, poller.poll_rest)
        looks = [out.reads("seal", each, before) for each in sessions]
        assert min(looks) >= 1
        assert max(looks) - min(looks) <= 2


async def test_failing_provider_is_backed_off_and_no_change_is_missed(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", poll_budget=PLENTY) as out:
        session, poller = await out.make("seal"), out.poller("seal")
        out.sandboxes["seal"].faults.append(Fault(count=100_000, status=503))
        before = out.count("seal")
        for _ in range(60):
            await out.follow(session)
            await through(out.clock, 20, poller.poll_followed, poller.poll_rest)
        failed = len(out.calls("seal", before))
        assert 3 <= failed <= 60, "where 600 looks were due in twenty minutes"
        out.sandboxes["seal"].faults.clear()
        await out.happen(session)
        for _ in range(30):
            await out.follow(session)
            await through(out.clock, 10, poller.poll_followed, poller.poll_rest)
        assert (await out.known(session.ref)).status is SessionStatus.COMPLETED


async def test_unreadable_session_does_not_hold_up_others(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", poll_budget=PLENTY) as out:
        bad, good = await out.make("seal"), await out.make("seal")
        out.sandboxes["seal"].faults.append(Fault(kind="html", count=100_000, path=f"/api/BatchStatus/{bad.key}"))
        await out.happen(good)
        poller = out.poller("seal")
        await out.follow(bad, good)
        await through(out.clock, 10, poller.poll_followed)
        assert (await out.known(good.ref)).status is SessionStatus.COMPLETED


async def test_sweep_finds_new_version_of_old_record(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "persist", poll_budget=PLENTY, poll_interval=600) as out:
        old = await out.make("persist")
        for _ in range(110):
            await pass_(out.clock, 1)
            await out.make("persist", known=False)
        poller = out.poller("persist")
        await through(out.clock, 30, poller.sweep, poller.poll_list)
        await out.happen(old)
        await through(out.clock, 30 * MINUTE, poller.poll_list)
        assert (await out.known(old.ref)).signatures[0].version == 1, "no walk goes so far"
        await through(out.clock, HOUR, poller.poll_list, poller.sweep)
        assert (await out.known(old.ref)).signatures[0].version == 2
        sync = await out.store.checkpoints.get("persist")
        assert sync is not None
        assert sync.swept_at is not None
        assert sync.sweep_offset is None


async def test_interrupted_sweep_resumes_at_its_offset(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "persist", poll_budget=PLENTY) as out:
        for _ in range(250):
            await out.make("persist", known=False)
        provider, pages = out.directory.get("persist"), 0

        async def twice() -> None:
            nonlocal pages
            pages += 1
            if pages > 2:
                raise Unavailable("no")

        with pytest.raises(Unavailable):
            await out.services.list_sync.walks.sweep(provider, Pacing(twice))
        before = out.count("persist")
        await out.poller("persist").sweep()
        assert len(out.calls("persist", before)) == 1, "two pages of three were read before"
        sync = await out.store.checkpoints.get("persist")
        assert sync == replace(sync, complete=True, sweep_offset=None, swept_at=out.clock.now())


async def test_due_sessions_are_found_by_index(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal") as out:
        asked: list[tuple[str, object]] = []
        engine = out.store._engine.sync_engine
        listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        now, polls = out.clock.now(), out.store.polls
        await polls.due_followed("seal", now, 9)
        await polls.next_followed_at("seal", now)
        await polls.due_unfollowed("seal", now, 9)
        await polls.next_unfollowed_at("seal", now)
        await polls.due_rows("seal", now, 9)
        await polls.count_open("seal")
        asked = [(query, values) for query, values in asked if query.startswith("SELECT")]
        wanted = ["session_by_watch"] * 2 + ["session_by_poll"] * 3 + ["session_by_open"]
        assert len(asked) == len(wanted)
        async with out.store._engine.connect() as connection:
            for (query, values), index in zip(list(asked), wanted, strict=True):
                steps = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)
                plan = " ".join(step[3] for step in steps)
                assert index in plan
                assert "SCAN session" not in plan


async def test_sync_lag_is_reported(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with lookout(tmp_path, authority, "seal", "signicat") as out:
        await out.make("seal")
        assert (await out.signing.queries.sync("seal")).last_sync_at is None
        await out.poller("seal").poll_rest()
        await pass_(out.clock, 5)
        state = await out.signing.queries.sync("seal")
        assert (state.strategy, state.open_sessions, state.lag) == ("POLL", 1, timedelta(seconds=5))
        assert state.last_sync_at == START
        assert (await out.signing.queries.sync("signicat")).open_sessions == 0
