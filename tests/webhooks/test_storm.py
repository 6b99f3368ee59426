"""Storm of webhooks, most of them forged, stale or duplicate: changed sessions are read, within a bounded time."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import Any

import pytest
from posting import call_back, envelope, post, processed, reads, rows, signed, until
from scene import Scene, eventually

from providers.sandbox.fault_injection import RecordedCall
from tests.soak import DELIVERIES

SESSIONS = min(60, DELIVERIES // 15)
AT_ONCE = 40
EVENTS = ("signing-session.completed", "signing-session.opened", "package.completed", "something.new")


def key_of(session: dict[str, Any]) -> str:
    key: str = session["participants"][0]["key"]
    return key


async def test_delivery_is_answered_before_its_session_is_read(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    sessions = [await scene.create("signicat", people=1) for _ in range(30)]
    sandbox, answered, read = scene.sandboxes["signicat"], [], []
    for session in sessions:
        key, before = key_of(session), scene.calls()["signicat"]
        begun = scene.clock.now()
        await post(scene, envelope(key, begun))
        answered.append((scene.clock.now() - begun) / timedelta(milliseconds=1))

        def readings(key: str = key, before: int = before) -> list[RecordedCall]:
            return [call for call in list(sandbox.calls)[before:] if key in call.path]

        await eventually(lambda: bool(readings()), "the session was read")
        read.append((readings()[0].at - begun) / timedelta(milliseconds=1))
    told = f"answered after {median(answered):.1f} ms, the session read after {median(read):.1f} ms (medians of {len(read)})"
    record_property("figure", f"webhook: {told}")
    assert len(read) == len(sessions)


class Storm:
    """Deliveries of every sort, and what has to come of each."""

    def __init__(self, scene: Scene, keys: list[str]) -> None:
        self.scene = scene
        self.keys = keys
        self.chance = random.Random(4711)
        self.genuine: list[bytes] = []

    def fresh(self) -> tuple[bytes, dict[str, str]]:
        body = envelope(self.chance.choice(self.keys), self.scene.clock.now(), self.chance.choice(EVENTS))
        self.genuine.append(body)
        return body, signed(body)

    def repeated(self) -> tuple[bytes, dict[str, str]]:
        body = self.chance.choice(self.genuine)
        return body, signed(body)

    def reworded(self) -> tuple[bytes, dict[str, str]]:
        body = json.dumps(json.loads(self.chance.choice(self.genuine)) | {"tags": ["again", self.chance.random()]}).encode()
        return body, signed(body)

    def forged(self) -> tuple[bytes, dict[str, str]]:
        body = envelope(self.chance.choice(self.keys), self.scene.clock.now())
        return body, self.chance.choice([{}, signed(body, "a secret of somebody"), signed(body + b" "), {"X-Signature": "1"}])

    def stale(self) -> tuple[bytes, dict[str, str]]:
        seconds = self.chance.choice([-86_400, -400, 400, 86_400])
        body = envelope(self.chance.choice(self.keys), self.scene.clock.now() + timedelta(seconds=seconds))
        return body, signed(body)

    def oversized(self) -> tuple[bytes, dict[str, str]]:
        body = b" " * (self.scene.settings.inbox.max_bytes + self.chance.randint(1, 100_000))
        return body, signed(body)

    def unknown(self) -> tuple[bytes, dict[str, str]]:
        body = envelope(f"strange-{self.chance.randint(0, 20)}", self.scene.clock.now())
        return body, signed(body)

    def senseless(self) -> tuple[bytes, dict[str, str]]:
        body = self.chance.choice([b"[]", b"{", b"\xff", b'{"id": 1}']) + b" " * self.chance.randint(0, 10_000)
        return body, signed(body)


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_storm_of_deliveries_changes_only_changed_sessions(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    sandbox = scene.sandboxes["signicat"]
    sessions = [await scene.create("signicat", people=1) for _ in range(SESSIONS)]
    await scene.list()
    await call_back(scene)
    keys = list(map(key_of, sessions))
    storm, before = Storm(scene, keys), scene.calls()["signicat"]
    storm.fresh()
    sorts = {
        storm.fresh: ({202, 200}, 8),  # 200 where its repetition overtakes it
        storm.repeated: ({200, 202}, 25),
        storm.reworded: ({200, 202}, 10),
        storm.forged: ({401}, 20),
        storm.stale: ({200}, 15),
        storm.unknown: ({202}, 6),
        storm.senseless: ({400, 200}, 6),
        storm.oversized: ({413}, 2),
    }
    chosen = storm.chance.choices(list(sorts), [weight for _, weight in sorts.values()], k=DELIVERIES)
    answers: Counter[int] = Counter()
    room = asyncio.Semaphore(AT_ONCE)
    wrong: list[tuple[str, int]] = []

    async def send(make: Callable[[], tuple[bytes, dict[str, str]]]) -> None:
        async with room:
            body, headers = make()
            reply = await post(scene, body, headers)
            answers[reply.status_code] += 1
            if reply.status_code not in sorts[make][0]:
                wrong.append((make.__name__, reply.status_code))

    async def people() -> None:
        """The genuine changes, of which the sandbox tells by itself, one after the other."""
        tellings = 0

        async def told() -> bool:
            return sandbox.webhooks.delivered >= tellings

        for number, key in enumerate(keys):
            declines = number % 3 == 0
            await (sandbox.decline(key) if declines else sandbox.sign(key))
            tellings += 1 if declines else 2
            await until("what has happened is told", told, 60)

    begun = perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(people())
        async with asyncio.TaskGroup() as deliveries:
            for make in chosen:
                deliveries.create_task(send(make))
        posted = perf_counter() - begun

    async def idle() -> bool:
        return not rows(scene, "select 1 from delivery where due_at is not null")

    await until("everything is processed", idle, 120)
    taken = perf_counter() - begun
    assert wrong == []
    assert not [status for status in answers if status >= 500]
    asked = Counter(reads(scene, before))
    for number, session in enumerate(sessions):
        now = await scene.read(session["id"], "PT1H")
        expected = "DECLINED" if number % 3 == 0 else "COMPLETED"
        assert (now["status"], now["freshness"]["source"]) == (expected, "WEBHOOK")
    assert rows(scene, "select count(*) from session") == [(SESSIONS,)], "no stranger has become a session"
    firsts = Counter(dict(rows(scene, "select verification || ' ' || outcome, count(*) from delivery group by 1")))
    kept = rows(scene, "select event_id from delivery where same_id is not null and outcome != 'FAILED'")
    assert len(kept) == len(set(kept)), "each event is taken once"
    assert rows(
        scene, "select count(*) from delivery where verification != 'VERIFIED' and (body is not null or attempts > 1)"
    ) == [(0,)]
    genuine = len(storm.genuine) - 1 + sandbox.webhooks.delivered + chosen.count(storm.stale)
    assert sum(asked[key] for key in keys) <= 2 * genuine
    assert sandbox.webhooks.lost == 0
    figure = (
        f"storm: {DELIVERIES} deliveries in {posted:.1f} s (processed after {taken:.1f} s), {dict(sorted(answers.items()))}; "
        f"{SESSIONS} sessions changed {sandbox.webhooks.delivered} times, {len(storm.genuine) - 1} hints besides; "
        f"{sum(asked[key] for key in keys)} readings; kept {dict(sorted(firsts.items()))}"
    )
    record_property("figure", figure)


async def test_deliveries_in_any_order_converge_to_provider_state(scene: Scene) -> None:
    sandbox = scene.sandboxes["signicat"]
    session = await scene.create("signicat", people=3)
    bodies: list[bytes] = []
    for person in session["participants"]:
        await sandbox.sign(person["key"])
        bodies += [envelope(person["key"], scene.clock.now(), name) for name in EVENTS]
    scene.clock.ahead += 5
    random.Random(1).shuffle(bodies)
    await asyncio.gather(*(post(scene, body) for body in [*bodies, *bodies[::-1]]))
    await processed(scene)
    now = await scene.read(session["id"], "PT1H")
    assert (now["status"], now["freshness"]["source"]) == ("COMPLETED", "WEBHOOK")
