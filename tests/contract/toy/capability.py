"""Capabilities: the operations that Toy has."""

from __future__ import annotations

from providers.capability import Capabilities, Capability, Operation, Support, operations
from providers.model import SessionKind

CAPABILITIES = Capabilities(
    session_kind=SessionKind.SIGNING,
    operations=operations(
        Capability(Operation.CREATE_SESSION, Support.COMPOSED, "A draft, its files one by one, then started."),
        Capability(Operation.LIST_SESSIONS, Support.NATIVE),
        Capability(Operation.CANCEL_SESSION, Support.NATIVE),
        Capability(Operation.DELETE_SESSION, Support.NATIVE),
        Capability(Operation.DOWNLOAD_DOCUMENT, Support.NATIVE),
        Capability(Operation.LIST_SIGNATURES, Support.COMPOSED, "One per document, once everybody has signed."),
    ),
    media_types=frozenset({"application/pdf"}),
)
