"""XML signatures: XAdES and XML-DSig, enveloped, enveloping or detached within the document."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from asn1crypto import cms, x509
from cryptography import x509 as keys
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidInput, InvalidSignature
from signxml.verifier import SignatureConfiguration, XMLVerifier
from signxml.xades.xades import XAdESSignatureConfiguration, XAdESVerifier

from providers.model import SignatureFormat
from providers.verification.cms import CONTENT_MISSING, MOST_SIGNATURES, NO_TIMESTAMP, ProvenTime, read_timestamp, unreadable
from providers.verification.report import SignatureReport, VerificationStatus, read_certificate, to_utc
from providers.verification.trust import Finding, Trust, invalid

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
_MOST_REFERENCES = 64
_METHODS = frozenset(each for each in SignatureMethod if not each.name.startswith("HMAC") and "SHA1" not in each.name)
_DIGESTS = frozenset(each for each in DigestAlgorithm if each.name != "SHA1")


def inspect_xml(content: bytes, trust: Trust) -> tuple[SignatureReport, ...]:
    """One report for each signature, in document order. Entities and external references are never resolved."""
    root = etree.fromstring(content, parser=_parser())
    # A document type declaration may define entities that the signature does not cover.
    if root.getroottree().docinfo.internalDTD is not None:
        return ()
    signatures = list(root.iter(f"{_DS}Signature"))[:MOST_SIGNATURES]
    return tuple(_report(content, root, place, signature, trust) for place, signature in enumerate(signatures))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, dtd_validation=False)


def _report(content: bytes, root: etree._Element, place: int, signature: etree._Element, trust: Trust) -> SignatureReport:
    qualified = signature.find(f"{_DS}Object/{_XADES}QualifyingProperties") is not None
    kind = SignatureFormat.XADES if qualified else SignatureFormat.XMLDSIG
    try:
        certificates = _certificates(signature)
        own = certificates[0] if certificates else None
        certificate = read_certificate(own) if own is not None else None
        signed_at = _signed_at(signature)
        finding = _check(content, root, place, signature, own, qualified=qualified)
        stamp, proven_at = _timestamp(signature, trust)
        verification = trust.conclude(finding, own, certificates[1:], signed_at=signed_at, proven_at=proven_at)
        return SignatureReport(kind, certificate, signed_at or (stamp.at if stamp else None), stamp, verification)
    except Exception:  # errors of the libraries for damaged input have no common base class
        return unreadable(kind, trust)


def _check(
    content: bytes,
    root: etree._Element,
    place: int,
    signature: etree._Element,
    own: x509.Certificate | None,
    *,
    qualified: bool,
) -> Finding:
    references = signature.findall(f"{_DS}SignedInfo/{_DS}Reference")
    covers, algorithm = _covers(root, signature, references), _digest_algorithm(references)
    if own is None:
        reason = "The signature does not carry the signer's certificate."
        return Finding(VerificationStatus.INDETERMINATE, reason, algorithm, covers)
    if (obstacle := _obstacle(signature, references)) is not None:
        return Finding(VerificationStatus.INDETERMINATE, obstacle, algorithm, covers)
    if not [each for each in references if each.get("Type") != _PROPERTIES]:
        return invalid("The signature signs nothing but itself.", digest_algorithm=algorithm, covers_whole_document=False)
    try:
        _verify(content, place, own, qualified=qualified)
    except (InvalidSignature, InvalidInput):
        what = "The content or the signature was changed after it was signed."
        return invalid(what, digest_algorithm=algorithm, covers_whole_document=covers)
    except Exception:  # as in _report
        return invalid(
            "The signature is damaged and cannot be checked.", digest_algorithm=algorithm, covers_whole_document=covers
        )
    return Finding(VerificationStatus.VALID, None, algorithm, covers)


def _verify(content: bytes, place: int, own: x509.Certificate, *, qualified: bool) -> None:
    """Verifies the signature cryptographically, without regard to trust and validity of the certificate."""
    config = {
        "expect_references": True,
        "signature_methods": _METHODS,
        "digest_algorithms": _DIGESTS,
        "verification_time": own.not_valid_before + timedelta(seconds=1),
    }
    key = keys.load_der_x509_certificate(own.dump())
    if qualified:
        _XadesVerifier(place).verify(
            content, x509_cert=key, parser=_parser(), validate_schema=False, expect_config=XAdESSignatureConfiguration(**config)
        )
    else:
        _XmlDsigVerifier(place).verify(
            content, x509_cert=key, parser=_parser(), validate_schema=False, expect_config=SignatureConfiguration(**config)
        )


class _SignatureAt:
    """Verifier mix-in that picks the signature at a place in the document: signxml itself takes the first."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self._place = place

    def _get_signature(self, root: etree._Element) -> etree._Element:
        return list(root.iter(f"{_DS}Signature"))[self._place]


