"""SEAL's JSON as typed models, its settings with the path table, and its status words as ours."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from providers.model import SessionStatus
from providers.settings import ProviderSettings

PDF = "application/pdf"
CLOSED = "CLOSED"
NO_PROCESS = frozenset({400, 404})
"""How SEAL answers where it has no process of a number."""

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
"""By name only: 1 to 6 mean different things per server version. CLOSED is read further, per document."""

Flag = bool | str | int | None
"""A boolean as SEAL prints it: itself, or "true" and "false" in any case."""


class SealSettings(ProviderSettings):
    """One ``[[providers]]`` table of kind seal.

    Credentials are ``api_key``, or ``username`` with ``password``, or neither where the installation asks for none.
    ``process_id`` is the sealing process that batches go to unless an order names another. ``max_batch_bytes``
    bounds the ZIP of a finished batch and each document unpacked from it. ``tsa`` is how timestamps are asked for:
    ``json`` takes an api_key only, ``rfc3161`` takes Basic as well; left out, it follows from the credentials.
    """

    PATHS: ClassVar[dict[str, str]] = {
        "create_batch": "/api/CreateBatch/{process}",
        "upload": "/api/upload/{batch}",
        "accept_batch": "/api/AcceptBatch/{batch}",  # or "/api/AcceptBatch?batchId={batch}": the page does not say
        "batch_status": "/api/BatchStatus/{batch}",
        "batch_file": "/api/batchfile/{batch}",
        "delete_batch": "/api/BatchDeleteCache/{batch}",
        "stamp_rfc3161": "/tsa/stamp/rfc3161/{process}",
        "stamp": "/tsa/stamp/{process}",
    }

    kind: Literal["seal"] = "seal"
    api_key: SecretStr | None = Field(default=None, min_length=1)
    username: SecretStr | None = Field(default=None, min_length=1)
    password: SecretStr | None = Field(default=None, min_length=1)
    process_id: int = Field(ge=0, le=2**31 - 1)
    max_batch_bytes: int = Field(default=512 * 2**20, ge=1024)
    tsa: Literal["json", "rfc3161"] | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together; give both or neither")
        if self.api_key and self.username:
            raise ValueError("give api_key, or username with password, but not both")
        if self.username and self.tsa == "json":
            raise ValueError("tsa: json takes an api_key only; say rfc3161, or leave it out")
        return self

    @property
    def stamps_by(self) -> Literal["json", "rfc3161"]:
        """Which of the two methods timestamps are asked by."""
        return self.tsa or ("rfc3161" if self.username else "json")


class SealOptions(BaseModel):
    """What ``createSession`` takes under ``options`` for SEAL."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    process_id: int | None = Field(
        default=None,
        alias="processId",
        ge=0,
        le=2**31 - 1,
        description="The sealing process that this batch goes to, instead of the one in the gateway's configuration.",
    )
    timestamp_process_id: int | None = Field(
        default=None,
        alias="timestampProcessId",
        ge=0,
        le=2**31 - 1,
        description="Gives each document to sign a timestamp by this process, as a document of role EVIDENCE. It is of the "
        "SHA-256 of the document before it is sealed. Nobody keeps it: each download makes a new one that tells the time "
        "of the download, so keep the first.",
    )


class SealParticipantOptions(BaseModel):
    """Nothing: nobody takes part in a batch."""

    model_config = ConfigDict(extra="forbid")


class CreatedBatch(msgspec.Struct, frozen=True):
    """Answer of CreateBatch. Its status is a number that contradicts the vendor's own table, so it is not read."""

    id: str | int
    created: str | int | float | None = msgspec.field(name="creationDate", default=None)


class BatchDocument(msgspec.Struct, frozen=True):
    """A document of a batch. ``success`` is the result; False also means "not yet" before the batch is closed."""

    id: str | int | None = None
    filename: str | None = msgspec.field(name="fileName", default=None)
    signed: Flag = None
    success: Flag = msgspec.field(name="signingResult_Success", default=None)

    @property
    def key(self) -> str:
        """Made of its name, which is known before its id is and is the same in an upload; else its id."""
        return named(self.filename) if self.filename or self.id is None else str(self.id)

    @property
    def sealed(self) -> bool:
        """Whether it came out well; ``signed`` decides where the result is not told."""
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
        """Our status; a closed batch is as good as its documents."""
        status = STATUSES.get(self.word.upper(), SessionStatus.UNKNOWN)
        if status is not SessionStatus.COMPLETED:
            return status
        results = {document.sealed for document in self.documents or ()}
        if len(results) != 1:
            return SessionStatus.PARTIALLY_COMPLETED if results else SessionStatus.UNKNOWN
        return SessionStatus.COMPLETED if results.pop() else SessionStatus.FAILED

    @property
    def closed(self) -> bool:
        """Whether the results can be had."""
        return self.word.upper() == CLOSED


def truth(value: Flag) -> bool | None:
    """A boolean however SEAL prints it; None where it prints neither."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).strip().lower())


def named(filename: str | None) -> str:
    """The key of a document: names are unique in a batch, and SEAL tells no ids before it is accepted."""
    return f"name:{filename or ''}"
