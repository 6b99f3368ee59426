"""Session counts: those of the list, with the provider's own statistic beside them; and ``updatedAt``."""

from __future__ import annotations

from typing import Any

import pytest
from scene import Scene

COUNTS = """query Q($name: String!) { provider(name: $name) {
  sync { openSessions }
  sessionCounts { byStatus { status count } providerStatistic { status count } toSign needsAction asOf native }
} }"""


async def counted(scene: Scene, provider: str) -> dict[str, Any]:
    found: dict[str, Any] = (await scene.data(COUNTS, name=provider))["provider"]
    return found


@pytest.mark.parametrize("provider", ["easyink", "signicat", "seal", "persist"])
async def test_counts_of_a_provider_are_those_of_its_list(scene: Scene, provider: str) -> None:
    made = [await scene.create(provider, **({"thread": f"t{n}"} if provider == "persist" else {})) for n in range(3)]
    if provider != "persist":
        await scene.sign(made[0])
        await scene.settle(made[0])
    if provider in {"easyink", "seal"}:
        await scene.done("deleteSession", session=(await scene.create(provider, start=False))["id"])
    found = await counted(scene, provider)
    listed = await scene.list({"providers": [provider]}, first=100)
    statuses = [node["status"] for node in listed["nodes"]]
    by_status = {each["status"]: each["count"] for each in found["sessionCounts"]["byStatus"]}
    assert by_status == {status: statuses.count(status) for status in set(statuses)}
    assert sum(by_status.values()) == listed["totalCount"] == 3
    still_open = await scene.list({"providers": [provider], "statuses": ["PENDING", "IN_PROGRESS", "DRAFT", "READY"]})
    assert found["sync"]["openSessions"] == still_open["totalCount"]


async def test_counts_include_sessions_that_no_list_has_shown(scene: Scene) -> None:
    session = await scene.create("easyink")
    await scene.sign(session)
    found = await counted(scene, "easyink")
    assert found["sessionCounts"]["byStatus"] == [{"status": "COMPLETED", "count": 1}]


async def test_statistic_of_a_provider_stands_beside_the_counts(scene: Scene) -> None:
    await scene.create("easyink")
    found = (await counted(scene, "easyink"))["sessionCounts"]
    assert found["native"] is True
    assert found["providerStatistic"] is not None
    await scene.fault("easyink", path="*/statistics", status=500)
    found = (await counted(scene, "easyink"))["sessionCounts"]
    assert (found["providerStatistic"], found["toSign"], found["needsAction"]) == (None, None, None)
    assert sum(each["count"] for each in found["byStatus"]) == 1
    other = (await counted(scene, "seal"))["sessionCounts"]
    assert (other["native"], other["providerStatistic"]) == (False, None)


async def test_updated_at_is_shown_and_filtered_by(scene: Scene) -> None:
    query = (
        'query Q($filter: SessionFilter) { sessions(filter: $filter, maxAge: "PT0S") { totalCount nodes { id updatedAt } } }'
    )

    async def listed(wanted: dict[str, Any] | None = None) -> dict[str, str]:
        found = (await scene.data(query, filter=wanted))["sessions"]
        assert found["totalCount"] == len(found["nodes"])
        return {node["id"]: node["updatedAt"] for node in found["nodes"]}

    first = await scene.create("easyink")
    scene.clock.ahead += 100
    second = await scene.create("seal")
    before = await listed()
    assert before[first["id"]] < before[second["id"]]
    assert await listed() == before, "a look changes nothing"
    at = before[second["id"]]
    assert set(await listed({"updatedFrom": at, "updatedTo": at})) == {second["id"]}
    assert set(await listed({"updatedTo": before[first["id"]]})) == {first["id"]}
    scene.clock.ahead += 100
    await scene.done("cancelSession", session=first["id"], reason="it was the wrong field")
    after = await listed({"updatedFrom": at})
    assert set(after) == {first["id"], second["id"]}
    assert after[first["id"]] > at
    one = await scene.data("query Q($id: ID!) { session(id: $id) { updatedAt } }", id=first["id"])
    assert one["session"]["updatedAt"] == after[first["id"]]
