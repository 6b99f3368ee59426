"""The one door out: every call to a provider passes here, and only our own errors come back.

Deadlines, retries, the circuit, the bound on concurrent calls, credentials, and the upper bound on the size
of an answer live here, once. What a body means is the adapter's to say.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from functools import lru_cache
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from providers.clock import Clock
from providers.decoding.json import MALFORMED
from providers.errors import AuthorizationRequired, Busy, SigningError, TimedOut, Unavailable
from providers.http.circuit_breaker import CircuitState
from providers.http.credentials import Auth
from providers.http.deadline import remaining_time
from providers.http.health import Health, HealthRecorder
from providers.http.http1.transport import Http1Transport
from providers.http.httpx_transport import HttpxTransport
from providers.http.message.request import SAFE_METHODS, QueryParams, Request, RequestContent, unreadable_response
from providers.http.message.response import ErrorDetail, Response, content_from_headers, error_for_status, to_utf8
from providers.http.message.url import build_url
from providers.http.metering import UNREADABLE, Meter, current_operation, null_meter, outcome_of
from providers.http.transport import StreamedResponse, Transport, TransportError
from providers.model import Content
from providers.settings import ProviderSettings, TransportName

T = TypeVar("T")
Exchange = Callable[[Request, Mapping[str, str]], Awaitable[T]]
"""One attempt at a call, with the headers that prove who we are."""

ATTEMPTS = 3
_TRANSPORTS: Mapping[TransportName, type[Http1Transport] | type[HttpxTransport]] = {
    "http1": Http1Transport,
    "httpx": HttpxTransport,
}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_REMEMBERED = 512


class HttpClient:
    """Calls to one provider.

    A read, and a write that is safe to repeat, is retried; any other write only where it is known not to have
    happened. Cancellation closes the connection that a call was using.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        authorization: Auth | None = None,
        parse_error: Callable[[Response], ErrorDetail] = lambda reply: ErrorDetail(),
        transport: Transport | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.provider = settings.name
        self.clock = clock or Clock()
        self.requests_sent = 0
        """How many calls have gone out, each attempt and each request for a token counted."""
        self.meter: Meter = null_meter
        """Told of each of these calls once it has ended."""
        self._settings = settings
        self._authorization = authorization
        self._parse_error = parse_error
        self._health = HealthRecorder(self.clock)
        self._slots = asyncio.Semaphore(settings.max_concurrency)
        self._reading = lru_cache(_REMEMBERED)(self._call)
        """A call that says nothing but what is read: the same is read again and again."""
        self._transport = transport or _TRANSPORTS[settings.transport](
            # Connecting gives up first, so that a write which never left is not taken for one in doubt.
            connect=settings.timeout / 2,
            stall=settings.timeout,
        )

    @property
    def health(self) -> Health:
        """How the last calls went."""
        return self._health.health

    def subscribe_health(self, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Calls ``listener`` whenever health may be another than before."""
        return self._health.subscribe(listener)

    def notify_health(self) -> None:
        """Says that what is known of the provider may have changed without a call."""
        self._health.notify()

    async def close(self) -> None:
        """Closes every connection."""
        await self._transport.close()

    async def fetch(
        self,
        into: type[T],
        method: str,
        path: str,
        *,
        query: QueryParams | None = None,
        json: object = None,
        body: RequestContent | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        rows: Sequence[str] = (),
    ) -> T:
        """Calls and reads the answer as a wire model, in which there may be ``rows``: see ``Reply.page``.

        Raises ``Misbehaved`` where the answer to a read is unreadable, ``InDoubt`` where that of a write is.
        """
        reply = await self.request(method, path, query=query, json=json, body=body, headers=headers, repeatable=repeatable)
        try:
            return reply.page(into, *rows) if rows else reply.json(into)
        except MALFORMED as error:
            raise self.unreadable(method, path, reply, error) from error

    def request(
        self,
        method: str,
        path: str,
        *,
        query: QueryParams | None = None,
        json: object = None,
        body: RequestContent | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        base_url: str | None = None,
        authorized: bool = True,
    ) -> Awaitable[Response]:
        """Calls and returns a successful (2xx) answer.

        ``repeatable`` says that the call may be sent twice; left out, it follows from the method.
        ``base_url`` is for the one host beside the API's: where tokens come from.
        """
        silent = json is None and body is None and headers is None
        if method in SAFE_METHODS and silent and not query and repeatable is None and base_url is None:
            call = self._reading(method, path)
        else:
            call = self._call(
                method, path, query=query, json=json, body=body, headers=headers, repeatable=repeatable, base_url=base_url
            )
        return self._tried(call, self._whole, authorized=authorized)

    @asynccontextmanager
    async def download(
        self, path: str, *, query: QueryParams | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Content]:
        """Opens an answer to be read in pieces; retried until its headers are here, not afterwards."""
        call = self._call("GET", path, query=query, headers=headers)
        answer, begun = await self._tried(call, self._open)
        self._count(begun, None)
        try:
            yield content_from_headers(answer.headers, call.chunks(answer, self._settings.timeout))
        except BaseException as error:
            self._health.record(error)
            raise
        finally:
            await self._leave(answer)

    def unreadable(self, method: str, path: str, reply: Response, cause: Exception | None = None) -> SigningError:
        """The error for an answer that should have been readable and is not; shows nothing of its body."""
        self.meter(current_operation(), UNREADABLE, 0.0)
        return unreadable_response(self.provider, method, path, reply, cause)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: QueryParams | None = None,
        json: object = None,
        body: RequestContent | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        base_url: str | None = None,
    ) -> Request:
        sent = dict(headers or {})
        if json is not None:
            body = msgspec.json.encode(json)
            sent["content-type"] = "application/json"
        if repeatable is None:
            repeatable = method in SAFE_METHODS or method in {"PUT", "DELETE"}
        asked = f"{path}{'&' if '?' in path else '?'}{urlencode(query, doseq=True)}" if query else path
        url = build_url(base_url or self._settings.base_url, asked)
        return Request(self.provider, method, path, url, sent, body, repeatable)

    async def _tried(self, call: Request, once: Exchange[T], *, authorized: bool = True) -> T:
        """What the first attempt comes to that is not worth another."""
        authorization = self._authorization if authorized else None
        attempt = 1
        while True:
            try:
                if authorization is None:
                    return await once(call, {})
                proof = authorization.headers()
                if proof is None:
                    proof = await self._renewed(authorization, None)
                try:
                    return await once(call, proof)
                except AuthorizationRequired:
                    # The refused call has left its place by now: fetching a token takes one.
                    if not (renewed := await self._renewed(authorization, proof)):
                        raise
                return await once(call, renewed)
            except SigningError as error:
                pause = _pause(error, attempt)
                if attempt >= ATTEMPTS or not self._again(call, error) or pause >= self._rest():
                    raise
            attempt += 1
            await self.clock.sleep(pause)

    def _again(self, call: Request, error: SigningError) -> bool:
        if not error.retryable or self._health.circuit.wait() > 0:
            return False
        return call.repeatable or error.status in {None, 429} or isinstance(error, Busy)

    def _rest(self) -> float:
        """Seconds left of the whole request, or a call's own timeout where nobody set a deadline."""
        left = remaining_time(self.clock)
        return self._settings.timeout if left is None else left

    async def _renewed(self, authorization: Auth, rejected: Mapping[str, str] | None) -> Mapping[str, str]:
        """Headers that prove who we are; none where there are no others than the rejected ones."""
        try:
            async with asyncio.timeout(self._rest()):
                return await authorization.renew(rejected)
        except TimeoutError as error:
            raise TimedOut(f"No credentials for {self.provider} were to be had in time.", provider=self.provider) from error
        finally:
            self._health.notify()

    async def _whole(self, call: Request, proof: Mapping[str, str]) -> Response:
        answer, begun = await self._open(call, proof)
        try:
            body = answer.whole()
            if body is None or len(body) > self._settings.max_answer_bytes:
                body = await self._read(call, answer)
        except BaseException as error:
            self._health.record(error)
            self._count(begun, error)
            raise
        finally:
            await self._leave(answer)
        self._count(begun, None)
        return Response(answer.status_code, answer.headers, to_utf8(body))

    async def _open(self, call: Request, proof: Mapping[str, str]) -> tuple[StreamedResponse, float]:
        """An answer with a 2xx status, which keeps its place until ``_leave``, and when its call went out.

        Raises where a call had better not go out.
        """
        self._admit()
        if self._slots.locked() or self._health.circuit.state is not CircuitState.CLOSED:
            await self._queue()
        else:
            await self._slots.acquire()
        self._health.circuit.begin()
        answer: StreamedResponse | None = None
        begun = self.clock.monotonic()
        try:
            try:
                answer = await self._send(call, proof)
            except TransportError as error:
                raise call.silence(error) from error
            if not 200 <= answer.status_code < 300:
                reply = Response(answer.status_code, answer.headers, to_utf8(await self._read(call, answer)))
                raise self._refusal(call, reply, proof)
            self._health.record(None)
        except BaseException as error:
            self._health.record(error)
            self._count(begun, error)
            await self._leave(answer)
            raise
        return answer, begun

    def _count(self, begun: float, error: BaseException | None) -> None:
        self.meter(current_operation(), outcome_of(error), self.clock.monotonic() - begun)

    async def _leave(self, answer: StreamedResponse | None) -> None:
        try:
            if answer is not None:
                await answer.aclose()
        finally:
            self._slots.release()

    async def _queue(self) -> None:
        try:
            async with asyncio.timeout(self._rest()):
                await self._slots.acquire()
                try:
                    await self._health.circuit.verdict()
                    self._admit()
                except BaseException:
                    self._slots.release()
                    raise
        except TimeoutError as error:
            what = f"No call to {self.provider} could begin in time: too many are under way."
            raise TimedOut(what, provider=self.provider) from error

    def _admit(self) -> None:
        if (wait := self._health.circuit.wait()) > 0:
            what = f"{self.provider} has failed repeatedly and is left alone for a moment."
            raise Unavailable(what, provider=self.provider, retry_after=wait)
        if self._rest() <= 0:
            raise TimedOut(f"The request's deadline passed before {self.provider} was asked.", provider=self.provider)

    def _send(self, call: Request, proof: Mapping[str, str]) -> Awaitable[StreamedResponse]:
        # A streamed body may take as long as the whole request may.
        patience = remaining_time(self.clock) if callable(call.body) else min(self._settings.timeout, self._rest())
        self.requests_sent += 1
        return self._transport.send(call.method, call.url, {**call.headers, **proof}, call.content, patience)

    async def _read(self, call: Request, answer: StreamedResponse) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(min(self._settings.timeout, self._rest())):
                while piece := await answer.read():
                    body += piece
                    if len(body) > self._settings.max_answer_bytes:
                        raise call.oversized(self._settings.max_answer_bytes)
        except (TransportError, TimeoutError) as error:
            raise call.silence(error) from error
        return bytes(body)

    def _refusal(self, call: Request, reply: Response, proof: Mapping[str, str]) -> SigningError:
        secrets = [secret.get_secret_value() for secret in self._settings.secrets()]
        proofs = [*proof.values(), call.headers.get("authorization", "")]
        secrets += [value.split(" ", 1)[-1] for value in proofs if value]
        return error_for_status(
            self.provider, reply, self._parse_error(reply), repeatable=call.repeatable, secrets=secrets, now=self.clock.now()
        )


def _pause(error: SigningError, attempt: int) -> float:
    """Full jitter, or what the provider asks for."""
    if error.retry_after is not None:
        return error.retry_after
    return random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt))
