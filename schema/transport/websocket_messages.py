"""Messages and close codes of the protocol ``graphql-transport-ws``.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any, Final

import msgspec
from starlette.types import Message

from schema.errors import quoted
from schema.execution import encode
from schema.transport.request import Body

PROTOCOL: Final = "graphql-transport-ws"
PING: Final = {"type": "websocket.send", "text": '{"type":"ping"}'}
_MAX_REASON: Final = 123
"""Bytes of a close frame's reason."""
_MAX_ID: Final = 500
"""Characters of an operation's id, which each of its events repeats."""


class CloseCode(IntEnum):
    """Close codes of the protocol, and of RFC 6455 and IANA's registry where those have one."""

    POLICY_VIOLATION = 1008
    """Before the upgrade, servers answer it with 403."""
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    SILENT_CLIENT = 3008
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    """Credentials that the next connection would be refused with as well."""
    RENEWABLE = 4403
    """Credentials that a new connection can renew.

    The ``graphql-ws`` client reconnects after 4403 and asks its ``connectionParams`` anew, but never after 4401, whatever its
    ``shouldRetry`` says.
    """
    WRONG_PROTOCOL = 4406
    INITIALISATION_TIMEOUT = 4408
    DUPLICATE_ID = 4409
    TOO_MANY_INITIALISATIONS = 4429
    INTERNAL_ERROR = 4500


class ConnectionInit(msgspec.Struct, tag_field="type", tag="connection_init"):
    """Client: opens the connection, or renews its credentials later."""

    payload: dict[str, Any] | None = None


class Ping(msgspec.Struct, tag_field="type", tag="ping"):
    """Client: asks for a pong."""

    payload: dict[str, Any] | None = None


class Pong(msgspec.Struct, tag_field="type", tag="pong"):
    """Client: answers a ping."""

    payload: dict[str, Any] | None = None


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe"):
    """Client: begins an operation of any type, under an id of its own."""

    id: Annotated[str, msgspec.Meta(max_length=_MAX_ID)]
    payload: Body


class Complete(msgspec.Struct, tag_field="type", tag="complete"):
    """Client: ends an operation."""

    id: str


ClientMessage = ConnectionInit | Ping | Pong | Subscribe | Complete
_decoder = msgspec.json.Decoder(ClientMessage)


class ProtocolViolation(Exception):
    """A message that the protocol answers by closing the connection with a code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Disconnected(Exception):
    """The connection is closed, by either side."""


def decode_message(message: Message) -> ClientMessage:
    """Decodes a message of the client. Raises ``ProtocolViolation``."""
    text = message.get("text")
    if text is None:
        raise ProtocolViolation(CloseCode.BAD_MESSAGE, "Invalid message: send text, not bytes")
    try:
        decoded: ClientMessage = _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ProtocolViolation(CloseCode.BAD_MESSAGE, f"Invalid message: {error}") from None
    return decoded


def next_message(operation_id: str, body: bytes) -> str:
    """``next``: one response of an operation, whose body is JSON already."""
    return f'{{"type":"next","id":{encode(operation_id).decode()},"payload":{body.decode()}}}'


def close_message(code: CloseCode, reason: str) -> Message:
    """The close frame, its reason cut to what a frame has room for."""
    short = quoted(reason[:_MAX_REASON]).encode()[:_MAX_REASON].decode(errors="ignore")
    return {"type": "websocket.close", "code": int(code), "reason": short}
