"""Keys and certificates take a second to make, so they are made once."""

from __future__ import annotations

import lookout  # noqa: F401 (has the folders of what it shares with other tests on the path)
import pytest

from providers.authority import Authority


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()
