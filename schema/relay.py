"""Relay: global ids, the ``Node`` interface, and refetching a node by its id (https://relay.dev/graphql/objectidentification.htm).

A global id is the name of a type and the keys of one object, as JSON in base64url: it needs no store to be resolved.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_letters, digits
from typing import cast

import msgspec
import strawberry

from gateway.store import parse_event_id
from providers import model
from providers.errors import Invalid, NotFound, SigningError, TooLarge
from providers.model import SessionRef
from schema.context import Info

_MAX_CHARACTERS = 6000
_MAX_CACHED_REFS = 2_000
_ALPHABET = frozenset(ascii_letters + digits + "-_=")
_SAFE_IN_URLS = bytes.maketrans(b"+/", b"-_")
_encode_json = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(list[str])
_CAPITAL = re.compile(r"\B(?=[A-Z])")
_KEYS = {
    "Session": 2,
    "Document": 3,
    "Participant": 3,
    "SignatureField": 3,
    "Signature": 3,
    "Provider": 1,
    "SessionEvent": 1,
    "WebhookDelivery": 1,
    "Leftover": 1,
}


def node_id(kind: str, *keys: str) -> strawberry.ID:
    """The global id of a node."""
    return _encode_id((kind, *keys))


def child_id(kind: str, session: SessionRef, key: str) -> strawberry.ID:
    """The global id of a part of a session."""
    return _encode_id((kind, session.provider, session.key, key))


def _encode_id(parts: tuple[str, ...]) -> strawberry.ID:
    return cast(strawberry.ID, b2a_base64(_encode_json(parts), newline=False).translate(_SAFE_IN_URLS, b"=").decode())


def decode_opaque(text: str) -> bytes:
    """Decodes an opaque id or cursor. Raises ``ValueError``, also for characters that base64 would skip."""
    if len(text) > _MAX_CHARACTERS or not _ALPHABET.issuperset(text):
        raise ValueError("not ours")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def readable_type(kind: str) -> str:
    """The name of a type in plain words, for messages of gateways that conceal their schema."""
    return _CAPITAL.sub(" ", kind).lower()


def has_nul(key: str) -> bool:
    """Whether a key holds a NUL, which PostgreSQL accepts in no text: no stored row has such a key."""
    return "\x00" in key


def parse_any(text: str, path: Sequence[str] = ("id",)) -> list[str]:
    """The type and keys of a global id. Raises ``Invalid`` for one that no gateway made."""
    try:
        kind, *keys = _decoder.decode(decode_opaque(text))
        if _KEYS.get(kind) != len(keys) or any(map(has_nul, keys)):
            raise ValueError("wrong shape")
    except (Base64Error, ValueError, UnicodeError, RecursionError):
        raise Invalid("This is no id of this gateway. Use an id that it gave you.", path=path) from None
    return [kind, *keys]


def parse(text: str, kind: str, path: Sequence[str] = ("id",)) -> list[str]:
    """The keys of a global id of this type. Raises ``Invalid`` for an id of another type."""
    actual, *keys = parse_any(text, path)
    if actual != kind:
        raise Invalid(
            f"This is the id of a {readable_type(actual)}; the id of a {readable_type(kind)} is needed here.", path=path
        )
    return keys


@lru_cache(maxsize=_MAX_CACHED_REFS)
def session_ref(text: str, path: tuple[str, ...] = ("id",)) -> SessionRef:
    """The session of a global id."""
    provider, key = parse(text, "Session", path)
    return SessionRef(provider, key)


def child_ref(text: str, kind: str, path: Sequence[str] = ("id",)) -> tuple[SessionRef, str]:
    """The session of a part's global id, and the part's key in it."""
    provider, session, key = parse(text, kind, path)
    return SessionRef(provider, session), key


@strawberry.interface(description="Anything with an id that is unique across all providers (Relay).")
class Node:
    """An object with a global id (Relay)."""

    id: strawberry.ID


async def find_node(info: Info, text: str, path: tuple[str, ...] = ("id",)) -> object:
    """The object of a global id. Raises ``NotFound``."""
    kind, *keys = parse_any(text, path)
    signing = info.context.signing
    if kind == "Provider":
        return signing.directory.get(keys[0], path)
    if kind == "SessionEvent":
        return await signing.events.event(parse_event_id(keys[0], path))
    if kind == "WebhookDelivery":
        return await signing.deliveries.delivery(keys[0], path)
    if kind == "Leftover":
        return await signing.leftovers.leftover(keys[0], path)
    try:
        session = await signing.queries.session(model.SessionRef(keys[0], keys[1]))
    except NotFound as error:
        raise error.at(path) from None
    node: object = session if kind == "Session" else _child(session, kind, keys[-1])
    if node is None:
        raise NotFound(f"There is no such {readable_type(kind)} (any more).", path=path)
    return node


def _child(session: model.Session, kind: str, key: str) -> object:
    match kind:
        case "Document":
            return session.document(key)
        case "Participant":
            return session.participant(key)
        case "Signature":
            return session.signature(key)
        case _:
            return session.field(key)


async def _node_or_error(info: Info, text: str, place: int) -> object:
    try:
        return await find_node(info, text, ("ids", str(place)))
    except SigningError as error:
        return error


async def find_nodes(info: Info, ids: list[strawberry.ID]) -> list[object]:
    """The objects of several global ids, an error in the place of each that is not found. Raises ``TooLarge``."""
    if len(ids) > info.context.first:
        raise TooLarge(f"Ask for at most {info.context.first} nodes at once.", path=("ids",))
    return [await _node_or_error(info, each, place) for place, each in enumerate(ids)]
