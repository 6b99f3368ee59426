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


def configure(level: int = logging.INFO) -> None:
    """Logs to standard error, one line an event."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in _TOO_TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
