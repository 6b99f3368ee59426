"""Containment of unexpected exceptions (bulkhead): one that an adapter raises is a failure of its provider alone.

An expected error passes. Any other exception becomes ``Misbehaved``, or ``InDoubt`` where the verb may have written; it is
logged once for each place in the code, by a trace id that is in the message, and without the provider's data.
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
"""Verbs that change nothing at a provider."""
RECORDING_VERBS: Final = frozenset(
    {"create_session", "duplicate_session", "recreate_session", "add_document", "save_signature"}
)
"""Verbs that call back into the saga log or an upload: an exception there is not the provider's failure."""
ENDING_VERBS: Final = frozenset({"cancel_session", "delete_session"})
"""Verbs that do so where they are composed of several calls."""
_MAX_PLACES: Final = 100
_log = logging.getLogger("countersign.providers")


class Containment:
    """Converts unexpected exceptions of one provider's adapter into provider errors."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._traces: dict[tuple[str, str, int], str] = {}

    @contextmanager
    def around(self, verb: str) -> Iterator[None]:
        """Converts exceptions raised within a verb."""
        try:
            yield
        except (SigningError, MemoryError):
            raise
        except Exception as error:
            if expected_errors(error):
                raise
            raise self._error(verb, error) from error

    def _error(self, verb: str, error: Exception) -> SigningError:
        trace = self._trace_id(verb, error)
        message = f"{self._provider} answered what the gateway cannot handle. Name the trace id {trace} to whoever runs it."
        if verb in READ_VERBS:
            return Misbehaved(message, provider=self._provider, trace_id=trace)
        return InDoubt(f"{message} It may have happened all the same.", provider=self._provider, trace_id=trace)

    def _trace_id(self, verb: str, error: Exception) -> str:
        *_, (frame, _) = walk_tb(error.__traceback__)
        place = type(error).__name__, frame.f_code.co_filename.rpartition("/")[2], frame.f_lineno
        if (logged := self._traces.get(place)) is not None:
            return logged
        trace = uuid.uuid4().hex
        if len(self._traces) < _MAX_PLACES:
            self._traces[place] = trace
        _log.error("unexpected failure %s of %s in %s: %s at %s:%s; this is said once", trace, self._provider, verb, *place)
        return trace


def contain_failures(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a verb of an adapter: its unexpected exceptions become failures of the provider."""
    name = verb.__name__
    if iscoroutinefunction(verb):

        @wraps(verb)
        async def contained_verb(adapter: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return await verb(adapter, *args, **kwargs)
            except SigningError:
                raise
            except Exception:
                with adapter.containment.around(name):
                    raise

        return contained_verb

    @wraps(verb)
    def contained_call(adapter: Any, *args: Any, **kwargs: Any) -> Any:
        with adapter.containment.around(name):
            return verb(adapter, *args, **kwargs)

    return contained_call
