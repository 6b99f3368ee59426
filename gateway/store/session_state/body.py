"""Session body: versioned MessagePack, and decoders of every version that was ever released.

| version | since | content |
|---|---|---|
| none | first build | a map; the session that a part refers to is a map ``{provider, key}`` |
| none | later build | the same, but that reference is an array ``[provider, key]`` |
| 3 | this build | the same, and ``v`` comes first in the map |

A build ignores keys that it does not know, so that the former build reads version 3 as well. The version is raised when a
former build would misread a body; that build then reads the session from its provider, and leaves the body as it is.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import msgspec

from providers.model import Session

VERSION: Final = 3
_MAP: Final = b"\xde"
"""MessagePack's map 16: the number of keys in two bytes, from 16 keys on."""
_LABEL: Final = msgspec.msgpack.encode("v")
_FIELD_COUNT: Final = len(fields(Session))
_HEAD: Final = _MAP + _FIELD_COUNT.to_bytes(2)
_LABELLED: Final = _MAP + (_FIELD_COUNT + 1).to_bytes(2) + _LABEL + msgspec.msgpack.encode(VERSION)
_PARTS: Final = ("documents", "participants", "signatures", "fields")
DECODE_ERRORS: Final = (msgspec.MsgspecError, ValueError, TypeError, LookupError, RecursionError)
"""Exceptions of decoding damaged bytes: msgspec's own, and those it lets through for invalid UTF-8 and deep nesting."""
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Session)
_untyped_decoder: Final = msgspec.msgpack.Decoder()


class UnreadableBody(Exception):
    """A stored body that this build cannot decode: damaged, or written by a ``newer`` build."""

    def __init__(self, reason: str, *, newer: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.newer = newer


def encode_session(session: Session) -> bytes:
    """Encodes a session, with the version prepended to its bytes, which costs less than a second model class."""
    body = _encoder.encode(session)
    if not body.startswith(_HEAD):
        raise AssertionError("a session is encoded to another map than the version is prepended to")
    return _LABELLED + body[len(_HEAD) :]


def decode_session(body: bytes) -> Session:
    """Decodes a session of any version. Raises ``UnreadableBody``."""
    try:
        return _decoder.decode(body) if body.startswith(_LABELLED) else _decode_other(body)
    except DECODE_ERRORS as error:
        raise UnreadableBody("The stored state is damaged.") from error


def _decode_other(body: bytes) -> Session:
    """Decodes a body that another build wrote. A later build may have more keys in a body of the same version."""
    content: Any = _untyped_decoder.decode(body)
    if not isinstance(content, dict):
        raise TypeError("not a map")
    version = content.get("v")
    if version is not None and (not isinstance(version, int) or version > VERSION):
        raise UnreadableBody("The stored state was written by a newer version of the gateway.", newer=True)
    for name in _PARTS:
        content[name] = [_with_array_ref(part) for part in content.get(name, ())]
    return msgspec.convert(content, Session)


def _with_array_ref(part: dict[str, Any]) -> dict[str, Any]:
    """A part whose session is referred to by an array; the first build wrote a map."""
    ref = part["session"]
    return {**part, "session": (ref["provider"], ref["key"])} if isinstance(ref, dict) else part
