"""``providers.http`` over real connections: what leaves, how often, and which of our errors comes back."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

import msgspec
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from providers.authorization import Bearer, Headers, Token
from providers.circuit import CircuitState
from providers.clock import Clock
from providers.deadline import deadline
from providers.errors import (
    AuthorizationRequired,
    Busy,
    Conflict,
    InDoubt,
    Misbehaved,
    NotFound,
    Refused,
    SigningError,
    TimedOut,
    TooLarge,
    Unavailable,
    WrongState,
)
from providers.http import ATTEMPTS, Http
from providers.reply import Fault, Reply
from providers.sandbox import serving
from providers.settings import ProviderSettings

KEY = "sk-7f3a91c2"
WRITES_ONCE = "POST"


class Settings(ProviderSettings):
    kind: Literal["acme"] = "acme"
    api_key: SecretStr = SecretStr(KEY)


class Watch(Clock):
    """A clock that nobody has to wait for: sleeping is noted and moves it on."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []
        self.asleep: Callable[[], Awaitable[None]] | None = None

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        if self.asleep:
            await self.asleep()


class Thing(msgspec.Struct):
    name: str


class Scripted:
    """A provider that answers what it is told, the last answer for ever."""

    def __init__(self, *answers: Response | Callable[[Request], Awaitable[Response]]) -> None:
        self.answers = list(answers) or [JSONResponse({"name": "ok"})]
        self.received: list[tuple[str, str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = self.peak = 0
        self.app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "HEAD", "POST", "PUT", "DELETE"])])

    async def answer(self, request: Request) -> Response:
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        try:
            self.received.append((request.method, request.url.path, await request.body()))
            self.headers.append(dict(request.headers))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            return await answer(request) if not isinstance(answer, Response) else answer
        finally:
            self.under_way -= 1

    @property
    def calls(self) -> int:
        return len(self.received)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def connect(watch: Watch) -> AsyncIterator[Callable[..., Awaitable[Http]]]:
    """Serves an application, or takes the address of one, and connects to it."""
    async with AsyncExitStack() as stack:

        async def connect(target: Scripted | Starlette | str, **options: object) -> Http:
            if isinstance(target, str):
                url = target
            else:
                url = await stack.enter_async_context(serving(target.app if isinstance(target, Scripted) else target))
            keys = {key: options.pop(key) for key in ("timeout", "max_concurrency", "max_answer_bytes") if key in options}
            http = Http(Settings(name="acme", base_url=url, **keys), **{"clock": watch, **options})
            stack.push_async_callback(http.close)
            return http

        yield connect


Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(talk: Peer) -> AsyncIterator[str]:
    """A server that is no server: whatever bytes ``talk`` writes."""
    tasks: set[asyncio.Task[None]] = set()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def request_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# What is sent again


async def test_a_read_is_tried_again_until_it_is_answered(connect, watch):
    provider = Scripted(Response(status_code=500), Response(status_code=502), JSONResponse({"name": "ok"}))
    http = await connect(provider)
    assert await http.fetch(Thing, "GET", "/things/1") == Thing("ok")
    assert provider.calls == ATTEMPTS
    assert len(watch.slept) == ATTEMPTS - 1


async def test_attempts_end_and_the_last_error_is_told(connect):
    provider = Scripted(Response(status_code=500))
    http = await connect(provider)
    with pytest.raises(Unavailable) as caught:
        await http.request("GET", "/things/1")
    assert caught.value.status == 500
    assert provider.calls == ATTEMPTS


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_post_that_may_have_landed_is_sent_once(connect, status):
    provider = Scripted(Response(status_code=status))
    http = await connect(provider)
    with pytest.raises(InDoubt if status in {502, 504} else Unavailable):
        await http.request("POST", "/things")
    assert provider.calls == 1


@pytest.mark.parametrize(("method", "repeatable"), [("PUT", None), ("DELETE", None), ("POST", True)])
async def test_a_write_that_is_safe_to_repeat_is_repeated(connect, method, repeatable):
    provider = Scripted(Response(status_code=500), Response(status_code=204))
    http = await connect(provider)
    await http.request(method, "/things/1", repeatable=repeatable)
    assert provider.calls == 2


