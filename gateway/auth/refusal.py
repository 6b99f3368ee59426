"""Authentication errors: refused credentials, and whether newer ones would be accepted."""

from __future__ import annotations

from typing import Final

UNAUTHENTICATED: Final = "UNAUTHENTICATED"
CREDENTIALS_EXPIRED: Final = "CREDENTIALS_EXPIRED"


class Unauthenticated(Exception):
    """Credentials are missing or invalid. ``reason`` is fit to be shown: it repeats nothing of what was sent.

    ``code`` is machine-readable. ``curable`` says that a client may be let in once it comes back with fresh credentials: a
    client library must then retry, where otherwise it must give up.
    """

    def __init__(self, reason: str, *, code: str = UNAUTHENTICATED, curable: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.curable = curable


def expired(reason: str) -> Unauthenticated:
    """The refusal of credentials that were valid until they expired."""
    return Unauthenticated(reason, code=CREDENTIALS_EXPIRED, curable=True)
