"""Inspection: detects whether content is PDF, CMS or XML, and verifies its signatures."""

from __future__ import annotations

import asyncio
from binascii import a2b_base64
from collections.abc import Sequence
from datetime import datetime

from asn1crypto import pem

from providers.verification.cms import inspect_cms
from providers.verification.pdf import inspect_pdf
from providers.verification.report import SignatureReport
from providers.verification.trust import Trust
from providers.verification.xml import inspect_xml

_BLANKS = b" \t\n\r\x0b\x0c"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<\x00", b"\xfe\xff\x00<")
_DER_SEQUENCE = b"\x30"
_PDF_HEADER_WITHIN = 1024  # bytes


def inspect(content: bytes, *, roots: Sequence[bytes] = (), now: datetime) -> tuple[SignatureReport, ...]:
    """Verifies the signatures of a PDF, of CMS (DER, PEM or base64) or of XML: one report each, none without a signature.

    ``roots`` are the trust anchors, in PEM or DER. An intact signature is VALID where the certificate chain ends at one
    of them, or where there are none (then not ``trusted``), else INDETERMINATE. Revocation is not checked, as nothing is
    fetched.

    CPU-bound: call it in a thread (``asyncio.to_thread``). Raises ``RuntimeError`` in an event loop, and ``ValueError``
    for a root that is no certificate; never because of ``content``.
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
        if b"%PDF-" in raw[:_PDF_HEADER_WITHIN]:  # last, as a CMS may carry a PDF
            return inspect_pdf(raw, trust)
    except Exception:  # errors of the libraries for damaged input have no common base class
        return ()
    return ()


def unwrap(content: bytes) -> bytes:
    """Decodes PEM or base64; any other content is returned as it is."""
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
