"""The one door out: every call to a provider passes here, and only our own errors come back.

Deadlines, retries, the circuit, the bound on concurrent calls, credentials, and the upper bound on the size
of an answer live here, once. What a body means is the adapter's to say.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import TypeVar

import httpx
import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from providers.authorization import Authorization
from providers.circuit import Circuit, CircuitState
from providers.clock import Clock
from providers.deadline import time_left
from providers.errors import (
    AuthorizationRequired,
    Busy,
    InDoubt,
    Misbehaved,
    SigningError,
    TimedOut,
    Unavailable,
)
from providers.model import Content
from providers.reply import Fault, Reply, refusal
from providers.settings import ProviderSettings

T = TypeVar("T")
Query = Mapping[str, str | int | Sequence[str]]
Body = bytes | Callable[[], AsyncIterator[bytes]]

ATTEMPTS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Health:
    """How the last calls to a provider went."""

    circuit: CircuitState = CircuitState.CLOSED
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_error: SigningError | None = None


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    url: str
    query: Query | None
    headers: Mapping[str, str]
    body: Body | None
    repeatable: bool


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
        self._settings = settings
        self._authorization = authorization
        self._fault = fault
        self._circuit = Circuit(self.clock)
        self._slots = asyncio.Semaphore(settings.max_concurrency)
        self._health = Health()
        self._client = httpx.AsyncClient(
            transport=transport,
            follow_redirects=False,
            timeout=httpx.Timeout(settings.timeout),
            limits=httpx.Limits(max_connections=settings.max_concurrency, max_keepalive_connections=settings.max_concurrency),
        )

    @property
    def health(self) -> Health:
        """How the last calls went."""
        last = self._health
        return Health(self._circuit.state, last.last_success_at, last.last_failure_at, last.last_error)

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
            yield _content(response, self._chunks(call, response))

    def unreadable(self, method: str, path: str, reply: Reply, cause: Exception | None = None) -> SigningError:
        """The error for an answer that should have been readable and is not; shows nothing of its body."""
        kind = reply.headers.get("content-type", "no content type").split(";")[0]
        at = f" ({cause})" if isinstance(cause, msgspec.ValidationError) else ""
        what = f"{self.provider} answered {method} {path} with {len(reply.body)} bytes of {kind} that cannot be read{at}."
        if method in _READS:
            return Misbehaved(what, provider=self.provider, status=reply.status)
        return InDoubt(f"{what} It may have happened all the same.", provider=self.provider, status=reply.status)

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
    ) -> _Call:
        sent = dict(headers or {})
        if json is not None:
            body = msgspec.json.encode(json)
            sent["content-type"] = "application/json"
        if repeatable is None:
            repeatable = method in _READS or method in {"PUT", "DELETE"}
        url = (base_url or self._settings.base_url) + path
        return _Call(method, path, url, query, sent, body, repeatable)

    def _attempts(self, call: _Call) -> AsyncRetrying:
        def again(error: BaseException) -> bool:
            if not isinstance(error, SigningError) or not error.retryable:
                return False
            known_undone = error.status in {None, 429} or isinstance(error, Busy)
            return (call.repeatable or known_undone) and self._rest() > (error.retry_after or 0.0)

        return AsyncRetrying(
            stop=stop_after_attempt(ATTEMPTS),
            retry=retry_if_exception(again),
            wait=_pause,
            sleep=self.clock.sleep,
            reraise=True,
        )

    def _rest(self) -> float:
        """Seconds left of the whole request, or a call's own timeout where nobody set a deadline."""
        left = time_left(self.clock)
        return self._settings.timeout if left is None else left

    @asynccontextmanager
    async def _exchange(self, call: _Call, *, authorized: bool = True) -> AsyncIterator[httpx.Response]:
        """One answer with a 2xx status, credentials renewed once on the way where they were refused."""
        authorization = self._authorization if authorized else None
        proof = await authorization.headers() if authorization else {}
        response: httpx.Response | None = None
        async with self._slot():
            try:
                response = await self._send(call, proof)
                if response.status_code == 401 and authorization and await authorization.renew(proof):
                    await response.aclose()
                    proof = await authorization.headers()
                    response = await self._send(call, proof)
                if not response.is_success:
                    raise self._refusal(call, await self._read(call, response), proof)
                self._note(None)
                yield response
            except BaseException as error:
                self._note(error)
                raise
            finally:
                if response is not None:
                    await response.aclose()

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if (wait := self._circuit.wait()) > 0:
            raise Unavailable(
                f"{self.provider} has failed repeatedly and is left alone for a moment.",
                provider=self.provider,
                retry_after=wait,
            )
        try:
            async with asyncio.timeout(self._rest()):
                await self._slots.acquire()
        except TimeoutError as error:
            raise TimedOut(
                f"No call to {self.provider} could begin in time: too many are under way.", provider=self.provider
            ) from error
        try:
            yield
        finally:
            self._slots.release()

    async def _send(self, call: _Call, proof: Mapping[str, str]) -> httpx.Response:
        if self._rest() <= 0:
            raise TimedOut(f"The request's deadline passed before {self.provider} was asked.", provider=self.provider)
        request = self._client.build_request(
            call.method,
            call.url,
            params=dict(call.query) if call.query else None,
            headers={**call.headers, **proof},
            content=call.body() if callable(call.body) else call.body,
        )
        self._circuit.begin()
        try:
            async with asyncio.timeout(self._patience(call)):
                return await self._client.send(request, stream=True)
        except (httpx.HTTPError, TimeoutError) as error:
            raise self._silence(call, error) from error

    async def _read(self, call: _Call, response: httpx.Response) -> Reply:
        body = bytearray()
        try:
            async with asyncio.timeout(min(self._settings.timeout, self._rest())):
                async for chunk in self._chunks(call, response):
                    body += chunk
                    if len(body) > self._settings.max_answer_bytes:
                        raise self._oversized(call)
        except TimeoutError as error:
            raise self._silence(call, error) from error
        return Reply(response.status_code, response.headers, bytes(body))

    def _patience(self, call: _Call) -> float | None:
        """Seconds until headers must be here. A streamed body may take as long as the whole request may."""
        if callable(call.body):
            return time_left(self.clock)
        return min(self._settings.timeout, self._rest())

    def _oversized(self, call: _Call) -> Misbehaved:
        bound = self._settings.max_answer_bytes
        return Misbehaved(
            f"{self.provider} answered {call.method} {call.path} with more than {bound} bytes.", provider=self.provider
        )

    async def _chunks(self, call: _Call, response: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for chunk in response.aiter_bytes():
                yield chunk
        except (httpx.HTTPError, TimeoutError) as error:
            raise self._silence(call, error) from error

    def _silence(self, call: _Call, error: Exception) -> SigningError:
        """The error for a call that got no answer, or only a part of one."""
        name = f"{self.provider} {call.method} {call.path}"
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return Unavailable(f"{self.provider} cannot be reached.", provider=self.provider)
        if not call.repeatable:
            return InDoubt(f"{name} was sent and not answered: it may or may not have happened.", provider=self.provider)
        if isinstance(error, TimeoutError | httpx.TimeoutException):
            return TimedOut(f"{name} was not answered in time.", provider=self.provider)
        return Unavailable(f"{name} was not answered: the connection broke.", provider=self.provider)

    def _refusal(self, call: _Call, reply: Reply, proof: Mapping[str, str]) -> SigningError:
        secrets = [secret.get_secret_value() for secret in self._settings.secrets()]
        secrets += [word for value in proof.values() for word in value.split()]
        return refusal(
            self.provider, reply, self._fault(reply), repeatable=call.repeatable, secrets=secrets, now=self.clock.now()
        )

    def _note(self, error: BaseException | None) -> None:
        now = self.clock.now()
        if isinstance(error, Unavailable | Misbehaved | InDoubt):
            self._circuit.failed()
            self._health = Health(CircuitState.CLOSED, self._health.last_success_at, now, error)
        elif error is None or isinstance(error, SigningError):
            self._circuit.succeeded()
            failed = isinstance(error, AuthorizationRequired | Busy)
            self._health = Health(
                CircuitState.CLOSED,
                self._health.last_success_at if failed else now,
                now if failed else self._health.last_failure_at,
                error if failed else None,
            )
        else:
            self._circuit.abandoned()


def _pause(state: RetryCallState) -> float:
    """Full jitter, or what the provider asks for."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, SigningError) and error.retry_after is not None:
        return error.retry_after
    return random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**state.attempt_number))


def _content(response: httpx.Response, chunks: AsyncIterator[bytes]) -> Content:
    size = response.headers.get("content-length", "")
    disposition = EmailMessage()
    disposition["content-disposition"] = response.headers.get("content-disposition", "").replace("\r", " ").replace("\n", " ")
    return Content(
        chunks=chunks,
        media_type=response.headers.get("content-type", "application/octet-stream").split(";")[0].strip(),
        filename=disposition.get_filename(),
        size_bytes=int(size) if size.isdigit() and "content-encoding" not in response.headers else None,
    )
