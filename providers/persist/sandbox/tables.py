"""Tables of the simulated server: signatures, their versions and tags, with the constraints of its database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


class Collision(Exception):
    """A violated constraint: two writers met in a unique index, or the row was deleted before the write."""


@dataclass(slots=True)
class Row:
    """A signature in its latest version."""

    id: int
    document: str
    thread: str
    created_at: str
    updated_at: str
    version: int = 0
    version_comment: str | None = None
    version_created_at: str | None = None
    version_created_by: str | None = None
    cms: str = ""
    tags: list[str] = field(default_factory=list)

    def payload(self) -> dict[str, object]:
        """The row as JSON, in the server's order of keys."""
        return {
            "id": self.id,
            "document": self.document,
            "thread": self.thread,
            "version": self.version,
            "version_comment": self.version_comment,
            "version_created_at": self.version_created_at,
            "version_created_by": self.version_created_by,
            "cms": self.cms,
            "tags": self.tags,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


class Tables:
    """All rows. Tag rows are shared by all signatures and are never deleted; versions are deleted with their signature."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}
        self._versions: set[tuple[int, int]] = set()
        self._tags: dict[str, int] = {}
        self._last_id = 0

    @property
    def rows(self) -> list[Row]:
        """Every signature, oldest first."""
        return list(self._rows.values())

    def find(self, document: str | None, thread: str | None) -> Row | None:
        """The signature of a document and thread; NULL equals nothing."""
        return None if document is None or thread is None else self._rows.get((document, thread))

    def add(self, document: str, thread: str, now: datetime) -> Row:
        """Inserts a row. Raises ``Collision`` where another writer has inserted one."""
        if (document, thread) in self._rows:
            raise Collision
        self._last_id += 1
        row = Row(self._last_id, document, thread, _stored(now), _stored(now))
        self._rows[document, thread] = row
        return row

    def next_version(self, row: Row) -> int:
        """The version that a writer who reads now will write."""
        return row.version + 1

    def write(
        self, row: Row, version: int, cms: str, comment: str | None, author: str | None, tags: list[str], now: datetime
    ) -> None:
        """Writes a version, without a lock. Raises ``Collision`` where it exists or its row is gone."""
        if (row.id, version) in self._versions or self._rows.get((row.document, row.thread)) is not row:
            raise Collision
        self._versions.add((row.id, version))
        row.version, row.cms, row.version_comment, row.version_created_by = version, cms, comment, author
        row.version_created_at = row.updated_at = _stored(now)
        for tag in tags:
            self._tags.setdefault(tag, len(self._tags))
        row.tags = sorted(set(tags), key=self._tags.__getitem__)

    def remove(self, row: Row) -> None:
        """Deletes a signature and its versions."""
        del self._rows[row.document, row.thread]
        self._versions = {(id_, version) for id_, version in self._versions if id_ != row.id}

    def joined(self, documents: frozenset[str], tags: frozenset[str]) -> list[Row]:
        """Inner join of signatures with tags, newest first: one row for each tag, none for an untagged signature."""
        rows = [
            row
            for row in self._rows.values()
            if not documents or row.document in documents
            for tag in row.tags
            if not tags or tag in tags
        ]
        return sorted(rows, key=lambda row: row.created_at, reverse=True)


def _stored(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
