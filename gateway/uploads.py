"""Files on their way in: streamed to disk, hashed on the way, and removed when used or too old."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import anyio

from gateway.settings import UploadSettings
from gateway.store import StagedFile, StagedFiles
from providers.clock import Clock
from providers.errors import Invalid, NotFound, TooLarge

_CHUNK = 64 * 1024
_HEAD = 1024
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff<>:"/\\|?*]+')
"""Beside separators: control characters, those that turn the direction of what is shown, and halves of characters."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAGIC = ((b"%PDF-", "application/pdf"), (b"PK\x03\x04", "application/zip"), (b"<?xml", "application/xml"))
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
_UNKNOWN = "application/octet-stream"
_PACKED = ("application/vnd.", "application/epub+zip")
"""How the types begin whose files are ZIP archives within."""


class Uploads:
    """The staging area."""

    def __init__(self, settings: UploadSettings, files: StagedFiles, clock: Clock) -> None:
        self._settings = settings
        self._files = files
        self._clock = clock
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def stage(self, chunks: AsyncIterator[bytes], *, filename: str | None, media_type: str | None) -> StagedFile:
        """Keeps the bytes for a while. Raises ``TooLarge``, and ``Invalid`` for a file that is empty or not what it says."""
        key = secrets.token_urlsafe(24)
        path = self._settings.folder / key
        try:
            size, digest, head = await self._write(path, chunks)
            file = StagedFile(
                id=key,
                filename=safe_filename(filename),
                media_type=sniff(head, filename, media_type),
                size_bytes=size,
                sha256=digest,
                path=str(path),
                expires_at=self._clock.now() + timedelta(seconds=self._settings.keep),
            )
            await self._files.add(file)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(partial(path.unlink, missing_ok=True))
            raise
        return file

    async def find(self, key: str) -> StagedFile:
        """A staged file that can still be used. Raises ``NotFound`` that says why it cannot."""
        file = await self._files.get(key) if _ID.fullmatch(key) else None
        if file is None:
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

    async def _write(self, path: Path, chunks: AsyncIterator[bytes]) -> tuple[int, str, bytes]:
        size, digest, head = 0, hashlib.sha256(), b""
        async with await anyio.open_file(path, "xb", opener=partial(os.open, mode=0o600)) as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > self._settings.max_bytes:
                    raise TooLarge(f"The file is larger than {self._settings.max_bytes} bytes, which is the limit here.")
                head = (head + chunk)[:_HEAD] if len(head) < _HEAD else head
                digest.update(chunk)
                await file.write(chunk)
        if size == 0:
            raise Invalid("The file is empty.")
        return size, digest.hexdigest(), head


async def read(path: str | Path) -> AsyncIterator[bytes]:
    """A file in pieces."""
    # Opened without a thread: one that is opened while its reader is cancelled would belong to nobody.
    with open(path, "rb") as file:  # noqa: ASYNC230
        while chunk := await anyio.to_thread.run_sync(file.read, _CHUNK):
            yield chunk


def sniff(head: bytes, filename: str | None, declared: str | None) -> str:
    """What the bytes are. Raises ``Invalid`` where they are called a PDF and are none."""
    said = (declared or "").partition(";")[0].strip().lower()
    found = next((media_type for magic, media_type in _MAGIC if head.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(magic)), None)
    named_pdf = (filename or "").lower().endswith(".pdf") or said == "application/pdf"
    if named_pdf and found != "application/pdf":
        raise Invalid("The file is called a PDF but is none: it does not begin with %PDF-. Send the document itself.")
    known = said if _MEDIA_TYPE.fullmatch(said) else _UNKNOWN
    packed = found == "application/zip" and known.startswith(_PACKED)
    return known if packed or found is None else found


def safe_filename(name: str | None) -> str | None:
    """A name that is safe to show, to store and to send on: no folders, no control characters, at most 255 bytes."""
    if not name:
        return None
    plain = _UNSAFE.sub("_", name.replace("\\", "/").rsplit("/", 1)[-1]).strip(" .")
    if not plain:
        return None
    stem, dot, suffix = plain.rpartition(".")
    if not dot or len(suffix) > 16:
        stem, suffix = plain, ""
    room = 255 - len((dot + suffix).encode() if suffix else b"")
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(" .")
    return f"{stem}.{suffix}" if suffix else stem


async def pieces(read_some: Callable[[int], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    """Something that is read in pieces of a bounded size, as an iterator."""
    while chunk := await read_some(_CHUNK):
        yield chunk
