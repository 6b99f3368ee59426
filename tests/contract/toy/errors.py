"""Errors: Toy's refusals as errors of the model."""

from __future__ import annotations

import msgspec

from providers.errors import Conflict, WrongState
from providers.http.message.response import ErrorDetail, Response
from providers.toy.wire import ErrorBody


def decode_error(reply: Response) -> ErrorDetail:
    """Decodes the body of a failed call: a code and words."""
    try:
        body = reply.json(ErrorBody)
    except msgspec.DecodeError:
        return ErrorDetail()
    return ErrorDetail(body.code, body.words)


def has_ended(conflict: Conflict) -> WrongState:
    """A session that can no longer be withdrawn, for which Toy answers 409."""
    return WrongState(conflict.message, provider=conflict.provider, detail=conflict.detail)
