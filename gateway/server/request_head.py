"""Heads of requests of which it is not clear whom they are for, or whose they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_ONCE: Final = frozenset(
    {b"host", b"origin", b"authorization", b"content-type", b"content-length", b"sec-websocket-key", b"sec-websocket-version"}
)
"""Headers that say where a request goes, whose it is, and what it is: of two, anybody may believe another than we do."""
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{0,5})?")


def ambiguous(headers: Sequence[tuple[bytes, bytes]], version: str) -> bool:
    """Whether a head names no host, two, or none that is one (RFC 9112, 3.2), or says twice what may be said once."""
    once = [name for name, _ in headers if name in _ONCE]
    if len(once) != len(set(once)) or (b"host" not in once and version != "1.0"):
        return True
    return not all(_is_host(value) for name, value in headers if name == b"host")


@lru_cache(maxsize=512)
def _is_host(value: bytes) -> bool:
    """Whether this names a host, perhaps with a port (RFC 3986, 3.2.2)."""
    return _HOST.fullmatch(value) is not None
