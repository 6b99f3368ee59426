"""Addresses as they go over the wire."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

import httpx

_SAFE: Final = "%/:?#[]@!$&'()*+,;=~"
"""What stays as it is in the path and the query of an address."""
_PLAIN_KEY: Final = re.compile(r"[\w.~-]*", re.ASCII).fullmatch
_PLAIN: Final = re.compile(rf"[\w.{re.escape(_SAFE)}-]*", re.ASCII).fullmatch
"""To see that nothing has to be quoted, as most often, costs a quarter of quoting."""


@lru_cache(maxsize=1_024)
def located(base_url: str, text: str) -> str:
    """The address of a path with its query at an API. What is quoted already stays so."""
    return _spelled(base_url) + (text if _PLAIN(text) else quote(text, safe=_SAFE))


@lru_cache
def _spelled(base_url: str) -> str:
    """A host in any script becomes ASCII."""
    return str(httpx.URL(base_url)).rstrip("/")


def segment(key: str) -> str:
    """A key as one part of a path."""
    return key if _PLAIN_KEY(key) else quote(key, safe="")
