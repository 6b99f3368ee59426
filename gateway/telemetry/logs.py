"""What is logged, and how. Libraries of HTTP log addresses, which may hold tokens: they are silenced."""

from __future__ import annotations

import logging

_TOO_TALKATIVE = (
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


_LONGEST = 16_000


class BoundedFormatter(logging.Formatter):
    """Cuts a record that is too long in its middle: drivers of databases repeat all parameters of a statement."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, both its ends where it is too long."""
        text = super().format(record)
        if len(text) <= _LONGEST:
            return text
        return f"{text[: _LONGEST // 2]} … {len(text) - _LONGEST:,} characters … {text[-_LONGEST // 2 :]}"


def configure(level: int = logging.INFO) -> None:
    """Logs to standard error, one line an event."""
    handler = logging.StreamHandler()
    handler.setFormatter(BoundedFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    for name in _TOO_TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
