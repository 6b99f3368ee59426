"""Report: the result of the verification of one signature, and the fields of its certificate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from asn1crypto import pem, x509

from providers.model import SignatureFormat

_SHORT_NAMES = {
    "common_name": "CN",
    "country_name": "C",
    "domain_component": "DC",
    "email_address": "emailAddress",
    "given_name": "GN",
    "locality_name": "L",
    "organization_name": "O",
    "organizational_unit_name": "OU",
    "serial_number": "serialNumber",
    "state_or_province_name": "ST",
    "street_address": "STREET",
    "surname": "SN",
    "user_id": "UID",
}
_ESCAPES = str.maketrans({char: f"\\{char}" for char in ',+"\\<>;'} | {"\0": "\\00"})


class VerificationStatus(StrEnum):
    """Result of the verification of a signature."""

    VALID = "VALID"
    INVALID = "INVALID"
    INDETERMINATE = "INDETERMINATE"
    NOT_CHECKED = "NOT_CHECKED"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signer's certificate: names in the form of RFC 4514, the serial number in decimal, the SHA-256 of its DER in hex.

    ``email`` is the address in the certificate, if any. All but the digest and the dates is personal data.
    """

    subject: str = field(repr=False)
    common_name: str | None = field(repr=False)
    issuer: str = field(repr=False)
    serial_number: str = field(repr=False)
    not_before: datetime
    not_after: datetime
    sha256: str
    pem: str = field(repr=False)
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A time stamp by an authority."""

    at: datetime
    authority: str | None


@dataclass(frozen=True, slots=True)
class Verification:
    """Verification of a signature.

    ``reason`` explains any result but a trusted VALID. ``trusted`` tells whether the signer's certificate chain ends at a
    trust anchor. ``covers_whole_document`` is None where the signed document is missing.
    """

    status: VerificationStatus
    reason: str | None
    digest_algorithm: str | None
    trusted: bool
    covers_whole_document: bool | None
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """Report on one signature: signer and time as stated in it, and its verification."""

    format: SignatureFormat
    certificate: Certificate | None
    signed_at: datetime | None
    timestamp: Timestamp | None
    verification: Verification


def read_certificate(certificate: x509.Certificate) -> Certificate:
    """Reads the fields of a certificate. Raises ``ValueError`` and others where it is damaged."""
    der = certificate.dump()
    return Certificate(
        subject=_name(certificate.subject),
        common_name=common_name(certificate),
        issuer=_name(certificate.issuer),
        serial_number=str(certificate.serial_number),
        not_before=certificate.not_valid_before,
        not_after=certificate.not_valid_after,
        sha256=certificate.sha256.hex(),
        pem=pem.armor("CERTIFICATE", der).decode("ascii"),
        email=_email(certificate),
    )


def to_utc(at: datetime) -> datetime:
    """Converts a time of the libraries to UTC; one without a zone is in UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def common_name(certificate: x509.Certificate) -> str | None:
    """The common name of a certificate's subject; the last one where it has several."""
    return next((value for name, value in _parts(certificate.subject) if name == "common_name"), None)


def _email(certificate: x509.Certificate) -> str | None:
    alternatives = certificate.subject_alt_name_value or ()
    emails = [str(each.native) for each in alternatives if each.name == "rfc822_name"]
    emails += [value for name, value in _parts(certificate.subject) if name == "email_address"]
    return emails[0] if emails else None


def _name(name: x509.Name) -> str:
    """Formats a distinguished name by RFC 4514, the most specific part first."""
    return ",".join(
        "+".join(f"{_SHORT_NAMES.get(part['type'].native, part['type'].native)}={_escaped(part)}" for part in relative)
        for relative in reversed(list(name.chosen))
    )


def _escaped(part: x509.NameTypeAndValue) -> str:
    value = str(part.native["value"]).translate(_ESCAPES)
    if value.endswith(" "):
        value = value[:-1] + "\\ "
    return "\\" + value if value.startswith(("#", " ")) else value


def _parts(name: x509.Name) -> Iterator[tuple[str, str]]:
    for relative in reversed(list(name.chosen)):
        for part in relative:
            yield part["type"].native, str(part.native["value"])
