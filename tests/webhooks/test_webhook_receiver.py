"""Webhook receiver: every request gets a fitting response, is recorded, and changes nothing unless authentic and new."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from posting import SECRET, deliveries, envelope, page, post, processed, reads, rows, signed, until
from scene import Scene, node_id
from scene import scene as running
from stage import Hands

from gateway.auth.rate_limits import Quota
from gateway.auth.viewer import SCOPES, Viewer
from gateway.cache.shared_cache import SharedCache
from gateway.config import Settings
from gateway.directory import Directory
from gateway.signing import Services
from gateway.store import Store, WebhookDeliveryFilter
from gateway.web.uploads import Uploads
from providers.errors import Forbidden

REPLAY = "mutation M($id: ID!) { replayWebhook(id: $id) { delivery { id outcome attempts } problems { code message path } } }"


def key_of(session: dict[str, Any]) -> str:
    key: str = session["participants"][0]["key"]
    return key


async def test_authentic_delivery_is_stored_and_has_its_session_read(scene: Scene) -> None:
    session = await scene.create("signicat")
    other = await scene.create("signicat")
    await scene.sandboxes["signicat"].sign(key_of(session))
    before = scene.calls()["signicat"]
    lie = {"id": key_of(session), "lifecycle": {"state": "REJECTED"}}
    reply = await post(scene, envelope(None, scene.clock.now(), eventData=lie))
    assert (reply.status_code, reply.json()) == (202, {"outcome": "PENDING"})
    (found,) = await processed(scene)
    assert (found["verification"], found["outcome"], found["attempts"]) == ("VERIFIED", "PROCESSED", 1)
    assert (found["provider"], found["eventName"], found["problem"]) == ("signicat", "signing-session.completed", None)
    assert found["session"] == {"id": session["id"], "key": session["key"], "status": "IN_PROGRESS"}
    assert sorted(reads(scene, before)) == sorted(person["key"] for person in session["participants"])
    now = await scene.read(session["id"], "PT1H")
    assert (now["status"], now["freshness"]["source"]) == ("IN_PROGRESS", "WEBHOOK")
    assert (await scene.read(other["id"], "PT1H"))["freshness"]["source"] == "MUTATION"


@pytest.mark.parametrize("member", ["id", "Id"])
async def test_event_of_unknown_name_with_missing_members_is_a_hint(scene: Scene, member: str) -> None:
    session = await scene.create("signicat")
    body = json.dumps({"timestamp": scene.clock.now().isoformat(), "eventData": {member: key_of(session)}}).encode()
    assert (await post(scene, body)).status_code == 202
    (found,) = await processed(scene)
    assert (found["outcome"], found["eventName"], found["session"]["id"]) == ("PROCESSED", None, session["id"])


@pytest.mark.parametrize("name", ["ada@people.example has signed", "signed by ada@people.example", "010190-12345"])
async def test_name_of_event_that_is_a_persons_word_is_not_shown_with_delivery(scene: Scene, name: str) -> None:
    session = await scene.create("signicat")
    assert (await post(scene, envelope(key_of(session), scene.clock.now(), name))).status_code == 202
    (found,) = await processed(scene)
    assert (found["outcome"], found["eventName"], found["session"]["id"]) == ("PROCESSED", None, session["id"])


@pytest.mark.parametrize("member", ["id", "eventName", "expiresAt", "sender", "tags"])
@pytest.mark.parametrize("odd", [4711, 0.5, True, None, [], {"a": 1}, "", 2**70])
async def test_malformed_member_of_event_leaves_the_rest_a_hint(scene: Scene, member: str, odd: object) -> None:
    session = await scene.create("signicat")
    body = envelope(key_of(session), scene.clock.now(), **{member: odd})
    assert (await post(scene, body)).status_code == 202
    (found,) = await processed(scene)
    assert (found["outcome"], found["session"]["id"]) == ("PROCESSED", session["id"])


async def test_repeated_event_or_body_is_a_duplicate(scene: Scene) -> None:
    session = await scene.create("signicat")
    body = envelope(key_of(session), scene.clock.now(), id="event-1")
    assert (await post(scene, body)).status_code == 202
    await processed(scene)
    before = scene.calls()["signicat"]
    otherwise = envelope(key_of(session), scene.clock.now(), id="event-1", name="signing-session.opened")
    for again in (body, otherwise):
        reply = await post(scene, again)
        assert (reply.status_code, reply.json()) == (200, {"outcome": "IGNORED"})
    *repeated, first = await deliveries(scene)
    assert {each["duplicateOf"] for each in repeated} == {first["id"]}
    assert {(each["verification"], each["outcome"], each["attempts"]) for each in repeated} == {("VERIFIED", "IGNORED", 0)}
    await asyncio.sleep(0.1)
    assert scene.calls()["signicat"] == before, "a duplicate asks nobody"


@pytest.mark.parametrize(
    ("case", "how"),
    [
        ("unsigned", {"headers": {}}),
        ("by another secret", {"secret": "another secret"}),
        ("changed", {"append": b" "}),
    ],
)
async def test_unverified_delivery_is_recorded_without_body_and_changes_nothing(
    scene: Scene, case: str, how: dict[str, Any]
) -> None:
    session = await scene.create("signicat")
    scene.clock.still = scene.clock.now()
    await scene.sandboxes["signicat"].sign(key_of(session))
    body = envelope(key_of(session), scene.clock.now(), id="event-1")
    headers = how.get("headers", signed(body, how.get("secret", SECRET)))
    before = scene.calls()["signicat"]
    reply = await post(scene, body + how.get("append", b""), headers)
    assert reply.status_code == 401
    assert reply.json()["problem"]["code"] == "INVALID"
    (found,) = await deliveries(scene)
    assert (found["verification"], found["outcome"], found["eventName"], found["session"]) == (
        "REJECTED",
        "IGNORED",
        None,
        None,
    )
    assert found["problem"]["code"] == "INVALID"
    assert rows(scene, "select body, event_id, session_key, due_at from delivery") == [(None, None, None, None)]
    payload = (await scene.data(REPLAY, id=found["id"]))["replayWebhook"]
    assert (payload["delivery"], [each["code"] for each in payload["problems"]]) == (None, ["WRONG_STATE"])
    await asyncio.sleep(0.1)
    assert scene.calls()["signicat"] == before
    genuine = envelope(key_of(session), scene.clock.now(), id="event-1")
    assert (await post(scene, genuine)).status_code == 202, "what was rejected does not stand in the way of the genuine one"


@pytest.mark.parametrize(
    ("timestamp", "why"),
    [
        (timedelta(seconds=-301), "300 seconds after"),
        (timedelta(hours=-1), "300 seconds after"),
        (timedelta(days=-400), "300 seconds after"),
        (timedelta(seconds=301), "300 seconds before"),
        (timedelta(days=400), "300 seconds before"),
        (None, "does not say when"),
        ("soon", "does not say when"),
        ("0001-01-01T00:00:00+14:00", "does not say when"),
        ("9999-12-31T23:59:59Z", "does not say when"),
        (1_777_777_777, "does not say when"),
    ],
)
async def test_delivery_outside_replay_window_has_its_session_read_once(scene: Scene, timestamp: object, why: str) -> None:
    session = await scene.create("signicat")
    scene.clock.still = scene.clock.now()
    for person in session["participants"]:
        await scene.sandboxes["signicat"].sign(person["key"])
    now = scene.clock.now()
    said = {} if isinstance(timestamp, timedelta) else {"timestamp": timestamp}
    body = envelope(key_of(session), now + timestamp if isinstance(timestamp, timedelta) else now, id="event-1", **said)
    before = scene.calls()["signicat"]
    reply = await post(scene, body)
    assert (reply.status_code, reply.json()) == (200, {"outcome": "IGNORED"})

    async def seen() -> bool:
        query = "query Q($id: ID!) { session(id: $id) { status } }"
        return bool((await scene.data(query, id=session["id"]))["session"]["status"] in {"PROCESSING", "COMPLETED"})

    await until("its session was read", seen)
    assert scene.calls()["signicat"] > before

    async def ended() -> bool:
        return rows(scene, "select due_at from delivery") == [(None,)]

    await until("nothing waits", ended)
    before = scene.calls()["signicat"]
    for _ in range(20):
        assert (await post(scene, body)).status_code == 200
    found = await deliveries(scene)
    assert {(each["verification"], each["outcome"], each["problem"]["code"]) for each in found} == {
        ("REJECTED", "IGNORED", "INVALID")
    }
    assert all(why in each["problem"]["message"] for each in found)
    assert set(rows(scene, "select body, event_id, due_at from delivery")) == {(None, None, None)}
    payload = (await scene.data(REPLAY, id=found[0]["id"]))["replayWebhook"]
    assert [each["code"] for each in payload["problems"]] == ["WRONG_STATE"]
    assert scene.calls()["signicat"] == before, "whoever replays it gains nothing"
    genuine = envelope(key_of(session), scene.clock.now(), id="event-1")
    assert (await post(scene, genuine)).status_code == 202, "what came late does not stand in the way of the genuine one"


async def test_late_delivery_without_session_is_stored_and_calls_no_provider(scene: Scene) -> None:
    before = scene.calls()["signicat"]
    body = envelope(None, scene.clock.now() - timedelta(hours=2))
    assert (await post(scene, body)).status_code == 200
    (found,) = await deliveries(scene)
    assert (found["verification"], found["outcome"]) == ("REJECTED", "IGNORED")
    assert scene.calls()["signicat"] == before


async def test_delivery_at_edge_of_replay_window_is_accepted(scene: Scene) -> None:
    session = await scene.create("signicat")
    scene.clock.still = scene.clock.now()
    for seconds in (-299, 299):
        body = envelope(key_of(session), scene.clock.now() + timedelta(seconds=seconds))
        assert (await post(scene, body)).status_code == 202


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"not JSON", b'{"id": 5', b"\xff\xfe", b'{"tags":' + b"[" * 50_000])
async def test_authentic_body_that_is_no_event_is_refused_and_stored(scene: Scene, body: bytes) -> None:
    reply = await post(scene, body)
    assert (reply.status_code, reply.json()["problem"]["code"]) == (400, "INVALID")
    (found,) = await deliveries(scene)
    assert (found["verification"], found["outcome"], found["problem"]["code"]) == ("VERIFIED", "FAILED", "INVALID")
    payload = (await scene.data(REPLAY, id=found["id"]))["replayWebhook"]
    assert [each["code"] for each in payload["problems"]] == ["INVALID"], "it is still none"


@pytest.mark.parametrize(
    "data", [{}, {"id": ""}, {"id": None}, {"id": "k" * 513}, {"id": "a\u0000b"}, {"other": 1}, None, "x", [1]]
)
async def test_event_without_session_is_ignored(scene: Scene, data: object) -> None:
    reply = await post(scene, envelope(None, scene.clock.now(), eventData=data))
    assert (reply.status_code, reply.json()) == (202, {"outcome": "IGNORED"})
    (found,) = await deliveries(scene)
    assert (found["verification"], found["outcome"], found["problem"]["code"]) == ("VERIFIED", "IGNORED", "NOT_FOUND")
    payload = (await scene.data(REPLAY, id=found["id"]))["replayWebhook"]
    assert [each["code"] for each in payload["problems"]] == ["WRONG_STATE"]


async def test_word_that_no_database_can_store_is_dropped(scene: Scene) -> None:
    session = await scene.create("signicat")
    for word in ("x" * 100_000, "a\u0000b", "\u202e"):
        body = envelope(key_of(session), scene.clock.now(), name=word, id=word)
        assert (await post(scene, body)).status_code == 202
    assert {each["eventName"] for each in await processed(scene)} == {None}


async def test_only_provider_with_webhooks_has_an_endpoint(scene: Scene) -> None:
    for provider in ("easyink", "seal", "persist", "nobody", "%00", "%ff", "signicat%2f.."):
        reply = await post(scene, b"{}", signed(b"{}"), provider)
        assert reply.status_code == 404, provider
        assert "signicat" not in reply.text, "strangers are not told who is configured"
    assert (await scene.client.get("/webhooks/signicat")).status_code == 405
    assert await deliveries(scene) == []


async def test_oversized_body_is_refused_without_being_read(scene: Scene) -> None:
    most = scene.settings.inbox.max_bytes
    assert (await post(scene, b" " * most)).status_code == 400
    reply = await post(scene, b" " * (most + 1))
    assert (reply.status_code, reply.json()["problem"]["code"]) == (413, "TOO_LARGE")
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 65_536
            await asyncio.sleep(0)

    with suppress(httpx.TransportError):  # the answer may come while it is still being sent
        assert (await scene.client.post("/webhooks/signicat", content=endless())).status_code == 413
    assert sent < 1_000
    assert len(await deliveries(scene)) == 1


async def test_rejected_and_duplicate_deliveries_are_pruned_and_authentic_ones_stay(tmp_path: Path, authority: Any) -> None:
    changes = {"inbox": {"keep_rejected": 5}, "providers": {"signicat": {"webhook": {"secrets": [SECRET]}}}}
    async with running(tmp_path, authority, changes) as scene:
        session = await scene.create("signicat")
        genuine = [envelope(key_of(session), scene.clock.now()) for _ in range(3)]
        for body in genuine:
            assert (await post(scene, body)).status_code == 202
        for number in range(30):
            assert (await post(scene, b"%d" % number, {})).status_code == 401
            assert (await post(scene, genuine[0])).status_code == 200

        async def pruned() -> bool:
            return len(await deliveries(scene)) <= 13

        await until("the oldest are gone", pruned)
        found = await deliveries(scene)
        rejected = [each for each in found if each["verification"] == "REJECTED"]
        repeated = [each for each in found if each["duplicateOf"]]
        assert (len(rejected), len(repeated), len(found)) == (5, 5, 13)
        assert [each["bodySha256"] for each in rejected] == [sha256(b"%d" % n).hexdigest() for n in (29, 28, 27, 26, 25)]


async def test_without_secret_deliveries_are_refused_and_the_missing_key_is_logged_once(
    tmp_path: Path, authority: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, authority, {}) as scene:
        session = await scene.create("signicat")
        body = envelope(key_of(session), scene.clock.now())
        for headers in ({}, signed(body), signed(body, "")):
            assert (await post(scene, body, headers)).status_code == 401
        found = await deliveries(scene)
        assert {(each["verification"], each["outcome"]) for each in found} == {("NOT_CONFIGURED", "IGNORED")}
        assert len(found) == 3
    told = [record.message for record in caplog.records if "webhook.secrets" in record.message]
    assert len(told) == 1
    assert "providers[signicat].webhook.secrets" in told[0]


async def test_delivery_about_unknown_session_has_it_read_and_polled(scene: Scene) -> None:
    known = await scene.create("signicat")
    rows_before = await scene.list()
    native = scene.sandboxes["signicat"].store
    order = native.sessions[key_of(known)].order.model_copy(update={"subsequent_to": None, "external_reference": "theirs"})
    strange = native.add_session(order, native.sessions[key_of(known)].due_at)
    assert (await post(scene, envelope(strange.key, scene.clock.now()))).status_code == 202
    (found,) = await processed(scene)
    assert (found["outcome"], found["session"]["key"]) == ("PROCESSED", strange.key)
    assert rows_before["totalCount"] == 1
    listed = await scene.list(maxAge="PT1H")
    assert {each["key"] for each in listed["nodes"]} == {known["key"], strange.key}


async def test_delivery_about_missing_session_is_ignored(scene: Scene) -> None:
    for key in ("no-such-session", "..", "a/../b", "é" * 50):
        assert (await post(scene, envelope(key, scene.clock.now()))).status_code == 202
    found = await processed(scene)
    assert {(each["verification"], each["outcome"], each["problem"]["code"]) for each in found} == {
        ("VERIFIED", "IGNORED", "NOT_FOUND")
    }
    assert len(found) == 4
    assert (await scene.list(maxAge="PT1H"))["totalCount"] == 0


async def test_delivery_list_is_paged_newest_first_and_filtered(scene: Scene) -> None:
    session = await scene.create("signicat")
    for number in range(7):
        scene.clock.ahead += 1
        body = envelope(key_of(session), scene.clock.now())
        await post(scene, body, {} if number % 2 else None)
    await processed(scene)
    everything = (await page(scene))["nodes"]
    times = [each["receivedAt"] for each in everything]
    assert times == sorted(times, reverse=True)
    walked, after = [], None
    while True:
        found = await page(scene, 3, after)
        walked += found["nodes"]
        assert found["pageInfo"]["hasPreviousPage"] == (after is not None)
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert walked == everything
    assert len(everything) == 7
    assert len(await deliveries(scene, outcomes=["PROCESSED"])) == 4
    assert len(await deliveries(scene, outcomes=["IGNORED", "PROCESSED"], providers=["signicat"])) == 7
    assert await deliveries(scene, providers=["seal"]) == []
    assert await deliveries(scene, receivedFrom=times[2], receivedTo=times[0]) == everything[:3]
    query = """query Q($after: String, $filter: WebhookDeliveryFilter) {
      webhookDeliveries(after: $after, filter: $filter) { nodes { id } } }"""
    for wrong in ({"after": "x"}, {"after": after, "filter": {"providers": ["seal"]}}, {"filter": {"providers": ["nobody"]}}):
        answer = await scene.ask(query, **wrong)
        assert answer["errors"][0]["extensions"]["code"] in {"INVALID", "NOT_FOUND"}


async def test_delivery_is_a_node_and_can_be_replayed(scene: Scene) -> None:
    session = await scene.create("signicat")
    await post(scene, envelope(key_of(session), scene.clock.now()))
    (found,) = await processed(scene)
    query = "query Q($id: ID!) { node(id: $id) { __typename id ... on WebhookDelivery { outcome } } }"
    node = (await scene.data(query, id=found["id"]))["node"]
    assert node == {"__typename": "WebhookDelivery", "id": found["id"], "outcome": "PROCESSED"}
    await scene.sandboxes["signicat"].sign(key_of(session))
    payload = (await scene.data(REPLAY, id=found["id"]))["replayWebhook"]
    assert payload == {"delivery": {"id": found["id"], "outcome": "PENDING", "attempts": 0}, "problems": []}
    (again,) = await processed(scene)
    assert again["session"]["status"] == "IN_PROGRESS"
    for wrong, code in ((node_id("WebhookDelivery", "nothing"), "NOT_FOUND"), (session["id"], "INVALID"), ("x", "INVALID")):
        payload = (await scene.data(REPLAY, id=wrong))["replayWebhook"]
        assert [each["code"] for each in payload["problems"]] == [code]


async def test_deliveries_need_scope_and_provider(tmp_path: Path) -> None:
    store, clock, settings = (
        await Store.open(Settings().database.url.__class__(f"sqlite:///{tmp_path / 'x.db'}")),
        Hands(),
        Settings(),
    )
    directory = Directory.open((), clock)
    services = Services(
        settings, directory, store, Uploads(settings.uploads, store.uploads, clock), SharedCache(None, None, clock), clock
    )
    quota = Quota(settings.rates, clock)
    nearly = services.for_viewer(Viewer("somebody", "somebody", frozenset(SCOPES) - {"webhooks:admin"}), quota)
    for asking in (
        nearly.deliveries.deliveries(WebhookDeliveryFilter(), 1),
        nearly.deliveries.delivery("x"),
        nearly.deliveries.replay_delivery("x"),
    ):
        with pytest.raises(Forbidden, match="webhooks:admin"):
            await asking
    admin = services.for_viewer(Viewer("admin", None, frozenset(SCOPES)), quota)
    assert (await admin.deliveries.deliveries(WebhookDeliveryFilter(), 1)).rows == []
    await store.close()


async def test_log_and_responses_show_no_secret_hmac_or_body(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    session = await scene.create("signicat")
    canary = "Canaria Piepmatz"
    for headers in (None, {}, signed(b"x")):
        body = envelope(key_of(session), scene.clock.now(), tags=[canary])
        await post(scene, body, headers)
    await post(scene, f"{canary}".encode())
    await scene.fault("signicat", path="/sign/*", kind="status", status=500)
    await post(scene, envelope(key_of(session), scene.clock.now(), tags=[canary]))
    await until("it failed once", lambda: deliveries(scene, outcomes=["PENDING"]))
    records = [
        record for record in caplog.records if record.name.split(".")[0] not in {"httpx", "httpcore", "aiosqlite", "asyncio"}
    ]
    told = "\n".join([*(record.getMessage() for record in records), *(str(record.exc_info) for record in records)])
    told += "\n".join(scene.answers)
    for word in (SECRET, canary, signed(b"x")["X-Signicat-Signature"]):
        assert word not in told, word
