"""Receipts of writes, stored under idempotency keys: written in the present format, read in every former one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.store.session_state.body import DECODE_ERRORS, UnreadableBody, decode_session
from providers.errors import InDoubt
from providers.model import Session, SessionRef

_VERSION: Final = 3
_PATH: Final = ("input", "idempotencyKey")
_UNREADABLE: Final = "What came of this key was stored by another version of the gateway, and this one cannot read it."


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """Receipt of a write: its session, and the part of that which it made, by its key.

    ``version`` is raised when a former build would misread a stored one.
    """

    session: SessionRef
    child: str | None = None
    version: int = _VERSION


@dataclass(frozen=True, slots=True)
class Written:
    """Result of a write: its receipt, and the session after it where the write was done here and now.

    ``recorded`` says that the receipt is stored under the idempotency key already, in the transaction that ended a saga.
    """

    receipt: Receipt
    session: Session | None = None
    recorded: bool = False


class _FormerRef(msgspec.Struct, frozen=True):
    provider: str
    key: str


class _FormerReceipt(msgspec.Struct, frozen=True, array_like=True):
    """A receipt of the first builds, where the session is a map."""

    session: _FormerRef
    child: str | None = None


def decode_receipt(body: bytes) -> Receipt:
    """A stored receipt of any version. Raises ``InDoubt`` for one that this build cannot read: the work was done."""
    try:
        receipt = msgspec.msgpack.decode(body, type=Receipt)
    except msgspec.ValidationError:
        receipt = _decode_former(body)
    except DECODE_ERRORS as error:
        raise InDoubt(_UNREADABLE, path=_PATH) from error
    if receipt.version > _VERSION:
        raise InDoubt(_UNREADABLE, path=_PATH)
    return receipt


def decode_before(body: bytes) -> Session:
    """The stored state of a session before a call. Raises ``InDoubt`` for one that this build cannot read."""
    try:
        return decode_session(body)
    except UnreadableBody as error:
        raise InDoubt(_UNREADABLE, path=_PATH) from error


def _decode_former(body: bytes) -> Receipt:
    try:
        former = msgspec.msgpack.decode(body, type=_FormerReceipt)
    except DECODE_ERRORS as error:
        raise InDoubt(_UNREADABLE, path=_PATH) from error
    return Receipt(SessionRef(former.session.provider, former.session.key), former.child)
