"""Capabilities of a provider: its operations, formats and limits, as documented; nothing is asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

from providers.model import DeliveryMethod, DocumentRole, SessionKind, SessionStatus


class Operation(StrEnum):
    """Every operation that some provider has."""

    CREATE_SESSION = "CREATE_SESSION"
    LIST_SESSIONS = "LIST_SESSIONS"
    UPDATE_SESSION = "UPDATE_SESSION"
    START_SESSION = "START_SESSION"
    CANCEL_SESSION = "CANCEL_SESSION"
    DELETE_SESSION = "DELETE_SESSION"
    DUPLICATE_SESSION = "DUPLICATE_SESSION"
    RECREATE_SESSION = "RECREATE_SESSION"
    SET_SIGNING_ORDER = "SET_SIGNING_ORDER"
    ADD_DOCUMENT = "ADD_DOCUMENT"
    UPDATE_DOCUMENT = "UPDATE_DOCUMENT"
    REMOVE_DOCUMENT = "REMOVE_DOCUMENT"
    DOWNLOAD_DOCUMENT = "DOWNLOAD_DOCUMENT"
    ADD_PARTICIPANT = "ADD_PARTICIPANT"
    ADD_SELF = "ADD_SELF"
    UPDATE_PARTICIPANT = "UPDATE_PARTICIPANT"
    REMOVE_PARTICIPANT = "REMOVE_PARTICIPANT"
    ADD_FIELD = "ADD_FIELD"
    UPDATE_FIELD = "UPDATE_FIELD"
    REMOVE_FIELD = "REMOVE_FIELD"
    SAVE_SIGNATURE = "SAVE_SIGNATURE"
    DELETE_SIGNATURE = "DELETE_SIGNATURE"
    LIST_SIGNATURES = "LIST_SIGNATURES"
    ARCHIVE = "ARCHIVE"
    WEBHOOKS = "WEBHOOKS"
    STATISTICS = "STATISTICS"


class Support(StrEnum):
    """The way in which a provider supports an operation."""

    NATIVE = "NATIVE"
    COMPOSED = "COMPOSED"
    UNSUPPORTED = "UNSUPPORTED"


@dataclass(frozen=True, slots=True)
class Capability:
    """Support of one operation, with a note for clients.

    ``when`` are the statuses of a session in which it is allowed; None where the status does not matter.
    """

    operation: Operation
    support: Support
    note: str | None = None
    when: frozenset[SessionStatus] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on an order; None where the provider documents none. The unit of each is in its metadata."""

    documents: int | None = field(default=None, metadata={"unit": "documents"})
    document_bytes: int | None = field(default=None, metadata={"unit": "bytes"})
    participants: int | None = field(default=None, metadata={"unit": "participants"})
    title: int | None = field(default=None, metadata={"unit": "characters"})
    message: int | None = field(default=None, metadata={"unit": "characters"})
    reference: int | None = field(default=None, metadata={"unit": "characters"})
    due_in: int | None = field(default=None, metadata={"unit": "days"})

    def items(self) -> Iterator[tuple[str, float, str]]:
        """Name, value and unit of every documented limit."""
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not None:
                yield item.name, float(value), item.metadata["unit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Capabilities of one provider.

    ``media_types`` are those it accepts for documents and attachments, ``languages`` those that signers can be addressed in
    (empty: no choice), ``deliveries`` the ways in which it invites (empty: none), ``returns`` the roles of documents that
    can be downloaded.
    """

    session_kind: SessionKind
    operations: Mapping[Operation, Capability]
    media_types: frozenset[str]
    languages: frozenset[str] = frozenset()
    deliveries: frozenset[DeliveryMethod] = frozenset()
    returns: frozenset[DocumentRole] = frozenset(DocumentRole)
    participants: bool = True
    fields: bool = False
    due_date: bool = False
    reminders: bool = False
    limits: Limits = field(default_factory=Limits)

    def allows(self, operation: Operation, status: SessionStatus) -> bool:
        """Whether an operation is supported for a session in this status."""
        capability = self.operations.get(operation)
        if capability is None or capability.support is Support.UNSUPPORTED:
            return False
        return capability.when is None or status in capability.when

    def support(self, operation: Operation) -> Support:
        """The support of an operation."""
        capability = self.operations.get(operation)
        return capability.support if capability else Support.UNSUPPORTED


def operations(*capabilities: Capability) -> Mapping[Operation, Capability]:
    """The table of all operations; those that are not given are unsupported."""
    named = {capability.operation: capability for capability in capabilities}
    return {each: named.get(each, Capability(each, Support.UNSUPPORTED)) for each in Operation}
