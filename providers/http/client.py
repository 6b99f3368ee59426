"""HTTP client of one provider: everything that leaves passes here, and only our own errors come back.

Deadline, bulkhead, circuit breaker, retries, authentication, metering, and the bound on the size of a response are
applied here, once. What a body means is decided by the adapter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from functools import lru_cache
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec

from providers.clock import Clock
from providers.decoding.json import MALFORMED
from providers.errors import SigningError, TimedOut, Unavailable
from providers.http.circuit_breaker import CircuitState
from providers.http.credentials import Auth
from providers.http.deadline import remaining_time, remaining_time_or
from providers.http.health import Health, HealthRecorder
from providers.http.http1.transport import Http1Transport
from providers.http.httpx_transport import HttpxTransport
from providers.http.message.request import SAFE_METHODS, QueryParams, Request, RequestContent, unreadable_response
from providers.http.message.response import ErrorDetail, Response, content_from_headers, error_for_status, to_utf8
from providers.http.message.url import build_url
from providers.http.metering import UNREADABLE, Meter, current_operation, null_meter, outcome_of
from providers.http.retry import RetryPolicy
from providers.http.transport import StreamedResponse, Transport, TransportError
from providers.model import Content
from providers.settings import ProviderSettings, TransportName

T = TypeVar("T")

_TRANSPORTS: Final[Mapping[TransportName, type[Http1Transport] | type[HttpxTransport]]] = {
    "http1": Http1Transport,
    "httpx": HttpxTransport,
}
_CACHED_REQUESTS: Final = 512


class HttpClient:
    """Sends requests to one provider.

    A read, and a write that is safe to repeat, is retried; any other write only where it is known not to have
    happened. Cancellation closes the connection that a request was using.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        auth: Auth | None = None,
        parse_error: Callable[[Response], ErrorDetail] = lambda response: ErrorDetail(),
        transport: Transport | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.provider = settings.name
        self.clock = clock or Clock()
        self.requests_sent = 0
        """Counts every attempt, and every request for a token."""
        self.meter: Meter = null_meter
        """Called once each of these has ended."""
        self._settings = settings
        self._auth = auth
        self._parse_error = parse_error
        self._health = HealthRecorder(self.clock)
        self._retry = RetryPolicy(self.provider, settings.timeout, self.clock, self._health)
        self._slots = asyncio.Semaphore(settings.max_concurrency)
        """The bulkhead: bounds concurrent requests to this provider."""
        self._build_read = lru_cache(_CACHED_REQUESTS)(self._build_request)
        """Reads without parameters are sent again and again."""
        self._transport = transport or _TRANSPORTS[settings.transport](
            # Connecting times out first: a write that never left is not to be taken for one in doubt.
            connect_timeout=settings.timeout / 2,
            write_timeout=settings.timeout,
        )

    @property
    def health(self) -> Health:
        """Health of the provider, by the outcome of the last requests."""
        return self._health.health

    def subscribe_health(self, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Calls ``listener`` whenever health may have changed."""
        return self._health.subscribe(listener)

    def notify_health(self) -> None:
        """Calls the listeners: something known of the provider may have changed without a request."""
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
        """Sends a request and decodes the response into a wire model, with raw ``rows``: see ``Response.page``.

        Raises ``Misbehaved`` where the response to a read cannot be decoded, ``InDoubt`` where that to a write cannot.
        """
        response = await self.request(method, path, query=query, json=json, body=body, headers=headers, repeatable=repeatable)
        try:
            return response.page(into, *rows) if rows else response.json(into)
        except MALFORMED as error:
            raise self.unreadable(method, path, response, error) from error

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
        """Sends a request and returns a successful (2xx) response.

        ``repeatable`` says that the request may be sent twice; left out, it follows from the method.
        ``base_url`` is for the one host beside the API's: that of the token endpoint.
        """
        plain = json is None and body is None and headers is None
        if method in SAFE_METHODS and plain and not query and repeatable is None and base_url is None:
            request = self._build_read(method, path)
        else:
            request = self._build_request(
                method, path, query=query, json=json, body=body, headers=headers, repeatable=repeatable, base_url=base_url
            )
        return self._retry.send_with_retries(request, self._send_and_read, self._auth if authorized else None)

    @asynccontextmanager
    async def download(
        self, path: str, *, query: QueryParams | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Content]:
        """Opens a response to be streamed; retried until its headers have arrived, not afterwards."""
        request = self._build_request("GET", path, query=query, headers=headers)
        response, began_at = await self._retry.send_with_retries(request, self._open, self._auth)
        self._meter(began_at, None)
        try:
            yield content_from_headers(response.headers, request.iter_chunks(response, self._settings.timeout))
        except BaseException as error:
            self._health.record(error)
            raise
        finally:
            await self._release(response)

    def unreadable(self, method: str, path: str, response: Response, cause: Exception | None = None) -> SigningError:
        """The error for a response that should have been readable and is not; shows nothing of its body."""
        self.meter(current_operation(), UNREADABLE, 0.0)
        return unreadable_response(self.provider, method, path, response, cause)

    def _build_request(
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
        sent_headers = dict(headers or {})
        if json is not None:
            body = msgspec.json.encode(json)
            sent_headers["content-type"] = "application/json"
        if repeatable is None:
            repeatable = method in SAFE_METHODS or method in {"PUT", "DELETE"}
        target = f"{path}{'&' if '?' in path else '?'}{urlencode(query, doseq=True)}" if query else path
        url = build_url(base_url or self._settings.base_url, target)
        return Request(self.provider, method, path, url, sent_headers, body, repeatable)

    async def _send_and_read(self, request: Request, auth_headers: Mapping[str, str]) -> Response:
        streamed, began_at = await self._open(request, auth_headers)
        try:
            body = streamed.buffered()
            if body is None or len(body) > self._settings.max_answer_bytes:
                body = await self._read_body(request, streamed)
        except BaseException as error:
            self._health.record(error)
            self._meter(began_at, error)
            raise
        finally:
            await self._release(streamed)
        self._meter(began_at, None)
        return Response(streamed.status_code, streamed.headers, to_utf8(body))

    async def _open(self, request: Request, auth_headers: Mapping[str, str]) -> tuple[StreamedResponse, float]:
        """A response with a 2xx status, which holds its slot until ``_release``, and when its request was sent.

        Raises without sending where the circuit is open or the deadline has passed.
        """
        self._check_admission()
        if self._slots.locked() or self._health.circuit.state is not CircuitState.CLOSED:
            await self._wait_for_slot()
        else:
            await self._slots.acquire()
        self._health.circuit.start_call()
        streamed: StreamedResponse | None = None
        began_at = self.clock.monotonic()
        try:
            try:
                streamed = await self._send(request, auth_headers)
            except TransportError as error:
                raise request.error_for_transport(error) from error
            if not 200 <= streamed.status_code < 300:
                body = to_utf8(await self._read_body(request, streamed))
                raise self._error_for_status(request, Response(streamed.status_code, streamed.headers, body), auth_headers)
            self._health.record(None)
        except BaseException as error:
            self._health.record(error)
            self._meter(began_at, error)
            await self._release(streamed)
            raise
        return streamed, began_at

    def _meter(self, began_at: float, error: BaseException | None) -> None:
        self.meter(current_operation(), outcome_of(error), self.clock.monotonic() - began_at)

    async def _release(self, streamed: StreamedResponse | None) -> None:
        try:
            if streamed is not None:
                await streamed.aclose()
        finally:
            self._slots.release()

    async def _wait_for_slot(self) -> None:
        try:
            async with asyncio.timeout(remaining_time_or(self._settings.timeout, self.clock)):
                await self._slots.acquire()
                try:
                    await self._health.circuit.wait_for_trial()
                    self._check_admission()
                except BaseException:
                    self._slots.release()
                    raise
        except TimeoutError as error:
            message = f"No call to {self.provider} could begin in time: too many are under way."
            raise TimedOut(message, provider=self.provider) from error

    def _check_admission(self) -> None:
        if (wait := self._health.circuit.retry_after()) > 0:
            message = f"{self.provider} has failed repeatedly and is left alone for a moment."
            raise Unavailable(message, provider=self.provider, retry_after=wait)
        if remaining_time_or(self._settings.timeout, self.clock) <= 0:
            raise TimedOut(f"The request's deadline passed before {self.provider} was asked.", provider=self.provider)

    def _send(self, request: Request, auth_headers: Mapping[str, str]) -> Awaitable[StreamedResponse]:
        # A streamed body may take as long as the whole request may.
        timeout = self._settings.timeout
        head_timeout = (
            remaining_time(self.clock) if callable(request.body) else min(timeout, remaining_time_or(timeout, self.clock))
        )
        self.requests_sent += 1
        headers = {**request.headers, **auth_headers}
        return self._transport.send(request.method, request.url, headers, request.content, head_timeout)

    async def _read_body(self, request: Request, streamed: StreamedResponse) -> bytes:
        body = bytearray()
        timeout = self._settings.timeout
        try:
            async with asyncio.timeout(min(timeout, remaining_time_or(timeout, self.clock))):
                while chunk := await streamed.read_chunk():
                    body += chunk
                    if len(body) > self._settings.max_answer_bytes:
                        raise request.error_for_size(self._settings.max_answer_bytes)
        except (TransportError, TimeoutError) as error:
            raise request.error_for_transport(error) from error
        return bytes(body)

    def _error_for_status(self, request: Request, response: Response, auth_headers: Mapping[str, str]) -> SigningError:
        secrets = [secret.get_secret_value() for secret in self._settings.secrets()]
        credentials = [*auth_headers.values(), request.headers.get("authorization", "")]
        secrets += [value.split(" ", 1)[-1] for value in credentials if value]
        detail = self._parse_error(response)
        return error_for_status(
            self.provider, response, detail, repeatable=request.repeatable, secrets=secrets, now=self.clock.now()
        )
