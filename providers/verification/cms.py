"""Signatures in CMS (RFC 5652), with or without what they sign, and the timestamps that go with them."""

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
from providers.verification.report import SignatureReport, Timestamp, VerificationStatus, common_name, describe, in_utc
from providers.verification.trust import TIMESTAMPING, Finding, Trust, invalid

MOST_SIGNATURES = 64
"""So many are looked at in one file, so that a hostile one cannot keep a processor busy."""

NOT_HERE = "The signed content is not here"
_STRONG = frozenset({"sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512"})
_WEAK = frozenset({"md2", "md5", "sha1"})

Digest = Callable[[str], bytes]
Stamp = tuple[Timestamp | None, datetime | None]
"""A timestamp, and what it proves: its time again where its authority is trusted, else nothing."""
NO_STAMP: Stamp = (None, None)


@dataclass(frozen=True, slots=True)
class Signer:
    """One signature of a container: what was signed, by whom, and the other certificates that came along."""

    info: cms.SignerInfo
    content_type: str
    certificate: x509.Certificate | None
    others: tuple[x509.Certificate, ...]

    @property
    def digest_algorithm(self) -> str:
        """Its common name, or the number of one that has none here."""
        return str(self.info["digest_algorithm"]["algorithm"].native)

    @property
    def signed_at(self) -> datetime | None:
        """When the signer says it was."""
        if self.info["signed_attrs"] is core.VOID:
            return None
        at = extract_self_reported_ts(self.info)
        return in_utc(at) if at else None


def open_container(der: bytes) -> cms.SignedData | None:
    """The signatures in a CMS container; None where it is something else."""
    container = cms.ContentInfo.load(der)
    if container["content_type"].native != "signed_data":
        return None
    signed_data = container["content"]
    _ = len(signed_data["signer_infos"])
    return signed_data


def signers(container: cms.SignedData) -> Iterator[Signer]:
    """Every signature of a container, with the certificate that it names."""
    choices = container["certificates"]
    certificates = [] if choices is core.VOID else [each.chosen for each in choices if each.name == "certificate"]
    content_type = str(container["encap_content_info"]["content_type"].native)
    for info in list(container["signer_infos"])[:MOST_SIGNATURES]:
        own = next((each for each in certificates if _named(info["sid"], each)), None)
        yield Signer(info, content_type, own, tuple(each for each in certificates if each is not own))


def inspect_cms(der: bytes, trust: Trust) -> tuple[SignatureReport, ...]:
    """One report per signature of a CMS container."""
    container = open_container(der)
    if container is None:
        return ()
    content = container["encap_content_info"]["content"]
    digest = None if content is core.VOID else _hasher(bytes(content))
    covers = None if digest is None else True
    return tuple(_report(signer, digest, trust, covers) for signer in signers(container))


def unreadable(kind: SignatureFormat, trust: Trust) -> SignatureReport:
    """What is to be said of something that was a signature once."""
    verification = trust.judge(invalid("The signature is damaged and cannot be read."), None)
    return SignatureReport(kind, None, None, None, verification)


def _report(signer: Signer, digest: Digest | None, trust: Trust, covers: bool | None) -> SignatureReport:
    try:
        return report(signer, digest, trust, SignatureFormat.CADES, covers=covers)
    except Exception:  # what the libraries raise for damaged input has no common ancestor
        return unreadable(SignatureFormat.CADES, trust)


def report(
    signer: Signer,
    digest: Digest | None,
    trust: Trust,
    kind: SignatureFormat,
    *,
    covers: bool | None,
    fault: Finding | None = None,
    claimed_at: datetime | None = None,
) -> SignatureReport:
    """What is to be said of one signature.

    ``digest`` hashes what was signed, None where that is not here. ``fault`` is what is wrong with the document
    around the signature, ``claimed_at`` when that says it was signed, where the signature itself does not.
    """
    signed_at = signer.signed_at or claimed_at
    if signer.certificate is None:
        finding = Finding(VerificationStatus.INDETERMINATE, "The signature does not carry the signer's certificate.")
        return SignatureReport(kind, None, signed_at, None, trust.judge(finding, None))
    finding = check(signer, digest, covers)
    if fault is not None and finding.status is VerificationStatus.VALID:
        finding = fault
    stamp, proven_at = _timestamp(signer, trust)
    signed_at = signed_at or (stamp.at if stamp else None)
    verification = trust.judge(finding, signer.certificate, signer.others, signed_at=signed_at, proven_at=proven_at)
    return SignatureReport(kind, describe(signer.certificate), signed_at, stamp, verification)


