"""Error masking: expected failures keep their code and message, unexpected ones lose their text and get a trace id.

Every code is in ``docs/errors.md``. What an error repeats of a request is cut to a bounded length, and escaped where it cannot
be printed: graphql-core repeats names and values in full, so that a field of 900 kB which does not exist was a response of
900 kB, and a name that turns the direction of writing changed how a log showed the rest of its line.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Self

import strawberry
from graphql import GraphQLError, VariableDefinitionNode

from providers.errors import ProblemCode, SigningError, expected_errors

_MAX_WORD: Final = 100
_HEAD, _TAIL = 700, 200
"""Characters of the two ends of a message, which are all that is kept of one that is longer."""
_MAX_STEPS: Final = 32
"""Steps of a path: no input nests deeper."""
_CUT: Final = "…"
_CORE_CODES: Final = ("GRAPHQL_VALIDATION_FAILED", "BAD_REQUEST")
"""Codes of errors whose message is graphql-core's: of request errors, and of field errors."""
INTERNAL: Final = "INTERNAL"
_UNFIT = "This does not fit the schema."
_UNANSWERED = "This could not be answered."
_log = logging.getLogger("countersign.schema")

strawberry.enum(ProblemCode, description="The kind of an expected failure, which a client can act on.")


@strawberry.type(description="An expected failure. Unexpected ones are GraphQL errors with extensions.code.")
class Problem:
    """A ``SigningError`` as data: executors take an exception among results for a failure of their own."""

    code: ProblemCode
    message: str
    path: list[str] | None = strawberry.field(
        description='The input it is about, for example ["input", "participants", "0", "email"].'
    )
    provider: str | None
    provider_code: str | None = strawberry.field(description="The provider's own code, if it gave one.")
    retryable: bool
    retry_after_ms: float | None
    trace_id: str | None = strawberry.field(default=None, description="Names what happened, in the gateway's log.")

    @classmethod
    def of(cls, error: SigningError) -> Self:
        """An expected failure as a problem."""
        return cls(
            code=error.code,
            message=quoted(error.message),
            path=quoted_path(error.path) or None,
            provider=error.provider,
            provider_code=error.provider_code,
            retryable=error.retryable,
            retry_after_ms=None if error.retry_after is None else error.retry_after * 1000.0,
            trace_id=error.trace_id,
        )


class Refused(Exception):
    """A request error, or the end of a response stream that failed: no more data follows. ``errors`` have been rendered."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__()
        self.errors = errors

    def formatted(self) -> list[Any]:
        """The errors as a response shows them."""
        return [error.formatted for error in self.errors]


def render(error: GraphQLError) -> None:
    """Renders an error for clients, in place: an expected one gets its code, an unexpected one loses its text.

    An unexpected one is logged once, with the trace id that the client receives.
    """
    error.message = quoted(error.message)
    cause = _cause(error)
    if cause is None:
        error.extensions = {
            "code": _CORE_CODES[0] if error.path is None else _CORE_CODES[1],
            **(error.extensions or {}),
        }
        return
    problems = expected_errors(cause)
    if problems:
        first = problems[0]
        error.message = quoted(first.message) if error.path is not None else error.message
        error.extensions = _extensions(first)
        return
    trace = uuid.uuid4().hex
    _log.error("unexpected failure %s at %s", trace, error.path, exc_info=(type(cause), cause, cause.__traceback__))
    error.message = f"Something went wrong here. Name the trace id {trace} to whoever runs this gateway."
    error.extensions = {"code": INTERNAL, "traceId": trace}


def conceal(error: GraphQLError) -> None:
    """Takes the schema's names out of a rendered error: graphql-core names types, and fields that are missing.

    Its location in the document is left, the name of a variable, and the message of our own scalars.
    """
    cause = _cause(error)
    problems = [] if cause is None else expected_errors(cause)
    if problems:
        error.message = quoted(problems[0].message)
    elif error.extensions and error.extensions.get("code") in _CORE_CODES:
        node = error.nodes[0] if error.nodes else None
        if isinstance(node, VariableDefinitionNode):
            error.message = quoted(f"The variable ${node.variable.name.value} does not fit the schema.")
        else:
            error.message = _UNFIT if error.path is None else _UNANSWERED


def _cause(error: GraphQLError) -> Exception | None:
    """The exception that was raised. The error of a variable is wrapped in one of the operation."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def formatted_error(error: SigningError) -> dict[str, Any]:
    """An expected failure as a GraphQL request error."""
    shown = GraphQLError(error.message, original_error=error)
    render(shown)
    return {**shown.formatted}


def _extensions(problem: SigningError) -> dict[str, Any]:
    shown: dict[str, Any] = {"code": problem.error_code or problem.code.value, "retryable": problem.retryable}
    if problem.path:
        shown["path"] = quoted_path(problem.path)
    if problem.provider:
        shown["provider"] = problem.provider
    if problem.provider_code:
        shown["providerCode"] = problem.provider_code
    if problem.retry_after is not None:
        shown["retryAfterMs"] = problem.retry_after * 1000.0
    return shown


def quoted(message: str) -> str:
    """A message of at most about 900 characters, long words cut, and characters escaped that cannot be printed."""
    if len(message) > _HEAD + _TAIL:
        # Each end is cut by itself, so that the text behind a long name stays.
        message = f"{_shortened(message[: 2 * _HEAD])[:_HEAD]} {_CUT} {_shortened(message[-2 * _TAIL :])[-_TAIL:]}"
    elif len(message) > _MAX_WORD:
        message = _shortened(message)
    return _printable(message)


def quoted_path(path: Iterable[object]) -> list[str]:
    """The steps of a path, each as a short text, at most 32 of them."""
    return [_printable(_cut(str(step))) for _, step in zip(range(_MAX_STEPS), path, strict=False)]


def _shortened(text: str) -> str:
    return " ".join(map(_cut, text.split(" ")))


def _cut(word: str) -> str:
    return word if len(word) <= _MAX_WORD else f"{word[: _MAX_WORD - 1]}{_CUT}"


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(_escaped(text))


def _escaped(text: str) -> Iterator[str]:
    for each in text:
        if each.isprintable():
            yield each
        else:
            yield f"\\u{ord(each):04x}" if ord(each) <= 0xFFFF else f"\\U{ord(each):08x}"
