"""The one ZIP in which a batch travels: packing it, and taking one document out of it.

Bytes go through temporary files in pieces, and the disk is touched in threads only.
"""

from __future__ import annotations

import re
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

from providers.order import DocumentOrder

_CHUNK = 256 * 1024
_LONGEST_NAME = 200  # bytes, before " (2)"
_UNSAFE = frozenset('<>:"|?*')
_UTF8_NAME = 0x800  # bit 11 of a member's flags


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
        archive = await to_thread.run_sync(ZipFile, file)
    found = [info for info in archive.infolist() if _is_named(info, name)]
    if len(found) != 1:
        raise BadBundle(f"holds {len(found)} documents of this name")
    if found[0].file_size > limit:
        raise BadBundle(f"holds a document of more than {limit} bytes")
    if found[0].compress_type not in {ZIP_STORED, ZIP_DEFLATED}:  # the only ones that unpack in bounded pieces
        raise BadBundle("holds a document that is packed in an unusual way")
    with _readable():
        member = await to_thread.run_sync(archive.open, found[0])
    try:
        yield Member(found[0].file_size, _read(member))
    finally:
        await _off_loop(member.close)


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
