"""Logging set-up: one line an event on standard error, bounded records, and silent HTTP libraries.

Those log addresses, which may hold tokens.
"""

from __future__ import annotations

import logging

_SILENCED = (
    "httpx",
    "httpcore",
    "aiocache",
    "aiohttp",
    "aiosqlite",
    "alembic",
    "pyhanko",
    "pyhanko_certvalidator",
    "asyncio",
    "uvicorn.error",
)
_MAX_CHARACTERS = 16_000


class BoundedFormatter(logging.Formatter):
    """Cuts a long record in its middle: database drivers repeat all parameters of a statement."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats the record, and keeps both ends of one that is too long."""
        text = super().format(record)
        if len(text) <= _MAX_CHARACTERS:
            return text
        half = _MAX_CHARACTERS // 2
        return f"{text[:half]} … {len(text) - _MAX_CHARACTERS:,} characters … {text[-half:]}"


def configure(level: int = logging.INFO) -> None:
    """Configures the root logger, and silences the libraries below warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(BoundedFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.WARNING)
