"""A call on its way out, and the errors for one that gets no readable answer."""

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

_TYPES = frozenset(
    {"application/json", "application/problem+json", "text/html", "text/plain", "application/xml", "text/xml"}
    | {"application/octet-stream", "application/pdf", "application/zip", "no content type"}
)
"""Content types that a message names: a header is the provider's own word."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a provider. ``repeatable`` says that it may be sent twice."""

    provider: str
    method: str
    path: str
    url: str
    headers: Mapping[str, str]
    body: RequestContent | None
    repeatable: bool

    @property
    def content(self) -> bytes | AsyncIterator[bytes] | None:
        """The body to send, read anew from its beginning."""
        return self.body() if callable(self.body) else self.body

    async def chunks(self, answer: StreamedResponse, patience: float) -> AsyncIterator[bytes]:
        """The body of an answer as it comes; raises as ``silence`` says where it breaks off.

        Each piece may take ``patience`` seconds.
        """
        while True:
            try:
                async with asyncio.timeout(patience):
                    piece = await answer.read()
            except (TransportError, TimeoutError) as error:
                raise self.silence(error) from error
            if not piece:
                return
            yield piece

    def silence(self, error: Exception) -> SigningError:
        """The error where no answer came, or only a part of one."""
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

    def oversized(self, bound: int) -> SigningError:
        """The error for an answer of more than ``bound`` bytes."""
        what = f"{self.provider} answered {self.method} {self.path} with more than {bound} bytes."
        if self.repeatable:
            return Misbehaved(what, provider=self.provider)
        return InDoubt(f"{what} It may have happened all the same.", provider=self.provider)


def unreadable_response(provider: str, method: str, path: str, reply: Response, cause: Exception | None) -> SigningError:
    """The error for an answer that should have been readable and is not; shows nothing of its body."""
    kind = reply.headers.get("content-type", "no content type").partition(";")[0].strip().lower()
    at = f" ({mismatch(cause)})" if isinstance(cause, msgspec.ValidationError) else ""
    kind = kind if kind in _TYPES else "another content type"
    what = f"{provider} answered {method} {path} with {len(reply.body)} bytes of {kind} that cannot be read{at}."
    if method in SAFE_METHODS:
        return Misbehaved(what, provider=provider, status=reply.status)
    return InDoubt(f"{what} It may have happened all the same.", provider=provider, status=reply.status)


def encode_head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """As it is sent. Raises ``ValueError`` where a header has lines of its own."""
    said = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    text = f"{method} {target} HTTP/1.1\r\n{said}\r\n"
    lines = len(headers) + 2
    if text.count("\n") != lines or text.count("\r") != lines or "\0" in text:
        raise ValueError("A header may not have lines of its own.")
    return text.encode()
