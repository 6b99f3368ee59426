"""A person lets the gateway act for them at EasyInk, and their token is kept where nobody can read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from apart import Ahead, Client, inside, order
from starlette.types import Message, Receive, Scope, Send

from gateway.server.server import serve_app
from providers.registry import load_sandbox
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority

SECRET = {"secret": "22d67j7G3O8kK9eWoilkdsfc8GmQ3kCwh-EVKUaDZ6Q"}
BEGIN = """mutation M { beginAuthorization(provider: "easyink") {
  url state expiresAt problems { code message path } } }"""
COMPLETE = """mutation M($code: String!, $state: String!) {
  completeAuthorization(provider: "easyink", code: $code, state: $state) {
  provider { name credentials { state expiresAt } } problems { code message path } } }"""
CREDENTIALS = """{ providers { name credentials { state expiresAt } } }"""


class Ear:
    """Hears all that EasyInk is told: the bodies, and the tokens."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.address = ""
        self.bodies: list[bytes] = []
        self.tokens: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def heard() -> Message:
            message = await receive()
            self.bodies.append(message.get("body", b""))
            return message

        proof = dict(scope.get("headers", ())).get(b"authorization", b"")
        self.tokens |= {proof.removeprefix(b"Bearer ")} if proof else set()
        await self.sandbox(scope, heard if scope["path"].endswith("/token") else receive, send)


@dataclass
class Person:
    """Somebody with an account at EasyInk, and a gateway to let in."""

    client: Client
    ear: Ear
    clock: Ahead

    async def begin(self) -> dict[str, Any]:
        begun: dict[str, Any] = (await self.client.ask(BEGIN))["beginAuthorization"]
        assert begun["problems"] == []
        return begun

    async def agree(self, url: str) -> dict[str, str]:
        """Follows the link, and reads what is in the address where it ends."""
        async with httpx.AsyncClient() as browser:
            reply = await browser.get(url)
        assert reply.status_code == 302, reply.text
        return {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["location"]).query).items()}

    async def complete(self, code: str, state: str) -> dict[str, Any]:
        payload: dict[str, Any] = (await self.client.ask(COMPLETE, code=code, state=state))["completeAuthorization"]
        return payload

    async def authorize(self) -> None:
        begun = await self.begin()
        answer = await self.agree(begun["url"])
        payload = await self.complete(answer["code"], answer["state"])
        assert payload["problems"] == []
        assert payload["provider"]["credentials"]["state"] == "CONNECTED"

    async def credentials(self) -> dict[str, Any]:
        [provider] = (await self.client.ask(CREDENTIALS))["providers"]
        credentials: dict[str, Any] = provider["credentials"]
        return credentials

    async def create(self) -> dict[str, Any]:
        return await self.client.mutate("createSession", **await order(self.client, "easyink", 1, 1))


@asynccontextmanager
async def easyink(clock: Ahead, authority: CertificateAuthority) -> AsyncIterator[Ear]:
    ear = Ear(load_sandbox("easyink")(clock=clock, authority=authority))
    async with serve_app(ear) as ear.address:
        yield ear


@asynccontextmanager
async def person(folder: Path, ear: Ear, clock: Ahead, server: dict[str, Any] | None = None) -> AsyncIterator[Person]:
    table = dict(ear.sandbox.settings(ear.address))
    del table["access_token"]
    async with inside(folder, clock, [table], server=SECRET if server is None else server) as client:
        yield Person(client, ear, clock)


