"""Wire models: the JSON of SEAL's batches, and its status names as statuses of the model."""

from __future__ import annotations

import msgspec

from providers.model import SessionStatus

PDF = "application/pdf"
CLOSED = "CLOSED"

STATUSES: dict[str, SessionStatus] = {
    "NEW": SessionStatus.DRAFT,
    "UPLOADED": SessionStatus.DRAFT,
    "ACCEPTED": SessionStatus.PENDING,
    "READY": SessionStatus.PENDING,
    "IN_PROGRESS": SessionStatus.IN_PROGRESS,
    "FINISHING": SessionStatus.PROCESSING,
    CLOSED: SessionStatus.COMPLETED,
    "DELETED": SessionStatus.DELETED,
}
"""By status name only: the numbers 1 to 6 differ between server versions. CLOSED is refined by the documents' results."""

Flag = bool | str | int | None
"""A boolean as SEAL prints it: itself, or "true" and "false" in any case."""


class CreatedBatch(msgspec.Struct, frozen=True):
    """Answer of CreateBatch. Its status is a number that contradicts the vendor's own table, so it is not read."""

    id: str | int
    created: str | int | float | None = msgspec.field(name="creationDate", default=None)


class BatchDocument(msgspec.Struct, frozen=True):
    """A document of a batch. ``success`` is its result; before the batch is closed, False also means "not yet"."""

    id: str | int | None = None
    filename: str | None = msgspec.field(name="fileName", default=None)
    signed: Flag = None
    success: Flag = msgspec.field(name="signingResult_Success", default=None)

    @property
    def key(self) -> str:
        """Our key: made of the file name, which is known before the id is; of the id where there is no name."""
        return document_key(self.filename) if self.filename or self.id is None else str(self.id)

    @property
    def sealed(self) -> bool:
        """Whether the document was sealed; ``signed`` decides where the result is missing."""
        success = truth(self.success)
        return bool(truth(self.signed) if success is None else success)


class Batch(msgspec.Struct, frozen=True):
    """Answer of BatchStatus."""

    status: str | int | None = None
    created: str | int | float | None = msgspec.field(name="creationDate", default=None)
    documents: tuple[BatchDocument, ...] | None = None

    @property
    def word(self) -> str:
        """The status as SEAL writes it."""
        return "" if self.status is None else str(self.status).strip()

    @property
    def state(self) -> SessionStatus:
        """The status in the model's words; that of a closed batch follows from the results of its documents."""
        status = STATUSES.get(self.word.upper(), SessionStatus.UNKNOWN)
        if status is not SessionStatus.COMPLETED:
            return status
        results = {document.sealed for document in self.documents or ()}
        if len(results) != 1:
            return SessionStatus.PARTIALLY_COMPLETED if results else SessionStatus.UNKNOWN
        return SessionStatus.COMPLETED if results.pop() else SessionStatus.FAILED

    @property
    def closed(self) -> bool:
        """Whether sealing has ended, so that the results can be downloaded."""
        return self.word.upper() == CLOSED


def truth(value: Flag) -> bool | None:
    """Parses a boolean in any of SEAL's spellings; None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).strip().lower())


def document_key(filename: str | None) -> str:
    """The key of a document, by its file name: unique in a batch, while SEAL gives no ids before it is accepted."""
    return f"name:{filename or ''}"
