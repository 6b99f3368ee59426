"""Capabilities: the operations that a signature store has, and the statuses in which each is possible."""

from __future__ import annotations

from providers.capability import Capabilities, Capability, Operation, Support, operations
from providers.model import SessionKind, SessionStatus

_LIST_NOTE = (
    "The provider never lists a signature without tags, repeats one for each of its tags, and counts the repetitions: "
    "a page may hold fewer sessions than asked for, the total counts rows, and untagged signatures are found by key only."
)
_SAVE_NOTE = "Read back after writing, because the provider lets simultaneous writers overwrite each other."
_STORED = frozenset({SessionStatus.COMPLETED})

CAPABILITIES = Capabilities(
    session_kind=SessionKind.RECORD,
    operations=operations(
        Capability(Operation.LIST_SESSIONS, Support.COMPOSED, _LIST_NOTE),
        Capability(Operation.DELETE_SESSION, Support.NATIVE, "The same as deleting its signature.", _STORED),
        Capability(Operation.DOWNLOAD_DOCUMENT, Support.NATIVE),
        Capability(Operation.SAVE_SIGNATURE, Support.COMPOSED, _SAVE_NOTE),
        Capability(Operation.DELETE_SIGNATURE, Support.NATIVE, "Removes every version.", _STORED),
        Capability(Operation.LIST_SIGNATURES, Support.NATIVE),
    ),
    media_types=frozenset(),
    participants=False,
)
