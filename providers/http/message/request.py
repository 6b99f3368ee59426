"""HTTP request to a provider, its head on the wire, and the errors for one without a readable response."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from providers.decoding.json import mismatch
from providers.errors import InDoubt, Misbehaved, SigningError, TimedOut, Unavailable
from providers.http.message.response import Response
from providers.http.transport import ConnectError, DecodingError, StreamedResponse, TimeoutException, TransportError

QueryParams = Mapping[str, str | int | Sequence[str]]
RequestContent = bytes | Callable[[], AsyncIterator[bytes]]

SAFE_METHODS = frozenset({"GET", "HEAD"})

_QUOTABLE_TYPES = frozenset(
    {"application/json", "application/problem+json", "text/html", "text/plain", "application/xml", "text/xml"}
    | {"application/octet-stream", "application/pdf", "application/zip", "no content type"}
)
"""Content types that may be quoted in a message: any other header value is the provider's own text."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a provider. ``repeatable`` says that it may be sent twice."""

    provider: str
    method: str
    path: str
    url: str
    headers: Mapping[str, str]
    body: RequestContent | None
    repeatable: bool

    @property
    def content(self) -> bytes | AsyncIterator[bytes] | None:
        """The body to send; a streamed one starts from its beginning at each call."""
        return self.body() if callable(self.body) else self.body

    async def iter_chunks(self, response: StreamedResponse, read_timeout: float) -> AsyncIterator[bytes]:
        """Streams the body of a response; raises the error of ``error_for_transport`` where it breaks off.

        Each chunk may take ``read_timeout`` seconds.
        """
        while True:
            try:
                async with asyncio.timeout(read_timeout):
                    chunk = await response.read_chunk()
            except (TransportError, TimeoutError) as error:
                raise self.error_for_transport(error) from error
            if not chunk:
                return
            yield chunk

    def error_for_transport(self, error: Exception) -> SigningError:
        """The error where no response arrived, or only a part of one."""
        name = f"{self.provider} {self.method} {self.path}"
        if isinstance(error, ConnectError):
            return Unavailable(f"{self.provider} cannot be reached.", provider=self.provider)
        if not self.repeatable:
            doubt = InDoubt(f"{name} was sent and not answered: it may or may not have happened.", provider=self.provider)
            doubt.in_flight = isinstance(error, TimeoutError | TimeoutException)
            return doubt
        if isinstance(error, TimeoutError | TimeoutException):
            return TimedOut(f"{name} was not answered in time.", provider=self.provider)
        if isinstance(error, DecodingError):
            return Misbehaved(f"{name} was answered in a broken encoding.", provider=self.provider)
        return Unavailable(f"{name} was not answered: the connection broke.", provider=self.provider)

    def error_for_size(self, max_bytes: int) -> SigningError:
        """The error for a response of more than ``max_bytes``."""
        message = f"{self.provider} answered {self.method} {self.path} with more than {max_bytes} bytes."
        if self.repeatable:
            return Misbehaved(message, provider=self.provider)
        return InDoubt(f"{message} It may have happened all the same.", provider=self.provider)


def unreadable_response(provider: str, method: str, path: str, response: Response, cause: Exception | None) -> SigningError:
    """The error for a response that cannot be decoded; shows nothing of its body."""
    kind = response.headers.get("content-type", "no content type").partition(";")[0].strip().lower()
    at = f" ({mismatch(cause)})" if isinstance(cause, msgspec.ValidationError) else ""
    kind = kind if kind in _QUOTABLE_TYPES else "another content type"
    message = f"{provider} answered {method} {path} with {len(response.body)} bytes of {kind} that cannot be read{at}."
    if method in SAFE_METHODS:
        return Misbehaved(message, provider=provider, status=response.status_code)
    return InDoubt(f"{message} It may have happened all the same.", provider=provider, status=response.status_code)


def encode_head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """The head of a request as it is sent. Raises ``ValueError`` where a header holds a line break (header injection)."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    text = f"{method} {target} HTTP/1.1\r\n{lines}\r\n"
    expected = len(headers) + 2
    if text.count("\n") != expected or text.count("\r") != expected or "\0" in text:
        raise ValueError("A header may not have lines of its own.")
    return text.encode()
