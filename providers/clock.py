"""Clock: the source of time, injected so that tests do not wait."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import partial


class Clock:
    """The system clock."""

    now = staticmethod(partial(datetime.now, UTC))
    """The present instant, aware and in UTC."""
    monotonic = staticmethod(time.monotonic)
    """Seconds since some fixed moment; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Sleeps for so many seconds."""
        await asyncio.sleep(seconds)
