"""Certificate authority of the sandboxes: its signatures verify against the root, and not after one byte is changed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import algos, cms, pem, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.x509.oid import NameOID
from lxml import etree
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_cms_signature, async_validate_detached_cms, async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from signxml.exceptions import InvalidDigest
from signxml.xades import XAdESVerifier

from providers.sandbox.certificate_authority import CertificateAuthority, sample_pdf

DS = "{http://www.w3.org/2000/09/xmldsig#}"


@pytest.fixture
def own_authority() -> CertificateAuthority:
    return CertificateAuthority()


@pytest.fixture
def root_file(own_authority: CertificateAuthority, tmp_path: Path) -> str:
    file = tmp_path / "root.pem"
    file.write_bytes(own_authority.certificate)
    return str(file)


def trust(own_authority: CertificateAuthority) -> ValidationContext:
    _, _, der = pem.unarmor(own_authority.certificate)
    return ValidationContext(trust_roots=[asn1_x509.Certificate.load(der)], allow_fetching=False)


def changed(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


async def test_signed_pdf_verifies_against_the_root(own_authority: CertificateAuthority) -> None:
    signed = await own_authority.sign_pdf(sample_pdf("Contract"), ["Ada Lovelace"], "I agree")
    (signature,) = PdfFileReader(BytesIO(signed)).embedded_signatures
    status = await async_validate_pdf_signature(signature, trust(own_authority))
    assert status.bottom_line
    assert status.signing_cert.subject.native["common_name"] == "Ada Lovelace"
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert signature.sig_object["/Reason"] == "I agree"


async def test_every_signer_adds_an_update_and_all_signatures_stay_valid(own_authority: CertificateAuthority) -> None:
    original = sample_pdf("Contract", pages=3)
    once = await own_authority.sign_pdf(original, ["Ada Lovelace", "Alan Turing"])
    signed = await own_authority.sign_pdf(once, ["Ada Lovelace"])
    assert signed.startswith(once)
    assert once.startswith(original)
    signatures = PdfFileReader(BytesIO(signed)).embedded_signatures
    assert len({signature.field_name for signature in signatures}) == 3
    statuses = [await async_validate_pdf_signature(signature, trust(own_authority)) for signature in signatures]
    assert all(status.bottom_line for status in statuses)
    names = [status.signing_cert.subject.native["common_name"] for status in statuses]
    assert names == ["Ada Lovelace", "Alan Turing", "Ada Lovelace"]


async def test_changed_byte_breaks_a_signed_pdf(own_authority: CertificateAuthority) -> None:
    signed = await own_authority.sign_pdf(sample_pdf("Contract"), ["Ada Lovelace"])
    position = signed.index(b"(Contract)") + 1
    (signature,) = PdfFileReader(BytesIO(changed(signed, position))).embedded_signatures
    status = await async_validate_pdf_signature(signature, trust(own_authority))
    assert not status.intact
    assert not status.bottom_line


async def test_signature_of_another_authority_is_not_trusted(own_authority: CertificateAuthority) -> None:
    signed = await own_authority.sign_pdf(sample_pdf("Contract"), ["Ada Lovelace"])
    (signature,) = PdfFileReader(BytesIO(signed)).embedded_signatures
    status = await async_validate_pdf_signature(signature, trust(CertificateAuthority()))
    assert status.intact
    assert not status.trusted


@pytest.mark.parametrize("content", [b"", b"no PDF at all", b"%PDF-1.7\n", sample_pdf("Contract")[:300]])
async def test_what_is_no_pdf_is_refused(own_authority: CertificateAuthority, content: bytes) -> None:
    with pytest.raises(ValueError, match="no PDF"):
        await own_authority.sign_pdf(content, ["Ada Lovelace"])


def signed_data(der: bytes) -> cms.SignedData:
    info = cms.ContentInfo.load(der)
    assert info["content_type"].native == "signed_data"
    return info["content"]


async def test_attached_cms_verifies_and_is_cades(own_authority: CertificateAuthority) -> None:
    der = await own_authority.sign_cms(b"what was agreed", "Ada Lovelace")
    data = signed_data(der)
    assert data["encap_content_info"]["content"].native == b"what was agreed"
    status = await async_validate_cms_signature(data, validation_context=trust(own_authority))
    assert status.valid
    assert status.trusted
    attributes = {attribute["type"].native for attribute in data["signer_infos"][0]["signed_attrs"]}
    assert {"signing_certificate_v2", "signing_time", "message_digest"} <= attributes


async def test_detached_cms_verifies_with_its_content_only(own_authority: CertificateAuthority) -> None:
    der = await own_authority.sign_cms(b"what was agreed", "Ada Lovelace", detached=True)
    data = signed_data(der)
    assert data["encap_content_info"]["content"].native is None
    good = await async_validate_detached_cms(b"what was agreed", data, signer_validation_context=trust(own_authority))
    bad = await async_validate_detached_cms(b"what was agreeD", data, signer_validation_context=trust(own_authority))
    assert good.valid
    assert good.trusted
    assert not bad.intact


async def test_changed_byte_breaks_an_attached_cms(own_authority: CertificateAuthority) -> None:
    der = await own_authority.sign_cms(b"what was agreed", "Ada Lovelace")
    broken = changed(der, der.index(b"what was agreed"))
    status = await async_validate_cms_signature(signed_data(broken), validation_context=trust(own_authority))
    assert not status.intact


@pytest.mark.parametrize("content", [b"<order><line>1</line></order>", b"\x00\xff no XML", b""])
async def test_signed_xml_verifies_against_the_root(
    own_authority: CertificateAuthority, content: bytes, root_file: str
) -> None:
    signed = await own_authority.sign_xml(content, "Ada Lovelace")
    results = XAdESVerifier().verify(signed, ca_pem_file=root_file)
    assert etree.fromstring(signed).tag == f"{DS}Signature"
    (payload,) = etree.fromstring(signed).iterfind(f"{DS}Object[@Id]/*")
    if content.startswith(b"<order>"):
        assert etree.tostring(payload, method="c14n", exclusive=True) == content
    else:
        assert base64.b64decode(payload.text or "") == content
    assert any(
        result.signed_xml is not None and payload.tag in etree.tostring(result.signed_xml).decode() for result in results
    )


async def test_changed_byte_breaks_signed_xml(own_authority: CertificateAuthority, root_file: str) -> None:
    signed = await own_authority.sign_xml(b"<order><line>1</line></order>", "Ada Lovelace")
    with pytest.raises(InvalidDigest):
        XAdESVerifier().verify(signed.replace(b"<line>1</line>", b"<line>2</line>"), ca_pem_file=root_file)


async def test_timestamp_holds_the_hash_and_is_signed_by_the_authority(own_authority: CertificateAuthority) -> None:
    digest = hashlib.sha256(b"what was agreed").digest()
    request = tsp.TimeStampReq(
        {
            "version": 1,
            "message_imprint": {"hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}), "hashed_message": digest},
            "nonce": 7,
            "cert_req": True,
        }
    )
    reply = tsp.TimeStampResp.load(await own_authority.timestamp(request.dump()))
    assert reply["status"]["status"].native == "granted"
    data = reply["time_stamp_token"]["content"]
    status = await async_validate_cms_signature(data, validation_context=trust(own_authority))
    assert status.intact
    assert data["encap_content_info"]["content"].parsed["message_imprint"]["hashed_message"].native == digest


async def test_what_is_no_timestamp_request_is_refused(own_authority: CertificateAuthority) -> None:
    with pytest.raises(ValueError, match="request"):
        await own_authority.timestamp(b"no request")


async def test_name_keeps_its_certificate_and_each_name_has_its_own(own_authority: CertificateAuthority) -> None:
    names = ["Ada Lovelace", "Alan Turing", "Ada Lovelace"]
    signed = await asyncio.gather(*(own_authority.sign_cms(b"content", name) for name in names))
    serials = [signed_data(der)["signer_infos"][0]["sid"].native["serial_number"] for der in signed]
    assert serials[0] == serials[2]
    assert serials[0] != serials[1]


@pytest.mark.parametrize("name", ["", "ü" * 200, "x" * 65])
async def test_any_name_can_sign(own_authority: CertificateAuthority, name: str) -> None:
    data = signed_data(await own_authority.sign_cms(b"content", name))
    status = await async_validate_cms_signature(data, validation_context=trust(own_authority))
    assert status.valid


def test_root_is_one_certificate_and_no_key(own_authority: CertificateAuthority) -> None:
    first, second = own_authority.certificate, own_authority.certificate
    assert first == second
    assert b"PRIVATE" not in first
    root = x509.load_pem_x509_certificate(first)
    assert root.subject == root.issuer
    assert root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)


def test_sample_has_its_pages_and_title() -> None:
    reader = PdfFileReader(BytesIO(sample_pdf("Lease (2026) äöü", pages=4)))
    assert reader.root["/Pages"]["/Count"] == 4
    assert reader.trailer["/Info"]["/Title"] == "Lease (2026) äöü"