def check(signer: Signer, digest: Digest | None, covers: bool | None) -> Finding:
    """Whether the signature is intact, as far as that can be told from what is here."""
    algorithm = signer.digest_algorithm
    if algorithm not in _STRONG:
        trouble = "too weak to prove anything" if algorithm in _WEAK else "one that cannot be checked here"
        return Finding(VerificationStatus.INDETERMINATE, f"The digest algorithm {algorithm} is {trouble}.", algorithm, covers)
    if digest is None and signer.info["signed_attrs"] is core.VOID:
        return Finding(VerificationStatus.NOT_CHECKED, f"{NOT_HERE}.", algorithm)
    try:
        wanted = digest(algorithm) if digest else _claimed_digest(signer)
        intact, genuine = validate_sig_integrity(signer.info, signer.certificate, signer.content_type, wanted)
    except AlgorithmNotSupported:
        name = signer.info["signature_algorithm"]["algorithm"].native
        return Finding(
            VerificationStatus.INDETERMINATE, f"The signature algorithm {name} cannot be checked here.", algorithm, covers
        )
    except SignatureValidationError:
        return invalid("The signature contradicts itself.", digest_algorithm=algorithm, covers_whole_document=covers)
    except Exception:  # as in _report
        return invalid(
            "The signature is damaged and cannot be checked.", digest_algorithm=algorithm, covers_whole_document=covers
        )
    if not genuine:
        what = "The signature was not made with the key of the certificate it names, or was changed."
        return invalid(what, digest_algorithm=algorithm, covers_whole_document=covers)
    if not intact:
        return invalid("The content was changed after it was signed.", digest_algorithm=algorithm, covers_whole_document=covers)
    if digest is None:
        return Finding(VerificationStatus.INDETERMINATE, f"{NOT_HERE}; the signature itself is intact.", algorithm)
    return Finding(VerificationStatus.VALID, None, algorithm, covers)


def read_timestamp(token: cms.SignedData, stamped: bytes, trust: Trust) -> Stamp:
    """The time a token vouches for; no stamp where it is not intact, or is about other bytes."""
    content = token["encap_content_info"]["content"].parsed
    signer = next(signers(token), None)
    if not isinstance(content, tsp.TSTInfo) or signer is None or signer.certificate is None:
        return NO_STAMP
    imprint = content["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    if algorithm not in _STRONG or _hasher(stamped)(algorithm) != imprint["hashed_message"].native:
        return NO_STAMP
    finding = check(signer, _hasher(bytes(token["encap_content_info"]["content"])), covers=None)
    if finding.status is not VerificationStatus.VALID:
        return NO_STAMP
    trusted = trust.objection(signer.certificate, signer.others, trust.now, TIMESTAMPING) is None
    at = in_utc(content["gen_time"].native)
    return Timestamp(at, common_name(signer.certificate)), at if trusted else None


def _timestamp(signer: Signer, trust: Trust) -> Stamp:
    try:
        for token in islice(extract_tst_data_iter(signer.info, signed=False), MOST_SIGNATURES):
            stamp = read_timestamp(token, signer.info["signature"].native, trust)
            if stamp != NO_STAMP:
                return stamp
    except Exception:  # as in _report
        return NO_STAMP
    return NO_STAMP


def _claimed_digest(signer: Signer) -> bytes:
    digest: bytes = find_unique_cms_attribute(signer.info["signed_attrs"], "message_digest").native
    return digest


def _hasher(content: bytes) -> Digest:
    return lambda algorithm: hashlib.new(algorithm, content).digest()


def _named(sid: cms.SignerIdentifier, certificate: x509.Certificate) -> bool:
    if sid.name == "issuer_and_serial_number":
        named = sid.chosen
        return bool(certificate.issuer == named["issuer"] and certificate.serial_number == named["serial_number"].native)
    return bool(certificate.key_identifier == sid.chosen.native)
