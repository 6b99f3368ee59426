"""Errors: Signicat's refusals as errors of the model."""

from __future__ import annotations

from collections.abc import Iterable

from providers.decoding.json import MALFORMED
from providers.errors import AuthorizationRequired, Irreversible, Misbehaved, NotFound, SigningError, WrongState
from providers.http.message.response import ErrorDetail, Response
from providers.model import Session, SessionStatus
from providers.signicat.wire import Problem


def fault(reply: Response) -> ErrorDetail:
    """Decodes an error body: problem+json, OAuth's, or that of an older product; ``{}`` has neither code nor detail."""
    try:
        problem = reply.json(Problem)
    except MALFORMED:
        return ErrorDetail()
    code = problem.code or problem.error
    words = problem.detail or problem.error_description or problem.title or problem.message
    params = [
        f"{item.name} ({item.reason})" if item.reason else item.name for item in problem.invalid_params or () if item.name
    ]
    hint = "give this API client the permission Signature API in Signicat's dashboard" if code == "missing_permission" else None
    return ErrorDetail(code, ": ".join(filter(None, [words, ", ".join(params)])) or None, hint)


def no_session(provider: str) -> NotFound:
    """Signicat does not have a native session, or has it no more."""
    return NotFound("Signicat has no such session (any more).", provider=provider)


def dropped_document(provider: str) -> NotFound:
    """Signicat has dropped a document that was to be renamed."""
    what = "Signicat has dropped this document: it keeps one until its session is due or deleted."
    return NotFound(what, path=("input", "document"), provider=provider)


def dropped_documents(provider: str | None) -> WrongState:
    """Signicat has dropped the documents of a session that was to be duplicated."""
    what = "Signicat has dropped the documents of this session: make a new one from documents of your own."
    return WrongState(what, path=("input", "session"), provider=provider)


def wrong_status(session: Session, allowed: Iterable[SessionStatus]) -> WrongState:
    """The session is in none of the statuses in which an operation is possible."""
    what = f"The session is {session.status} at Signicat: this can be done while it is {', '.join(sorted(allowed))}."
    return WrongState(what, path=("input", "session"), provider=session.provider)


def unmatched_sessions(provider: str, sessions: int, participants: int) -> Misbehaved:
    """Created native sessions that cannot be told apart by their external references."""
    what = f"{sessions} sessions for {participants} participants, and not whose they are"
    return Misbehaved(f"{provider} answered with {what}.", provider=provider)


def half_signed(provider: str) -> Irreversible:
    """A saga that can neither be rolled forward nor compensated, as somebody has signed."""
    return Irreversible(f"{provider} opens no more signing sessions beside those that somebody has signed")


def token_refused(provider: str, error: SigningError) -> AuthorizationRequired:
    """The token endpoint refused, whatever its status: a missing token must never look like a missing session."""
    return AuthorizationRequired(
        f"{provider} gave no token: check client_id and client_secret (or token_url).",
        provider=provider,
        provider_code=error.provider_code,
        status=error.status,
    )


def no_token(provider: str) -> Misbehaved:
    """The token endpoint answered with something else than a token."""
    return Misbehaved(f"{provider} answered with something that is no token: check token_url.", provider=provider)
