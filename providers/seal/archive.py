"""ZIP archive of a batch: packs the documents, and reads one out of the sealed ones against zip bombs and path traversal.

Bytes go through temporary files in pieces, and the disk is accessed in threads only.
"""

from __future__ import annotations

import io
import itertools
import re
import stat
import struct
import tempfile
import unicodedata
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from anyio import CancelScope, to_thread

from providers.orders import DocumentOrder

_CHUNK = 256 * 1024
_LONGEST_NAME = 200  # bytes, before " (2)"
_UNSAFE = frozenset('<>:"|?*')
_UTF8_NAME = 0x800  # bit 11 of a member's flags
_ENCRYPTED = 0x2041  # bits 0, 6 and 13
_FOLDERS = frozenset("/\\:")
_MAX_MEMBERS = 1_000
_MAX_DIRECTORY = 512 * 1024  # bytes
_BOMB_FROM = 10 * 2**20  # bytes
_BOMB_RATIO = 200
_HEADER_BYTES = 30
_LONGEST_COMMENT = 65_535
# APPNOTE 6.3.10, 4.3.14 to 4.3.16
_END, _END64, _LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_IN_ZIP64 = 0xFFFFFFFF


class BadArchive(Exception):
    """A ZIP that cannot be read or is refused as unsafe; its message says why, and nothing of the content."""


@dataclass(frozen=True, slots=True)
class PackedArchive:
    """A packed ZIP: the file name of each document, in their order, and the size of the whole in bytes."""

    names: tuple[str, ...]
    size: int
    file: IO[bytes] = field(repr=False)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Reads the ZIP in pieces, from its beginning at each call."""
        await to_thread.run_sync(self.file.seek, 0)
        while chunk := await to_thread.run_sync(self.file.read, _CHUNK):
            yield chunk


@dataclass(frozen=True, slots=True)
class Member:
    """One document of a ZIP; its chunks can be read once."""

    size: int
    chunks: AsyncIterator[bytes]


@asynccontextmanager
async def pack(documents: Sequence[DocumentOrder]) -> AsyncIterator[PackedArchive]:
    """Packs documents, flat and uncompressed, as PDF is compressed already."""
    names = distinct_names([document.filename for document in documents])
    async with temporary_file() as file:
        archive = ZipFile(file, "w")
        try:
            for name, document in zip(names, documents, strict=True):
                await _add(archive, name, document)
        finally:
            await _close(archive.close)
        yield PackedArchive(names, await to_thread.run_sync(file.tell), file)


@asynccontextmanager
async def open_member(file: IO[bytes], name: str, limit: int) -> AsyncIterator[Member]:
    """Opens the one member of this exact name, of at most ``limit`` bytes. Raises ``BadArchive``, also while it is read."""
    with _reading():
        archive = await to_thread.run_sync(_open, file)
    check_flat(archive.infolist(), archive.start_dir)
    matches = [info for info in archive.infolist() if _is_named(info, name)]
    if len(matches) != 1:
        raise BadArchive(f"holds {len(matches)} documents of this name")
    (info,) = matches
    _check_size(info, limit)
    with _reading():
        member = await to_thread.run_sync(archive.open, info)
    try:
        yield Member(info.file_size, _read(member))
    finally:
        await _close(member.close)


def check_flat(members: Sequence[ZipInfo], end: int) -> None:
    """Raises ``BadArchive`` unless every member is a file at the root, and none overlaps another or passes ``end``."""
    if len(members) > _MAX_MEMBERS:
        raise BadArchive(f"holds more than {_MAX_MEMBERS} documents")
    if len({info.orig_filename.casefold() for info in members}) < len(members):
        raise BadArchive("holds two documents of one name")
    for info in members:
        if _FOLDERS & set(info.orig_filename) or info.orig_filename in {".", ".."} or info.is_dir():
            raise BadArchive("holds folders, or names that lead into some")
        if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}:
            raise BadArchive("holds a link, or something else that is no file")
        if info.flag_bits & _ENCRYPTED:
            raise BadArchive("holds a document that is encrypted")
    begins = sorted((info.header_offset, _min_size(info)) for info in members)
    for (begin, length), (following, _) in itertools.pairwise([*begins, (end, 0)]):
        if begin + length > following:
            raise BadArchive("holds documents that lie in each other")


async def receive(chunks: AsyncIterator[bytes], file: IO[bytes], limit: int) -> None:
    """Writes a ZIP that arrives in pieces to a file. Raises ``BadArchive`` past ``limit`` bytes."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise BadArchive(f"is longer than {limit} bytes")
        await to_thread.run_sync(file.write, chunk)


