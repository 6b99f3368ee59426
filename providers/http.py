"""The one door out: every call to a provider passes here, and only our own errors come back.

Deadlines, retries, the circuit, the bound on concurrent calls, credentials, and the upper bound on the size
of an answer live here, once. What a body means is the adapter's to say.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeVar

import httpx
import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from providers.authorization import Authorization
from providers.call import READS, Body, Call, Query, unreadable
from providers.clock import Clock
from providers.deadline import time_left
from providers.errors import AuthorizationRequired, Busy, SigningError, TimedOut, Unavailable
from providers.health import Health, Pulse
from providers.model import Content
from providers.reply import Fault, Reply, content, refusal
from providers.settings import ProviderSettings

T = TypeVar("T")

ATTEMPTS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class Http:
    """Calls to one provider.

    A read, and a write that is safe to repeat, is retried; any other write only where it is known not to have
    happened. Cancellation closes the connection that a call was using.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        authorization: Authorization | None = None,
        fault: Callable[[Reply], Fault] = lambda reply: Fault(),
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.provider = settings.name
        self.clock = clock or Clock()
        self.sent = 0
        """How many calls have gone out, each attempt and each request for a token counted."""
        self._settings = settings
        self._authorization = authorization
        self._fault = fault
        self._pulse = Pulse(self.clock)
        self._slots = asyncio.Semaphore(settings.max_concurrency)
        self._client = httpx.AsyncClient(
            transport=transport,
            verify=_tls(),
            follow_redirects=False,
            # Cookies would carry what one caller did into the calls of another.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            # Connecting gives up first, so that a write which never left is not taken for one in doubt.
            timeout=httpx.Timeout(settings.timeout, connect=settings.timeout / 2),
            limits=httpx.Limits(max_connections=settings.max_concurrency, max_keepalive_connections=settings.max_concurrency),
        )

    @property
    def health(self) -> Health:
        """How the last calls went."""
        return self._pulse.health

    def heard(self, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Calls ``listener`` whenever health may be another than before."""
        return self._pulse.heard(listener)

    def stir(self) -> None:
        """Says that what is known of the provider may have changed without a call."""
        self._pulse.stir()

    async def close(self) -> None:
        """Closes every connection."""
        await self._client.aclose()

    async def fetch(
        self,
        into: type[T],
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json: object = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> T:
        """Calls and reads the answer as a wire model.

        Raises ``Misbehaved`` where the answer to a read is unreadable, ``InDoubt`` where that of a write is.
        """
        reply = await self.request(method, path, query=query, json=json, body=body, headers=headers, repeatable=repeatable)
        try:
            return reply.json(into)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.unreadable(method, path, reply, error) from error

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json: object = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        base_url: str | None = None,
        authorized: bool = True,
    ) -> Reply:
        """Calls and returns a successful (2xx) answer.

        ``repeatable`` says that the call may be sent twice; left out, it follows from the method.
        ``base_url`` is for the one host beside the API's: where tokens come from.
        """
        call = self._call(
            method, path, query=query, json=json, body=body, headers=headers, repeatable=repeatable, base_url=base_url
        )
        async for attempt in self._attempts(call):
            with attempt:
                async with self._exchange(call, authorized=authorized) as response:
                    return await self._read(call, response)
        raise AssertionError("unreachable: the last attempt returns or raises")

    @asynccontextmanager
    async def download(
        self, path: str, *, query: Query | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Content]:
        """Opens an answer to be read in pieces; retried until its headers are here, not afterwards."""
        call = self._call("GET", path, query=query, headers=headers)
        async with AsyncExitStack() as exchange:
            async for attempt in self._attempts(call):
                with attempt:
                    response = await exchange.enter_async_context(self._exchange(call))
            yield content(response.headers, call.chunks(response))

    def unreadable(self, method: str, path: str, reply: Reply, cause: Exception | None = None) -> SigningError:
        """The error for an answer that should have been readable and is not; shows nothing of its body."""
        return unreadable(self.provider, method, path, reply, cause)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json: object = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        base_url: str | None = None,
    ) -> Call:
        sent = dict(headers or {})
        if json is not None:
            body = msgspec.json.encode(json)
            sent["content-type"] = "application/json"
        if repeatable is None:
            repeatable = method in READS or method in {"PUT", "DELETE"}
        url = (base_url or self._settings.base_url) + path
        return Call(self.provider, method, path, url, query, sent, body, repeatable)

    def _attempts(self, call: Call) -> AsyncRetrying:
        def again(error: BaseException) -> bool:
            if not isinstance(error, SigningError) or not error.retryable or self._pulse.circuit.wait() > 0:
                return False
            return call.repeatable or error.status in {None, 429} or isinstance(error, Busy)

        def enough(state: RetryCallState) -> bool:
            return state.attempt_number >= ATTEMPTS or state.upcoming_sleep >= self._rest()

        return AsyncRetrying(stop=enough, retry=retry_if_exception(again), wait=_pause, sleep=self.clock.sleep, reraise=True)

    def _rest(self) -> float:
        """Seconds left of the whole request, or a call's own timeout where nobody set a deadline."""
        left = time_left(self.clock)
        return self._settings.timeout if left is None else left

    @asynccontextmanager
    async def _exchange(self, call: Call, *, authorized: bool = True) -> AsyncIterator[httpx.Response]:
        """One answer with a 2xx status, credentials renewed once on the way where they were refused."""
        authorization = self._authorization if authorized else None
        proof = await self._proof(authorization)
        async with AsyncExitStack() as answer:
            try:
                response = await answer.enter_async_context(self._answer(call, proof))
            except AuthorizationRequired:
                # The refused call has left its slot by now: fetching a token takes one.
                if not (renewed := await self._proof(authorization, rejected=proof)):
                    raise
                response = await answer.enter_async_context(self._answer(call, renewed))
            yield response

    async def _proof(
        self, authorization: Authorization | None, *, rejected: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """Headers that prove who we are; none where there are no others than the rejected ones."""
        if authorization is None:
            return {}
        try:
            async with asyncio.timeout(self._rest()):
                if rejected is not None and not await authorization.renew(rejected):
                    return {}
                return await authorization.headers()
        except TimeoutError as error:
            raise TimedOut(f"No credentials for {self.provider} were to be had in time.", provider=self.provider) from error
        finally:
            self._pulse.stir()

    @asynccontextmanager
    async def _answer(self, call: Call, proof: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        async with self._slot():
            response: httpx.Response | None = None
            try:
                response = await self._send(call, proof)
                if not response.is_success:
                    raise self._refusal(call, await self._read(call, response), proof)
                self._pulse.note(None)
                yield response
            except BaseException as error:
                self._pulse.note(error)
                raise
            finally:
                if response is not None:
                    await response.aclose()

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """A place among the calls under way. Raises where a call had better not go out."""
        self._admit()
        try:
            async with asyncio.timeout(self._rest()):
                await self._place()
        except TimeoutError as error:
            what = f"No call to {self.provider} could begin in time: too many are under way."
            raise TimedOut(what, provider=self.provider) from error
        try:
            self._admit()
            self._pulse.circuit.begin()
            yield
        finally:
            self._slots.release()

    async def _place(self) -> None:
        await self._slots.acquire()
        try:
            await self._pulse.circuit.verdict()
        except BaseException:
            self._slots.release()
            raise

    def _admit(self) -> None:
        if (wait := self._pulse.circuit.wait()) > 0:
            what = f"{self.provider} has failed repeatedly and is left alone for a moment."
            raise Unavailable(what, provider=self.provider, retry_after=wait)
        if self._rest() <= 0:
            raise TimedOut(f"The request's deadline passed before {self.provider} was asked.", provider=self.provider)

    async def _send(self, call: Call, proof: Mapping[str, str]) -> httpx.Response:
        request = self._client.build_request(
            call.method,
            call.url,
            params=dict(call.query) if call.query else None,
            headers={**call.headers, **proof},
            content=call.content,
        )
        # A streamed body may take as long as the whole request may.
        patience = time_left(self.clock) if callable(call.body) else min(self._settings.timeout, self._rest())
        self.sent += 1
        try:
            async with asyncio.timeout(patience):
                return await self._client.send(request, stream=True)
        except (httpx.HTTPError, TimeoutError) as error:
            raise call.silence(error) from error

    async def _read(self, call: Call, response: httpx.Response) -> Reply:
        body = bytearray()
        try:
            async with asyncio.timeout(min(self._settings.timeout, self._rest())):
                async for chunk in call.chunks(response):
                    body += chunk
                    if len(body) > self._settings.max_answer_bytes:
                        raise call.oversized(self._settings.max_answer_bytes)
        except TimeoutError as error:
            raise call.silence(error) from error
        return Reply(response.status_code, response.headers, bytes(body))

    def _refusal(self, call: Call, reply: Reply, proof: Mapping[str, str]) -> SigningError:
        secrets = [secret.get_secret_value() for secret in self._settings.secrets()]
        proofs = [*proof.values(), call.headers.get("authorization", "")]
        secrets += [value.split(" ", 1)[-1] for value in proofs if value]
        return refusal(
            self.provider, reply, self._fault(reply), repeatable=call.repeatable, secrets=secrets, now=self.clock.now()
        )


@cache
def _tls() -> ssl.SSLContext:
    """Whom to trust; reading that takes 50 ms, so it is read once for all providers."""
    return httpx.create_ssl_context()


def _pause(state: RetryCallState) -> float:
    """Full jitter, or what the provider asks for."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, SigningError) and error.retry_after is not None:
        return error.retry_after
    return random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**state.attempt_number))
