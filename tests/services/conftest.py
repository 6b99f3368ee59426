"""Parts of the gateway over a real database file and a real disk; only time is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from stage import Hands

from gateway.store import Store


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(SecretStr(f"sqlite:///{tmp_path / 'store.db'}"))
    yield store
    await store.close()


@pytest.fixture
async def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is migrated and empty, to be copied for every example of a property."""
    file = tmp_path_factory.getbasetemp() / "template.db"
    if not file.exists():
        await (await Store.open(SecretStr(f"sqlite:///{file}"))).close()
    return file
