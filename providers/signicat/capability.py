"""Capabilities: the operations that Signicat has, the statuses in which each is possible, and its limits."""

from __future__ import annotations

from providers.capability import Capabilities, Capability, Limits, Operation, Support, operations
from providers.model import SessionKind, SessionStatus
from providers.signicat.composition.native_session import LONGEST_MARKER, external_reference
from providers.signicat.wire import LANGUAGES

OPEN = frozenset({SessionStatus.PENDING, SessionStatus.IN_PROGRESS, SessionStatus.UNKNOWN})
"""Statuses in which a session can be canceled."""
WITH_DOCUMENTS = OPEN | {SessionStatus.PROCESSING, SessionStatus.COMPLETED, SessionStatus.DECLINED}
"""Statuses in which Signicat has the documents: it drops them with their session, and at its due date."""
_ENDED = frozenset({SessionStatus.CANCELED, SessionStatus.EXPIRED})
_LONGEST_SUFFIX = len(external_reference("", "0" * LONGEST_MARKER, 100))
_COPY_NOTE = (
    "The documents are uploaded again, and the new session is open at once, as Signicat has no drafts. What Signicat "
    "does not repeat of a session is not copied: who the signer of a foreign one is, for example."
)

CAPABILITIES = Capabilities(
    session_kind=SessionKind.SIGNING,
    operations=operations(
        Capability(Operation.CREATE_SESSION, Support.COMPOSED, "One native session for each participant."),
        Capability(Operation.LIST_SESSIONS, Support.NATIVE, "A row for each native session."),
        Capability(Operation.CANCEL_SESSION, Support.COMPOSED, "By deletion: Signicat forgets the session.", OPEN),
        Capability(Operation.DELETE_SESSION, Support.COMPOSED, when=WITH_DOCUMENTS | _ENDED),
        Capability(Operation.DUPLICATE_SESSION, Support.COMPOSED, _COPY_NOTE, WITH_DOCUMENTS),
        Capability(Operation.RECREATE_SESSION, Support.COMPOSED, f"{_COPY_NOTE} The original is canceled by deletion.", OPEN),
        Capability(Operation.UPDATE_DOCUMENT, Support.NATIVE, when=WITH_DOCUMENTS),
        Capability(Operation.DOWNLOAD_DOCUMENT, Support.NATIVE, when=WITH_DOCUMENTS),
        Capability(Operation.LIST_SIGNATURES, Support.NATIVE),
        Capability(
            Operation.WEBHOOKS,
            Support.NATIVE,
            "Set up in Signicat's dashboard for the account; webhook.secrets has the secret.",
        ),
        Capability(Operation.ARCHIVE, Support.NATIVE, "Signicat's support has to enable it for the account."),
    ),
    media_types=frozenset({"application/pdf", "text/plain", "text/markdown"}),
    languages=LANGUAGES,
    due_date=True,
    limits=Limits(documents=50, participants=100, title=255, message=2048, reference=1024 - _LONGEST_SUFFIX, due_in=45),
)
