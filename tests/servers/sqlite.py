"""SQLite databases that are copies of a migrated one: a copy takes a millisecond, a migration a tenth of a second."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from gateway.store import Store


def create_database(file: Path) -> None:
    """Creates a database with every table, all of them empty, where there is none yet."""
    if not file.exists():
        file.write_bytes(_template())


@cache
def _template() -> bytes:
    """The content of a migrated database. It is migrated in an event loop of its own, as the caller's may be running."""
    with TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=1) as thread:
        file = Path(folder) / "template.db"
        thread.submit(lambda: asyncio.run(_migrate(file))).result()
        return file.read_bytes()


async def _migrate(file: Path) -> None:
    store = await Store.open(SecretStr(f"sqlite:///{file}"))
    await store.close()
