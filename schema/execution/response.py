"""Response: the result of an execution as the bytes of JSON that a client receives."""

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
class Response:
    """A whole response. ``executed`` is False for a request error, where no field was executed."""

    body: bytes
    errors: Sequence[GraphQLError]
    executed: bool


def response(data: object, errors: Sequence[GraphQLError], *, executed: bool = True) -> Response:
    """The response of this data and these errors, which have been rendered for clients."""
    content: dict[str, object] = {"data": data}
    if errors:
        content["errors"] = [error.formatted for error in errors]
    return Response(encode(content), errors, executed)


def request_error(errors: Sequence[GraphQLError]) -> Response:
    """The response to an operation that cannot be executed (https://spec.graphql.org/draft/#sec-Errors.Request-Errors)."""
    return response(None, errors, executed=False)


def encode(value: object) -> bytes:
    """JSON by orjson, or by the standard library where a number has more than 64 bits."""
    text = dump_json(value)
    return json.dumps(value, default=_jsonable).encode() if text is None else text


def dump_json(value: object) -> bytes | None:
    """JSON by orjson; None where a number has more than 64 bits."""
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        return None


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, orjson.Fragment):
        return json.loads(orjson.dumps(value))
    raise TypeError(f"{type(value).__name__} is no JSON")
