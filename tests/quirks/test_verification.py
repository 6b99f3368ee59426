"""Verification of signatures in PDF, CMS and XML, and its robustness against damaged and hostile files."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from asn1crypto import cms, pem, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from signxml.algorithms import CanonicalizationMethod, SignatureConstructionMethod
from signxml.signer import XMLSigner

from providers.model import SignatureFormat
from providers.sandbox.certificate_authority import CertificateAuthority, sample_pdf
from providers.verification import SignatureReport, VerificationStatus, inspect, unwrap
from providers.verification.report import read_certificate

AUTHORITY, STRANGER = CertificateAuthority(), CertificateAuthority()
ROOTS = [AUTHORITY.certificate]
NOW = datetime.now(UTC)
SHA256 = bytes.fromhex("608648016503040201")
UNKNOWN_DIGEST = bytes.fromhex("608648016503040263")
DS = "{http://www.w3.org/2000/09/xmldsig#}"
XADES = "{http://uri.etsi.org/01903/v1.3.2#}"

VALID, INVALID = VerificationStatus.VALID, VerificationStatus.INVALID
INDETERMINATE, NOT_CHECKED = VerificationStatus.INDETERMINATE, VerificationStatus.NOT_CHECKED


def made(what: Callable[[], object]) -> bytes:
    return asyncio.run(what())  # type: ignore[arg-type,return-value]


CMS = made(lambda: AUTHORITY.sign_cms(b"agreed", "Ada Lovelace"))
DETACHED = made(lambda: AUTHORITY.sign_cms(b"agreed", "Ada Lovelace", detached=True))
XML = made(lambda: AUTHORITY.sign_xml(b"<deed><sum>10</sum></deed>", "Ada Lovelace"))
PDF = made(lambda: AUTHORITY.sign_pdf(sample_pdf("Contract"), ["Ada Lovelace"]))
TWICE = made(lambda: AUTHORITY.sign_pdf(sample_pdf("Contract"), ["Ada Lovelace", "Grace Hopper"]))
ALL = {"CADES": CMS, "PADES": PDF, "XADES": XML}


def one(content: bytes, roots: list[bytes] | None = None, now: datetime = NOW) -> SignatureReport:
    (report,) = inspect(content, roots=ROOTS if roots is None else roots, now=now)
    return report


def verdict(content: bytes, roots: list[bytes] | None = None, now: datetime = NOW) -> tuple[VerificationStatus, str, bool]:
    found = one(content, roots, now).verification
    return found.status, found.reason or "", found.trusted


def changed(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


def edited(content: bytes, edit: Callable[[cms.SignedData], None]) -> bytes:
    container = cms.ContentInfo.load(content)
    edit(container["content"])
    return container.dump()


# ------------------------------------------------------------------ the verdict


@pytest.mark.parametrize("kind", ALL)
def test_intact_signature_of_a_trusted_signer_is_valid(kind: str) -> None:
    report = one(ALL[kind])
    found = report.verification
    assert (found.status, found.reason, found.trusted) == (VALID, None, True)
    assert (found.digest_algorithm, found.covers_whole_document, found.checked_at) == ("sha256", True, NOW)
    assert report.format is SignatureFormat(kind)
    assert report.certificate
    assert report.certificate.common_name == "Ada Lovelace"
    assert report.signed_at
    assert abs(report.signed_at - NOW) < timedelta(minutes=1)


@pytest.mark.parametrize("kind", ALL)
def test_intact_signature_of_untrusted_signer_is_indeterminate(kind: str) -> None:
    status, reason, trusted = verdict(ALL[kind], [STRANGER.certificate])
    assert (status, trusted) == (INDETERMINATE, False)
    assert "not in the trust roots" in reason


@pytest.mark.parametrize("kind", ALL)
def test_without_roots_an_intact_signature_is_valid_but_not_trusted(kind: str) -> None:
    assert verdict(ALL[kind], []) == (VALID, "No trust roots are configured.", False)


@pytest.mark.parametrize(("kind", "what"), [("CADES", b"agreed"), ("PADES", b"/Creator"), ("XADES", b"<sum>")])
def test_changed_content_is_invalid(kind: str, what: bytes) -> None:
    content = ALL[kind]
    status, reason, trusted = verdict(
        content.replace(b"<sum>1", b"<sum>9") if kind == "XADES" else changed(content, content.index(what) + 4)
    )
    assert (status, trusted) == (INVALID, False)
    assert "changed after it was signed" in reason


def test_changed_signature_value_is_invalid() -> None:
    assert verdict(changed(CMS, len(CMS) - 1))[0] is INVALID
    assert verdict(changed(DETACHED, len(DETACHED) - 1))[0] is INVALID
    value = XML.index(b"SignatureValue>") + 30
    assert verdict(XML[:value] + (b"A" if XML[value : value + 1] != b"A" else b"B") + XML[value + 1 :])[0] is INVALID


def test_substituted_certificate_of_same_name_is_invalid() -> None:
    other = cms.ContentInfo.load(made(lambda: STRANGER.sign_cms(b"agreed", "Ada Lovelace")))["content"]["certificates"]

    def swap(data: cms.SignedData) -> None:
        data["certificates"] = other
        own = next(each.chosen for each in other if each.chosen.subject.native["common_name"] == "Ada Lovelace")
        data["signer_infos"][0]["sid"] = cms.SignerIdentifier(
            "issuer_and_serial_number", {"issuer": own.issuer, "serial_number": own.serial_number}
        )

    assert verdict(edited(CMS, swap), [STRANGER.certificate])[0] is INVALID


def test_certificate_that_has_expired_proves_nothing_any_more() -> None:
    later = NOW + timedelta(days=20_000)
    status, reason, _ = verdict(CMS, now=later)
    assert status is INDETERMINATE
    assert "expired" in reason
    # Without roots only the signer's own word about the time can be held against the certificate.
    assert verdict(CMS, [], later)[0] is VALID


def test_certificate_that_is_not_valid_yet_proves_nothing() -> None:
    assert "not valid yet" in verdict(CMS, now=NOW - timedelta(days=20_000))[1]


# ------------------------------------------------------------------ what comes in


def test_der_base64_and_pem_are_the_same_signature() -> None:
    base64 = b64encode(CMS)
    wrapped = b"\n".join(base64[start : start + 64] for start in range(0, len(base64), 64))
    assert (
        one(CMS) == one(base64) == one(b" \n" + wrapped + b"\r\n") == one(pem.armor("CMS", CMS)) == one(pem.armor("PKCS7", CMS))
    )
    assert unwrap(wrapped) == CMS


def test_xml_may_come_with_a_byte_order_mark_or_white_space_around_it() -> None:
    assert one(b"\n\n" + XML + b"\n") == one(XML) == one(b"\xef\xbb\xbf" + XML) == one(b64encode(XML))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"hello",
        b"<",
        b"<a/>",
        b"%PDF-",
        b"%PDF-1.7\n%%EOF",
        b"0",
        b"\x30\x80",
        b"AAAA",
        b"====",
        b"-----BEGIN CMS-----\n",
        b"-----BEGIN CMS-----\n\n-----END CMS-----",
        sample_pdf("unsigned"),
        AUTHORITY.certificate,
        cms.ContentInfo({"content_type": "data", "content": b"x"}).dump(),
    ],
)
def test_content_without_signature_has_no_report(content: bytes) -> None:
    assert inspect(content, now=NOW) == ()


def test_roots_may_come_in_der_or_several_in_one() -> None:
    der = pem.unarmor(AUTHORITY.certificate)[2]
    assert verdict(CMS, [der])[0] is VALID
    assert verdict(CMS, [STRANGER.certificate + AUTHORITY.certificate])[0] is VALID


@pytest.mark.parametrize("root", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_root_that_is_no_certificate_raises_value_error(root: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the words are the library's)
        inspect(CMS, roots=[root], now=NOW)


async def test_inspect_raises_in_an_event_loop() -> None:
    with pytest.raises(RuntimeError, match="to_thread"):
        inspect(CMS, now=NOW)
    assert await asyncio.to_thread(inspect, CMS, now=NOW)


# ------------------------------------------------------------------ CMS


def test_detached_signature_is_indeterminate_with_its_signer() -> None:
    report = one(DETACHED)
    assert report.verification.status is INDETERMINATE
    assert "content is not here" in (report.verification.reason or "")
    assert (report.verification.trusted, report.verification.covers_whole_document) == (True, None)
    assert report.certificate
    assert report.certificate.common_name == "Ada Lovelace"


def test_detached_signature_without_signed_attributes_is_not_checked() -> None:
    def strip(data: cms.SignedData) -> None:
        info = data["signer_infos"][0]
        bare = {name: info[name] for name in ("version", "sid", "digest_algorithm", "signature_algorithm", "signature")}
        data["signer_infos"] = cms.SignerInfos([cms.SignerInfo(bare)])

    assert verdict(edited(DETACHED, strip))[:2] == (NOT_CHECKED, "The signed content is not here.")


def test_every_signer_of_a_container_is_reported() -> None:
    grace = cms.ContentInfo.load(made(lambda: AUTHORITY.sign_cms(b"agreed", "Grace Hopper")))["content"]

    def join(data: cms.SignedData) -> None:
        data["certificates"] = cms.CertificateSet([*data["certificates"], *grace["certificates"]])
        data["signer_infos"] = cms.SignerInfos([*data["signer_infos"], *grace["signer_infos"]])

    reports = inspect(edited(CMS, join), roots=ROOTS, now=NOW)
    names = {report.certificate.common_name for report in reports if report.certificate}
    assert names == {"Ada Lovelace", "Grace Hopper"}
    assert {report.verification.status for report in reports} == {VALID}


def test_signature_without_its_certificate_is_indeterminate() -> None:
    def strip(data: cms.SignedData) -> None:
        data["certificates"] = cms.CertificateSet([])

    report = one(edited(CMS, strip))
    assert (report.certificate, report.verification.status) == (None, INDETERMINATE)


def test_unknown_algorithm_is_indeterminate_with_its_signer() -> None:
    report = one(CMS.replace(SHA256, UNKNOWN_DIGEST))
    assert report.verification.status is INDETERMINATE
    assert "2.16.840.1.101.3.4.2.99" in (report.verification.reason or "")
    assert report.certificate
    assert report.certificate.common_name == "Ada Lovelace"


def test_weak_digest_proves_nothing() -> None:
    def weaken(data: cms.SignedData) -> None:
        data["signer_infos"][0]["digest_algorithm"] = {"algorithm": "sha1"}

    status, reason, _ = verdict(edited(CMS, weaken))
    assert status is INDETERMINATE
    assert "too weak" in reason


def stamped(content: bytes, about: bytes | None = None) -> bytes:
    """A signature with a time stamp of its value, or of other bytes."""

    def stamp(data: cms.SignedData) -> None:
        info = data["signer_infos"][0]
        token = timestamp(about if about is not None else info["signature"].native)
        info["unsigned_attrs"] = cms.CMSAttributes([{"type": "signature_time_stamp_token", "values": [token]}])

    return edited(content, stamp)


def timestamp(about: bytes) -> cms.ContentInfo:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(about)
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest.finalize()}
    request = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "cert_req": True})
    reply = tsp.TimeStampResp.load(made(lambda: AUTHORITY.timestamp(request.dump())))
    return cms.ContentInfo.load(reply["time_stamp_token"].dump())


def test_timestamp_is_read_with_its_authority() -> None:
    stamp = one(stamped(CMS)).timestamp
    assert stamp
    assert NOW - timedelta(seconds=1) <= stamp.at <= datetime.now(UTC)
    assert stamp.authority == "Countersign Sandbox Timestamps"


def test_timestamp_of_something_else_is_none() -> None:
    report = one(stamped(CMS, b"other bytes"))
    assert report.timestamp is None
    assert report.verification.status is VALID


# ------------------------------------------------------------------ PDF


def test_each_signature_of_a_pdf_is_reported_in_order_and_only_the_last_covers_it_all() -> None:
    reports = inspect(TWICE, roots=ROOTS, now=NOW)
    assert [report.certificate.common_name for report in reports if report.certificate] == ["Ada Lovelace", "Grace Hopper"]
    assert [report.verification.status for report in reports] == [VALID, VALID]
    assert [report.verification.covers_whole_document for report in reports] == [False, True]
    assert "signature allows" in (reports[0].verification.reason or "")


def test_change_appended_to_signed_pdf_is_invalid() -> None:
    writer = IncrementalPdfFileWriter(BytesIO(PDF), strict=False)
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"BT ET"))
    writer.update_container(page)
    out = BytesIO()
    writer.write(out)
    status, reason, trusted = verdict(out.getvalue())
    assert (status, trusted) == (INVALID, False)
    assert "does not allow" in reason


def test_bytes_appended_to_signed_pdf_are_not_covered() -> None:
    report = one(PDF + b"\n% appended\n")
    assert (report.verification.status, report.verification.covers_whole_document) != (VALID, True)


# ------------------------------------------------------------------ XML


def plain(method: SignatureConstructionMethod, root: etree._Element, reference: str | None = None) -> etree._Element:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = XMLSigner(
        method=method,
        signature_algorithm="ecdsa-sha256",
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    return signer.sign(root, key=key, cert=[certificate(key)], reference_uri=reference)


def certificate(key: ec.EllipticCurvePrivateKey, *names: x509.NameAttribute, email: str | None = None) -> x509.Certificate:
    name = x509.Name(list(names) or [x509.NameAttribute(NameOID.COMMON_NAME, "Plain")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
    )
    if email:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(email)]), critical=False)
    return builder.sign(key, hashes.SHA256())


def test_plain_enveloped_signature_is_checked() -> None:
    root = etree.fromstring(b"<deed><sum>10</sum></deed>")
    signed = etree.tostring(plain(SignatureConstructionMethod.enveloped, root))
    report = one(signed, [])
    assert (report.format, report.verification.status) == (SignatureFormat.XMLDSIG, VALID)
    assert report.verification.covers_whole_document is True
    assert (report.certificate and report.certificate.common_name, report.signed_at) == ("Plain", None)
    assert verdict(signed.replace(b">10<", b">99<"), [])[0] is INVALID


def test_each_signature_of_an_xml_document_is_checked_by_itself() -> None:
    root = etree.fromstring(b'<deed><part Id="a">1</part><part Id="b">2</part></deed>')
    signatures = [plain(SignatureConstructionMethod.detached, root, f"#{name}") for name in "ab"]
    root.extend(signatures)
    document = etree.tostring(root)
    reports = inspect(document, now=NOW)
    assert [report.verification.status for report in reports] == [VALID, VALID]
    assert [report.verification.covers_whole_document for report in reports] == [False, False]
    reports = inspect(document.replace(b">2<", b">3<"), now=NOW)
    assert [report.verification.status for report in reports] == [VALID, INVALID]


def test_reference_to_the_outside_is_never_followed() -> None:
    status, reason, _ = verdict(XML.replace(b'URI="#object"', b'URI="http://127.0.0.1:1/x"'), [])
    assert (status, reason) == (INDETERMINATE, "The signed content is not here.")


def test_signature_of_nothing_but_itself_is_invalid() -> None:
    root = etree.fromstring(XML)
    info = root.find(f"{DS}SignedInfo")
    assert info is not None
    for reference in info.findall(f"{DS}Reference"):
        if reference.get("Type") is None:
            info.remove(reference)
    assert verdict(etree.tostring(root))[0] is INVALID


def test_unsigned_properties_are_ignored() -> None:
    root = etree.fromstring(XML)
    properties = root.find(f".//{XADES}QualifyingProperties")
    assert properties is not None
    forged = etree.fromstring(etree.tostring(properties).replace(b"xades-", b"other-"))
    for element in forged.iter():
        if element.get("Id"):
            element.set("Id", "forged" + element.get("Id", ""))
    time = forged.find(f".//{XADES}SigningTime")
    assert time is not None
    time.text = "2001-01-01T00:00:00Z"
    root.insert(0, etree.Element(f"{DS}Object"))
    root[0].append(forged)
    etree.SubElement(root[0], "hidden").text = "content"
    report = one(etree.tostring(root))
    assert report.signed_at == one(XML).signed_at
    assert report.verification.covers_whole_document is False


def test_document_type_is_never_read() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' + XML
    assert inspect(bomb, now=NOW) == ()


def test_weak_algorithm_in_xml_proves_nothing() -> None:
    weak = XML.replace(
        b"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", b"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"
    )
    status, reason, _ = verdict(weak)
    assert status is INDETERMINATE
    assert "ecdsa-sha1" in reason


def test_algorithm_of_another_country_leaves_the_signer_readable() -> None:
    gost = XML.replace(
        b"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        b"urn:ietf:params:xml:ns:pkigovkz:xmlsec:algorithms:gostr34102015-gostr34112015-512",
    )
    report = one(gost)
    assert report.verification.status is INDETERMINATE
    assert report.certificate
    assert report.certificate.common_name == "Ada Lovelace"


def test_timestamp_in_xml_is_read() -> None:
    root = etree.fromstring(XML)
    value, qualifying = root.find(f"{DS}SignatureValue"), root.find(f".//{XADES}QualifyingProperties")
    assert value is not None
    assert qualifying is not None
    canonical = etree.tostring(etree.fromstring(etree.tostring(value, with_tail=False)), method="c14n")
    stamp = etree.SubElement(
        etree.SubElement(
            etree.SubElement(etree.SubElement(qualifying, f"{XADES}UnsignedProperties"), f"{XADES}UnsignedSignatureProperties"),
            f"{XADES}SignatureTimeStamp",
        ),
        f"{XADES}EncapsulatedTimeStamp",
    )
    stamp.text = b64encode(timestamp(canonical).dump()).decode()
    report = one(etree.tostring(root))
    assert report.verification.status is VALID
    assert report.timestamp
    assert report.timestamp.authority == "Countersign Sandbox Timestamps"
    stamp.text = b64encode(timestamp(b"other bytes").dump()).decode()
    assert one(etree.tostring(root)).timestamp is None


# ------------------------------------------------------------------ certificates


def test_certificate_reads_as_another_library_reads_it() -> None:
    found = one(CMS).certificate
    assert found
    other = x509.load_pem_x509_certificate(found.pem.encode())
    assert found == replace(
        found,
        subject=other.subject.rfc4514_string(),
        issuer=other.issuer.rfc4514_string(),
        serial_number=str(other.serial_number),
        not_before=other.not_valid_before_utc,
        not_after=other.not_valid_after_utc,
        sha256=other.fingerprint(hashes.SHA256()).hex(),
        email=None,
    )


@pytest.mark.parametrize("name", ["Ada, Countess", "#1", ' "x" + y ', "a\\b<c>;d", " ", "Жанна"])
def test_name_is_written_as_rfc_4514_says(name: str) -> None:
    made_for = certificate(ec.generate_private_key(ec.SECP256R1()), x509.NameAttribute(NameOID.COMMON_NAME, name))
    found = read_certificate(asn1_x509.Certificate.load(made_for.public_bytes(Encoding.DER)))
    assert (found.common_name, found.subject) == (name, made_for.subject.rfc4514_string())


def test_address_is_read_from_either_of_its_places() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.NameAttribute(NameOID.EMAIL_ADDRESS, "in.subject@example.com")
    for built, expected in (
        (certificate(key, email="ada@example.com"), "ada@example.com"),
        (certificate(key, named), "in.subject@example.com"),
        (certificate(key), None),
    ):
        assert read_certificate(asn1_x509.Certificate.load(built.public_bytes(Encoding.DER))).email == expected


def test_personal_data_is_in_no_repr() -> None:
    assert "Ada" not in repr(one(CMS))


# ------------------------------------------------------------------ hostile input


@st.composite
def mutations(draw: st.DrawFn, content: bytes) -> bytes:
    """A mutation of a real signature: bytes changed, dropped, repeated, inserted or cut off."""
    body = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        match draw(st.sampled_from(["change", "drop", "repeat", "insert", "cut"])):
            case "change" if body:
                body[at] = draw(st.integers(0, 255))
            case "drop":
                del body[at : at + draw(st.integers(1, 40))]
            case "repeat":
                body[at:at] = body[at : at + draw(st.integers(1, 400))]
            case "insert":
                body[at:at] = draw(st.binary(max_size=20))
            case _:
                del body[at:]
    return bytes(body)


FUZZ = settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
ORIGINALS = {each.sha256 for each in (one(content).certificate for content in (CMS, XML, PDF)) if each}


def harmless(content: bytes) -> None:
    for report in inspect(content, roots=ROOTS, now=NOW):
        if report.verification.status is VALID:
            assert report.certificate
            assert report.certificate.sha256 in ORIGINALS
        if report.verification.trusted:
            assert report.verification.status is not INVALID


@FUZZ
@given(mutations(CMS))
def test_mutated_cms_neither_raises_nor_becomes_somebody_elses(content: bytes) -> None:
    harmless(content)


@FUZZ
@given(mutations(DETACHED))
def test_mutated_detached_signature_never_becomes_valid(content: bytes) -> None:
    assert VALID not in {report.verification.status for report in inspect(content, roots=ROOTS, now=NOW)}


@FUZZ
@given(mutations(XML))
def test_mutated_xml_neither_raises_nor_becomes_somebody_elses(content: bytes) -> None:
    harmless(content)


@settings(FUZZ, max_examples=50)
@given(mutations(PDF))
def test_mutated_pdf_neither_raises_nor_becomes_somebody_elses(content: bytes) -> None:
    harmless(content)


@FUZZ
@given(
    st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda rest: b"\x30\x80" + rest), st.text().map(str.encode))
)
def test_arbitrary_bytes_give_no_report_and_no_error(content: bytes) -> None:
    assert inspect(content, now=NOW) == ()


@pytest.mark.parametrize("deep", [b"\x30\x80" * 50_000, b"<a>" * 50_000, b"(" * 100_000, b"%PDF-1.7\n" + b"[" * 50_000])
def test_endless_nesting_raises_nothing(deep: bytes) -> None:
    assert inspect(deep, now=NOW) == ()


def test_number_of_verified_signatures_is_bounded() -> None:
    many = b"<r>" + XML * 200 + b"</r>"
    assert len(inspect(many, now=NOW)) == 64
