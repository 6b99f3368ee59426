"""The head of a request."""

from __future__ import annotations

from collections.abc import Mapping


def head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """As it is sent. Raises ``ValueError`` where a header has lines of its own."""
    said = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    text = f"{method} {target} HTTP/1.1\r\n{said}\r\n"
    lines = len(headers) + 2
    if text.count("\n") != lines or text.count("\r") != lines or "\0" in text:
        raise ValueError("A header may not have lines of its own.")
    return text.encode()
