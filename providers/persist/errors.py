"""Errors: the server's refusals, and answers that cannot be read, as errors of the model."""

from __future__ import annotations

import msgspec

from providers.decoding.json import MALFORMED, mismatch
from providers.errors import Conflict, Misbehaved, NotFound, Refused, SigningError
from providers.http.message.response import ErrorDetail, Response
from providers.persist.wire import Envelope, StoredSignature


def fault(reply: Response) -> ErrorDetail:
    """Decodes the body of a failed call. The application answers JSON with a message; a proxy in front of it does not."""
    try:
        envelope = reply.json(Envelope)
    except MALFORMED:
        return ErrorDetail()
    return ErrorDetail(detail=envelope.message or "no reason given")


def refusal(error: NotFound | Refused, method: str, path: str) -> SigningError:
    """The error that a 4xx stands for.

    A 404 in plain text is a wrong address and no missing signature; an older server answers 400 for one not found.
    """
    if isinstance(error, NotFound) and error.detail is None:
        what = f"{error.provider} has no {method} {path}: check base_url and paths."
        return Misbehaved(what, provider=error.provider, status=error.status)
    if isinstance(error, Refused) and "not found" in (error.detail or "").lower():
        what = f"{error.provider} has no such thing (HTTP {error.status})."
        return NotFound(what, provider=error.provider, status=error.status, detail=error.detail)
    return error


def version_refused(error: Refused) -> bool:
    """Whether a write was refused because the version it replaces is not the latest; the server's message names it."""
    return "version" in (error.detail or "").lower()


def conflict(provider: str, what: str, stored: StoredSignature | None) -> Conflict:
    """A lost update, or a version that is not the latest; names the version that is stored."""
    there = "there is none" if stored is None else f"version {stored.number} is stored now"
    return Conflict(f"{what}; {there}. Read it and decide again.", provider=provider)


def malformed_key(provider: str) -> NotFound:
    """A session key that is none of a record's."""
    what = "A key of this provider is the document and the thread, percent-encoded and joined by a slash."
    return NotFound(what, provider=provider)


def unreadable_signature(provider: str, error: Exception) -> Misbehaved:
    """An answer whose signature cannot be decoded; says why by types alone, and repeats none of it."""
    why = mismatch(error) if isinstance(error, msgspec.ValidationError) else "it is none"
    return Misbehaved(f"{provider} answered with a signature that cannot be read ({why}).", provider=provider)
