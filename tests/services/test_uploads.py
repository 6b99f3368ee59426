"""Upload staging on a real disk: accepted and refused files, and no leftovers on the disk."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import START, Hands

from gateway.config import UploadSettings
from gateway.signing.orders.draft import DocumentDraft
from gateway.store import StagedFile, StagedFiles, Store
from gateway.web.content_sniffing import sniff
from gateway.web.uploads import Uploads, read, safe_filename
from providers.errors import Invalid, NotFound, TooLarge

END = b"\nstartxref\n9\n%%EOF\n"
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40 + END
LIMIT = 100_000
KEPT = 60.0


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "staging"


@pytest.fixture
def uploads(store: Store, clock: Hands, folder: Path) -> Uploads:
    return Uploads(UploadSettings(folder=folder, max_bytes=LIMIT, keep=KEPT), store.uploads, clock)


def stage_pdf(uploads: Uploads) -> Awaitable[StagedFile]:
    return uploads.stage(chunks(PDF), filename="contract.pdf", media_type="application/pdf")


# in


async def test_file_is_staged_unchanged_with_its_hash(uploads: Uploads, folder: Path) -> None:
    parts = [PDF[:1], PDF[1:700], b"", PDF[700:]]
    file = await uploads.stage(chunks(*parts), filename="../Vertrag 1.pdf", media_type="application/pdf")
    assert Path(file.path).parent == folder
    assert b"".join([chunk async for chunk in read(file.path)]) == PDF
    assert (file.size_bytes, file.sha256) == (len(PDF), hashlib.sha256(PDF).hexdigest())
    assert (file.filename, file.media_type) == ("Vertrag 1.pdf", "application/pdf")
    assert (file.expires_at - START).total_seconds() == KEPT
    assert await uploads.find(file.id) == file


async def test_chunked_file_can_be_read_repeatedly(uploads: Uploads) -> None:
    data = b"%PDF-" + os.urandom(90_000) + END
    file = await uploads.stage(
        chunks(*(data[at : at + 999] for at in range(0, len(data), 999))), filename=None, media_type=None
    )
    order = DocumentDraft(upload=file.id).order(file)
    for _ in range(2):
        assert b"".join([chunk async for chunk in order.open()]) == data


async def test_staging_folder_and_files_are_private(uploads: Uploads, folder: Path) -> None:
    file = await stage_pdf(uploads)
    assert mode(folder) == 0o700
    assert mode(Path(file.path)) == 0o600


async def test_upload_ids_are_unguessable(uploads: Uploads) -> None:
    files = [await stage_pdf(uploads) for _ in range(5)]
    assert len({file.id for file in files}) == 5
    assert all(len(file.id) >= 32 for file in files)


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
async def test_file_at_size_limit_is_accepted(uploads: Uploads, size: int) -> None:
    assert (await uploads.stage(chunks(b"x" * size), filename=None, media_type=None)).size_bytes == size


async def _endless(read: list[int]) -> AsyncIterator[bytes]:
    while True:
        read.append(40_000)
        yield b"x" * 40_000


async def test_oversized_file_is_refused_while_it_is_received(uploads: Uploads, folder: Path) -> None:
    read: list[int] = []
    with pytest.raises(TooLarge, match=str(LIMIT)):
        await uploads.stage(_endless(read), filename=None, media_type=None)
    assert sum(read) <= LIMIT + 40_000
    assert left(folder) == set()


@pytest.mark.parametrize("parts", [(), (b"",), (b"", b"")])
async def test_empty_file_is_refused(uploads: Uploads, folder: Path, parts: tuple[bytes, ...]) -> None:
    with pytest.raises(Invalid, match="empty"):
        await uploads.stage(chunks(*parts), filename="a.pdf", media_type="application/pdf")
    assert left(folder) == set()


@pytest.mark.parametrize(("filename", "declared"), [("a.pdf", None), ("A.PDF", "text/plain"), (None, "Application/PDF; x=1")])
async def test_file_named_pdf_must_be_a_pdf(uploads: Uploads, folder: Path, filename: str | None, declared: str | None) -> None:
    with pytest.raises(Invalid, match="%PDF-"):
        await uploads.stage(chunks(b"<html>"), filename=filename, media_type=declared)
    assert left(folder) == set()


class Broken(Exception):
    """What the sender's end does."""