@pytest.fixture
async def somebody(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[Person]:
    clock = Ahead()
    async with easyink(clock, authority) as ear, person(tmp_path, ear, clock) as somebody:
        yield somebody


async def test_a_person_lets_the_gateway_in(somebody: Person) -> None:
    assert (await somebody.credentials())["state"] == "AUTHORIZATION_REQUIRED"
    [problem] = (await somebody.create())["problems"]
    assert problem["code"] == "AUTHORIZATION_REQUIRED"
    await somebody.authorize()
    assert (await somebody.create())["problems"] == []


async def test_credentials_show_when_they_end_and_that_they_have_ended(somebody: Person) -> None:
    await somebody.authorize()
    ends_at = datetime.fromisoformat((await somebody.credentials())["expiresAt"])
    assert abs(ends_at - somebody.clock.now() - timedelta(hours=1)) < timedelta(seconds=10)
    somebody.clock.by = timedelta(minutes=61)
    assert (await somebody.credentials())["state"] == "EXPIRED"
    await somebody.authorize()
    assert (await somebody.credentials())["state"] == "CONNECTED"


async def test_a_state_is_good_once(somebody: Person) -> None:
    begun = await somebody.begin()
    answer = await somebody.agree(begun["url"])
    assert answer["state"] == begun["state"]
    assert (await somebody.complete(answer["code"], answer["state"]))["problems"] == []
    [problem] = (await somebody.complete(answer["code"], answer["state"]))["problems"]
    assert (problem["code"], problem["path"]) == ("INVALID", ["state"])


async def test_a_state_ends_after_ten_minutes(somebody: Person) -> None:
    begun = await somebody.begin()
    assert abs(datetime.fromisoformat(begun["expiresAt"]) - somebody.clock.now() - timedelta(minutes=10)) < timedelta(
        seconds=10
    )
    somebody.clock.by = timedelta(minutes=11)
    answer = await somebody.agree(begun["url"])
    [problem] = (await somebody.complete(answer["code"], answer["state"]))["problems"]
    assert (problem["code"], problem["path"]) == ("INVALID", ["state"])


async def test_a_code_cannot_be_used_with_another_attempts_state(somebody: Person) -> None:
    """Whoever steals a code lacks the verifier, which never leaves the gateway but for EasyInk."""
    mine, other = await somebody.begin(), await somebody.begin()
    stolen = await somebody.agree(other["url"])
    [problem] = (await somebody.complete(stolen["code"], mine["state"]))["problems"]
    assert (problem["code"], problem["path"]) == ("INVALID", ["code"])
    assert (await somebody.credentials())["state"] == "AUTHORIZATION_REQUIRED"


async def test_a_state_that_was_never_given_asks_nobody(somebody: Person) -> None:
    calls = len(somebody.ear.sandbox.calls)
    [problem] = (await somebody.complete("code", "made up"))["problems"]
    assert (problem["code"], problem["path"]) == ("INVALID", ["state"])
    assert len(somebody.ear.sandbox.calls) == calls


async def test_neither_token_nor_verifier_lies_open_in_the_database(somebody: Person, tmp_path: Path) -> None:
    begun = await somebody.begin()
    pending = kept(tmp_path)
    answer = await somebody.agree(begun["url"])
    assert (await somebody.complete(answer["code"], answer["state"]))["problems"] == []
    assert (await somebody.create())["problems"] == []
    [verifier] = {query[b"code_verifier"][0] for body in somebody.ear.bodies if b"code_verifier" in (query := parse_qs(body))}
    [token] = somebody.ear.tokens
    assert somebody.client.rows("select kind from secret") == [("token",)]
    for secret in (verifier, token, token[-40:], begun["state"].encode(), answer["code"].encode()):
        assert secret not in pending + kept(tmp_path)


def kept(folder: Path) -> bytes:
    """Every byte of the database."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob("countersign.db*")))


@pytest.mark.parametrize(("server", "state"), [(SECRET, "CONNECTED"), ({}, "AUTHORIZATION_REQUIRED")])
async def test_a_token_outlives_the_gateway_where_there_is_a_secret(
    tmp_path: Path, authority: CertificateAuthority, server: dict[str, Any], state: str
) -> None:
    clock = Ahead()
    async with easyink(clock, authority) as ear:
        async with person(tmp_path, ear, clock, server) as before:
            await before.authorize()
            ends_at = (await before.credentials())["expiresAt"]
        async with person(tmp_path, ear, clock, server) as after:
            credentials = await after.credentials()
            assert credentials["state"] == state
            if state == "CONNECTED":
                assert credentials["expiresAt"] == ends_at
                assert (await after.create())["problems"] == []
