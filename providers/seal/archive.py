"""The one ZIP in which a batch travels: packing it, and taking one document out of it.

Bytes go through temporary files in pieces, and the disk is touched in threads only.
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
_MOST = 1_000
_MOST_DIRECTORY = 512 * 1024  # bytes
_BOMB_FROM = 10 * 2**20  # bytes
_BOMB_RATIO = 200
_HEADER_BYTES = 30
_LONGEST_COMMENT = 65_535
# APPNOTE 6.3.10, 4.3.14 to 4.3.16
_END, _END64, _LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_SAID_THERE = 0xFFFFFFFF


class BadBundle(Exception):
    """A ZIP that cannot be read, or holds more than is taken; says which, and nothing of its content."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A packed ZIP: the name of each document in it, in the order they were given, and its size in bytes."""

    names: tuple[str, ...]
    size: int
    file: IO[bytes] = field(repr=False)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The ZIP in pieces, from its beginning at every call."""
        await to_thread.run_sync(self.file.seek, 0)
        while chunk := await to_thread.run_sync(self.file.read, _CHUNK):
            yield chunk


@dataclass(frozen=True, slots=True)
class Member:
    """One document of a ZIP, to be read once."""

    size: int
    chunks: AsyncIterator[bytes]


@asynccontextmanager
async def packed(documents: Sequence[DocumentOrder]) -> AsyncIterator[Bundle]:
    """A ZIP of documents, flat and stored as they are: PDF is compressed already."""
    names = distinct([document.filename for document in documents])
    async with temporary() as file:
        archive = ZipFile(file, "w")
        try:
            for name, document in zip(names, documents, strict=True):
                await _add(archive, name, document)
        finally:
            await _off_loop(archive.close)
        yield Bundle(names, await to_thread.run_sync(file.tell), file)


@asynccontextmanager
async def opened(file: IO[bytes], name: str, limit: int) -> AsyncIterator[Member]:
    """The member of exactly this name in a ZIP, ``limit`` bytes long at most. Raises ``BadBundle``, also while reading."""
    with _readable():
        archive = await to_thread.run_sync(_opened, file)
    check(archive.infolist(), archive.start_dir)
    found = [info for info in archive.infolist() if _is_named(info, name)]
    if len(found) != 1:
        raise BadBundle(f"holds {len(found)} documents of this name")
    if found[0].file_size > limit:
        raise BadBundle(f"holds a document of more than {limit} bytes")
    if found[0].file_size > _BOMB_FROM and found[0].file_size > _BOMB_RATIO * found[0].compress_size:
        raise BadBundle("holds a document that unpacks to far more than it is")
    if found[0].compress_type not in {ZIP_STORED, ZIP_DEFLATED}:  # the only ones that unpack in bounded pieces
        raise BadBundle("holds a document that is packed in an unusual way")
    with _readable():
        member = await to_thread.run_sync(archive.open, found[0])
    try:
        yield Member(found[0].file_size, _read(member))
    finally:
        await _off_loop(member.close)


def check(members: Sequence[ZipInfo], end: int) -> None:
    """Raises ``BadBundle`` unless a ZIP, whose members end at ``end``, is flat: each of them a file at its root, and apart."""
    if len(members) > _MOST:
        raise BadBundle(f"holds more than {_MOST} documents")
    if len({info.orig_filename.casefold() for info in members}) < len(members):
        raise BadBundle("holds two documents of one name")
    for info in members:
        if _FOLDERS & set(info.orig_filename) or info.orig_filename in {".", ".."} or info.is_dir():
            raise BadBundle("holds folders, or names that lead into some")
        if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}:
            raise BadBundle("holds a link, or something else that is no file")
        if info.flag_bits & _ENCRYPTED:
            raise BadBundle("holds a document that is encrypted")
    begins = sorted((info.header_offset, _least(info)) for info in members)
    for (begin, length), (following, _) in itertools.pairwise([*begins, (end, 0)]):
        if begin + length > following:
            raise BadBundle("holds documents that lie in each other")


async def receive(chunks: AsyncIterator[bytes], file: IO[bytes], limit: int) -> None:
    """Writes a ZIP that arrives in pieces to a file. Raises ``BadBundle`` where it is longer than ``limit`` bytes."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise BadBundle(f"is longer than {limit} bytes")
        await to_thread.run_sync(file.write, chunk)