async def _breaking(error: BaseException) -> AsyncIterator[bytes]:
    yield PDF
    raise error


async def test_truncated_upload_leaves_no_file(uploads: Uploads, folder: Path) -> None:
    with pytest.raises(Broken):
        await uploads.stage(_breaking(Broken()), filename="a.pdf", media_type=None)
    assert left(folder) == set()


async def test_cancelled_upload_leaves_no_file(uploads: Uploads, folder: Path) -> None:
    arrived = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield PDF
        arrived.set()
        await asyncio.Event().wait()

    staging = asyncio.create_task(uploads.stage(stalling(), filename="a.pdf", media_type=None))
    await arrived.wait()
    assert len(left(folder)) == 1
    staging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await staging
    assert left(folder) == set()


class Full(StagedFiles):
    """A table that takes nothing more."""

    def __init__(self) -> None:
        pass

    async def add(self, file: StagedFile) -> None:
        raise Broken


async def test_upload_that_cannot_be_recorded_leaves_no_file(clock: Hands, folder: Path) -> None:
    with pytest.raises(Broken):
        await stage_pdf(Uploads(UploadSettings(folder=folder), Full(), clock))
    assert left(folder) == set()


# out


@pytest.mark.parametrize("key", ["", "unknown", "../../etc/passwd", "a" * 65, "ключ", "a\x00b", "a/b"])
async def test_unknown_upload_id_is_refused_with_remedy(uploads: Uploads, key: str) -> None:
    with pytest.raises(NotFound, match="PUT /uploads") as caught:
        await uploads.find(key)
    assert caught.value.path == ("upload",)


async def test_upload_can_be_used_once(uploads: Uploads, folder: Path) -> None:
    file = await stage_pdf(uploads)
    await uploads.use(file)
    assert left(folder) == set()
    with pytest.raises(NotFound, match="used already"):
        await uploads.find(file.id)
    await uploads.use(file)


async def test_upload_expires(uploads: Uploads, clock: Hands) -> None:
    file = await stage_pdf(uploads)
    clock.pass_(seconds=KEPT - 0.001)
    assert await uploads.find(file.id) == file
    clock.pass_(seconds=0.001)
    with pytest.raises(NotFound, match="expired"):
        await uploads.find(file.id)


async def test_sweep_removes_used_and_expired_uploads_only(uploads: Uploads, clock: Hands, folder: Path) -> None:
    old = await stage_pdf(uploads)
    clock.pass_(seconds=KEPT / 2)
    new = await stage_pdf(uploads)
    clock.pass_(seconds=KEPT / 2 + 1)
    Path(old.path).with_name("not-ours").touch()
    for _ in range(2):
        await uploads.sweep()
        assert left(folder) == {new.id, "not-ours"}
    assert await uploads.find(new.id) == new
    with pytest.raises(NotFound):
        await uploads.find(old.id)


# what it is


