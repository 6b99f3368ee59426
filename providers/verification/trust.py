"""Trust: validates certificate chains against the trust anchors, and concludes the verification of a signature."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import pem, x509
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    DisallowedAlgorithmError,
    ExpiredError,
    InvalidCertificateError,
    NotYetValidError,
    PathBuildingError,
    RevokedError,
    ValidationError,
)

from providers.verification.report import Verification, VerificationStatus

SIGNING = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"})
TIMESTAMPING = KeyUsageConstraints(extd_key_usage={"time_stamping"})

_NOT_IN_ROOTS = "The signer is not in the trust roots."
_NO_ROOTS = "No trust roots are configured."
_TOLERANCE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of the cryptographic check, before that of the certificate chain.

    ``status`` is VALID for an intact signature; ``reason`` explains any other.
    """

    status: VerificationStatus
    reason: str | None = None
    digest_algorithm: str | None = None
    covers_whole_document: bool | None = None


def invalid(reason: str, *, digest_algorithm: str | None = None, covers_whole_document: bool | None = None) -> Finding:
    """The finding of a signature that is damaged or was tampered with."""
    return Finding(VerificationStatus.INVALID, reason, digest_algorithm, covers_whole_document)


class Trust:
    """Trust anchors and the validation time. Nothing is fetched: neither revocation lists nor missing certificates."""

    def __init__(self, roots: Sequence[bytes], now: datetime) -> None:
        """``roots`` are in PEM (one or several) or DER. Raises ``ValueError`` for anything else."""
        self.now = now
        self._roots = [certificate for root in roots for certificate in _certificates(root)]

    def objection(
        self,
        certificate: x509.Certificate,
        others: Iterable[x509.Certificate],
        at: datetime,
        usage: KeyUsageConstraints = SIGNING,
    ) -> str | None:
        """The reason why a certificate is not trusted at a time; None where its chain ends at a trust anchor."""
        if not self._roots:
            return _NO_ROOTS
        # This clock may be a little behind the signer's.
        context = ValidationContext(
            trust_roots=self._roots, other_certs=list(others), moment=at, allow_fetching=False, time_tolerance=_TOLERANCE
        )
        try:
            usage.validate(certificate)
            asyncio.run(CertificateValidator(certificate, validation_context=context).async_validate_path())
        except (PathBuildingError, ValidationError, ValueError, TypeError, KeyError) as error:
            return _objection(error, certificate)
        return None

    def conclude(
        self,
        finding: Finding,
        certificate: x509.Certificate | None,
        others: Iterable[x509.Certificate] = (),
        *,
        signed_at: datetime | None = None,
        proven_at: datetime | None = None,
    ) -> Verification:
        """Concludes a verification. ``signed_at`` is the signer's own time, ``proven_at`` the time of a trusted time stamp."""
        if finding.status is VerificationStatus.INVALID or certificate is None:
            return self._verification(finding, finding.status, finding.reason, trusted=False)
        if self._roots:
            objection = self.objection(certificate, others, proven_at or self.now)
        else:
            objection = _expiry_objection(certificate, proven_at or signed_at or self.now)
        trusted = bool(self._roots) and objection is None
        if finding.status is not VerificationStatus.VALID:
            return self._verification(finding, finding.status, finding.reason, trusted=trusted)
        if objection is not None:
            return self._verification(finding, VerificationStatus.INDETERMINATE, objection, trusted=False)
        reason = finding.reason if trusted else _NO_ROOTS
        return self._verification(finding, VerificationStatus.VALID, reason, trusted=trusted)

    def _verification(self, finding: Finding, status: VerificationStatus, reason: str | None, *, trusted: bool) -> Verification:
        return Verification(status, reason, finding.digest_algorithm, trusted, finding.covers_whole_document, self.now)


def _certificates(root: bytes) -> list[x509.Certificate]:
    ders = [der for _, _, der in pem.unarmor(root, multiple=True)] if pem.detect(root) else [root]
    certificates = [x509.Certificate.load(der) for der in ders]
    for certificate in certificates:
        certificate.subject.dump()
    return certificates


def _expiry_objection(certificate: x509.Certificate, at: datetime) -> str | None:
    if certificate.not_valid_before - _TOLERANCE <= at <= certificate.not_valid_after + _TOLERANCE:
        return None
    return "The signer's certificate was not valid at that time."


def _objection(error: Exception, certificate: x509.Certificate) -> str:
    """The objection in words of ours: messages of the library name people."""
    match error:
        case ExpiredError():
            return "A certificate of the signer's chain has expired, and no timestamp proves that it had not when it signed."
        case NotYetValidError():
            return "A certificate of the signer's chain is not valid yet."
        case RevokedError():
            return "A certificate of the signer's chain was revoked."
        case DisallowedAlgorithmError():
            return "A certificate of the signer's chain uses an algorithm that is too weak."
        case InvalidCertificateError() if certificate.self_signed == "no":
            return "The signer's certificate is not meant for signing."
        case PathBuildingError() | InvalidCertificateError():
            return _NOT_IN_ROOTS
        case _:
            return "The signer is not in the trust roots: its chain of certificates does not hold."
