"""Containment of unexpected failures: whatever breaks in an adapter is the failure of that provider, and of nobody else.

An expected failure passes as it is. Any other becomes ``Misbehaved``, or ``InDoubt`` where the verb may have written; it is
logged once for each place in the code, by a trace id that the message names, without what the provider has said.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from traceback import walk_tb
from typing import Any, Final

from providers.errors import InDoubt, Misbehaved, SigningError, expected_errors

READ_VERBS: Final = frozenset(
    {
        "fetch_session",
        "list_sessions",
        "read_row",
        "fetch_statistics",
        "list_signatures",
        "find_by_marker",
        "validate_order",
        "begin_authorization",
    }
)
"""The verbs that change nothing at a provider."""
RECORDING_VERBS: Final = frozenset(
    {"create_session", "duplicate_session", "recreate_session", "add_document", "save_signature"}
)
"""The verbs that call back whoever asks: what breaks there, in the store or in an upload, is not the provider's failure."""
ENDING_VERBS: Final = frozenset({"cancel_session", "delete_session"})
"""The verbs that call back as well where they take several calls."""
_MOST_PLACES: Final = 100
_log = logging.getLogger("countersign.providers")


class Containment:
    """Turns what nobody expected of one provider into an error of ours."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._traces: dict[tuple[str, str, int], str] = {}

    @contextmanager
    def around(self, verb: str) -> Iterator[None]:
        """Contains what is raised within a verb."""
        try:
            yield
        except (SigningError, MemoryError):
            raise
        except Exception as error:
            if expected_errors(error):
                raise
            raise self._error(verb, error) from error

    def _error(self, verb: str, error: Exception) -> SigningError:
        trace = self._traced(verb, error)
        what = f"{self._provider} answered what the gateway cannot handle. Name the trace id {trace} to whoever runs it."
        if verb in READ_VERBS:
            return Misbehaved(what, provider=self._provider, trace_id=trace)
        return InDoubt(f"{what} It may have happened all the same.", provider=self._provider, trace_id=trace)

    def _traced(self, verb: str, error: Exception) -> str:
        *_, (frame, _) = walk_tb(error.__traceback__)
        place = type(error).__name__, frame.f_code.co_filename.rpartition("/")[2], frame.f_lineno
        if (known := self._traces.get(place)) is not None:
            return known
        trace = uuid.uuid4().hex
        if len(self._traces) < _MOST_PLACES:
            self._traces[place] = trace
        _log.error("unexpected failure %s of %s in %s: %s at %s:%s; this is said once", trace, self._provider, verb, *place)
        return trace


def contain_failures(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The same verb of an adapter, whose unexpected failures are those of its provider."""
    name = verb.__name__
    if iscoroutinefunction(verb):

        @wraps(verb)
        async def awaited(adapter: Any, *given: Any, **named: Any) -> Any:
            try:
                return await verb(adapter, *given, **named)
            except SigningError:
                raise
            except Exception:
                with adapter.containment.around(name):
                    raise

        return awaited

    @wraps(verb)
    def called(adapter: Any, *given: Any, **named: Any) -> Any:
        with adapter.containment.around(name):
            return verb(adapter, *given, **named)

    return called
