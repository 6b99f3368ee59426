"""Orders: the options that SEAL takes, and the objections that it has to an order."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field

from providers.errors import Invalid
from providers.model import DocumentRole
from providers.orders import Order


class SealOptions(BaseModel):
    """Options of ``createSession``."""

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
    """Options of a participant: none, as nobody takes part in a batch."""

    model_config = ConfigDict(extra="forbid")


def objections(order: Order) -> Iterator[Invalid]:
    """Validates an order: a batch needs documents, seals all of them, and has nobody to read a message."""
    if not order.documents:
        yield Invalid("Give at least one document: a batch without any cannot be sealed.", path=("input", "documents"))
    for index, document in enumerate(order.documents):
        if document.role is not DocumentRole.TO_SIGN:
            path = ("input", "documents", str(index), "role")
            yield Invalid("Every document of a batch is sealed: give it the role TO_SIGN or leave it out.", path=path)
    if order.message:
        yield Invalid("Nobody reads a batch's message: leave it out.", path=("input", "message"))
