"""What is said to a client: the answer of an operation as bytes of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from graphql import GraphQLError

_OPTIONS = orjson.OPT_UTC_Z


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer. ``errors`` are what it shows under that name; ``executed`` is False where nothing was begun."""

    body: bytes
    errors: Sequence[GraphQLError]
    executed: bool


def answer(data: object, errors: Sequence[GraphQLError], *, executed: bool = True) -> Answer:
    """The answer of this data and these errors, which are fit to be shown."""
    shown: dict[str, object] = {"data": data}
    if errors:
        shown["errors"] = [error.formatted for error in errors]
    return Answer(encode(shown), errors, executed)


def refusal(errors: Sequence[GraphQLError]) -> Answer:
    """The answer to an operation that cannot be executed."""
    return answer(None, errors, executed=False)


def encode(value: object) -> bytes:
    """JSON; slowly where it holds numbers that orjson has no room for."""
    fast = written(value)
    return json.dumps(value, default=_slowly).encode() if fast is None else fast


def written(value: object) -> bytes | None:
    """JSON, unless it holds numbers that orjson has no room for."""
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        return None


def _slowly(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, orjson.Fragment):
        return json.loads(orjson.dumps(value))
    raise TypeError(f"{type(value).__name__} is no JSON")
