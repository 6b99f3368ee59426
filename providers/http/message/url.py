"""URLs: validated once at start, so that a mistake is reported with its key, and built for each request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address
from string import Formatter
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

import httpx

_SAFE: Final = "%/:?#[]@!$&'()*+,;=~"
"""Characters of a path and its query that are not quoted."""
_NOT_HTTP: Final = "must be an address that begins with https:// (or http:// for a sandbox)"
_NO_HOST: Final = "has a host that is none: write a name, an IPv4 address, or an IPv6 address in brackets"
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?").fullmatch
_MAX_HOST_NAME: Final = 253
_MAX_URL: Final = 4_096
"""Leaves room for a path: httpx accepts 65,536 characters in all."""
_AFTER_BRACKET: Final = re.compile(r"\][^:]").search
"""Characters between an IPv6 address and its port, which ``urlsplit`` overlooks."""
_PLAIN_KEY: Final = re.compile(r"[\w.~-]*", re.ASCII).fullmatch
_TOKEN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,254}").fullmatch
_MAX_DIGITS: Final = 20
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f/\\]").search
_PLAIN: Final = re.compile(rf"[\w.{re.escape(_SAFE)}-]*", re.ASCII).fullmatch
"""A check that nothing has to be quoted, as is usual, costs a quarter of quoting."""


@lru_cache(maxsize=1_024)
def build_url(base_url: str, target: str) -> str:
    """The URL of a path with its query. What is quoted already is not quoted again."""
    return _normalize(base_url) + (target if _PLAIN(target) else quote(target, safe=_SAFE))


@lru_cache
def _normalize(base_url: str) -> str:
    """The base URL with its host in ASCII (IDNA)."""
    return str(httpx.URL(base_url)).rstrip("/")


def validate_base_url(value: str) -> str:
    """A base URL, with neither query nor fragment. Raises ``ValueError``."""
    if "?" in value:
        raise ValueError("must not have a query (?): write the address alone")
    return validate_url(value).rstrip("/")


def validate_url(value: str) -> str:
    """A complete HTTP URL. Raises ``ValueError`` that says what to write instead."""
    if not value.lower().startswith(("http://", "https://")):
        raise ValueError(_NOT_HTTP)
    parts = split_url(value)
    if not parts.hostname:
        raise ValueError(_NOT_HTTP)
    if "@" in parts.netloc:
        raise ValueError("must not hold credentials; give them under their own keys")
    if len(value) > _MAX_URL:
        raise ValueError(f"must be at most {_MAX_URL} characters long")
    try:
        httpx.URL(value)
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError(_NO_HOST) from None
    return value


def split_url(value: str) -> SplitResult:
    """The parts of a URL of any scheme, host and port validated. Raises ``ValueError``."""
    if any(char.isspace() or not char.isprintable() or char == "\\" for char in value):
        raise ValueError("must not hold blanks, control characters or backslashes")
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError(_NO_HOST) from None
    if "#" in value:
        raise ValueError("must not have a fragment (#): write the address alone")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if _AFTER_BRACKET(parts.netloc):
        raise ValueError(_NO_HOST)
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("has a port that is none: write a number from 1 to 65535 behind the colon, or leave both out")
    if parts.hostname and not _is_host(parts.hostname, bracketed="[" in parts.netloc):
        raise ValueError(_NO_HOST)
    return parts


def path_template_errors(template: str, default: str) -> Iterator[str]:
    """The mistakes in a path template that overrides a ``default`` one, whose keys it may name in braces."""
    if not template.startswith("/"):
        yield "must begin with /"
    if any(char.isspace() or not char.isprintable() or char in "\\#" for char in template):
        yield "must not hold blanks, control characters, backslashes or #"
    if {".", ".."} & set(template.partition("?")[0].split("/")):
        yield "must not hold . or .. for a part"
    allowed = {name for _, name, _, _ in Formatter().parse(default) if name is not None}
    try:
        fields = [part for part in Formatter().parse(template) if part[1] is not None]
    except ValueError:
        fields = [("", "", "", None)]
    if any(name not in allowed or spec or conversion for _, name, spec, conversion in fields):
        keys = " and ".join(f"{{{name}}}" for name in sorted(allowed))
        yield f"may hold nothing in braces but {keys}" if keys else "must not hold braces"


def _is_host(host: str, *, bracketed: bool) -> bool:
    """Whether it is an IP address or a name: a host that ends in a number, or stands in brackets, has to be an address."""
    if bracketed or ":" in host or host.rpartition(".")[2].isdecimal():
        try:
            ip_address(host)
        except ValueError:
            return False
        return True
    try:
        name = httpx.URL(f"http://{host}").raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        return False
    return len(name) <= _MAX_HOST_NAME and all(map(_LABEL, name.removesuffix(".").split(".")))


def quote_segment(key: str) -> str:
    """A key quoted as one segment of a path."""
    return key if _PLAIN_KEY(key) else quote(key, safe="")


def is_safe_segment(key: str) -> bool:
    """Whether a key stays one segment of a path even where a proxy decodes the path first (path traversal)."""
    return key not in {"", ".", ".."} and _UNSAFE(key) is None


def is_token(key: str) -> bool:
    """Whether a key consists of unreserved characters (RFC 3986) and begins with a letter or a digit, as UUIDs do."""
    return _TOKEN(key) is not None


def is_number(key: str) -> bool:
    """Whether a key is a decimal number: ASCII digits, no sign, no leading zero."""
    return key.isascii() and key.isdigit() and len(key) <= _MAX_DIGITS and (key[0] != "0" or key == "0")
