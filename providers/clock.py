"""Time as an argument, so that nothing has to wait for it to be tested."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import partial


class Clock:
    """The machine's own time."""

    now = staticmethod(partial(datetime.now, UTC))
    """The present instant, aware and in UTC."""
    monotonic = staticmethod(time.monotonic)
    """Seconds since some fixed moment; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)
