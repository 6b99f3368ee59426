"""Webhook worker: deliveries are processed soon, once for each session, with retries."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from posting import SECRET, deliveries, envelope, post, processed, reads, rows, until
from scene import Scene
from scene import scene as running
from starlette.requests import Request
from starlette.responses import Response

from providers.sandbox.certificate_authority import CertificateAuthority

SESSIONS = "/sign/signing-sessions"


class Hold:
    """Lets the provider answer, and keeps the answer to the calls that it is about until they are let go."""

    def __init__(self, scene: Scene, about: Callable[[Request], bool]) -> None:
        self.relay = scene.relays["signicat"]
        self.about = about
        self.held: list[asyncio.Event] = []
        self.most = 0
        self.broken = False
        self.relay.instead = self.keep

    async def keep(self, request: Request) -> Response | None:
        if not self.about(request):
            return None
        response = await self.relay._passed(request)
        gate = asyncio.Event()
        self.held.append(gate)
        self.most = max(self.most, sum(not each.is_set() for each in self.held))
        await gate.wait()
        return Response(status_code=500) if self.broken else response

    async def until_held(self, count: int) -> None:
        async def look() -> bool:
            return len(self.held) >= count

        await until(f"{count} held", look)

    def let_go(self) -> None:
        self.relay.instead = nothing
        for gate in self.held:
            gate.set()


async def nothing(request: Request) -> Response | None:
    return None


def reading(key: str) -> Callable[[Request], bool]:
    return lambda request: request.method == "GET" and request.url.path == f"{SESSIONS}/{key}"


def keys_of(session: dict[str, Any]) -> list[str]:
    return [person["key"] for person in session["participants"]]


@pytest.fixture
def relayed() -> tuple[str, ...]:
    return ("signicat",)


async def test_read_from_before_the_delivery_is_not_joined(scene: Scene) -> None:
    session = await scene.create("signicat")
    key = keys_of(session)[0]
    hold = Hold(scene, reading(key))
    early = asyncio.create_task(scene.read(session["id"]))
    await hold.until_held(1)
    await scene.sandboxes["signicat"].sign(key)
    hold.relay.instead = nothing
    await post(scene, envelope(key, scene.clock.now()))
    (found,) = await processed(scene)
    assert not early.done()
    assert found["session"]["status"] == "IN_PROGRESS"
    hold.let_go()
    assert (await early)["status"] == "IN_PROGRESS", "what was read before is older"
    assert (await scene.read(session["id"], "PT1H"))["status"] == "IN_PROGRESS"


async def test_read_overtaken_by_earlier_one_is_repeated(scene: Scene) -> None:
    session = await scene.create("signicat")
    key = keys_of(session)[0]
    hold = Hold(scene, reading(key))
    early = asyncio.create_task(scene.read(session["id"]))
    await hold.until_held(1)
    await scene.sandboxes["signicat"].sign(key)
    await post(scene, envelope(key, scene.clock.now()))
    await hold.until_held(2)
    hold.held[0].set()
    assert (await early)["status"] == "PENDING"
    hold.let_go()
    (found,) = await processed(scene)
    assert found["session"]["status"] == "IN_PROGRESS", "what the delivery was about is known"


async def test_deliveries_during_a_read_share_one_more_read(scene: Scene) -> None:
    session = await scene.create("signicat", people=3)
    keys = keys_of(session)
    hold = Hold(scene, reading(keys[0]))
    before = scene.calls()["signicat"]
    await post(scene, envelope(keys[0], scene.clock.now()))
    await hold.until_held(1)
    for number in range(30):
        await post(scene, envelope(keys[number % 3], scene.clock.now()))
    await asyncio.sleep(0.1)
    assert len(hold.held) == 1, "one reading of a session at a time"
    hold.let_go()
    found = await processed(scene)
    assert Counter(each["outcome"] for each in found) == {"PROCESSED": 31}
    assert Counter(reads(scene, before)) == dict.fromkeys(keys, 2)


async def test_at_most_eight_sessions_are_read_concurrently(scene: Scene) -> None:
    sessions = [await scene.create("signicat", people=1) for _ in range(20)]
    hold = Hold(scene, lambda request: request.method == "GET" and request.url.path.startswith(f"{SESSIONS}/"))
    for session in sessions:
        await post(scene, envelope(keys_of(session)[0], scene.clock.now()))
    await hold.until_held(8)
    await asyncio.sleep(0.1)
    assert hold.most == len(hold.held) == 8
    hold.let_go()
    assert Counter(each["outcome"] for each in await processed(scene)) == {"PROCESSED": 20}


@pytest.mark.parametrize("kind", [{"kind": "status", "status": 500}, {"kind": "reset"}, {"kind": "html"}])
async def test_failed_delivery_is_retried_until_provider_answers(scene: Scene, kind: dict[str, Any]) -> None:
    session = await scene.create("signicat")
    key = keys_of(session)[0]
    await scene.sandboxes["signicat"].sign(key)
    await scene.fault("signicat", path="/sign/*", **kind)
    assert (await post(scene, envelope(key, scene.clock.now()))).status_code == 202

    async def failed() -> list[dict[str, Any]]:
        scene.clock.ahead += 1
        return [each for each in await deliveries(scene) if each["attempts"] >= 2]

    (found,) = await until("it failed twice", failed)
    assert (found["outcome"], found["session"]["status"]) == ("PENDING", "PENDING")
    assert found["problem"] is None or found["problem"]["code"].startswith("PROVIDER_")
    await scene.heal("signicat")

    async def done() -> list[dict[str, Any]]:
        scene.clock.ahead += 5
        return await deliveries(scene, outcomes=["PROCESSED"])

    (found,) = await until("it was processed", done)
    assert (found["problem"], found["session"]["status"]) == (None, "IN_PROGRESS")


async def test_delivery_fails_after_last_attempt_and_can_be_replayed(tmp_path: Path, authority: CertificateAuthority) -> None:
    changes = {"inbox": {"attempts": 3}, "providers": {"signicat": {"webhook": {"secrets": [SECRET]}}}}
    async with running(tmp_path, authority, changes) as scene:
        session = await scene.create("signicat")
        await scene.fault("signicat", path="/sign/*", kind="status", status=500)
        await post(scene, envelope(keys_of(session)[0], scene.clock.now()))

        async def failed() -> list[dict[str, Any]]:
            scene.clock.ahead += 5
            return await deliveries(scene, outcomes=["FAILED"])

        (found,) = await until("it has failed", failed)
        assert (found["attempts"], found["problem"]["code"]) == (3, "PROVIDER_UNAVAILABLE")
        await scene.heal("signicat")
        scene.clock.ahead += 3600
        await asyncio.sleep(1)
        assert (await deliveries(scene))[0]["outcome"] == "FAILED", "nobody tries it by himself again"
        query = "mutation M($id: ID!) { replayWebhook(id: $id) { delivery { outcome } problems { code } } }"
        assert (await scene.data(query, id=found["id"]))["replayWebhook"]["problems"] == []
        (found,) = await processed(scene)
        assert (found["outcome"], found["attempts"], found["problem"]) == ("PROCESSED", 1, None)


@pytest.mark.parametrize("answered", [True, False])
async def test_delivery_during_running_saga_creates_no_session_of_a_part(scene: Scene, answered: bool) -> None:
    order = await scene.order("signicat", people=2)
    hold = Hold(scene, lambda request: request.method == "POST" and request.url.path == SESSIONS)
    hold.broken = not answered
    creating = asyncio.create_task(scene.mutate("createSession", **order))
    await hold.until_held(1)
    first, second = scene.sandboxes["signicat"].store.sessions
    await scene.sandboxes["signicat"].sign(first)
    before = scene.calls()["signicat"]
    for key in (first, second):
        assert (await post(scene, envelope(key, scene.clock.now()))).status_code == 202
    await asyncio.sleep(0.7)
    assert [each["outcome"] for each in await deliveries(scene)] == ["PENDING", "PENDING"]
    assert rows(scene, "select key from session") == [], "its parts are no sessions"
    assert reads(scene, before) == []
    hold.let_go()
    payload = await creating
    found = await processed(scene)
    assert {each["attempts"] for each in found} == {1}, "waiting is no attempt"
    assert {(each["outcome"], each["session"]["status"]) for each in found} == {("PROCESSED", "IN_PROGRESS")}
    assert rows(scene, "select key from session") == [(payload["session"]["key"],)], "also where its answer was lost"


async def test_old_delivery_is_removed_but_not_within_replay_window(tmp_path: Path, authority: CertificateAuthority) -> None:
    changes = {"inbox": {"keep": 1}, "providers": {"signicat": {"webhook": {"secrets": [SECRET]}}}}
    async with running(tmp_path, authority, changes) as scene:
        session = await scene.create("signicat")
        scene.clock.ahead += 3300
        body = envelope(keys_of(session)[0], scene.clock.now() + timedelta(seconds=299))
        assert (await post(scene, body)).status_code == 202
        await processed(scene)
        scene.clock.ahead += 320
        await asyncio.sleep(0.8)
        assert (await post(scene, body)).status_code == 200, "it is within its window, and still known"
        scene.clock.ahead += 3600

        async def gone() -> bool:
            return await deliveries(scene) == []

        await until("forgotten", gone)
