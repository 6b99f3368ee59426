"""Adds folders of shared helpers to the path."""

from __future__ import annotations

import lookout  # noqa: F401
import pytest


@pytest.fixture(autouse=True)
def starts_gateways(gateways: None) -> None:
    """The tests of this folder start gateways."""
