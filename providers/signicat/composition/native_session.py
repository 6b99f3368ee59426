"""A native session: what Signicat calls a signing session, which has exactly one signer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from providers.decoding.coercion import parse_instant
from providers.model import ParticipantStatus
from providers.signicat.wire import PARTICIPANT_STATUS, DocumentUse, Output, SigningSession

LONGEST_MARKER = 32
_UNTOUCHED = frozenset({ParticipantStatus.WAITING, ParticipantStatus.INVITED, ParticipantStatus.EXPIRED})
_LINK = re.compile(rb'("signatureUrl"\s*:\s*)"(?:[^"\\]|\\.)*"')
"""No string of JSON holds a quotation mark as it is, so this is a member and nothing else."""
_MARK = re.compile(rf"#[0-9a-f]{{12,{LONGEST_MARKER}}}-\d{{1,3}}\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """A native session as it was read; ``wire`` is None where Signicat no longer has it.

    ``status`` is its state, before the calendar has its say, and ``due_at`` the last moment at which it can be signed.
    """

    key: str
    wire: SigningSession | None
    raw: bytes = field(default=b"null", repr=False)
    status: ParticipantStatus = field(init=False)
    due_at: datetime | None = field(init=False)

    def __post_init__(self) -> None:
        status, due_at = ParticipantStatus.FAILED, None
        if self.wire is not None:
            status = PARTICIPANT_STATUS.get((self.word or "").upper(), ParticipantStatus.UNKNOWN)
            due_at = parse_instant(self.wire.due_date)
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "due_at", due_at)

    @property
    def word(self) -> str | None:
        """Signicat's word for its state."""
        return self.wire.lifecycle.state if self.wire and self.wire.lifecycle else None

    @property
    def output(self) -> Output:
        """What came out of it, empty until something does."""
        return self.wire.output or Output() if self.wire else Output()

    def marked(self, marker: str) -> bool:
        """Whether it was opened under this marker."""
        name = (self.wire.external_reference if self.wire else None) or ""
        return name.rpartition("#")[2].rpartition("-")[0] == marker

    @property
    def acted(self) -> bool:
        """Whether its signer has signed or declined, or may have."""
        return self.wire is not None and self.status not in _UNTOUCHED

    @property
    def by_pki(self) -> bool:
        """The eID itself signs; there is no package then."""
        setups = self.wire.signing_setup or () if self.wire else ()
        return any((setup.signing_flow or "").upper() == "PKISIGNING" for setup in setups)

    @property
    def native(self) -> bytes:
        """The payload without its signing link, which lets anyone sign who has it."""
        return _LINK.sub(rb"\1null", self.raw) if b"signatureUrl" in self.raw else self.raw

    @property
    def documents(self) -> tuple[DocumentUse, ...]:
        """The documents it shows to its signer."""
        return self.wire.documents or () if self.wire else ()

    @property
    def collections(self) -> frozenset[str]:
        """Keys of the collections that its documents belong to."""
        return frozenset(use.document_collection_id for use in self.documents if use.document_collection_id)


def external_reference(reference: str | None, marker: str, place: int) -> str:
    """What the native session at a place (from 1) is called: unique among several, and found again by its marker."""
    return f"{reference or ''}#{marker}-{place}"


def reference_of(external: str | None) -> str | None:
    """The client's reference within what a native session is called, None where there was none."""
    return _MARK.sub("", external or "") or None


def missing(asked: tuple[str, ...] | None, output: Output | None) -> bool:
    """Whether a kind of package that was asked for is not there yet; their spelling varies in case."""
    there = [package for package in (output.packages if output else None) or () if package.result_document_id]
    kinds = {(package.package_type or "").upper() for package in there}
    return "" not in kinds and any(kind.upper() not in kinds for kind in asked or ())