async def test_a_put_that_is_said_not_to_be_repeatable_is_sent_once(connect):
    provider = Scripted(Response(status_code=500))
    http = await connect(provider)
    with pytest.raises(Unavailable):
        await http.request("PUT", "/things/1", repeatable=False)
    assert provider.calls == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, Misbehaved),
        (400, Refused),
        (403, Refused),
        (404, NotFound),
        (409, Conflict),
        (410, NotFound),
        (413, TooLarge),
        (422, Refused),
        (423, WrongState),
    ],
)
async def test_a_refusal_is_not_tried_again(connect, status, kind):
    provider = Scripted(Response(status_code=status))
    http = await connect(provider)
    with pytest.raises(SigningError) as caught:
        await http.request("GET", "/things/1")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.provider, provider.calls) == (status, "acme", 1)


async def test_a_body_that_is_streamed_is_sent_whole_at_every_attempt(connect):
    provider = Scripted(Response(status_code=500), Response(status_code=204))
    http = await connect(provider)

    async def body() -> AsyncIterator[bytes]:
        for number in range(200):
            yield b"%03d" % number

    await http.request("PUT", "/things/1", body=body)
    whole = b"".join(b"%03d" % number for number in range(200))
    assert [sent for _, _, sent in provider.received] == [whole, whole]


async def test_a_post_that_never_connected_is_sent_again(connect, watch):
    port = closed_port()
    provider = Scripted()
    http = await connect(f"http://127.0.0.1:{port}")
    async with AsyncExitStack() as stack:

        async def open_up() -> None:
            if len(watch.slept) == 1:
                await stack.enter_async_context(serving(provider.app, port=port))

        watch.asleep = open_up
        assert (await http.request("POST", "/things")).status == 200
        await http.close()
    assert provider.calls == 1


async def test_nobody_listening_is_unavailable_for_a_write_too(connect, watch):
    http = await connect(f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(Unavailable) as caught:
        await http.request("POST", "/things")
    assert type(caught.value) is Unavailable
    assert len(watch.slept) == ATTEMPTS - 1


async def test_a_write_that_could_not_connect_in_time_is_not_in_doubt(connect):
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):  # the queue of the kernel is full now: the next handshake hangs
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003
            waiting.connect_ex(listener.getsockname())
        http = await connect(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.2)
        with pytest.raises(Unavailable) as caught:
            await http.request("POST", "/things")
        assert type(caught.value) is Unavailable


# How long it waits


async def test_pauses_are_full_jitter(connect, watch):
    provider = Scripted(Response(status_code=500))
    async with serving(provider.app) as url:
        for _ in range(30):
            http = await connect(url)
            with pytest.raises(Unavailable):
                await http.request("GET", "/things/1")
            await http.close()
    firsts, seconds = watch.slept[::2], watch.slept[1::2]
    assert len(firsts) == len(seconds) == 30
    assert all(0 <= pause <= 0.2 for pause in firsts)
    assert all(0 <= pause <= 0.4 for pause in seconds)
    assert max(seconds) > 0.2, "the later pause may be longer"
    assert min(firsts) < 0.1 < max(firsts), "anything from nothing on"


async def test_retry_after_in_seconds_is_honoured_for_reads_and_writes(connect, watch):
    for method in ("GET", "POST"):
        provider = Scripted(Response(status_code=429, headers={"retry-after": "7"}), Response(status_code=204))
        http = await connect(provider)
        await http.request(method, "/things")
        assert provider.calls == 2
    assert watch.slept == [7.0, 7.0]


async def test_retry_after_as_a_date_is_honoured(connect, watch):
    later = format_datetime(watch.now() + timedelta(seconds=4), usegmt=True)
    provider = Scripted(Response(status_code=503, headers={"retry-after": later}), Response(status_code=204))
    http = await connect(provider)
    await http.request("GET", "/things")
    assert watch.slept == [4.0]


@pytest.mark.parametrize("value", ["soon", "-3", "\u00b2", "", "1e3", "Thu, 99 Foo 2026 00:00:00"])
async def test_a_retry_after_that_cannot_be_read_counts_as_none(connect, watch, value):
    provider = Scripted(Response(status_code=429, headers={"retry-after": value}))
    http = await connect(provider)
    with pytest.raises(Busy) as caught:
        await http.request("GET", "/things")
    assert caught.value.retry_after is None
    assert max(watch.slept) <= 0.4


