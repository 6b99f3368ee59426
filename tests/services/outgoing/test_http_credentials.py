"""Authentication: tokens are fetched once for all that wait, and refreshed before they expire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from upstream import KEY, Scripted, Thing

from providers.clock import Clock
from providers.errors import (
    AuthorizationRequired,
    TimedOut,
)
from providers.http.client import HttpClient
from providers.http.credentials import BearerAuth, HeaderAuth, Token
from providers.http.deadline import deadline


class Office:
    """A provider with a token endpoint; only the newest token is good, and none before ``good_from``."""

    def __init__(self, *, good_from: int = 1, expires_in: float | None = None, status: int = 200) -> None:
        self.tokens = self.calls = 0
        self.good_from, self.expires_in, self.status = good_from, expires_in, status
        self.delay = 0.0
        self.app = Starlette(routes=[Route("/token", self.token, methods=["POST"]), Route("/things", self.things)])

    async def token(self, request: Request) -> Response:
        self.tokens += 1
        mine = self.tokens
        await asyncio.sleep(self.delay or 0.01)
        return JSONResponse({"name": f"token-{mine}"}, self.status)

    async def things(self, request: Request) -> Response:
        self.calls += 1
        good = self.tokens >= self.good_from and request.headers.get("authorization") == f"Bearer token-{self.tokens}"
        return JSONResponse({"name": "ok"}, 200 if good else 401)

    async def connect(self, connect: Callable[..., Awaitable[HttpClient]], clock: Clock, **settings: object) -> HttpClient:
        async def fetch() -> Token:
            reply = await http.request("POST", "/token", authorized=False, repeatable=True)
            return Token(SecretStr(reply.json(Thing).name), self.expires_in)

        http: HttpClient = await connect(self.app, auth=BearerAuth(fetch, clock), clock=clock, **settings)
        return http


@pytest.mark.parametrize("max_concurrency", [1, 4, 50])
async def test_fifty_concurrent_rejections_refresh_the_token_once(connect, watch, max_concurrency):
    office = Office(good_from=2)
    http = await office.connect(connect, watch, max_concurrency=max_concurrency, timeout=5)
    replies = await asyncio.gather(*(http.request("GET", "/things") for _ in range(50)))
    assert {reply.status_code for reply in replies} == {200}
    assert office.tokens == 2, "the first, and one in its place"
    assert office.calls <= 100


async def test_fifty_concurrent_first_calls_fetch_one_token(connect, watch):
    office = Office()
    http = await office.connect(connect, watch)
    await asyncio.gather(*(http.request("GET", "/things") for _ in range(50)))
    assert (office.tokens, office.calls) == (1, 50)


async def test_token_that_is_rejected_twice_is_not_refreshed_again(connect, watch):
    office = Office(good_from=1000)
    http = await office.connect(connect, watch)
    with pytest.raises(AuthorizationRequired):
        await http.request("GET", "/things")
    assert (office.tokens, office.calls) == (2, 2)


@pytest.mark.parametrize(("expires_in", "good", "replaced"), [(100.0, 89.0, 91.0), (None, 289.0, 291.0), (6.0, 2.9, 3.1)])
async def test_token_is_refreshed_before_it_expires(connect, watch, expires_in, good, replaced):
    office = Office(expires_in=expires_in)
    http = await office.connect(connect, watch)
    await http.request("GET", "/things")
    watch.at = good
    await http.request("GET", "/things")
    assert office.tokens == 1
    watch.at = replaced
    await http.request("GET", "/things")
    assert office.tokens == 2


async def test_rejection_by_the_token_endpoint_is_authorization_required(connect, watch):
    office = Office(status=401)
    http = await office.connect(connect, watch)
    with pytest.raises(AuthorizationRequired):
        await http.request("GET", "/things")
    assert (office.tokens, office.calls) == (1, 0)
    office.status = 200
    await http.request("GET", "/things")


async def test_waiting_for_a_token_ends_at_the_deadline(connect):
    clock = Clock()
    office = Office()
    office.delay = 0.5
    http = await office.connect(connect, clock, timeout=5)
    patient = asyncio.create_task(http.request("GET", "/things"))
    await asyncio.sleep(0.05)
    begun = time.monotonic()
    with deadline(clock, 0.1), pytest.raises(TimedOut):
        await http.request("GET", "/things")
    assert time.monotonic() - begun < 0.4
    assert (await patient).status_code == 200


async def test_cancelled_token_fetch_is_taken_over_by_the_next_waiter(connect, watch):
    office = Office()
    office.delay = 0.05
    http = await office.connect(connect, watch)
    first = asyncio.create_task(http.request("GET", "/things"))
    second = asyncio.create_task(http.request("GET", "/things"))
    await asyncio.sleep(0.02)
    first.cancel()
    assert (await second).status_code == 200
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_fixed_headers_are_sent_and_their_rejection_is_final(connect):
    provider = Scripted(Response(status_code=401))
    http = await connect(provider, auth=HeaderAuth({"x-key": SecretStr(KEY)}))
    with pytest.raises(AuthorizationRequired):
        await http.request("GET", "/things")
    assert provider.calls == 1
    assert provider.headers[0]["x-key"] == KEY


async def test_repr_of_authentication_shows_no_secret(watch):
    async def fetch() -> Token:
        return Token(SecretStr("token-1"))

    bearer = BearerAuth(fetch, watch)
    for proof in (await bearer.refresh(None), bearer.headers(), HeaderAuth({"x-key": SecretStr("token-1")}).headers()):
        assert "token-1" in "".join(proof.values())
        assert "token-1" not in f"{proof} {proof!r} {[proof]}"