class _XmlDsigVerifier(_SignatureAt, XMLVerifier):
    pass


class _XadesVerifier(_SignatureAt, XAdESVerifier):
    pass


def _obstacle(signature: etree._Element, references: Sequence[etree._Element]) -> str | None:
    """The reason why a signature cannot be verified here, intact or not; None where it can."""
    if len(references) > _MOST_REFERENCES:
        return f"The signature has more than {_MOST_REFERENCES} references."
    if any(not (each.get("URI") or "#").startswith("#") for each in references):
        return f"{CONTENT_MISSING}."
    method = _algorithm(signature.find(f"{_DS}SignedInfo/{_DS}SignatureMethod"))
    if method not in {each.value for each in _METHODS}:
        return f"The signature algorithm {_short(method)} cannot be checked here, or is too weak to prove anything."
    digests = {_algorithm(each.find(f"{_DS}DigestMethod")) for each in references}
    unknown = sorted(digests - {each.value for each in _DIGESTS})
    if unknown:
        return f"The digest algorithm {_short(unknown[0])} cannot be checked here, or is too weak to prove anything."
    return None


def _covers(root: etree._Element, signature: etree._Element, references: Sequence[etree._Element]) -> bool:
    """Whether the signature covers everything in the file but itself."""
    uris = {each.get("URI") for each in references}
    if signature is root:
        objects = [
            each for each in root.findall(f"{_DS}Object") if {part.tag for part in each} != {f"{_XADES}QualifyingProperties"}
        ]
        return bool(objects) and all(_is_referenced(each, uris) for each in objects)
    return "" in uris or _is_referenced(root, uris, deep=False)


def _is_referenced(element: etree._Element, uris: set[str | None], *, deep: bool = True) -> bool:
    if any(f"#{element.get(name)}" in uris for name in ("Id", "ID", "id") if element.get(name)):
        return True
    return (
        deep
        and len(element) > 0
        and not (element.text or "").strip()
        and all(_is_referenced(e, uris, deep=False) for e in element)
    )


def _certificates(signature: etree._Element) -> list[x509.Certificate]:
    """The certificates in the signature; the signer's comes first, as it issued none of the others."""
    elements = signature.findall(f"{_DS}KeyInfo/{_DS}X509Data/{_DS}X509Certificate")[:MOST_SIGNATURES]
    certificates = [x509.Certificate.load(b64decode(each.text or "")) for each in elements]
    return sorted(
        certificates, key=lambda each: any(each.subject == other.issuer for other in certificates if other is not each)
    )


def _signed_at(signature: etree._Element) -> datetime | None:
    """The signing time in the signed properties; unsigned ones can be added by anybody."""
    signed = {each.get("URI") for each in signature.findall(f"{_DS}SignedInfo/{_DS}Reference")}
    for properties in signature.findall(f"{_DS}Object/{_XADES}QualifyingProperties/{_XADES}SignedProperties"):
        text = properties.findtext(f"{_XADES}SignedSignatureProperties/{_XADES}SigningTime")
        if text and f"#{properties.get('Id')}" in signed:
            return to_utc(datetime.fromisoformat(text.strip()))
    return None


def _timestamp(signature: etree._Element, trust: Trust) -> ProvenTime:
    """The first intact time stamp of the signature value (XAdES-T)."""
    value = signature.find(f"{_DS}SignatureValue")
    for stamp in signature.findall(f".//{_XADES}SignatureTimeStamp")[:_MOST_REFERENCES]:
        token = stamp.findtext(f"{_XADES}EncapsulatedTimeStamp")
        if not token or value is None:
            continue
        container = cms.ContentInfo.load(b64decode(token))["content"]
        method = _algorithm(stamp.find(f"{_DS}CanonicalizationMethod"))
        proven = read_timestamp(container, _canonical(value, method), trust)
        if proven != NO_TIMESTAMP:
            return proven
    return NO_TIMESTAMP


def _canonical(element: etree._Element, method: str) -> bytes:
    alone = etree.fromstring(etree.tostring(element, with_tail=False), parser=_parser())
    return etree.tostring(
        alone, method="c14n", exclusive="xml-exc-c14n" in method, with_comments=method.endswith("WithComments")
    )


def _digest_algorithm(references: Sequence[etree._Element]) -> str | None:
    return _short(_algorithm(references[0].find(f"{_DS}DigestMethod"))) if references else None


def _algorithm(element: etree._Element | None) -> str:
    return cast(str, element.get("Algorithm", "")) if element is not None else ""


def _short(algorithm: str) -> str:
    """The last part of an algorithm's URI, for example sha256."""
    return algorithm.rsplit("#", 1)[-1].rsplit(":", 1)[-1][:64]
