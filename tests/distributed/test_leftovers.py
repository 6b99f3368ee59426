"""Leftovers: what a saga could not remove is listed until it is resolved, and its idempotency key has that outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from apart import Ahead, Client, Guarded, Halt, Nursery, gateway, inside, order

from providers.registry import load_sandbox
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.fault_injection import Fault

LIST = """query Q($first: Int, $after: String) { leftovers(first: $first, after: $after) {
  nodes { id at operation what reason provider { name } } edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }"""
RESOLVE = """mutation M($input: ResolveLeftoverInput!) {
  resolveLeftover(input: $input) { leftover { id what } problems { code message path retryable provider } } }"""
NODE = "query Q($id: ID!) { node(id: $id) { id __typename ... on Leftover { what } } }"
REFUSED = Fault(method="DELETE", kind="status", status=403, count=1000)


@dataclass
class Place:
    """A gateway before an EasyInk that refuses to give back what was made."""

    sandbox: Sandbox
    client: Client

    async def fail(self, **more: Any) -> dict[str, Any]:
        """A session whose creation failed, and whose draft could not be deleted; gives the input."""
        asked = await order(self.client, "easyink", 1, 1, **more)
        self.sandbox.faults += [Fault(path="*/participants", method="POST", kind="status", status=403), REFUSED]
        [problem] = (await self.client.mutate("createSession", **asked))["problems"]
        assert problem["code"] == "PROVIDER_REFUSED"
        return asked

    async def listed(self, **window: Any) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = (await self.client.ask(LIST, **window))["leftovers"]["nodes"]
        return nodes

    async def resolve(self, leftover: str, action: str) -> dict[str, Any]:
        payload: dict[str, Any] = (await self.client.ask(RESOLVE, input={"leftover": leftover, "action": action}))[
            "resolveLeftover"
        ]
        return payload


@asynccontextmanager
async def place(folder: Path, authority: CertificateAuthority) -> AsyncIterator[Place]:
    guarded = Guarded(load_sandbox("easyink")(authority=authority))
    async with guarded.serving(), inside(folder, Ahead(), [guarded.table], sagas={"lease": 0.6}) as client:
        yield Place(guarded.sandbox, client)


async def test_leftover_is_listed_and_is_the_outcome_of_its_key(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with place(tmp_path, authority) as there:
        asked = await there.fail(idempotencyKey="a key")
        [draft] = there.sandbox.sessions()
        [leftover] = await there.listed()
        assert leftover["what"] == [f"draft {draft.key}"]
        assert (leftover["operation"], leftover["provider"]["name"]) == ("CREATE_SESSION", "easyink")
        assert leftover["reason"]
        node = (await there.client.ask(NODE, id=leftover["id"]))["node"]
        assert (node["__typename"], node["what"]) == ("Leftover", leftover["what"])
        [problem] = (await there.client.mutate("createSession", **asked))["problems"]
        assert problem["path"] == ["input", "idempotencyKey"]
        assert draft.key in problem["message"]
        assert len(there.sandbox.sessions()) == 1


async def test_retry_removes_what_is_left_once_the_provider_allows_it(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with place(tmp_path, authority) as there:
        asked = await there.fail(idempotencyKey="a key")
        [leftover] = await there.listed()
        refused = await there.resolve(leftover["id"], "RETRY")
        assert [each["code"] for each in refused["problems"]] == ["PROVIDER_REFUSED"]
        assert [each["id"] for each in await there.listed()] == [leftover["id"]]
        there.sandbox.faults[:] = [Fault(method="DELETE", kind="reset", count=1000)]
        away = await there.resolve(leftover["id"], "RETRY")
        assert [(each["code"], each["retryable"]) for each in away["problems"]] == [("PROVIDER_UNAVAILABLE", True)]
        assert [each["id"] for each in await there.listed()] == [leftover["id"]]
        there.sandbox.faults.clear()
        done = await there.resolve(leftover["id"], "RETRY")
        assert (done["problems"], done["leftover"]["id"]) == ([], leftover["id"])
        assert not there.sandbox.sessions()
        assert await there.listed() == []
        assert (await there.resolve(leftover["id"], "RETRY"))["problems"][0]["code"] == "NOT_FOUND"
        await there.client.done("createSession", **asked)
        assert len(there.sandbox.sessions()) == 1


async def test_leftover_stays_listed_where_its_retry_is_killed_and_its_provider_away(
    tmp_path: Path, ours: Nursery, authority: CertificateAuthority
) -> None:
    async with (
        Guarded(load_sandbox("easyink")(authority=authority)).serving() as guarded,
        gateway(tmp_path, ours, [guarded.table], sagas={"lease": 0.6}) as running,
    ):
        there = Place(guarded.sandbox, running)
        asked = await there.fail(idempotencyKey="a key")
        [leftover] = await there.listed()
        there.sandbox.faults.clear()
        guarded.gate.expect(Halt(1, "arrival"))
        retrying = asyncio.create_task(there.resolve(leftover["id"], "RETRY"))
        await asyncio.wait_for(guarded.gate.reached.wait(), 20)
        running.kill()
        there.sandbox.faults.append(Fault(kind="reset", count=1000))
        guarded.gate.open.set()
        with pytest.raises(httpx.TransportError):
            await retrying
        guarded.gate.expect(None)
        await running.start()
        await running.settled()
        assert await there.listed() == [leftover]
        [problem] = (await running.mutate("createSession", **asked))["problems"]
        assert problem["path"] == ["input", "idempotencyKey"]
        there.sandbox.faults.clear()
        assert (await there.resolve(leftover["id"], "RETRY"))["problems"] == []
        assert not there.sandbox.sessions()


async def test_dismissed_leftover_stays_at_its_provider_and_frees_its_key(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    async with place(tmp_path, authority) as there:
        asked = await there.fail(idempotencyKey="a key")
        [leftover] = await there.listed()
        assert (await there.resolve(leftover["id"], "DISMISS"))["problems"] == []
        assert await there.listed() == []
        there.sandbox.faults.clear()
        await there.client.done("createSession", **asked)
        assert len(there.sandbox.sessions()) == 2


async def test_leftovers_are_paged_the_latest_first(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with place(tmp_path, authority) as there:
        for _ in range(5):
            await there.fail()
        every = [each["id"] for each in await there.listed()]
        paged, after = [], None
        for expected in (True, True, False):
            page = (await there.client.ask(LIST, first=2, after=after))["leftovers"]
            paged += [each["node"]["id"] for each in page["edges"]]
            after = page["pageInfo"]["endCursor"]
            assert page["pageInfo"]["hasNextPage"] is expected
        assert paged == every
        assert len(set(every)) == 5
        times = [each["at"] for each in await there.listed()]
        assert times == sorted(times, reverse=True)


async def test_leftover_is_logged_once_however_often_a_gateway_starts(
    tmp_path: Path, authority: CertificateAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "countersign.sagas")
    guarded = Guarded(load_sandbox("easyink")(authority=authority))
    async with guarded.serving():
        for start in range(3):
            async with inside(tmp_path, Ahead(), [guarded.table]) as client:
                if start == 0:
                    await Place(guarded.sandbox, client).fail()
    told = [record for record in caplog.records if record.name == "countersign.sagas"]
    assert len(told) == 1
