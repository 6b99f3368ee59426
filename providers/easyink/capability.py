"""Capabilities: the operations that EasyInk has, the statuses in which each is possible, and its limits."""

from __future__ import annotations

from providers.capability import Capabilities, Capability, Limits, Operation, Support, operations
from providers.easyink import wire
from providers.model import DeliveryMethod, SessionKind, SessionStatus

DRAFT = frozenset({SessionStatus.DRAFT})
READY = frozenset({SessionStatus.READY})
STARTED = frozenset({SessionStatus.PENDING, SessionStatus.IN_PROGRESS})
ACTIVE = READY | STARTED
_ENDED = frozenset({SessionStatus.COMPLETED, SessionStatus.DECLINED})
_EXISTING = frozenset(SessionStatus) - {SessionStatus.DELETED}


def _native(operation: Operation, when: frozenset[SessionStatus] | None = None, note: str | None = None) -> Capability:
    return Capability(operation, Support.NATIVE, note, when)


def _composed(operation: Operation, note: str, when: frozenset[SessionStatus] | None = None) -> Capability:
    return Capability(operation, Support.COMPOSED, note, when)


CAPABILITIES = Capabilities(
    session_kind=SessionKind.SIGNING,
    operations=operations(
        _composed(Operation.CREATE_SESSION, "A draft, its parts one by one, then converted and started."),
        _native(Operation.LIST_SESSIONS, note="What the person of the token may see."),
        _native(Operation.UPDATE_SESSION, DRAFT),
        _composed(Operation.START_SESSION, "Converts the draft, then starts the session.", DRAFT | READY),
        _native(Operation.CANCEL_SESSION, ACTIVE, "For sessions that are no draft: a draft is deleted."),
        _native(Operation.DELETE_SESSION, DRAFT, "Drafts only: any other session is canceled."),
        _native(Operation.DUPLICATE_SESSION, DRAFT | ACTIVE | _ENDED, "The copy is a draft."),
        _native(Operation.RECREATE_SESSION, ACTIVE, "In one step, which cannot be undone."),
        _native(Operation.SET_SIGNING_ORDER, DRAFT),
        _native(Operation.ADD_DOCUMENT, DRAFT),
        _native(Operation.REMOVE_DOCUMENT, DRAFT),
        _native(Operation.DOWNLOAD_DOCUMENT, _EXISTING),
        _native(Operation.ADD_PARTICIPANT, DRAFT),
        _native(Operation.ADD_SELF, DRAFT, "The person of the token, once."),
        _native(
            Operation.UPDATE_PARTICIPANT,
            DRAFT | ACTIVE,
            "Once it is no draft: how a person is invited, until that person has used the link.",
        ),
        _native(Operation.REMOVE_PARTICIPANT, DRAFT),
        _native(Operation.ADD_FIELD, DRAFT),
        _composed(Operation.UPDATE_FIELD, "Where a field is and whether it is required are told one by one.", DRAFT),
        _native(Operation.REMOVE_FIELD, DRAFT),
        _native(Operation.LIST_SIGNATURES, _EXISTING, "One per signed document, which carries everybody's."),
        _native(Operation.STATISTICS, note="Sessions that were sent count as in progress."),
    ),
    media_types=frozenset(
        {
            "application/pdf",
            "application/msword",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        }
    ),
    languages=frozenset(wire.LANGUAGE.values()),
    deliveries=frozenset(DeliveryMethod),
    fields=True,
    reminders=True,
    limits=Limits(title=wire.LONGEST_SUBJECT),
)
