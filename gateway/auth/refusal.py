"""Refusal of credentials, and whether newer ones would be accepted."""

from __future__ import annotations

from typing import Final

UNAUTHENTICATED: Final = "UNAUTHENTICATED"
CREDENTIALS_EXPIRED: Final = "CREDENTIALS_EXPIRED"


class Unauthenticated(Exception):
    """Credentials that are missing or do not hold. ``reason`` is fit to be shown: it says nothing of what was sent.

    ``code`` is the machine-readable form of it. ``curable`` says that a client which comes back, with credentials that it
    asks for anew, may be let in: a client library must then retry, where otherwise it must give up.
    """

    def __init__(self, reason: str, *, code: str = UNAUTHENTICATED, curable: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.curable = curable


def expired(reason: str) -> Unauthenticated:
    """The refusal of credentials that were good until they ended."""
    return Unauthenticated(reason, code=CREDENTIALS_EXPIRED, curable=True)