@asynccontextmanager
async def temporary() -> AsyncIterator[IO[bytes]]:
    """A file without a name, gone afterwards."""
    file = await to_thread.run_sync(tempfile.TemporaryFile)
    try:
        yield file
    finally:
        await _off_loop(file.close)


def distinct(filenames: Sequence[str]) -> tuple[str, ...]:
    """File names that are safe at the root of a ZIP and differ also where case is ignored: "a.pdf", "a (2).pdf"."""
    taken: set[str] = set()
    names = []
    for filename in filenames:
        name = wanted = _safe(filename)
        count = 1
        while name.casefold() in taken:
            count += 1
            path = PurePosixPath(wanted)
            name = f"{path.stem} ({count}){path.suffix}"
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def _safe(filename: str) -> str:
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", filename))[-1]
    safe = "".join(char if char.isprintable() and char not in _UNSAFE else "_" for char in last)
    path = PurePosixPath(safe.strip(" .") or "document.pdf")
    room = _LONGEST_NAME - len(path.suffix.encode())
    return path.stem.encode()[:room].decode(errors="ignore") + path.suffix if room > 0 else _safe(path.stem)


async def _add(archive: ZipFile, name: str, document: DocumentOrder) -> None:
    info = ZipInfo(name)
    info.file_size = document.size_bytes  # tells the writer whether it needs ZIP64
    member = await to_thread.run_sync(archive.open, info, "w")
    try:
        async for chunk in document.open():
            await to_thread.run_sync(member.write, chunk)
    finally:
        await _off_loop(member.close)


def _opened(file: IO[bytes]) -> ZipFile:
    """Reads the directory, whose size is looked at first: it is held in memory."""
    if _directory_size(file) > _MOST_DIRECTORY:
        raise BadBundle(f"holds more than {_MOST} documents")
    return ZipFile(file)


def _directory_size(file: IO[bytes]) -> int:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END.size - _LONGEST_COMMENT))
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise BadZipFile("it has no end")
    said: int = _END.unpack_from(tail, place)[5]
    locator = tail[max(0, place - _LOCATOR.size) : place]
    if len(locator) == _LOCATOR.size and locator.startswith(b"PK\x06\x07"):
        file.seek(_LOCATOR.unpack(locator)[2])
        record = file.read(_END64.size)
        said = max(said if said != _SAID_THERE else 0, _END64.unpack(record)[8])
    return said


def _least(info: ZipInfo) -> int:
    """How many bytes a member takes at least: its header, its name and its content."""
    return _HEADER_BYTES + len(info.orig_filename) + info.compress_size


async def _read(member: IO[bytes]) -> AsyncIterator[bytes]:
    while True:
        with _readable():
            chunk = await to_thread.run_sync(member.read, _CHUNK)
        if not chunk:
            return
        yield chunk


def _is_named(info: ZipInfo, name: str) -> bool:
    """Whether a member has a name; writers that forget to say so mean UTF-8, which zipfile then takes for cp437."""
    if info.orig_filename == name:
        return True
    if info.flag_bits & _UTF8_NAME:
        return False
    try:
        return info.orig_filename.encode("cp437").decode() == name
    except UnicodeError:
        return False


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error, zlib.error) as error:
        raise BadBundle("is no ZIP that can be read") from error


async def _off_loop(close: Callable[[], None]) -> None:
    """Closes in a thread, also where the one who waits has been cancelled."""
    with CancelScope(shield=True):
        await to_thread.run_sync(close)
