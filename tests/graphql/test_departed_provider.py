"""Removed provider: its sessions are hidden until it is configured again, and all others are shown."""

from __future__ import annotations

import asyncio
import json

import httpx
from scene import free_port

from gateway.app import create_app
from gateway.server.run import serve_gateway
from providers.registry import NAMES

LISTS = """
{
  sessions(first: 50) {
    totalCount
    edges { cursor node { key provider { name kind health { state } } actions events { nodes { session { id } } } } }
    sources { provider outcome }
  }
  signatures { totalCount nodes { provider { name } session { provider { name } } } }
  providers { name sessionCounts { byStatus { status count } } }
}"""
NODES = "query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }"
EVENTS = "subscription { sessionEvents { session { key provider { name } } } }"


async def followed(client: httpx.AsyncClient, act) -> list[str]:
    """The providers of the events that are told until one of Signicat is."""
    names: list[str] = []
    accepts = {"accept": "text/event-stream"}
    async with asyncio.timeout(20), client.stream("POST", "/graphql", json={"query": EVENTS}, headers=accepts) as answer:
        acting = asyncio.create_task(act())
        async for line in answer.aiter_lines():
            if line.startswith("data:") and '"sessionEvents"' in line:
                told = json.loads(line[5:])
                assert "errors" not in told, told
                names.append(told["data"]["sessionEvents"]["session"]["provider"]["name"])
                if names[-1] == "signicat":
                    break
        await acting
    return names


async def test_sessions_of_departed_provider_are_hidden_and_all_others_are_there(scene):
    made = {kind: await scene.create(kind) for kind in NAMES}
    await scene.list()
    signed = (await scene.data("{ signatures { nodes { id } } }"))["signatures"]["nodes"]
    port = free_port()
    kept = [each for each in scene.settings.providers if each.name != "persist"]
    server = scene.settings.server.model_copy(update={"port": port})
    settings = scene.settings.model_copy(update={"providers": tuple(kept), "server": server})
    async with (
        serve_gateway(create_app(settings, scene.clock), settings) as address,
        httpx.AsyncClient(base_url=address, timeout=30) as client,
    ):

        async def asked(query: str, **variables: object) -> dict:
            return (await client.post("/graphql", json={"query": query, "variables": variables})).json()

        answer = await asked(LISTS)
        assert "errors" not in answer, answer
        sessions = answer["data"]["sessions"]
        names = [edge["node"]["provider"]["name"] for edge in sessions["edges"]]
        assert sorted(names) == sorted(set(NAMES) - {"persist"})
        assert sessions["totalCount"] == 3
        assert answer["data"]["signatures"] == {"totalCount": 0, "nodes": []}
        ids = [made["persist"]["id"], *(each["id"] for each in signed), made["seal"]["id"]]
        answer = await asked(NODES, ids=ids)
        assert [node and node["id"] for node in answer["data"]["nodes"]] == [None] * (len(ids) - 1) + [made["seal"]["id"]]
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"NOT_FOUND"}

        async def act() -> None:
            await asyncio.sleep(0)
            await scene.save(document="another")
            await scene.create("signicat", reference="another")

        assert "persist" not in await followed(client, act)
    assert made["persist"]["key"] in {node["key"] for node in (await scene.list())["nodes"]}


async def test_sessions_of_a_provider_of_another_gateway_are_hidden(scene):
    """The gateway without it was there first, and found none of its sessions in the store."""
    kept = [each for each in scene.settings.providers if each.name != "persist"]
    server = scene.settings.server.model_copy(update={"port": free_port()})
    settings = scene.settings.model_copy(update={"providers": tuple(kept), "server": server})
    async with (
        serve_gateway(create_app(settings, scene.clock), settings) as address,
        httpx.AsyncClient(base_url=address, timeout=30) as client,
    ):
        for kind in NAMES:
            await scene.create(kind)
        answer = (await client.post("/graphql", json={"query": LISTS})).json()
        assert "errors" not in answer, answer
        assert len(answer["data"]["sessions"]["edges"]) == 3
        assert answer["data"]["signatures"]["nodes"] == []
