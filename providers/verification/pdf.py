"""PDF signatures (PAdES and adbe.pkcs7.detached), with the difference analysis of later revisions."""

from __future__ import annotations

from io import BytesIO
from itertools import islice

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation import EmbeddedPdfSignature, SignatureCoverageLevel

from providers.model import SignatureFormat
from providers.verification.cms import MOST_SIGNATURES, report, signers, unreadable
from providers.verification.report import SignatureReport, VerificationStatus, to_utc
from providers.verification.trust import Finding, Trust, invalid

_SUBFILTERS = frozenset({"/adbe.pkcs7.detached", "/ETSI.CAdES.detached"})


def inspect_pdf(content: bytes, trust: Trust) -> tuple[SignatureReport, ...]:
    """One report for each signature, in signing order. Document time stamps are left out, as they have no signer."""
    reader = PdfFileReader(BytesIO(content), strict=False)
    reports = []
    for name, _, field in islice(enumerate_sig_fields(reader, filled_status=True), MOST_SIGNATURES):
        try:
            embedded = EmbeddedPdfSignature(reader, field, name)
            if embedded.sig_object_type != "/DocTimeStamp":
                reports.append((embedded.signed_revision, _report(embedded, trust)))
        except Exception:  # errors of the libraries for damaged input have no common base class
            reports.append((reader.xrefs.total_revisions, unreadable(SignatureFormat.PADES, trust)))
    return tuple(each for _, each in sorted(reports, key=lambda pair: pair[0]))


def _report(embedded: EmbeddedPdfSignature, trust: Trust) -> SignatureReport:
    signer = next(signers(embedded.signed_data))
    embedded.compute_integrity_info()  # type: ignore[no-untyped-call]
    claimed_at = embedded.self_reported_timestamp
    return report(
        signer,
        embedded.compute_digest,
        trust,
        SignatureFormat.PADES,
        covers=embedded.coverage == SignatureCoverageLevel.ENTIRE_FILE,
        document_finding=_document_finding(embedded, signer.digest_algorithm),
        claimed_at=to_utc(claimed_at) if claimed_at else None,
    )


def _document_finding(embedded: EmbeddedPdfSignature, algorithm: str) -> Finding | None:
    """The finding about the document around an intact signature; None where the signature covers all of it."""
    kind = str(embedded.sig_object.get("/SubFilter", ""))
    if kind not in _SUBFILTERS:
        return Finding(VerificationStatus.INDETERMINATE, "The signature is of a kind that is no longer in use.", algorithm)
    if embedded.coverage == SignatureCoverageLevel.ENTIRE_FILE:
        return None
    if not embedded.summarise_integrity_info()["docmdp_ok"]:
        what = "The document was changed after it was signed, in ways that the signature does not allow."
        return invalid(what, digest_algorithm=algorithm, covers_whole_document=False)
    reason = "The document was added to after it was signed, in ways that the signature allows."
    return Finding(VerificationStatus.VALID, reason, algorithm, covers_whole_document=False)