async def test_a_retry_after_past_the_deadline_is_told_instead_of_waited_for(connect, watch):
    provider = Scripted(Response(status_code=429, headers={"retry-after": "30"}))
    http = await connect(provider)
    with deadline(watch, 20), pytest.raises(Busy) as caught:
        await http.request("GET", "/things")
    assert caught.value.retry_after == 30
    assert (provider.calls, watch.slept) == (1, [])


async def test_the_deadline_spans_every_attempt(connect, watch):
    async def slowly(request: Request) -> Response:
        watch.at += 0.6
        return Response(status_code=500, headers={"retry-after": "1"})

    provider = Scripted(slowly)
    http = await connect(provider)
    with deadline(watch, 3.0), pytest.raises(Unavailable) as caught:
        await http.request("GET", "/things")
    assert caught.value.status == 500, "what the provider said is told, not that we gave up"
    assert provider.calls == 2


async def test_the_nearer_deadline_counts(connect, watch):
    provider = Scripted()
    http = await connect(provider)
    with deadline(watch, 0), deadline(watch, 100), pytest.raises(TimedOut):
        await http.request("GET", "/things")
    assert provider.calls == 0
    await http.request("GET", "/things")


async def test_a_deadline_that_has_passed_says_nothing_about_the_provider(connect, watch):
    http = await connect(Scripted())
    for _ in range(20):
        with deadline(watch, -1), pytest.raises(TimedOut):
            await http.request("GET", "/things")
    assert http.health.circuit is CircuitState.CLOSED
    assert http.health.last_failure_at is None


async def test_a_black_hole_costs_no_more_than_the_deadline(connect):
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    clock = Clock()
    async with peer(swallow) as url:
        http = await connect(url, timeout=5, clock=clock)
        begun = time.monotonic()
        with deadline(clock, 0.2), pytest.raises(TimedOut):
            await http.request("GET", "/things")
        assert 0.15 < time.monotonic() - begun < 1
        await http.close()


async def test_an_answer_that_trickles_is_cut_off(connect):
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with peer(trickle) as url:
        http = await connect(url, timeout=0.1)
        begun = time.monotonic()
        with pytest.raises(TimedOut):
            await http.request("GET", "/things")
        assert time.monotonic() - begun < 1
        with pytest.raises(InDoubt):
            await http.request("POST", "/things")
        await http.close()


# What comes back


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\ncontent-le"])
async def test_a_connection_that_breaks_before_the_answer(connect, words):
    arrived = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        await request_head(reader)
        arrived += 1
        writer.write(words)
        await writer.drain()

    async with peer(hang_up) as url:
        http = await connect(url)
        with pytest.raises(Unavailable):
            await http.request("GET", "/things")
        assert arrived == ATTEMPTS
        arrived = 0
        with pytest.raises(InDoubt):
            await http.request("POST", "/things")
        assert arrived == 1


@pytest.mark.parametrize("size", [1, 7])
async def test_an_answer_in_slices_is_read_whole(connect, size):
    answer = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{"name": "mine"}'

    async def slice_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        for at in range(0, len(answer), size):
            writer.write(answer[at : at + size])
            await writer.drain()
            await asyncio.sleep(0)

    async with peer(slice_it) as url:
        http = await connect(url)
        assert await http.fetch(Thing, "GET", "/things/1") == Thing("mine")


