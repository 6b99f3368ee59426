"""TLS contexts of the client: which certificates are trusted, for all providers at once."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def client_context(user: str) -> ssl.SSLContext:
    """The context of one ``user``, who sets the protocols that it offers. Reading the certificates takes 50 ms: it is kept."""
    return httpx.create_ssl_context()
