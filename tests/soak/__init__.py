"""Tests of endurance, and the sizes of all that ``make soak`` runs long. The whole suite runs a short form of each."""

from __future__ import annotations

import os

_LONG = os.environ.get("SOAK", "") not in {"", "0"}


def _size(name: str, long: int, short: int) -> int:
    return int(os.environ.get(f"SOAK_{name}", long if _LONG else short))


SECONDS = _size("SECONDS", 120, 20)
"""How long the chaos lasts."""
DELIVERIES = _size("DELIVERIES", 2_000, 300)
"""How many webhooks a storm has."""
REQUESTS = _size("REQUESTS", 1_000_000, 10_000)
"""How many requests one gateway answers."""