async def test_two_hundred_chunks_are_one_answer(connect):
    async def chunked(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b'{"name": "'
            for _ in range(198):
                yield b"x" * 50
            yield b'"}'

        return StreamingResponse(pieces(), media_type="application/json")

    http = await connect(Scripted(chunked))
    assert (await http.fetch(Thing, "GET", "/things/1")).name == "x" * 50 * 198


async def test_an_endless_answer_is_refused_at_the_bound(connect):
    sent = 0

    async def endless(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += 1024
                yield b" " * 1024
                await asyncio.sleep(0)

        return StreamingResponse(pieces())

    provider = Scripted(endless)
    http = await connect(provider, max_answer_bytes=64 * 1024)
    with pytest.raises(Misbehaved, match="more than 65536 bytes"):
        await http.request("GET", "/things")
    with pytest.raises(InDoubt, match="may have happened"):
        await http.request("POST", "/things")
    await asyncio.sleep(0.02)
    before = sent
    await asyncio.sleep(0.02)
    assert sent == before, "the connection is closed, not drained"
    assert provider.calls == 2


@pytest.mark.parametrize(
    ("body", "media_type", "shown"),
    [
        (b"<html>hello</html>", "text/html", "18 bytes of text/html"),
        (b"", "application/json", "0 bytes of application/json"),
        (b'{"name": 1}', "application/json", "$.name"),
        (b'{"name": "\xff"}', "application/json", "cannot be read"),
    ],
)
async def test_an_unreadable_answer_misbehaves_to_a_read_and_leaves_a_write_in_doubt(connect, body, media_type, shown):
    provider = Scripted(Response(body, media_type=media_type))
    http = await connect(provider)
    with pytest.raises(Misbehaved) as read:
        await http.fetch(Thing, "GET", "/things/1")
    assert shown in str(read.value)
    assert "hello" not in str(read.value)
    with pytest.raises(InDoubt):
        await http.fetch(Thing, "POST", "/things")
    assert provider.calls == 2


async def test_a_broken_encoding_misbehaves(connect):
    broken = gzip.compress(b"x" * 1000)[:20] + b"\0" * 20
    http = await connect(Scripted(Response(broken, headers={"content-encoding": "gzip"})))
    with pytest.raises(Misbehaved, match="broken encoding"):
        await http.request("GET", "/things")


async def test_no_redirect_is_followed(connect):
    provider = Scripted(RedirectResponse("/elsewhere", 307))
    http = await connect(provider, authorization=Headers({"x-key": SecretStr(KEY)}))
    with pytest.raises(Misbehaved):
        await http.request("GET", "/things")
    assert [path for _, path, _ in provider.received] == ["/things"]


async def test_cookies_are_not_carried_from_one_call_to_the_next(connect):
    answer = JSONResponse({"name": "ok"})
    answer.set_cookie("session", "of-somebody")
    provider = Scripted(answer)
    http = await connect(provider)
    for _ in range(2):
        await http.request("GET", "/things")
    assert all("cookie" not in headers for headers in provider.headers)


# What must not be told


async def test_credentials_that_a_provider_echoes_are_blotted_out(connect):
    def fault(reply: Reply) -> Fault:
        words = reply.json(dict[str, str])
        return Fault(words["code"], words["detail"])

    token = "eyJhbGciOi.secret.token"
    echo = {"code": f"bad:{KEY}", "detail": f"key {KEY} and Bearer {token}\r\nrefused " + "z" * 900}
    http = await connect(
        Scripted(JSONResponse(echo, 400)),
        fault=fault,
        authorization=Headers({"authorization": SecretStr(f"Bearer {token}")}),
    )
    with pytest.raises(Refused) as caught:
        await http.request("GET", "/things")
    told = f"{caught.value} {caught.value.detail} {caught.value.provider_code} {caught.value!r}"
    assert KEY not in told
    assert token not in told
    assert caught.value.detail.startswith("key *** and Bearer ***  refused")
    assert len(caught.value.detail) <= 300


async def test_a_secret_that_begins_with_another_is_blotted_out_whole(connect):
    def fault(reply: Reply) -> Fault:
        return Fault(detail=reply.body.decode())

    longer = f"{KEY}-and-more"
    http = await connect(
        Scripted(Response(f"<{longer}>", 400)), fault=fault, authorization=Headers({"x-key": SecretStr(longer)})
    )
    with pytest.raises(Refused) as caught:
        await http.request("GET", "/things")
    assert caught.value.detail == "<***>"


# How many at once


async def test_no_more_calls_than_allowed_are_under_way(connect):
    async def slowly(request: Request) -> Response:
        await asyncio.sleep(0.01)
        return JSONResponse({"name": "ok"})

    provider = Scripted(slowly)
    http = await connect(provider, max_concurrency=3)
    await asyncio.gather(*(http.request("GET", f"/things/{number}") for number in range(20)))
    assert (provider.calls, provider.peak) == (20, 3)


async def test_waiting_for_a_turn_ends_with_the_deadline(connect):
    release = asyncio.Event()

    async def wait(request: Request) -> Response:
        await release.wait()
        return Response()

    clock = Clock()
    provider = Scripted(wait)
    http = await connect(provider, max_concurrency=1, clock=clock)
    first = asyncio.create_task(http.request("GET", "/first"))
    while not provider.calls:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    with deadline(clock, 0.05), pytest.raises(TimedOut, match="too many are under way"):
        await http.request("GET", "/second")
    release.set()
    await first
    assert provider.calls == 1
    assert http.health.last_failure_at is None, "our own queue is not the provider's fault"


async def test_a_failed_call_gives_its_place_back(connect):
    http = await connect(Scripted(Response(status_code=404)), max_concurrency=1)
    for _ in range(5):
        with pytest.raises(NotFound):
            await http.request("GET", "/things")


# Leaving it alone


async def trip(http: Http) -> None:
    """Fails until the circuit is open."""
    for _ in range(8):
        with pytest.raises(Unavailable):
            await http.request("POST", "/fails")
    assert http.health.circuit is CircuitState.OPEN


async def test_a_row_of_failures_opens_the_circuit_and_nothing_leaves(connect, watch):
    provider = Scripted(Response(status_code=500))
    http = await connect(provider)
    await trip(http)
    with pytest.raises(Unavailable, match="left alone") as caught:
        await http.request("GET", "/things")
    assert 0 < caught.value.retry_after <= 5
    assert (provider.calls, watch.slept) == (8, []), "an open circuit answers at once"


async def test_failures_with_an_answer_between_them_do_not_open_it(connect):
    provider = Scripted(*([Response(status_code=500)] * 7 + [Response(status_code=404)]) * 2)
    http = await connect(provider)
    for _ in range(16):
        with pytest.raises(SigningError):
            await http.request("POST", "/things")
    assert http.health.circuit is CircuitState.CLOSED


async def test_after_the_pause_one_call_is_on_trial_and_closes_it(connect, watch):
    provider = Scripted(*[Response(status_code=500)] * 8, JSONResponse({"name": "ok"}))
    http = await connect(provider)
    await trip(http)
    watch.at += 6
    assert http.health.circuit is CircuitState.HALF_OPEN
    results = await asyncio.gather(*(http.request("POST", "/things") for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, Reply) for result in results) == 1
    assert sum(isinstance(result, Unavailable) for result in results) == 4
    assert provider.calls == 8 + 1
    assert http.health.circuit is CircuitState.CLOSED
    await http.request("POST", "/things")


async def test_a_failed_trial_opens_it_again(connect, watch):
    provider = Scripted(Response(status_code=500))
    http = await connect(provider)
    await trip(http)
    watch.at += 6
    with pytest.raises(Unavailable):
        await http.request("GET", "/things")
    assert provider.calls == 8 + 1, "the trial is not repeated"
    assert http.health.circuit is CircuitState.OPEN


async def test_a_trial_that_is_given_up_lets_the_next_one_try(connect, watch):
    async def hang(request: Request) -> Response:
        await asyncio.sleep(0.3)
        return Response(status_code=204)

    provider = Scripted(*[Response(status_code=500)] * 8, hang, Response(status_code=204))
    http = await connect(provider)
    await trip(http)
    watch.at += 6
    trial = asyncio.create_task(http.request("GET", "/things"))
    while provider.calls < 9:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    await http.request("GET", "/things")
    assert http.health.circuit is CircuitState.CLOSED


async def test_calls_in_the_queue_do_not_leave_once_the_circuit_is_open(connect):
    provider = Scripted(Response(status_code=500))
    http = await connect(provider, max_concurrency=2)
    results = await asyncio.gather(*(http.request("POST", "/things") for _ in range(40)), return_exceptions=True)
    assert all(isinstance(result, Unavailable) for result in results)
    assert provider.calls <= 9


async def test_health_tells_of_the_last_calls(connect, watch):
    provider = Scripted(JSONResponse({}), Response(status_code=404), Response(status_code=500), JSONResponse({}))
    http = await connect(provider)
    assert (http.health.last_success_at, http.health.last_failure_at) == (None, None)
    await http.request("POST", "/things")
    first = http.health.last_success_at
    assert first == watch.now()
    watch.at += 1
    with pytest.raises(NotFound):
        await http.request("POST", "/things")
    assert http.health.last_success_at == watch.now(), "saying no is an answer"
    watch.at += 1
    with pytest.raises(Unavailable):
        await http.request("POST", "/things")
    assert http.health.last_failure_at == watch.now()
    assert isinstance(http.health.last_error, Unavailable)
    await http.request("POST", "/things")
    assert http.health.last_error is None


# Proving who we are


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

    async def connect(self, connect: Callable[..., Awaitable[Http]], clock: Clock, **settings: object) -> Http:
        async def fetch() -> Token:
            reply = await http.request("POST", "/token", authorized=False, repeatable=True)
            return Token(SecretStr(reply.json(Thing).name), self.expires_in)

        http: Http = await connect(self.app, authorization=Bearer(fetch, clock), clock=clock, **settings)
        return http


@pytest.mark.parametrize("max_concurrency", [1, 4, 50])
async def test_fifty_refused_at_once_fetch_one_token(connect, watch, max_concurrency):
    office = Office(good_from=2)
    http = await office.connect(connect, watch, max_concurrency=max_concurrency, timeout=5)
    replies = await asyncio.gather(*(http.request("GET", "/things") for _ in range(50)))
    assert {reply.status for reply in replies} == {200}
    assert office.tokens == 2, "the first, and one in its place"
    assert office.calls <= 100


async def test_fifty_at_the_beginning_fetch_one_token(connect, watch):
    office = Office()
    http = await office.connect(connect, watch)
    await asyncio.gather(*(http.request("GET", "/things") for _ in range(50)))
    assert (office.tokens, office.calls) == (1, 50)


async def test_a_token_that_is_refused_twice_is_not_fetched_for_ever(connect, watch):
    office = Office(good_from=1000)
    http = await office.connect(connect, watch)
    with pytest.raises(AuthorizationRequired):
        await http.request("GET", "/things")
    assert (office.tokens, office.calls) == (2, 2)


@pytest.mark.parametrize(("expires_in", "good", "replaced"), [(100.0, 89.0, 91.0), (None, 289.0, 291.0), (6.0, 2.9, 3.1)])
async def test_a_token_is_replaced_before_it_ends(connect, watch, expires_in, good, replaced):
    office = Office(expires_in=expires_in)
    http = await office.connect(connect, watch)
    await http.request("GET", "/things")
    watch.at = good
    await http.request("GET", "/things")
    assert office.tokens == 1
    watch.at = replaced
    await http.request("GET", "/things")
    assert office.tokens == 2


async def test_a_token_endpoint_that_says_no_is_told_as_such(connect, watch):
    office = Office(status=401)
    http = await office.connect(connect, watch)
    with pytest.raises(AuthorizationRequired):
        await http.request("GET", "/things")
    assert (office.tokens, office.calls) == (1, 0)
    office.status = 200
    await http.request("GET", "/things")


async def test_waiting_for_a_token_ends_with_the_deadline(connect):
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
    assert (await patient).status == 200


async def test_whoever_gives_up_while_fetching_a_token_leaves_it_to_the_next(connect, watch):
    office = Office()
    office.delay = 0.05
    http = await office.connect(connect, watch)
    first = asyncio.create_task(http.request("GET", "/things"))
    second = asyncio.create_task(http.request("GET", "/things"))
    await asyncio.sleep(0.02)
    first.cancel()
    assert (await second).status == 200
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_fixed_headers_are_sent_and_a_refusal_of_them_stays(connect):
    provider = Scripted(Response(status_code=401))
    http = await connect(provider, authorization=Headers({"x-key": SecretStr(KEY)}))
    with pytest.raises(AuthorizationRequired):
        await http.request("GET", "/things")
    assert provider.calls == 1
    assert provider.headers[0]["x-key"] == KEY


# Giving up


async def test_cancelling_a_call_closes_its_connection(connect):
    asked, closed = asyncio.Event(), asyncio.Event()

    async def wait_for_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        asked.set()
        if await reader.read() == b"":
            closed.set()

    async with peer(wait_for_the_end) as url:
        http = await connect(url)
        call = asyncio.create_task(http.request("GET", "/things"))
        await asyncio.wait_for(asked.wait(), 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(closed.wait(), 1)
    assert http.health.last_failure_at is None, "that we gave up says nothing about the provider"


async def test_a_connection_that_was_closed_while_idle_does_not_put_a_write_in_doubt(connect):
    gone = asyncio.Event()

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()
        gone.set()

    async with peer(answer_once) as url:
        http = await connect(url)
        for _ in range(3):
            assert (await http.request("POST", "/things")).status == 204
            await gone.wait()
            await asyncio.sleep(0.01)


# Downloads


async def test_a_download_is_handed_on_piece_by_piece(connect):
    taken = asyncio.Event()

    async def gated(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.wait_for(taken.wait(), 2)  # holding it all back would end here
            for _ in range(64):
                yield b"x" * 65536

        headers = {"content-disposition": 'attachment; filename="a b.pdf"'}
        return StreamingResponse(pieces(), media_type="application/pdf; charset=binary", headers=headers)

    http = await connect(Scripted(gated), max_answer_bytes=1024 * 1024)
    size = 0
    async with http.download("/things/1") as content:
        assert (content.media_type, content.filename, content.size_bytes) == ("application/pdf", "a b.pdf", None)
        async for chunk in content.chunks:
            size += len(chunk)
            taken.set()
    assert size == 5 + 64 * 65536, "the bound is on answers that are held, not on those that pass through"


async def test_a_download_tells_its_size_and_takes_a_name_in_any_script(connect):
    headers = {"content-disposition": "attachment; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.pdf"}
    http = await connect(Scripted(Response(b"12345", media_type="application/pdf", headers=headers)))
    async with http.download("/things/1") as content:
        assert (content.size_bytes, content.filename) == (5, "naïve €.pdf")
        assert b"".join([chunk async for chunk in content.chunks]) == b"12345"


@pytest.mark.parametrize(
    "disposition",
    ["", ";", 'inline; filename="', "attachment; filename*=''%", "\xff\xfe", "a" * 5000, 'form-data; name=";;"; ='],
)
async def test_a_disposition_that_makes_no_sense_does_no_harm(connect, disposition):
    http = await connect(Scripted(Response(b"12345", headers={"content-disposition": disposition})))
    async with http.download("/things/1") as content:
        assert b"".join([chunk async for chunk in content.chunks]) == b"12345"


async def test_a_download_is_tried_again_until_it_begins(connect):
    provider = Scripted(Response(status_code=500), Response(status_code=502), Response(b"12345"))
    http = await connect(provider)
    async with http.download("/things/1") as content:
        assert b"".join([chunk async for chunk in content.chunks]) == b"12345"
    assert provider.calls == ATTEMPTS


async def test_a_refused_download_raises_where_it_is_opened(connect):
    http = await connect(Scripted(Response(status_code=404)))
    with pytest.raises(NotFound):
        async with http.download("/things/1"):
            pytest.fail("there is nothing to read")


@pytest.mark.parametrize("framing", [b"content-length: 1000", b"transfer-encoding: chunked"])
async def test_a_download_that_breaks_off_is_unavailable_and_not_shorter(connect, framing):
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n" + b"a\r\n" + b"x" * 10 + b"\r\n")
        await writer.drain()

    received = b""
    async with peer(break_off) as url:
        http = await connect(url)
        with pytest.raises(Unavailable):
            async with http.download("/things/1") as content:
                async for chunk in content.chunks:
                    received += chunk
    assert b"x" * 10 in received
    assert http.health.last_failure_at is not None


async def test_a_download_that_stalls_times_out(connect):
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc")
        await reader.read()

    async with peer(stall) as url:
        http = await connect(url, timeout=0.1)
        with pytest.raises(TimedOut):
            async with http.download("/things/1") as content:
                async for _ in content.chunks:
                    pass
        await http.close()


async def test_leaving_a_download_closes_its_connection_and_frees_its_place(connect):
    closed = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except ConnectionError:
            closed.set()

    async with peer(pour) as url:
        http = await connect(url, max_concurrency=1)
        for _ in range(2):
            closed.clear()
            async with http.download("/things/1") as content:
                await anext(content.chunks)
            await asyncio.wait_for(closed.wait(), 2)
    assert http.health.last_error is None


def test_settings_and_tokens_show_no_secret():
    settings = Settings(name="acme", base_url="http://127.0.0.1:1")
    assert KEY not in repr(settings) + str(settings) + json.dumps(settings.model_dump(mode="json"))
    assert KEY not in repr(Token(SecretStr(KEY)))
