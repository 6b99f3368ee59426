"""Errors: SEAL's refusals as errors of the model. No shape of its error bodies is public, so statuses and reads decide."""

from __future__ import annotations

from providers.errors import Busy, Conflict, Misbehaved, NotFound, Refused, WrongState
from providers.model import Session
from providers.seal.wire import Batch

REFUSALS = (Refused, Conflict, NotFound, WrongState)
"""Errors of a call that SEAL refused, so that it has not happened."""
NO_PROCESS = frozenset({400, 404})
"""Statuses with which SEAL answers where it has no process of a number."""


def unknown_process(error: Refused | NotFound, process: object) -> Refused:
    """The refusal of a batch whose process does not exist."""
    what = f"{error.provider} has no process {process}: correct process_id in its settings or processId in options."
    return Refused(what, provider=error.provider, status=error.status)


def no_timestamp(error: Refused | NotFound, process: str) -> Refused:
    """The refusal of a timestamp by a process that makes none."""
    what = f"{error.provider} made no timestamp: ask whether process {process} makes any, or change tsa in its settings."
    return Refused(what, provider=error.provider, status=error.status)


def wrong_accept_path(error: NotFound) -> Refused:
    """The refusal of an acceptance whose batch exists: the path of AcceptBatch has another form on this server."""
    what = (
        f"{error.provider} has the batch but does not take AcceptBatch in this form: "
        "set accept_batch under paths, for example to /api/AcceptBatch?batchId={batch}."
    )
    return Refused(what, provider=error.provider, status=error.status)


def already_accepted(session: Session) -> WrongState:
    """The refusal of a second acceptance."""
    what = f"The batch is {session.provider_status}: only one that was not accepted before can be started."
    return WrongState(what, provider=session.provider)


def not_closed(provider: str, batch: Batch, retry_after: float) -> Busy:
    """The refusal of a download before the batch is closed; ``retry_after`` is seconds."""
    return Busy(f"The batch is not sealed yet: it is {batch.word}.", provider=provider, retry_after=retry_after)


def bad_archive(provider: str, error: Exception) -> Misbehaved:
    """An answer whose ZIP cannot be read or is refused as unsafe."""
    return Misbehaved(f"The ZIP of the batch {error}.", provider=provider)