@asynccontextmanager
async def temporary_file() -> AsyncIterator[IO[bytes]]:
    """A temporary file without a name, deleted on close."""
    file = await to_thread.run_sync(tempfile.TemporaryFile)
    try:
        yield file
    finally:
        await _close(file.close)


def distinct_names(filenames: Sequence[str]) -> tuple[str, ...]:
    """Makes file names safe at the root of a ZIP, and unique regardless of case: "a.pdf", "a (2).pdf"."""
    used: set[str] = set()
    names = []
    for filename in filenames:
        name = safe = _safe_name(filename)
        count = 1
        while name.casefold() in used:
            count += 1
            path = PurePosixPath(safe)
            name = f"{path.stem} ({count}){path.suffix}"
        used.add(name.casefold())
        names.append(name)
    return tuple(names)


def _safe_name(filename: str) -> str:
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", filename))[-1]
    safe = "".join(char if char.isprintable() and char not in _UNSAFE else "_" for char in last)
    path = PurePosixPath(safe.strip(" .") or "document.pdf")
    room = _LONGEST_NAME - len(path.suffix.encode())
    return path.stem.encode()[:room].decode(errors="ignore") + path.suffix if room > 0 else _safe_name(path.stem)


async def _add(archive: ZipFile, name: str, document: DocumentOrder) -> None:
    info = ZipInfo(name)
    info.file_size = document.size_bytes  # tells the writer whether it needs ZIP64
    member = await to_thread.run_sync(archive.open, info, "w")
    try:
        async for chunk in document.open():
            await to_thread.run_sync(member.write, chunk)
    finally:
        await _close(member.close)


def _open(file: IO[bytes]) -> ZipFile:
    """Reads the central directory, after a check of its size: zipfile holds it in memory."""
    if _directory_size(file) > _MAX_DIRECTORY:
        raise BadArchive(f"holds more than {_MAX_MEMBERS} documents")
    return ZipFile(file)


def _directory_size(file: IO[bytes]) -> int:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END.size - _LONGEST_COMMENT))
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise BadZipFile("it has no end")
    directory: int = _END.unpack_from(tail, place)[5]
    locator = tail[max(0, place - _LOCATOR.size) : place]
    if len(locator) == _LOCATOR.size and locator.startswith(b"PK\x06\x07"):
        file.seek(_LOCATOR.unpack(locator)[2])
        record = file.read(_END64.size)
        directory = max(directory if directory != _IN_ZIP64 else 0, _END64.unpack(record)[8])
    return directory


def _check_size(info: ZipInfo, limit: int) -> None:
    """Raises ``BadArchive`` for a member that is too large, a zip bomb, or not unpacked in bounded pieces."""
    if info.file_size > limit:
        raise BadArchive(f"holds a document of more than {limit} bytes")
    if info.file_size > _BOMB_FROM and info.file_size > _BOMB_RATIO * info.compress_size:
        raise BadArchive("holds a document that unpacks to far more than it is")
    if info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise BadArchive("holds a document that is packed in an unusual way")


def _min_size(info: ZipInfo) -> int:
    """The least bytes that a member takes: header, name and content."""
    return _HEADER_BYTES + len(info.orig_filename) + info.compress_size


async def _read(member: IO[bytes]) -> AsyncIterator[bytes]:
    while True:
        with _reading():
            chunk = await to_thread.run_sync(member.read, _CHUNK)
        if not chunk:
            return
        yield chunk


def _is_named(info: ZipInfo, name: str) -> bool:
    """Whether a member has this name. Without the UTF-8 flag zipfile decodes it as cp437, though most writers mean UTF-8."""
    if info.orig_filename == name:
        return True
    if info.flag_bits & _UTF8_NAME:
        return False
    try:
        return info.orig_filename.encode("cp437").decode() == name
    except UnicodeError:
        return False


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error, zlib.error) as error:
        raise BadArchive("is no ZIP that can be read") from error


async def _close(close: Callable[[], None]) -> None:
    """Closes in a thread, shielded from cancellation."""
    with CancelScope(shield=True):
        await to_thread.run_sync(close)
