"""PHP semantics of the simulated server: parameter parsing, truthiness and type casts."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import msgspec

from providers.persist.wire import TRIMMED

_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_LARGEST = 2**63 - 1
_FALSY = (None, "", "0", 0, False)


def parameters(query: str, body: bytes) -> dict[str, object]:
    """Merges query and JSON body, the body first; a body that is no JSON object is ignored."""
    merged: dict[str, object] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        base, bracket, _ = name.partition("[")
        if bracket:
            values = merged.get(base)
            merged[base] = [*(values if isinstance(values, list) else []), value]
        else:
            merged[base] = value
    try:
        sent = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        sent = None
    if isinstance(sent, dict):
        merged.update(sent)
    return {name: _trimmed(value) for name, value in merged.items()}


def truthy(value: object) -> bool:
    """Whether a value is true in PHP: the text ``false`` is, the text ``0`` is not."""
    return value != [] and value != {} and value not in _FALSY


def integer(value: object) -> int:
    """Casts to int: the number that a text begins with, cut to its whole part, else 0."""
    if isinstance(value, str):
        number = _NUMBER.match(value)
        value = float(number.group()) if number else 0
    if isinstance(value, int | float):
        return int(max(-_LARGEST, min(value, _LARGEST)))
    return int(truthy(value))


def text(value: object) -> str:
    """Casts to string."""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, list | dict):
        return "Array"
    return str(value)


def listed(value: object) -> list[object]:
    """The values of a list or of an object: in PHP both are arrays."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def _trimmed(value: object) -> object:
    if isinstance(value, str):
        return value.strip(TRIMMED) or None
    if isinstance(value, list):
        return [_trimmed(each) for each in value]
    if isinstance(value, dict):
        return {name: _trimmed(each) for name, each in value.items()}
    return value
