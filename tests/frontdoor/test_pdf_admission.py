"""PDF admission: encrypted files, files that only mention encryption, and polyglots."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
import zipfile
from collections.abc import Callable

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from scene import Scene, pdf

PLAIN = pdf()


def rewritten(encrypted: bool = False, title: str | None = None, *, streams: bool = False) -> bytes:
    """The same document, written anew; ``streams`` has its tables in streams of their own."""
    writer = copy_into_new_writer(PdfFileReader(io.BytesIO(PLAIN)))
    writer.stream_xrefs = streams
    if title is not None:
        writer.set_info(generic.DictionaryObject({generic.NameObject("/Title"): generic.TextStringObject(title)}))
    if encrypted:
        writer.encrypt("password", "password")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def updated(content: bytes) -> bytes:
    """One more revision behind a document: the last trailer is another."""
    writer = IncrementalPdfFileWriter(io.BytesIO(content), strict=False)
    if writer.prev.security_handler is not None:
        writer.encrypt("password")
    writer.root["/Lang"] = generic.TextStringObject("en")
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def retitled(content: bytes, title: str) -> bytes:
    """One more revision, which is another title."""
    writer = IncrementalPdfFileWriter(io.BytesIO(content), strict=False)
    writer.set_info(generic.DictionaryObject({generic.NameObject("/Title"): generic.TextStringObject(title)}))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def linearized(encryption: bytes) -> bytes:
    """Two tables, the first of which is the last to be read; what encrypts stands in the trailer of the second."""
    content = bytearray(b"%PDF-1.7\n")
    first = len(content)
    # The place of the second table is written once it is known: ten figures either way.
    head = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 5 /Root 1 0 R /Prev %010d >>\nstartxref\n0\n%%%%EOF\n"
    content += head % 0
    places = []
    for number, body in enumerate(
        (
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R >>",
        ),
        1,
    ):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    content += b" " * 8_000
    second = len(content)
    content[first : first + len(head % second)] = head % second
    content += b"xref\n1 3\n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    content += b"trailer\n<< /Size 5 /Root 1 0 R %s >>\n" % encryption + b" " * 8_000 + b"\nstartxref\n%d\n%%%%EOF\n" % first
    return bytes(content)


def zipped(*, prefix: bytes = b"", comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    out.write(prefix)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("evil.txt", "pay twice")
        archive.comment = comment
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("%PDF-1.7"), io.BytesIO(b""))
    return out.getvalue() + PLAIN


DICTIONARY = b"/Encrypt << /Filter /Standard /V 1 /R 2 /O (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) /U (b) /P -4 >>"
REFUSED: dict[str, Callable[[], bytes]] = {
    "encrypted": lambda: rewritten(encrypted=True),
    "encrypted, with tables in streams": lambda: rewritten(encrypted=True, streams=True),
    "encrypted, with a revision behind": lambda: updated(rewritten(encrypted=True)),
    "linearized, encrypted in the later trailer": lambda: linearized(DICTIONARY),
    "encrypted by a name that is escaped": lambda: linearized(DICTIONARY.replace(b"/Encrypt", b"/Encr#79pt")),
    "encrypted by what is in an object": lambda: linearized(b"/Encrypt 4 0 R"),
    "of tables that cannot be read, perhaps encrypted": lambda: b"%PDF-1.7\n/Encrypt 1 0 R\nstartxref\n9\n%%EOF\n",
    "a ZIP behind": lambda: PLAIN + zipped() + PLAIN[-40:],
    "a ZIP whose comment is the end of a PDF": lambda: zipped(prefix=PLAIN, comment=b"\nstartxref\n9\n%%EOF\n"),
    "a ZIP that begins at its first byte": lambda: zipped()[:-22] + PLAIN + zipped()[-22:] + b"\nstartxref\n9\n%%EOF\n",
    "an empty ZIP behind": lambda: PLAIN + b"PK\5\6" + bytes(18) + b"\nstartxref\n9\n%%EOF\n",
    "a page within its head": lambda: PLAIN.replace(b"\n", b"\n<html><script>alert(1)</script></html>\n", 1),
    "behind a page": lambda: b"<!doctype html><script>alert(1)</script><!--\n" + PLAIN,
    "behind blanks": lambda: b"\r\n \r\n" + PLAIN,
    "behind a byte order mark": lambda: b"\xef\xbb\xbf" + PLAIN,
    "behind a picture": lambda: b"GIF89a" + bytes(20) + PLAIN,
    "behind a program": lambda: b"MZ" + bytes(60) + PLAIN,
    "a tar archive": tarred,
    "a RAR archive behind": lambda: PLAIN + b"Rar!\x1a\x07\x00" + bytes(20) + PLAIN[-40:],
}
ACCEPTED: dict[str, Callable[[], bytes]] = {
    "plain": lambda: PLAIN,
    "written anew": rewritten,
    "with tables in streams": lambda: rewritten(streams=True),
    "with a revision behind": lambda: updated(PLAIN),
    "titled of encryption": lambda: rewritten(title="How to /Encrypt /files"),
    "titled of encryption, with tables in streams": lambda: rewritten(title="How to /Encrypt /files", streams=True),
    "titled of encryption, at its end": lambda: updated(rewritten(title="/Encrypt 5 0 R")),
    "titled of encryption, in its last revision": lambda: retitled(PLAIN, "How to /Encrypt /files"),
    "linearized": lambda: linearized(b""),
    "not encrypted, as it says": lambda: linearized(b"/Encrypt null"),
    "with the signature of a ZIP in its text": lambda: rewritten(title="PK\x05\x06 ends a ZIP, and PK\x03\x04 begins one"),
}


async def put(scene: Scene, content: bytes, name: str = "a.pdf", kind: str = "application/pdf") -> int:
    headers = {"content-type": kind}
    return (await scene.client.put("/uploads", params={"filename": name}, content=content, headers=headers)).status_code


async def test_refuses_encrypted_pdf_and_polyglot(scene: Scene) -> None:
    assert {what: await put(scene, made()) for what, made in REFUSED.items()} == dict.fromkeys(REFUSED, 400)
    assert os.listdir(scene.settings.uploads.folder) == [], "and nothing of it is left"


async def test_accepts_pdf_that_only_mentions_encryption(scene: Scene) -> None:
    assert {what: await put(scene, made()) for what, made in ACCEPTED.items()} == dict.fromkeys(ACCEPTED, 201)


@pytest.mark.parametrize(("name", "kind"), [("a.zip", "application/zip"), ("a.bin", "application/octet-stream"), ("a", "")])
async def test_refuses_zip_that_readers_open_as_pdf(scene: Scene, name: str, kind: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.pdf", PLAIN)
    assert await put(scene, out.getvalue(), name, kind) == 400


@pytest.mark.parametrize("what", ["encrypted", "linearized, encrypted in the later trailer", "a ZIP behind", "behind a page"])
async def test_form_refuses_files_that_upload_refuses(scene: Scene, what: str) -> None:
    operations = {
        "query": "mutation M($f: Upload!) { uploadFile(file: $f) { upload { id } problems { code message } } }",
        "variables": {"f": None},
    }
    reply = await scene.client.post(
        "/graphql",
        data={"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.f"]})},
        files={"0": ("a.pdf", REFUSED[what](), "application/pdf")},
        headers={"graphql-require-preflight": "1"},
    )
    payload = reply.json()["data"]["uploadFile"]
    assert payload["upload"] is None
    assert [each["code"] for each in payload["problems"]] == ["INVALID"]


async def test_cyclic_cross_references_are_read_in_bounded_time(scene: Scene) -> None:
    body = (
        b"%PDF-1.7\n% /Encrypt\n" + b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 /Prev 20 >>\nstartxref\n20\n%%EOF\n"
    )
    many = b"%PDF-1.7\n% /Encrypt\n" + b"xref\n0 400000\n" + b"0000000000 65535 f \n" * 400_000
    many += b"trailer\n<< /Size 1 >>\nstartxref\n20\n%%EOF\n"
    for content in (body, many):
        begun = time.monotonic()
        assert await put(scene, content) in {201, 400}
        assert time.monotonic() - begun < 30