@pytest.mark.parametrize(
    ("head", "filename", "declared", "is_"),
    [
        (b"%PDF-1.4", None, None, "application/pdf"),
        (b"\xef\xbb\xbf\r\n %PDF-1.4", "a.pdf", "application/octet-stream", "application/pdf"),
        (b"PK\x03\x04", "a.zip", None, "application/zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.doc", "application/msword", "application/msword"),
        (b'<?xml version="1.0"?>', "a.svg", "image/svg+xml", "image/svg+xml"),
        (b"\xff\xfeh\x00", "a.txt", "text/plain", "text/plain"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a", None, "image/webp"),
        (b"<?xml version", None, None, "application/xml"),
        (b"# Title", "a.md", "Text/Markdown; charset=utf-8", "text/markdown"),
        (b"\x00\x01", None, None, "application/octet-stream"),
        (b"\x00\x01", None, "", "application/octet-stream"),
        (b"\x00\x01", None, ";", "application/octet-stream"),
        (b"\x00\x01", None, "nonsense", "application/octet-stream"),
        (b"\x00\x01", None, "text/plain\r\nx: y", "application/octet-stream"),
        (b"\x00\x01", None, "text/" + "x" * 300, "application/octet-stream"),
    ],
)
def test_media_type_is_sniffed_from_bytes(head: bytes, filename: str | None, declared: str | None, is_: str) -> None:
    assert sniff(head, filename, declared) == is_


@pytest.mark.parametrize(
    ("head", "declared"),
    [
        (b"%PDF-1.4", "text/plain"),
        (b"PK\x03\x04", "text/plain"),
        (b"\x7fELF\x02", "text/plain"),
        (b"MZ\x90", "image/png"),
        (b"<!DOCTYPE html><script>", "text/plain"),
        (b"  <script>alert(1)</script>", "text/markdown"),
        (b"hello", "image/png"),
        (b"hello", "application/zip"),
        (b"a\x00b", "text/plain"),
    ],
)
def test_file_of_other_type_than_declared_is_refused(head: bytes, declared: str) -> None:
    with pytest.raises(Invalid, match=declared):
        sniff(head, None, declared)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (PDF[:2000], "cut off"),
        (PDF + b"x" * 3000, "cut off"),
        (PDF.replace(END, b"trailer << /Encrypt 5 0 R >>" + END), "encrypted"),
        (b"%PDF-1.7\n<< /Type /XRef /Encrypt 5 0 R >> stream " + b"x" * 5000 + END, "encrypted"),
    ],
)
async def test_truncated_pdf_is_refused(uploads: Uploads, folder: Path, content: bytes, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        await uploads.stage(chunks(content), filename="a.pdf", media_type=None)
    assert left(folder) == set()


def test_office_document_may_be_a_zip_container() -> None:
    declared = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert sniff(b"PK\x03\x04", "a.docx", declared) == declared


# names

names = (
    st.text()
    | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Zl", "Zs"]))
    | st.text("ab. /\\:\u202e\U0001f58b", min_size=240)
)
long_names = st.builds(
    lambda text, times, end: text * times + end, st.text(min_size=1), st.integers(1, 300), st.text(" .abc", max_size=40)
)


@given(name=names | long_names)
def test_safe_filename_has_no_traversal_or_control_characters(name: str) -> None:
    safe = safe_filename(name)
    if safe is None:
        return
    assert 0 < len(safe.encode()) <= 255
    assert not set(safe) & set('/\\<>:"|?*')
    assert not {"Cc", "Cs", "Zl", "Zp"} & set(map(unicodedata.category, safe))
    assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068") & set(safe)
    assert safe == safe.strip(" .")
    assert safe_filename(safe) == safe


@pytest.mark.parametrize("name", [None, "", ".", "..", "a/", "/", "\\", " . ", "\u200b", "\u3164", "a\uff0f"])
def test_invisible_filename_is_none(name: str | None) -> None:
    assert safe_filename(name) is None


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("contract.pdf", "contract.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Ann\\Vertrag.pdf", "Vertrag.pdf"),
        ("a\r\nb.pdf", "a_b.pdf"),
        ("Договор №1.pdf", "Договор №1.pdf"),
        ("harmless\u202efdp.exe", "harmless_fdp.exe"),
        ("a\u200fb\u200ec\u061cd.pdf", "a_b_c_d.pdf"),
        ("a\ufffeb.pdf", "a_b.pdf"),
        ("a\ufdd0b.pdf", "a_b.pdf"),
        ("..\uff0f..\uff3clease.pdf", "lease.pdf"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("ж" * 200 + ".pdf", "ж" * 125 + ".pdf"),
        ("x" * 254 + " y.a long suffix that is none", "x" * 254),
    ],
)
def test_safe_filename_keeps_harmless_parts(name: str, safe: str) -> None:
    assert safe_filename(name) == safe


def _drafted(asked: str | None, staged: str | None) -> str:
    file = StagedFile(id="", filename=staged, media_type="", size_bytes=0, sha256="", path="", expires_at=START)
    return DocumentDraft(filename=asked).order(file).filename


def test_filename_of_draft_is_made_safe() -> None:
    made: Iterable[Callable[[], str]] = (
        lambda: _drafted("../a.pdf", None),
        lambda: _drafted("..", "x/a.pdf"),
        lambda: _drafted(None, "a.pdf"),
    )
    assert {make() for make in made} == {"a.pdf"}
    assert _drafted(None, None) == "document.pdf"
