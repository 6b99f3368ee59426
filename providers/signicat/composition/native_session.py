"""Native session: a signing session of Signicat, with exactly one signer, and the marker in its external reference."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from providers.decoding.coercion import parse_instant
from providers.model import Participant, ParticipantRole, ParticipantStatus, SessionRef
from providers.signicat.wire import PARTICIPANT_STATUS, DocumentUse, Output, SigningSession

LONGEST_MARKER = 32
_UNTOUCHED = frozenset({ParticipantStatus.WAITING, ParticipantStatus.INVITED, ParticipantStatus.EXPIRED})
_LINK = re.compile(rb'("signatureUrl"\s*:\s*)"(?:[^"\\]|\\.)*"')
"""Matches a member and nothing else: a quotation mark within a JSON string is escaped."""
_MARKER = re.compile(rf"#[0-9a-f]{{12,{LONGEST_MARKER}}}-\d{{1,3}}\Z")


@dataclass(frozen=True, slots=True)
class NativeSession:
    """A native session as it was read; ``wire`` is None where Signicat no longer has it.

    ``status`` follows from its state alone, not from the due date; ``due_at`` is the last moment at which it can be signed.
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
        """Signicat's word for the state."""
        return self.wire.lifecycle.state if self.wire and self.wire.lifecycle else None

    @property
    def output(self) -> Output:
        """The results, empty before there are any."""
        return self.wire.output or Output() if self.wire else Output()

    def has_marker(self, marker: str) -> bool:
        """Whether it was created under this marker."""
        name = (self.wire.external_reference if self.wire else None) or ""
        return name.rpartition("#")[2].rpartition("-")[0] == marker

    @property
    def acted(self) -> bool:
        """Whether the signer has signed or declined, or may have."""
        return self.wire is not None and self.status not in _UNTOUCHED

    @property
    def by_pki(self) -> bool:
        """Whether the signer's eID signs: Signicat makes no package of such a session."""
        setups = self.wire.signing_setup or () if self.wire else ()
        return any((setup.signing_flow or "").upper() == "PKISIGNING" for setup in setups)

    def participant(
        self, ref: SessionRef, order: int | None, status: ParticipantStatus, known: Participant | None
    ) -> Participant:
        """The signer as a participant: of ``known`` stays what Signicat does not have."""
        wire = self.wire
        language = wire.ui.language if wire and wire.ui else None
        url = wire.signature_url if wire else None
        until = parse_instant(wire.signature_url_expires_at) if wire else None
        if known is None:
            return Participant(
                session=ref,
                key=self.key,
                role=ParticipantRole.SIGNER,
                order=order,
                status=status,
                provider_status=self.word,
                language=language,
                signing_url=url,
                signing_url_expires_at=until,
            )
        return replace(
            known,
            session=ref,
            order=order,
            status=status,
            provider_status=self.word,
            language=known.language or language,
            signing_url=url or known.signing_url,
            signing_url_expires_at=until or known.signing_url_expires_at,
        )

    @property
    def native(self) -> bytes:
        """The JSON without the signing link, with which anyone can sign."""
        return _LINK.sub(rb"\1null", self.raw) if b"signatureUrl" in self.raw else self.raw

    @property
    def documents(self) -> tuple[DocumentUse, ...]:
        """The documents that its signer sees."""
        return self.wire.documents or () if self.wire else ()

    @property
    def collections(self) -> frozenset[str]:
        """Keys of the collections of its documents."""
        return frozenset(use.document_collection_id for use in self.documents if use.document_collection_id)


def external_reference(reference: str | None, marker: str, place: int) -> str:
    """The external reference of the native session at a place (from 1): unique, and searchable by its marker."""
    return f"{reference or ''}#{marker}-{place}"


def reference_of(external: str | None) -> str | None:
    """The client's reference, without the marker; None where there is none."""
    return _MARKER.sub("", external or "") or None


def lacks_package(requested: tuple[str, ...] | None, output: Output | None) -> bool:
    """Whether a requested kind of package is outstanding; their spelling varies in case."""
    packages = [package for package in (output.packages if output else None) or () if package.result_document_id]
    kinds = {(package.package_type or "").upper() for package in packages}
    return "" not in kinds and any(kind.upper() not in kinds for kind in requested or ())
