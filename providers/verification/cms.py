"""CMS signatures (RFC 5652), attached or detached, and their signature time stamps (RFC 3161)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from asn1crypto import cms, core, tsp, x509
from pyhanko.sign.general import find_unique_cms_attribute
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import extract_self_reported_ts, extract_tst_data_iter, validate_sig_integrity
from pyhanko_certvalidator.errors import AlgorithmNotSupported

from providers.model import SignatureFormat
from providers.verification.report import SignatureReport, Timestamp, VerificationStatus, common_name, read_certificate, to_utc
from providers.verification.trust import TIMESTAMPING, Finding, Trust, invalid

MOST_SIGNATURES = 64
"""Signatures verified in one file, so that an attacker's file cannot keep a processor busy."""

CONTENT_MISSING = "The signed content is not here"
_STRONG = frozenset({"sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512"})
_WEAK = frozenset({"md2", "md5", "sha1"})

Digest = Callable[[str], bytes]
ProvenTime = tuple[Timestamp | None, datetime | None]
"""A time stamp, and its time where its authority is trusted."""
NO_TIMESTAMP: ProvenTime = (None, None)


@dataclass(frozen=True, slots=True)
class Signer:
    """One signature of a container: its signer info, the signer's certificate, and the other certificates of the container."""

    info: cms.SignerInfo
    content_type: str
    certificate: x509.Certificate | None
    others: tuple[x509.Certificate, ...]

    @property
    def digest_algorithm(self) -> str:
        """The name of the digest algorithm; its OID where the library has no name."""
        return str(self.info["digest_algorithm"]["algorithm"].native)

    @property
    def signed_at(self) -> datetime | None:
        """The signing time that the signer states."""
        if self.info["signed_attrs"] is core.VOID:
            return None
        at = extract_self_reported_ts(self.info)
        return to_utc(at) if at else None


def open_container(der: bytes) -> cms.SignedData | None:
    """Decodes a CMS container; None where it is no SignedData."""
    container = cms.ContentInfo.load(der)
    if container["content_type"].native != "signed_data":
        return None
    signed_data = container["content"]
    _ = len(signed_data["signer_infos"])
    return signed_data


def signers(container: cms.SignedData) -> Iterator[Signer]:
    """The signatures of a container, each with its certificate."""
    choices = container["certificates"]
    certificates = [] if choices is core.VOID else [each.chosen for each in choices if each.name == "certificate"]
    content_type = str(container["encap_content_info"]["content_type"].native)
    for info in list(container["signer_infos"])[:MOST_SIGNATURES]:
        own = next((each for each in certificates if _identifies(info["sid"], each)), None)
        yield Signer(info, content_type, own, tuple(each for each in certificates if each is not own))


def inspect_cms(der: bytes, trust: Trust) -> tuple[SignatureReport, ...]:
    """One report for each signature of a CMS container."""
    container = open_container(der)
    if container is None:
        return ()
    content = container["encap_content_info"]["content"]
    digest = None if content is core.VOID else _hasher(bytes(content))
    covers = None if digest is None else True
    return tuple(_report(signer, digest, trust, covers) for signer in signers(container))


def unreadable(kind: SignatureFormat, trust: Trust) -> SignatureReport:
    """The report on a signature that is damaged beyond reading."""
    verification = trust.conclude(invalid("The signature is damaged and cannot be read."), None)
    return SignatureReport(kind, None, None, None, verification)


def _report(signer: Signer, digest: Digest | None, trust: Trust, covers: bool | None) -> SignatureReport:
    try:
        return report(signer, digest, trust, SignatureFormat.CADES, covers=covers)
    except Exception:  # errors of the libraries for damaged input have no common base class
        return unreadable(SignatureFormat.CADES, trust)


def report(
    signer: Signer,
    digest: Digest | None,
    trust: Trust,
    kind: SignatureFormat,
    *,
    covers: bool | None,
    document_finding: Finding | None = None,
    claimed_at: datetime | None = None,
) -> SignatureReport:
    """The report on one signature.

    ``digest`` hashes the signed content, None where it is missing. ``document_finding`` is about the document around the
    signature, and ``claimed_at`` its signing time where the signature has none.
    """
    signed_at = signer.signed_at or claimed_at
    if signer.certificate is None:
        finding = Finding(VerificationStatus.INDETERMINATE, "The signature does not carry the signer's certificate.")
        return SignatureReport(kind, None, signed_at, None, trust.conclude(finding, None))
    finding = check(signer, digest, covers)
    if document_finding is not None and finding.status is VerificationStatus.VALID:
        finding = document_finding
    stamp, proven_at = _timestamp(signer, trust)
    signed_at = signed_at or (stamp.at if stamp else None)
    verification = trust.conclude(finding, signer.certificate, signer.others, signed_at=signed_at, proven_at=proven_at)
    return SignatureReport(kind, read_certificate(signer.certificate), signed_at, stamp, verification)


