"""Capabilities: the operations that SEAL has, and the statuses in which each is possible."""

from __future__ import annotations

from providers.capability import Capabilities, Capability, Operation, Support, operations
from providers.model import DocumentRole, SessionKind, SessionStatus
from providers.seal.wire import PDF, STATUSES

_OUTCOMES = {SessionStatus.PARTIALLY_COMPLETED, SessionStatus.FAILED, SessionStatus.UNKNOWN}
_STORED = frozenset(STATUSES.values()) - {SessionStatus.DELETED} | _OUTCOMES
_DOWNLOAD_NOTE = (
    "Sealed documents, out of the ZIP of all of them, and timestamps, made anew at each download. Originals are not given back."
)

CAPABILITIES = Capabilities(
    session_kind=SessionKind.SEALING,
    operations=operations(
        Capability(Operation.CREATE_SESSION, Support.COMPOSED, "A batch, one upload of all documents, and its acceptance."),
        Capability(
            Operation.START_SESSION,
            Support.COMPOSED,
            "A batch is looked at before it is accepted.",
            frozenset({SessionStatus.DRAFT}),
        ),
        Capability(Operation.DELETE_SESSION, Support.NATIVE, "Removes the batch from the server's cache.", _STORED),
        Capability(Operation.DOWNLOAD_DOCUMENT, Support.COMPOSED, _DOWNLOAD_NOTE),
        Capability(Operation.LIST_SIGNATURES, Support.NATIVE, "One per sealed document."),
    ),
    media_types=frozenset({PDF}),
    returns=frozenset({DocumentRole.SIGNED, DocumentRole.EVIDENCE}),
    participants=False,
)
