"""Visibility of sessions in lists: deleted ones only by status, and inclusive time bounds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from scene import Scene
from starlette.requests import Request
from starlette.responses import Response

FILTERS: list[dict[str, Any]] = [
    {},
    {"providers": ["seal"]},
    {"kinds": ["SEALING"]},
    {"titleContains": "lease"},
    {"titleContains": "le"},
    {"reference": "lease-4711"},
    {"createdFrom": "2020-01-01T00:00:00Z"},
    {"excludeStatuses": ["COMPLETED"]},
    {"excludeStatuses": []},
    {"titleContains": "lease", "providers": ["seal"]},
]


async def ids(scene: Scene, wanted: dict[str, Any] | None = None, **asked: Any) -> set[str]:
    listed = await scene.list(wanted, **asked)
    found = {node["id"] for node in listed["nodes"]}
    assert listed["totalCount"] == len(found)
    return found


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
@pytest.mark.parametrize("order", ["CREATED_AT_DESC", "DUE_AT_ASC"])
async def test_deleted_session_is_listed_only_by_status(scene: Scene, wanted: dict[str, Any], order: str) -> None:
    kept, gone = [await scene.create("seal", start=False) for _ in range(2)]
    assert await ids(scene, wanted, orderBy=order) == {kept["id"], gone["id"]}
    await scene.done("deleteSession", session=gone["id"])
    assert await ids(scene, wanted, orderBy=order) == {kept["id"]}
    assert await ids(scene, wanted | {"statuses": ["DELETED"]}, orderBy=order) == {gone["id"]}
    assert await ids(scene, wanted | {"statuses": ["DELETED", kept["status"]]}, orderBy=order) == {kept["id"], gone["id"]}
    assert await ids(scene, wanted | {"statuses": ["DELETED"], "excludeStatuses": ["DELETED"]}, orderBy=order) == set()


async def test_deleted_session_is_hidden_by_the_address_of_a_participant_and_still_shown_by_its_id(scene: Scene) -> None:
    gone = await scene.create("easyink", start=False)
    wanted = {"participantEmail": "ada@people.example"}
    assert await ids(scene, wanted) == {gone["id"]}
    await scene.done("deleteSession", session=gone["id"])
    assert await ids(scene, wanted) == set()
    assert await ids(scene, wanted | {"statuses": ["DELETED"]}) == {gone["id"]}
    assert (await scene.read(gone["id"]))["status"] == "DELETED"
    found = await scene.data("query Q($id: ID!) { node(id: $id) { ... on Session { status } } }", id=gone["id"])
    assert found["node"] == {"status": "DELETED"}


async def test_signatures_of_a_deleted_session_are_in_no_list(scene: Scene) -> None:
    stored = await scene.save()
    query = "{ signatures { totalCount nodes { id } } }"
    assert (await scene.data(query))["signatures"]["totalCount"] == 1
    await scene.done("deleteSignature", signature=stored["signatures"][0]["id"])
    assert (await scene.data(query))["signatures"] == {"totalCount": 0, "nodes": []}


async def test_excluded_statuses_are_left_out(scene: Scene) -> None:
    draft, started = await scene.create("seal", start=False), await scene.create("seal")
    assert draft["status"] != started["status"]
    assert await ids(scene, {"excludeStatuses": [draft["status"]]}) == {started["id"]}
    assert await ids(scene, {"excludeStatuses": [draft["status"], started["status"]]}) == set()


async def test_time_bounds_are_inclusive(scene: Scene) -> None:
    session = await scene.create("signicat", dueAt=(scene.clock.now() + timedelta(days=10)).isoformat())
    for name in ("created", "due"):
        at = session[f"{name}At"]
        assert await ids(scene, {f"{name}From": at, f"{name}To": at}) == {session["id"]}, name
        assert await ids(scene, {f"{name}From": at, f"{name}To": at, "titleContains": "lease"}) == {session["id"]}, name


async def test_time_bounds_of_signatures_are_inclusive(scene: Scene) -> None:
    stored = await scene.save()
    at = stored["signatures"][0]["signedAt"]
    assert at is not None
    query = "query Q($filter: SignatureFilter) { signatures(filter: $filter) { totalCount } }"
    found = await scene.data(query, filter={"signedFrom": at, "signedTo": at})
    assert found["signatures"]["totalCount"] == 1


async def passed(request: Request) -> Response | None:
    """What a relay does by itself: it passes on."""
    return None


@pytest.mark.parametrize("relayed", [("signicat", "easyink", "persist")])
@pytest.mark.parametrize("kind", ["signicat", "easyink", "persist"])
async def test_session_missing_at_its_provider_is_shown_again_once_it_is_listed(scene: Scene, kind: str) -> None:
    """Its row is as it was before, so that nothing of it is news."""
    made = await scene.create(kind)
    listed = await scene.list()
    assert [node["id"] for node in listed["nodes"]] == [made["id"]]

    async def missing(request: Request) -> Response | None:
        return None if "token" in request.url.path else Response(b'{"status": false, "message": "not found"}', 404)

    scene.relays[kind].instead = missing
    scene.clock.ahead += 11
    assert (await scene.read(made["id"]))["status"] == "DELETED"
    scene.relays[kind].instead = passed
    for _ in range(2):
        scene.clock.ahead += 11
        listed = await scene.list()
        assert [(node["id"], node["status"]) for node in listed["nodes"]] == [(made["id"], made["status"])]
        assert listed["totalCount"] == 1
