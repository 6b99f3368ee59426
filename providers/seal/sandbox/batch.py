"""Stored batches of the simulator, and their JSON in the types of both server generations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from typing import Literal
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

Generation = Literal["current", "old"]

_MOST_BYTES = 256 * 2**20
_TSA = 1
_LAG = timedelta(seconds=1)  # the same instant differs between endpoints
_OLD = ("NEW", "UPLOADED", "ACCEPTED", "READY", "IN_PROGRESS", "FINISHING", "CLOSED", "DELETED")


@dataclass(slots=True)
class SandboxDocument:
    """A stored document; ``sealed`` is the sealed PDF, None before."""

    id: int
    name: str
    content: bytes = field(repr=False)
    sealed: bytes | None = field(default=None, repr=False)


@dataclass(slots=True)
class SandboxBatch:
    """A stored batch. Its three JSON forms differ in the types of the same values, as documented per method."""

    id: int
    process: int
    created_at: datetime
    status: str = "NEW"
    forgotten: bool = False
    documents: list[SandboxDocument] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    def results(self) -> dict[str, bytes]:
        """The sealed documents, by file name."""
        return {document.name: document.sealed for document in self.documents if document.sealed is not None}

    def brief(self, generation: Generation, status: str) -> dict[str, object]:
        """Answer of CreateBatch and AcceptBatch: current servers send strings, and a status that contradicts their table."""
        if generation == "old":
            number = _OLD.index(self.status)
            return {"id": self.id, "providerSettingsId": self.process, "creationDate": _time(self.created_at), "status": number}
        return {
            "id": str(self.id),
            "providerSettingsId": str(self.process),
            "creationDate": _time(self.created_at),
            "status": status,
        }

    def receipt(self, generation: Generation) -> dict[str, object]:
        """Answer of upload: has the name of the first file, although it is a ZIP."""
        old = generation == "old"
        first = self.documents[0]
        return {
            "id": first.id if old else str(first.id),
            "counterpartyId": self.process if old else str(self.process),
            "name": first.name,
            "signed": False if old else "false",
            "hash": None,
            "signature": None,
            "batchId": self.id,
            "creationDate": _time(self.created_at),
            "isZip": True if old else "true",
            "tsaId": _TSA if old else str(_TSA),
        }

    def detail(self, generation: Generation) -> dict[str, object]:
        """Answer of BatchStatus and BatchDeleteCache: without documents while the batch is NEW."""
        closed = self.status in {"CLOSED", "DELETED"}
        documents = [
            {
                "id": document.id,
                "signed": _flag(document.sealed is not None, generation),
                "fileName": document.name,
                "signingResult_Success": _flag(closed and document.sealed is not None, generation),
            }
            for document in self.documents
        ]
        return {
            "id": self.id,
            "status": self.status,
            "creationDate": _time(self.created_at + _LAG),
            "documents": None if self.status == "NEW" else documents,
        }


def unpack(archive: bytes) -> list[tuple[str, bytes]]:
    """Unpacks the files of a flat ZIP. Raises ``ValueError`` for anything else."""
    try:
        with ZipFile(BytesIO(archive)) as opened:
            members = opened.infolist()
            if any("/" in member.filename or "\\" in member.filename for member in members):
                raise ValueError("Archive must not contain directories")
            if not members or sum(member.file_size for member in members) > _MOST_BYTES:
                raise ValueError("Archive is empty or too large")
            return [(member.filename, opened.read(member)) for member in members]
    except (BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise ValueError("File is not a ZIP archive") from error


def pack(files: Mapping[str, bytes]) -> bytes:
    """Packs files into a ZIP, at its root."""
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def _flag(value: bool, generation: Generation) -> bool | str:
    return value if generation == "old" else str(value).lower()


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
