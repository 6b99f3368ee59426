"""Credentials on connections that last: where they are sent, when they end, and how they are renewed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from door import Door, key
from issuer import _in
from liveclient import live

EVENTS = "subscription { sessionEvents { type } }"
COME_BACK, GIVE_UP = 4403, 4401
"""What the graphql-ws client retries with new ``connectionParams``, and what it does not."""


def init(credentials: str, name: str = "Authorization") -> dict[str, Any]:
    return {"type": "connection_init", "payload": {name: f"Bearer {credentials}"}}


@pytest.mark.parametrize("name", ["Authorization", "authorization"])
async def test_credentials_come_with_the_first_message(door: Door, name: str) -> None:
    async with live(door.scene.address, greeted=False) as client:
        await client.say(init(key("sessions:read"), name))
        assert (await client.hear())["type"] == "connection_ack"
        await client.start("{ viewer { subject } }")
        assert (await client.next())["payload"] == {"data": {"viewer": {"subject": "sessions:read"}}}


@pytest.mark.parametrize(
    "payload", [None, {}, {"Authorization": "Bearer csk_guess"}, {"Authorization": 7}, {"token": key("everything")}]
)
async def test_whoever_has_none_is_not_let_in(door: Door, payload: dict[str, Any] | None) -> None:
    async with live(door.scene.address, greeted=False) as client:
        await client.say({"type": "connection_init", "payload": payload})
        assert (await client.end())[0] == GIVE_UP


async def test_a_socket_ends_with_its_token(door: Door) -> None:
    async with live(door.scene.address, greeted=False) as client:
        await client.say(init(door.issuer.token()))
        await client.hear()
        await client.start(EVENTS)
        await asyncio.sleep(0.05)
        door.scene.clock.ahead += 700
        await door.scene.create("easyink")
        assert await client.end() == (COME_BACK, "These credentials have ended. Connect again with new ones.")
        assert client.operations["1"].get_nowait() is None, "nothing was told any more"


async def test_a_token_is_renewed_on_an_open_socket(door: Door) -> None:
    async with live(door.scene.address, greeted=False) as client:
        await client.say(init(door.issuer.token()))
        await client.hear()
        await client.start(EVENTS)
        await asyncio.sleep(0.05)
        await client.say(init(door.issuer.token(exp=_in(5_000))))
        assert (await client.hear())["type"] == "pong"
        door.scene.clock.ahead += 700
        await door.scene.create("easyink")
        assert (await client.next())["payload"]["data"]["sessionEvents"]["type"] == "CREATED"


async def test_a_socket_stays_with_whom_it_was_opened_for(door: Door) -> None:
    async with live(door.scene.address, greeted=False) as client:
        await client.say(init(door.issuer.token()))
        await client.hear()
        await client.say(init(door.issuer.token(sub="eve")))
        assert (await client.end())[0] == COME_BACK


@pytest.mark.parametrize("told", [{"scope": "sessions:read"}, {"providers": ["easyink"]}, {"scope": "native:read"}])
async def test_what_was_begun_with_more_rights_does_not_go_on_with_less(door: Door, told: dict[str, Any]) -> None:
    async with live(door.scene.address, greeted=False) as client:
        await client.say(init(door.issuer.token()))
        await client.hear()
        await client.start(EVENTS)
        await client.say(init(door.issuer.token(**told)))
        assert (await client.end())[0] == COME_BACK


async def test_a_stream_ends_with_its_token(door: Door) -> None:
    headers = {"authorization": f"Bearer {door.issuer.token()}", "accept": "text/event-stream"}
    async with door.scene.client.stream("POST", "/graphql", json={"query": EVENTS}, headers=headers) as reply:
        lines = reply.aiter_lines()
        assert (await anext(lines)).startswith("retry:")
        door.scene.clock.ahead += 700
        await door.scene.create("easyink")
        told = [line async for line in lines if line]
    assert told[-2:] == [": These credentials have ended. Connect again with new ones.", "retry: 1000"]
    assert "event: complete" not in told, "it would end what the client is to come back for"


async def test_expired_token_at_connection_init_lets_the_client_come_back(door: Door) -> None:
    async with live(door.scene.address, greeted=False) as client:
        await client.say(init(door.issuer.token(exp=_in(-60))))
        assert (await client.end())[0] == COME_BACK


async def test_expired_token_at_renewal_lets_the_client_come_back_and_a_forged_one_does_not(door: Door) -> None:
    for credentials, code in ((door.issuer.token(exp=_in(-60)), COME_BACK), ("a.b.c", GIVE_UP)):
        async with live(door.scene.address, greeted=False) as client:
            await client.say(init(door.issuer.token()))
            await client.hear()
            await client.say(init(credentials))
            assert (await client.end())[0] == code


async def test_token_that_cannot_be_checked_while_its_issuer_is_down_lets_the_client_come_back(door: Door) -> None:
    door.issuer.down = True
    async with live(door.scene.address, greeted=False) as client:
        await client.say(init(door.issuer.token()))
        assert (await client.end())[0] == COME_BACK
