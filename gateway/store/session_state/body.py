"""Stored bodies of sessions: MessagePack that names its version, and decoders of every version that ever landed.

| version | since | what it is |
|---|---|---|
| none | the first build | a map; the session that a part belongs to is a map ``{provider, key}`` |
| none | a later one | the same, but that is an array ``[provider, key]`` |
| 3 | this one | the same, and ``v`` comes first in the map |

A build ignores keys that it does not know, so that the former one reads version 3 as well. The version is raised when a
former build would misread a body; that one then reads the session from its provider, and leaves the body as it is.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import msgspec

from providers.model import Session

VERSION: Final = 3
_MAP: Final = b"\xde"
"""A map with its count in two bytes, as MessagePack has it for 16 to 65,535 keys."""
_LABEL: Final = msgspec.msgpack.encode("v")
_COUNT: Final = len(fields(Session))
_HEAD: Final = _MAP + _COUNT.to_bytes(2)
_LABELLED: Final = _MAP + (_COUNT + 1).to_bytes(2) + _LABEL + msgspec.msgpack.encode(VERSION)
_PARTS: Final = ("documents", "participants", "signatures", "fields")
UNDECODABLE: Final = (msgspec.MsgspecError, ValueError, TypeError, LookupError, RecursionError)
"""The exceptions for bytes of the store that are not what they should be: no UTF-8 and deep nesting are none of msgspec's."""
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Session)
_anything: Final = msgspec.msgpack.Decoder()


class UnreadableBody(Exception):
    """A stored body that this build cannot read: damaged, or ``newer``, so that another build can read it."""

    def __init__(self, reason: str, *, newer: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.newer = newer


def encode_session(session: Session) -> bytes:
    """A session as it is stored. The label is put before what is encoded, which costs less than another class."""
    body = _encoder.encode(session)
    if not body.startswith(_HEAD):
        raise AssertionError("a session is encoded in another way than its label needs")
    return _LABELLED + body[len(_HEAD) :]


def decode_session(body: bytes) -> Session:
    """A stored session of any version. Raises ``UnreadableBody``."""
    try:
        return _decoder.decode(body) if body.startswith(_LABELLED) else _decode_other(body)
    except UNDECODABLE as error:
        raise UnreadableBody("The stored state is damaged.") from error


def _decode_other(body: bytes) -> Session:
    """What this build has not written. A later build may have more keys in a body of the same version."""
    told: Any = _anything.decode(body)
    if not isinstance(told, dict):
        raise TypeError("no map")
    version = told.get("v")
    if version is not None and (not isinstance(version, int) or version > VERSION):
        raise UnreadableBody("The stored state was written by a newer version of the gateway.", newer=True)
    for name in _PARTS:
        told[name] = [_with_array(part) for part in told.get(name, ())]
    return msgspec.convert(told, Session)


def _with_array(part: dict[str, Any]) -> dict[str, Any]:
    """A part of a session that names it by an array, as it was first named by a map."""
    named = part["session"]
    return {**part, "session": (named["provider"], named["key"])} if isinstance(named, dict) else part
