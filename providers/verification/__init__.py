"""Reads and checks signatures without asking any provider, and without the network.

PDF by pyHanko, CMS by pyHanko and asn1crypto, XML by signxml; whom to believe is decided once for all three.
What comes in is hostile until shown otherwise: it is never followed outside, never more than 64 signatures are
looked at, and nothing that is no signature raises anything.
"""

from __future__ import annotations

import asyncio
from binascii import a2b_base64
from collections.abc import Sequence
from datetime import datetime

from asn1crypto import pem

from providers.verification.cms import inspect_cms
from providers.verification.pdf import inspect_pdf
from providers.verification.report import Certificate, SignatureReport, Timestamp, Verification, VerificationStatus
from providers.verification.trust import Trust
from providers.verification.xml import inspect_xml

__all__ = ["Certificate", "SignatureReport", "Timestamp", "Verification", "VerificationStatus", "inspect", "unwrap"]

_BLANKS = b" \t\n\r\x0b\x0c"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<\x00", b"\xfe\xff\x00<")
_DER_SEQUENCE = b"\x30"
_PDF_HEADER_WITHIN = 1024


def inspect(content: bytes, *, roots: Sequence[bytes] = (), now: datetime) -> tuple[SignatureReport, ...]:
    """One report per signature in a PDF, in CMS (DER, PEM or base64) or in XML; none where there is no signature.

    ``roots`` are the certificates to believe, in PEM or DER. A signature is VALID where it is intact and its signer
    chains to one of them, or where there are none (then not ``trusted``); an intact one by somebody else is
    INDETERMINATE. Revocation is not asked about, because nothing is fetched.

    This takes processor time: call it in a thread (``asyncio.to_thread``). Raises ``RuntimeError`` in an event loop,
    and ``ValueError`` where a root is no certificate; never anything because of ``content``.
    """
    if _in_event_loop():
        raise RuntimeError("inspect() takes processor time; call it with asyncio.to_thread")
    trust = Trust(roots, now)
    raw = unwrap(content)
    try:
        if raw.startswith(_XML_STARTS):
            return inspect_xml(raw, trust)
        if raw.startswith(_DER_SEQUENCE):
            return inspect_cms(raw, trust)
        if b"%PDF-" in raw[:_PDF_HEADER_WITHIN]:  # last: what a CMS carries may be a PDF
            return inspect_pdf(raw, trust)
    except Exception:  # what the libraries raise for damaged input has no common ancestor
        return ()
    return ()


def unwrap(content: bytes) -> bytes:
    """The bytes of a signature that may come in PEM or base64; anything else as it is."""
    stripped = content.strip()
    try:
        if stripped.startswith(b"-----BEGIN"):
            der: bytes = pem.unarmor(stripped)[2]
            return der
        digits = stripped.translate(None, _BLANKS)
        if digits and not digits.rstrip(b"=").translate(None, _BASE64):
            return a2b_base64(digits, strict_mode=True)
    except ValueError:
        return content
    return stripped if stripped.startswith(_XML_STARTS) else content


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
