"""Chaos: while gateways are killed and Redis is away, nobody who follows loses an event, or gets one twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median_low as median
from typing import Any

import asyncpg
import httpx
import pytest
from apart import Gateway, Nursery, gateway, order
from followers import Cut, Follower, Steady, Stream, verdict

from providers.registry import load_sandbox
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from tests.servers import Redis
from tests.soak import SECONDS

SESSIONS = {"signicat": SECONDS, "easyink": SECONDS // 2, "seal": SECONDS // 6}
POLLED = max(1.0, 4 * SECONDS / 120)
"""Seconds until a session is polled again: two gateways poll all of them, also where there is little else to be had."""
APART = 14 * SECONDS / 120
"""Seconds between two acts at one session, or more where the first is not told by then."""
OBSERVATION_FIELDS = {"IN_PROGRESS", "PROCESSING"}
"""What a batch passes through on its way, and a session between the last signature and its package, may be seen or not."""

Steps = list[str]


@dataclass
class World:
    """The sandboxes, and what was done at them."""

    sandboxes: Mapping[str, Sandbox]
    chance: random.Random = field(default_factory=lambda: random.Random(20_261_125))
    steps: dict[str, Steps] = field(default_factory=lambda: defaultdict(list))
    acted_at: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    async def act(self, session: Mapping[str, Any]) -> bool:
        """Somebody signs or declines, by chance; whether more can happen to a session."""
        kind, done = session["provider"]["name"], self.steps[session["id"]]
        sandbox = self.sandboxes[kind]
        people = session["participants"]
        turn = len(done)
        key = people[turn]["key"] if kind == "signicat" else session["key"]
        who = turn if kind == "easyink" else None
        if kind != "seal" and self.chance.random() < 0.15:
            await sandbox.decline(key, who)
            done.append("DECLINED")
        else:
            await sandbox.sign(key, who)
            last = kind == "seal" or turn == len(people) - 1
            done.append("COMPLETED" if last else "IN_PROGRESS")
        self.acted_at[session["id"]].append(datetime.now(UTC))
        return done[-1] == "IN_PROGRESS"


@asynccontextmanager
async def world() -> AsyncIterator[tuple[World, list[dict[str, Any]], dict[str, str]]]:
    """Three sandboxes on real ports, the tables that a gateway needs for them, and their addresses."""
    authority = CertificateAuthority()
    sandboxes = {kind: load_sandbox(kind)(authority=authority) for kind in SESSIONS}
    async with AsyncExitStack() as stack:
        urls = {kind: await stack.enter_async_context(sandbox.serving()) for kind, sandbox in sandboxes.items()}
        polled = {"poll_interval": POLLED, "poll_interval_watched": POLLED, "poll_budget": 6000}
        tables = [{**sandboxes[kind].settings(url), **polled} for kind, url in urls.items()]
        tables[0]["webhook.secrets"] = ["a-shared-secret"]
        yield World(sandboxes), tables, urls


async def create(client: Gateway, kind: str, count: int) -> list[dict[str, Any]]:
    """So many sessions, a few at a time, all of the same files."""
    asked = await order(client, kind, people=0 if kind == "seal" else 2)
    room = asyncio.Semaphore(6)

    async def one() -> dict[str, Any]:
        async with room:
            made = await order(client, kind, people=0 if kind == "seal" else 2)
            return (await client.done("createSession", **(asked | made)))["session"] | {"provider": {"name": kind}}

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def let_happen(world: World, sessions: Sequence[dict[str, Any]], follower: Follower) -> None:
    """Every session goes its way, each at times of its own, as the follower is told of it."""

    async def go(session: dict[str, Any]) -> None:
        await asyncio.sleep(world.chance.uniform(0, SECONDS - 2 * APART))
        for _ in session["participants"] or (None,):
            if not await world.act(session):
                return
            await asyncio.sleep(APART)
            await follower.hears(session["id"], world.steps[session["id"]][-1])

    await asyncio.gather(*(go(session) for session in sessions))


async def disturb(fragile: Gateway, redis: Redis, loyal: Follower, other: str) -> Counter[str]:
    """Kills a gateway and starts it again, three times; stops Redis for ten seconds; then kills the gateway for good.

    Who is ``loyal`` goes back to the gateway whenever it is there again, and to the ``other`` when it is gone.
    """
    done: Counter[str] = Counter()

    async def kill() -> None:
        fragile.kill()
        done["kills"] += 1

    for _ in range(3):
        await asyncio.sleep(SECONDS / 8)
        await kill()
        await asyncio.sleep(SECONDS / 40)
        await fragile.start()
    await asyncio.sleep(SECONDS / 12)
    await asyncio.to_thread(redis.stop)
    await asyncio.sleep(10 * SECONDS / 120)
    await asyncio.to_thread(redis.start)
    done["Redis stopped"] += 1
    await asyncio.sleep(SECONDS / 10)
    await kill()
    loyal.addresses = [other]
    return done


async def read_log(url: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT * FROM event WHERE type IS NOT NULL ORDER BY seq")
    finally:
        await connection.close()
    return [dict(row) for row in rows]


async def settled(url: str, world: World, sessions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The log, once it tells the end of every session."""
    wanted = {(each["provider"]["name"], each["key"]): world.steps[each["id"]][-1] for each in sessions}
    log: list[dict[str, Any]] = []
    for _ in range(120):
        log = await read_log(url)
        ends = {(row["provider"], row["session_key"]): row["to_status"] for row in log if row["to_status"]}
        if all(ends.get(key) == end for key, end in wanted.items()):
            return log
        await asyncio.sleep(0.5)
    late = {key: (ends.get(key), end) for key, end in wanted.items() if ends.get(key) != end}
    raise AssertionError(f"never seen: {late}")