def check(signer: Signer, digest: Digest | None, covers: bool | None) -> Finding:
    """Checks whether a signature is intact."""
    algorithm = signer.digest_algorithm
    if algorithm not in _STRONG:
        weakness = "too weak to prove anything" if algorithm in _WEAK else "one that cannot be checked here"
        return Finding(VerificationStatus.INDETERMINATE, f"The digest algorithm {algorithm} is {weakness}.", algorithm, covers)
    if digest is None and signer.info["signed_attrs"] is core.VOID:
        return Finding(VerificationStatus.NOT_CHECKED, f"{CONTENT_MISSING}.", algorithm)
    reason: str | None
    try:
        expected = digest(algorithm) if digest else _claimed_digest(signer)
        intact, authentic = validate_sig_integrity(signer.info, signer.certificate, signer.content_type, expected)
    except AlgorithmNotSupported:
        name = signer.info["signature_algorithm"]["algorithm"].native
        return Finding(
            VerificationStatus.INDETERMINATE, f"The signature algorithm {name} cannot be checked here.", algorithm, covers
        )
    except SignatureValidationError:
        reason = "The signature contradicts itself."
    except Exception:  # as in _report
        reason = "The signature is damaged and cannot be checked."
    else:
        reason = _tampering(intact=intact, authentic=authentic)
    if reason is not None:
        return invalid(reason, digest_algorithm=algorithm, covers_whole_document=covers)
    if digest is None:
        return Finding(VerificationStatus.INDETERMINATE, f"{CONTENT_MISSING}; the signature itself is intact.", algorithm)
    return Finding(VerificationStatus.VALID, None, algorithm, covers)


def _tampering(*, intact: bool, authentic: bool) -> str | None:
    """The reason for INVALID; None where nothing was tampered with."""
    if not authentic:
        return "The signature was not made with the key of the certificate it names, or was changed."
    return None if intact else "The content was changed after it was signed."


def read_timestamp(token: cms.SignedData, stamped: bytes, trust: Trust) -> ProvenTime:
    """Verifies a time stamp token; none where it is not intact, or is of other bytes."""
    content = token["encap_content_info"]["content"].parsed
    signer = next(signers(token), None)
    if not isinstance(content, tsp.TSTInfo) or signer is None or signer.certificate is None:
        return NO_TIMESTAMP
    imprint = content["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    if algorithm not in _STRONG or _hasher(stamped)(algorithm) != imprint["hashed_message"].native:
        return NO_TIMESTAMP
    finding = check(signer, _hasher(bytes(token["encap_content_info"]["content"])), covers=None)
    if finding.status is not VerificationStatus.VALID:
        return NO_TIMESTAMP
    trusted = trust.objection(signer.certificate, signer.others, trust.now, TIMESTAMPING) is None
    at = to_utc(content["gen_time"].native)
    return Timestamp(at, common_name(signer.certificate)), at if trusted else None


def _timestamp(signer: Signer, trust: Trust) -> ProvenTime:
    try:
        for token in islice(extract_tst_data_iter(signer.info, signed=False), MOST_SIGNATURES):
            stamp = read_timestamp(token, signer.info["signature"].native, trust)
            if stamp != NO_TIMESTAMP:
                return stamp
    except Exception:  # as in _report
        return NO_TIMESTAMP
    return NO_TIMESTAMP


def _claimed_digest(signer: Signer) -> bytes:
    digest: bytes = find_unique_cms_attribute(signer.info["signed_attrs"], "message_digest").native
    return digest


def _hasher(content: bytes) -> Digest:
    return lambda algorithm: hashlib.new(algorithm, content).digest()


def _identifies(sid: cms.SignerIdentifier, certificate: x509.Certificate) -> bool:
    if sid.name == "issuer_and_serial_number":
        issuer = sid.chosen
        return bool(certificate.issuer == issuer["issuer"] and certificate.serial_number == issuer["serial_number"].native)
    return bool(certificate.key_identifier == sid.chosen.native)
