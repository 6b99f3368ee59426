"""Those who are meant to get in get in, past all that keeps others out."""

from __future__ import annotations

import pytest
from attack import Target

from tests.liveclient import live

FRIEND = "https://app.friend.example"
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_page_on_the_list_reads_answers(gateway: Target) -> None:
    reply = await gateway.graphql("{viewer{id}}", origin=FRIEND)
    assert reply.json["data"]["viewer"]
    assert reply.headers["access-control-allow-origin"] == FRIEND
    assert reply.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in reply.headers


async def test_an_answer_to_nobody_on_the_list_says_that_it_depends_on_who_asks(gateway: Target) -> None:
    for headers in ({}, {"origin": "https://evil.example"}):
        reply = await gateway.graphql("{viewer{id}}", **headers)
        assert reply.headers["vary"] == "Origin"
        assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize(("path", "method"), [("/graphql", "POST"), ("/uploads", "PUT")])
async def test_a_page_on_the_list_may_send_after_it_has_asked(gateway: Target, path: str, method: str) -> None:
    asked = {"access-control-request-method": method, "access-control-request-headers": "authorization, x-own"}
    reply = await gateway.ask("OPTIONS", path, headers={"origin": FRIEND, **asked})
    assert (reply.status, reply.body) == (204, b"")
    assert method in reply.headers["access-control-allow-methods"]
    assert reply.headers["access-control-allow-headers"] == "*, Authorization"
    assert reply.headers["access-control-max-age"] == "600"


async def test_a_page_on_the_list_reads_documents_and_what_is_wrong_with_its_files(gateway: Target) -> None:
    for reply in (
        await gateway.ask("GET", gateway.link, headers={"origin": FRIEND}),
        await gateway.ask("PUT", "/uploads", headers={"origin": FRIEND}),
    ):
        assert reply.headers["access-control-allow-origin"] == FRIEND
        assert "content-disposition" in reply.headers["access-control-expose-headers"]


async def test_a_page_on_the_list_opens_a_socket(gateway: Target) -> None:
    async with live(gateway.address, origin=FRIEND) as client:
        [answer] = [each async for each in client.subscribe("{viewer{id}}")]
        assert answer["data"]["viewer"]


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000", "localhost", "gateway:8000", "10.0.0.7"])
async def test_a_name_that_nobody_outside_can_have_is_one_of_ours(gateway: Target, host: str) -> None:
    assert (await gateway.graphql("{viewer{id}}", host=host)).status == 200


async def test_a_request_that_is_slow_but_goes_on_is_answered(gateway: Target) -> None:
    body = b'{"query": "{viewer{id}}"}' + b" " * 3_000
    async with gateway.line() as line:
        head = "POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
        await line.say(f"{head}content-length: {len(body)}\r\n\r\n".encode())
        for place in range(0, len(body), 300):
            assert await line.hear(0.1) is None, "it is not cut"
            await line.say(body[place : place + 300])
        assert (await line.reply()).status == 200
