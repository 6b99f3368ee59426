"""Files on their way in: streamed to disk, hashed on the way, and removed when used or too old."""

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
from gateway.web import pdf_admission
from gateway.web.content_sniffing import HEAD, PDF, check_pdf, ending, sniff
from providers.clock import Clock
from providers.errors import Invalid, NotFound, TooLarge, TooMany

_CHUNK = 64 * 1024
_PDFS_AT_ONCE = 2
_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff<>:"/\\|?*]+'
)
"""Beside separators: control characters, those that turn the direction of what is shown, and halves of characters."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class _Written:
    """A file that is on the disk: its size, its hash, and how it begins and ends, and what was found in it."""

    size: int
    sha256: str
    head: bytes
    tail: bytes
    search: pdf_admission.Search


class Uploads:
    """The staging area."""

    def __init__(self, settings: UploadSettings, files: StagedFiles, clock: Clock) -> None:
        self._settings = settings
        self._files = files
        self._clock = clock
        self._arriving: Counter[str] = Counter()
        # The tables of a PDF are read in Python, beside all who wait for an answer.
        self._reading = anyio.CapacityLimiter(_PDFS_AT_ONCE)
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def stage(
        self, chunks: AsyncIterator[bytes], *, filename: str | None, media_type: str | None, owner: str | None = None
    ) -> StagedFile:
        """Keeps the bytes for a while. Raises ``TooLarge``, and ``Invalid`` for a file that is empty or not what it says.

        Raises ``TooMany`` where as much of an ``owner`` waits as may; without one, nobody's share is counted.
        """
        key = secrets.token_urlsafe(24)
        path = self._settings.folder / key
        try:
            await self._require_room(owner)
            async with aclosing(self._counted(chunks, owner)) as counted:
                written = await self._write(path, counted)
            await self._require_room(owner, written.size)
            pdf_admission.require_alone(written.head)
            kind = sniff(written.head, filename, media_type)
            if kind == PDF:
                check_pdf(written.tail)
                await anyio.to_thread.run_sync(pdf_admission.check, path, written.search, limiter=self._reading)
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

    async def find(self, key: str, owner: str | None = None) -> StagedFile:
        """A staged file of this ``owner`` that can still be used. Raises ``NotFound`` that says why it cannot."""
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
        """The file has become a document: its id is spent and its bytes go."""
        await self._files.use(file.id, self._clock.now())
        await anyio.to_thread.run_sync(partial(Path(file.path).unlink, missing_ok=True))

    async def sweep(self) -> None:
        """Removes what is used or too old."""
        for path in await self._files.expire(self._clock.now()):
            await anyio.to_thread.run_sync(partial(path.unlink, missing_ok=True))

    async def _require_room(self, owner: str | None, size: int = 0) -> None:
        if owner is not None:
            files, staged = await self._files.waiting(owner, self._clock.now())
            if files >= self._settings.viewer_files or staged + size > self._settings.viewer_bytes:
                raise self._full()

    async def _counted(self, chunks: AsyncIterator[bytes], owner: str | None) -> AsyncGenerator[bytes, None]:
        """The chunks, as long as all that arrives for their owner at a time is no more than may wait."""
        mine = 0
        try:
            async for chunk in chunks:
                if owner is not None:
                    mine += len(chunk)
                    self._arriving[owner] += len(chunk)
                    if self._arriving[owner] > self._settings.viewer_bytes:
                        raise self._full()
                yield chunk
        finally:
            if owner is not None:
                self._arriving[owner] -= mine
                if self._arriving[owner] <= 0:
                    del self._arriving[owner]

    def _full(self) -> TooMany:
        files, size = self._settings.viewer_files, self._settings.viewer_bytes
        return TooMany(f"At most {files:,} files of {size:,} bytes in all wait here for you. Use some, or let them expire.")

    async def _write(self, path: Path, chunks: AsyncIterator[bytes]) -> _Written:
        size, digest, head, tail, search = 0, hashlib.sha256(), b"", b"", pdf_admission.Search()
        async with await anyio.open_file(path, "xb", opener=partial(os.open, mode=0o600)) as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > self._settings.max_bytes:
                    raise TooLarge(f"The file is larger than {self._settings.max_bytes} bytes, which is the limit here.")
                head = (head + chunk)[:HEAD] if len(head) < HEAD else head
                tail = ending(tail, chunk)
                if head.startswith(pdf_admission.HEADER[: len(head)]):
                    search.feed(chunk)
                digest.update(chunk)
                await file.write(chunk)
        if size == 0:
            raise Invalid("The file is empty.")
        return _Written(size, digest.hexdigest(), head, tail, search)


async def read(path: str | Path) -> AsyncIterator[bytes]:
    """A file in pieces."""
    # Opened without a thread: one that is opened while its reader is cancelled would belong to nobody.
    with open(path, "rb") as file:  # noqa: ASYNC230
        while chunk := await anyio.to_thread.run_sync(file.read, _CHUNK):
            yield chunk


def safe_filename(name: str | None) -> str | None:
    """A name that is safe to show, to store and to send on: no folders, no control characters, at most 255 bytes."""
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
