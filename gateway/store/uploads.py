"""Staged uploads: metadata of files that wait to be named by a mutation. Their bytes are on disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store import tables

_U = tables.upload.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """Staged file; ``path`` is where its bytes are, ``owner`` a digest of the viewer's id."""

    id: str
    filename: str | None
    media_type: str
    size_bytes: int
    sha256: str
    path: str
    expires_at: datetime
    used_at: datetime | None = None
    owner: str | None = None


class StagedFiles:
    """Repository of staged files."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, file: StagedFile) -> None:
        """Inserts a staged file."""
        async with self._engine.begin() as connection:
            await connection.execute(insert(tables.upload).values(**asdict(file)))

    async def get(self, key: str) -> StagedFile | None:
        """The staged file with this id, expired or not."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(tables.upload).where(_U.id == key))).mappings().one_or_none()
        return None if row is None else StagedFile(**row)

    async def usage(self, owner: str, now: datetime) -> tuple[int, int]:
        """Quota usage of an owner: the number of files that are staged and unused, and their bytes."""
        staged = (_U.owner == owner) & _U.used_at.is_(None) & (_U.expires_at > now)
        query = select(func.count(), func.coalesce(func.sum(_U.size_bytes), 0)).where(staged)
        async with self._engine.connect() as connection:
            count, size = (await connection.execute(query)).one()
        return int(count), int(size)

    async def mark_used(self, key: str, at: datetime) -> None:
        """Marks a file as used by a document, so that it cannot be named again."""
        async with self._engine.begin() as connection:
            await connection.execute(update(tables.upload).where(_U.id == key).values(used_at=at))

    async def delete_expired(self, now: datetime) -> list[Path]:
        """Deletes expired files; returns the paths of these and of used ones, whose bytes can go."""
        obsolete = (_U.expires_at < now) | _U.used_at.is_not(None)
        async with self._engine.begin() as connection:
            paths = [Path(path) for (path,) in await connection.execute(select(_U.path).where(obsolete))]
            await connection.execute(delete(tables.upload).where(_U.expires_at < now))
        return paths
