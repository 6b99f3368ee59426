"""Upload staging: files are streamed to disk and hashed on the way, and removed once they are used or expired."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import anyio

from gateway import text_rules
from gateway.config import UploadSettings
from gateway.store import StagedFile, StagedFiles
from gateway.web import pdf_validation
from gateway.web.content_sniffing import HEAD, PDF, append_tail, require_whole_pdf, sniff
from providers.clock import Clock
from providers.errors import Invalid, NotFound, TooLarge, TooMany

_CHUNK = 64 * 1024
_CONCURRENT_PDF_CHECKS = 2
_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff<>:"/\\|?*]+'
)
"""Separators, control characters, bidirectional controls and lone surrogates."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class _WrittenFile:
    """A file on the disk: its size, hash, head and tail, and the scan of its content."""

    size: int
    sha256: str
    head: bytes
    tail: bytes
    scan: pdf_validation.StreamScan


class Uploads:
    """Staging area: files wait here to become documents, bounded per owner."""

    def __init__(self, settings: UploadSettings, files: StagedFiles, clock: Clock) -> None:
        self._settings = settings
        self._files = files
        self._clock = clock
        self._receiving: Counter[str] = Counter()
        # pyHanko reads the tables of a PDF in Python, under the interpreter's lock.
        self._pdf_checks = anyio.CapacityLimiter(_CONCURRENT_PDF_CHECKS)
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def stage(
        self, chunks: AsyncIterator[bytes], *, filename: str | None, media_type: str | None, owner: str | None = None
    ) -> StagedFile:
        """Stages a file. Raises ``TooLarge``, and ``Invalid`` for one that is empty, or is of another type than it claims.

        Raises ``TooMany`` where an ``owner`` has as much staged as one may; without an owner nothing is counted.
        """
        key = secrets.token_urlsafe(24)
        path = self._settings.folder / key
        try:
            await self._require_room(owner)
            async with aclosing(self._count_received(chunks, owner)) as counted:
                written = await self._write(path, counted)
            await self._require_room(owner, written.size)
            kind = await self._admit(path, written, filename, media_type)
            file = StagedFile(
                id=key,
                filename=safe_filename(filename),
                media_type=kind,
                size_bytes=written.size,
                sha256=written.sha256,
                path=str(path),
                expires_at=self._clock.now() + timedelta(seconds=self._settings.keep),
                owner=owner,
            )
            await self._files.add(file)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(partial(path.unlink, missing_ok=True))
            raise
        return file

    async def _admit(self, path: Path, written: _WrittenFile, filename: str | None, declared: str | None) -> str:
        """The media type of a file. Raises ``Invalid`` for one of another type, a polyglot, and an encrypted or cut off PDF."""
        pdf_validation.require_no_polyglot_head(written.head)
        media_type = sniff(written.head, filename, declared)
        if media_type == PDF:
            require_whole_pdf(written.tail)
            await anyio.to_thread.run_sync(pdf_validation.require_plain_pdf, path, written.scan, limiter=self._pdf_checks)
        return media_type

    async def find(self, key: str, owner: str | None = None) -> StagedFile:
        """A staged file of this ``owner`` that is still usable. Raises ``NotFound`` that says why it is not."""
        file = await self._files.get(key) if _ID.fullmatch(key) else None
        if file is None or file.owner != owner:
            raise NotFound(
                "There is no such upload. Upload the file with PUT /uploads or uploadFile and use the id you get.",
                path=("upload",),
            )
        if file.used_at is not None:
            raise NotFound(
                "This upload was used already; an upload becomes one document. Upload the file again.", path=("upload",)
            )
        if file.expires_at <= self._clock.now():
            raise NotFound("This upload has expired. Upload the file again.", path=("upload",))
        return file

    async def use(self, file: StagedFile) -> None:
        """Spends a file that has become a document, and removes its bytes."""
        await self._files.mark_used(file.id, self._clock.now())
        await anyio.to_thread.run_sync(partial(Path(file.path).unlink, missing_ok=True))

    async def sweep(self) -> None:
        """Removes files that are used or expired."""
        for path in await self._files.delete_expired(self._clock.now()):
            await anyio.to_thread.run_sync(partial(path.unlink, missing_ok=True))

    async def _require_room(self, owner: str | None, size: int = 0) -> None:
        if owner is not None:
            files, staged = await self._files.usage(owner, self._clock.now())
            if files >= self._settings.viewer_files or staged + size > self._settings.viewer_bytes:
                raise self._quota_exceeded()

    async def _count_received(self, chunks: AsyncIterator[bytes], owner: str | None) -> AsyncGenerator[bytes, None]:
        """The chunks. Raises ``TooMany`` once all that is being received for an owner is more than one may stage."""
        received = 0
        try:
            async for chunk in chunks:
                if owner is not None:
                    received += len(chunk)
                    self._receiving[owner] += len(chunk)
                    if self._receiving[owner] > self._settings.viewer_bytes:
                        raise self._quota_exceeded()
                yield chunk
        finally:
            if owner is not None:
                self._receiving[owner] -= received
                if self._receiving[owner] <= 0:
                    del self._receiving[owner]

    def _quota_exceeded(self) -> TooMany:
        files, size = self._settings.viewer_files, self._settings.viewer_bytes
        return TooMany(f"At most {files:,} files of {size:,} bytes in all wait here for you. Use some, or let them expire.")

    async def _write(self, path: Path, chunks: AsyncIterator[bytes]) -> _WrittenFile:
        size, digest, head, tail, scan = 0, hashlib.sha256(), b"", b"", pdf_validation.StreamScan()
        async with await anyio.open_file(path, "xb", opener=partial(os.open, mode=0o600)) as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > self._settings.max_bytes:
                    raise TooLarge(f"The file is larger than {self._settings.max_bytes} bytes, which is the limit here.")
                head = (head + chunk)[:HEAD] if len(head) < HEAD else head
                tail = append_tail(tail, chunk)
                if head.startswith(pdf_validation.HEADER[: len(head)]):
                    scan.feed(chunk)
                digest.update(chunk)
                await file.write(chunk)
        if size == 0:
            raise Invalid("The file is empty.")
        return _WrittenFile(size, digest.hexdigest(), head, tail, scan)


async def read(path: str | Path) -> AsyncIterator[bytes]:
    """A file in chunks."""
    # Opened without a thread: a file that a thread opens for a cancelled reader would never be closed.
    with open(path, "rb") as file:  # noqa: ASYNC230
        while chunk := await anyio.to_thread.run_sync(file.read, _CHUNK):
            yield chunk


def safe_filename(name: str | None) -> str | None:
    """A file name without path traversal and control characters, at most 255 bytes; None where nothing visible is left."""
    if not name:
        return None
    plain = _UNSAFE.sub("_", text_rules.last_part(name)).strip(" .")
    if not plain:
        return None
    stem, dot, suffix = plain.rpartition(".")
    if not dot or len(suffix) > 16:
        stem, suffix = plain, ""
    room = 255 - len((dot + suffix).encode() if suffix else b"")
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(" .")
    safe = f"{stem}.{suffix}" if suffix else stem
    return safe if text_rules.is_visible(safe) else None
