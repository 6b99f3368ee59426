"""JSON as it leaves."""

from __future__ import annotations

import json

import orjson


def encode(data: object) -> bytes:
    """Writes JSON; slowly where a provider's payload holds numbers that orjson has no room for."""
    try:
        return orjson.dumps(data)
    except TypeError:
        return json.dumps(data).encode()