def told_steps(log: Sequence[Mapping[str, Any]], ref: tuple[str, str]) -> list[tuple[str | None, str]]:
    """The statuses of one session in the log: from which to which."""
    mine = (row for row in log if (row["provider"], row["session_key"]) == ref)
    return [(row["from_status"], row["to_status"]) for row in mine if row["to_status"]]


def late(log: Sequence[Mapping[str, Any]], ref: tuple[str, str], acted_at: Sequence[datetime]) -> str:
    """When something was done at a session, and when the log tells of it: in seconds since the first of both."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    mine = [row for row in log if (row["provider"], row["session_key"]) == ref and row["to_status"]]
    seen = [(epoch + timedelta(microseconds=row["observed_at"]), row["to_status"], row["source"]) for row in mine]
    first = min([*acted_at, *(at for at, *_ in seen)])
    done = [f"{(at - first).total_seconds():.1f}" for at in acted_at]
    return f"{ref}: done at {done}, told {[(f'{(at - first).total_seconds():.1f}', *rest) for at, *rest in seen]}"


def lags(log: Sequence[Mapping[str, Any]], sessions: Sequence[Mapping[str, Any]], world: World) -> list[tuple[float, str, str]]:
    """How long after each act the log tells of it, in seconds, with how it came to be known; the longest first."""
    found = []
    for session in sessions:
        ref = (session["provider"]["name"], session["key"])
        seen = [row for row in log if (row["provider"], row["session_key"]) == ref and row["to_status"]]
        for step, at in zip(world.steps[session["id"]], world.acted_at[session["id"]], strict=True):
            row = next((row for row in seen if row["to_status"] == step), None)
            if row is not None:
                found.append((row["observed_at"] / 1e6 - at.timestamp(), ref[0], str(row["source"])))
    return sorted(found, reverse=True)


def lasting(kind: str, steps: Sequence[str]) -> list[str]:
    """The statuses that stay long enough to be seen by everybody."""
    passing = OBSERVATION_FIELDS if kind == "seal" else {"PROCESSING"}
    return [step for step in steps if step not in passing]


@pytest.mark.soak
@pytest.mark.timeout(420)
async def test_nobody_who_follows_loses_an_event_or_gets_one_twice(
    tmp_path: Path, ours: Nursery, postgres: str, redis_server: Redis, record_property: Callable[[str, object], None]
) -> None:
    shared = {"database": {"url": postgres}, "redis": {"url": redis_server.url}, "watch": {"enabled": True, "lease": 2}}
    async with (
        world() as (world_, tables, urls),
        gateway(tmp_path, ours, tables, "lasting", **shared) as lasting_one,
        gateway(tmp_path, ours, tables, "fragile", **shared) as fragile,
    ):
        first, second = str(lasting_one.client.base_url), str(fragile.client.base_url)
        steady, stream = Steady("steady", [first]), Stream("stream", [second])
        followers = [steady, Cut("cut", [first, second]), stream]
        tasks = [asyncio.create_task(each.run(), name=each.name) for each in followers]
        try:
            await asyncio.gather(*(each.begun.wait() for each in followers))
            made = [await create(lasting_one, kind, count) for kind, count in SESSIONS.items()]
            sessions = [session for each in made for session in each]
            callback = {"url": f"{second}/webhooks/signicat", "secret": "a-shared-secret"}
            async with httpx.AsyncClient() as client:
                (await client.post(f"{urls['signicat']}/_sandbox/callback", json=callback)).raise_for_status()
            disturbing = asyncio.create_task(disturb(fragile, redis_server, stream, first))
            await let_happen(world_, sessions, steady)
            disturbed = await disturbing
            log = await settled(postgres, world_, sessions)
            numbers = [row["seq"] for row in log]
            for _ in range(200):
                if all(len(each.told) >= len(log) for each in followers):
                    break
                await asyncio.sleep(0.05)
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        log = await read_log(postgres)
        numbers = [row["seq"] for row in log]

    lost = duplicated = disordered = 0
    for each in followers:
        missing, twice, wrong = verdict(each.told, numbers)
        lost, duplicated, disordered = lost + missing, duplicated + twice, disordered + wrong
    reconnects = {each.name: each.reconnects for each in followers}
    record_property(
        "figure",
        f"nothing lost: {len(log)} events of {len(sessions)} sessions in {SECONDS:.0f} s, "
        f"{sum(map(len, world_.acted_at.values()))} acts; "
        f"reconnects {reconnects}, kills {disturbed['kills']}, Redis stopped {disturbed['Redis stopped']}; "
        f"lost {lost}, duplicated {duplicated}, out of order {disordered}",
    )
    delays = lags(log, sessions, world_)
    record_property("figure", f"nothing lost: seen {median(delays)[0]:.2f} s after it was done, the last after {delays[0]}")
    assert (lost, duplicated, disordered) == (0, 0, 0)
    assert reconnects["steady"] == 0
    assert reconnects["cut"] > SECONDS / 10
    assert reconnects["stream"] >= 3

    for session in sessions:
        kind, ref = session["provider"]["name"], (session["provider"]["name"], session["key"])
        steps = told_steps(log, ref)
        assert [a for a, _ in steps] == [None, *(b for _, b in steps[:-1])], f"{ref} is no chain: {steps}"
        assert lasting(kind, [to for _, to in steps]) == lasting(kind, ["PENDING", *world_.steps[session["id"]]]), late(
            log, ref, world_.acted_at[session["id"]]
        )
    known = {(session["provider"]["name"], session["key"]) for session in sessions}
    assert {(row["provider"], row["session_key"]) for row in log} == known, "nothing is told of sessions that nobody made"
