"""A throw-away certificate authority: the people of the sandboxes sign with what it issues.

Its signatures are real and verify against ``certificate``; its keys live in memory and end with the process.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from threading import Lock
from typing import cast

from anyio import to_thread
from asn1crypto import cms, core, tsp
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from lxml import etree
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter, enumerate_sig_fields
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.pdfgen.canvas import Canvas
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.xades.xades import XAdESSigner

_ROOT = "Countersign Sandbox Root"
_TIMESTAMPER = "Countersign Sandbox Timestamps"
_VALID_BEFORE, _VALID_AFTER = timedelta(days=365), timedelta(days=3650)
_MAX_NAME_BYTES = 64  # of a common name (X.520, as cryptography reads it)
_PAGE = (595, 842)


@dataclass(frozen=True, slots=True)
class _Identity:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def certificate_der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_der(self) -> bytes:
        return self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


class CertificateAuthority:
    """Certificate authority: a root that is made when needed, and a certificate and key for each name that signs."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._root: _Identity | None = None
        self._identities: dict[str, _Identity] = {}

    @property
    def certificate(self) -> bytes:
        """The root certificate in PEM: the trust anchor of a verifier."""
        with self._lock:
            return self._root_identity().certificate.public_bytes(Encoding.PEM)

    async def sign_pdf(self, pdf: bytes, signers: Sequence[str], reason: str | None = None) -> bytes:
        """A PAdES document signed by each in turn, as incremental updates. Raises ``ValueError`` where it is no PDF."""
        return await to_thread.run_sync(self._sign_pdf, pdf, signers, reason)

    async def sign_cms(self, content: bytes, signer: str, *, detached: bool = False) -> bytes:
        """A CAdES (CMS SignedData) signature of the content in DER."""
        signed = await self._signer(signer).async_sign_general_data(
            content,
            "sha256",
            detached=detached,
            use_cades=True,
            signed_attr_settings=PdfCMSSignedAttributes(signing_time=datetime.now(UTC)),
        )
        return cast(bytes, signed.dump())

    async def sign_xml(self, content: bytes, signer: str) -> bytes:
        """An enveloping XAdES signature over arbitrary content (wrapped in base64 where it is no XML)."""
        return await to_thread.run_sync(self._sign_xml, content, signer)

    async def timestamp(self, request: bytes) -> bytes:
        """An RFC 3161 reply in DER to a request in DER. Raises ``ValueError`` where it is no request."""
        info = tsp.TSTInfo(_stamp(tsp.TimeStampReq.load(request, strict=True)))
        content = cms.EncapsulatedContentInfo({"content_type": "tst_info", "content": core.ParsableOctetString(info.dump())})
        signer = self._signer(_TIMESTAMPER)
        token = await signer.async_sign_general_data(content, "sha256", detached=False, use_cades=True)
        reply = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token})
        return cast(bytes, reply.dump())

    def _sign_pdf(self, pdf: bytes, signers: Sequence[str], reason: str | None) -> bytes:
        try:
            for name in signers:
                pdf = self._sign_once(pdf, name, reason)
        except (PdfError, SigningError) as error:
            raise ValueError("this is no PDF that can be signed") from error
        return pdf

    def _sign_once(self, pdf: bytes, name: str, reason: str | None) -> bytes:
        writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
        used = {existing for existing, *_ in enumerate_sig_fields(writer.prev)}
        field_name = next(candidate for n in range(1, len(used) + 2) if (candidate := f"Signature{n}") not in used)
        metadata = PdfSignatureMetadata(
            field_name=field_name, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, reason=reason, name=name
        )
        signer = PdfSigner(metadata, self._signer(name), new_field_spec=SigFieldSpec(field_name))
        return cast(BytesIO, signer.sign_pdf(writer)).getvalue()

    def _sign_xml(self, content: bytes, signer: str) -> bytes:
        identity = self._identity(signer)
        xades = XAdESSigner(
            method=SignatureConstructionMethod.enveloping,
            signature_algorithm=SignatureMethod.ECDSA_SHA256,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_1,
        )
        chain = [identity.certificate, self._identity(_ROOT).certificate]
        return etree.tostring(xades.sign(_element(content), key=identity.key, cert=chain))

    def _signer(self, name: str) -> SimpleSigner:
        identity = self._identity(name)
        return SimpleSigner(
            signing_cert=asn1_x509.Certificate.load(identity.certificate_der),
            signing_key=asn1_keys.PrivateKeyInfo.load(identity.key_der),
            cert_registry=self._store(),
        )

    def _store(self) -> SimpleCertificateStore:
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register(asn1_x509.Certificate.load(self._identity(_ROOT).certificate_der))
        return store

    def _identity(self, name: str) -> _Identity:
        with self._lock:
            root = self._root_identity()
            if name == _ROOT:
                return root
            if name not in self._identities:
                self._identities[name] = _issue(name, root)
            return self._identities[name]

    def _root_identity(self) -> _Identity:
        if self._root is None:
            self._root = _issue(_ROOT, None)
        return self._root


def sample_pdf(title: str, pages: int = 1) -> bytes:
    """A small, valid PDF that shows its title on every page."""
    file = BytesIO()
    canvas = Canvas(file, pagesize=_PAGE)
    canvas.setTitle(title)
    for page in range(1, pages + 1):
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(72, 740, title)
        canvas.setFont("Helvetica", 10)
        canvas.drawString(72, 60, f"Page {page} of {pages}")
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _stamp(request: tsp.TimeStampReq) -> dict[str, object]:
    stamp: dict[str, object] = {
        "version": "v1",
        "policy": "2.5.29.32.0",
        "message_imprint": request["message_imprint"],
        "serial_number": x509.random_serial_number(),
        "gen_time": datetime.now(UTC),
    }
    if request["nonce"].native is not None:
        stamp["nonce"] = request["nonce"]
    return stamp


def _element(content: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        wrapped = etree.Element("content", encoding="base64")
        wrapped.text = base64.b64encode(content).decode()
        return wrapped


def _issue(name: str, issuer: _Identity | None) -> _Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = _subject(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID_BEFORE)
        .not_valid_after(now + _VALID_AFTER)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=0 if issuer is None else None), critical=True)
        .add_extension(_usage(authority=issuer is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer:
        issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(issued_by, critical=False)
    if name == _TIMESTAMPER:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return _Identity(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def _subject(name: str) -> x509.Name:
    common_name = name.encode()[:_MAX_NAME_BYTES].decode(errors="ignore") or "Nobody"
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Countersign Sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
