"""Task cancellation: ends background tasks, and waits until they have ended."""

from __future__ import annotations

import asyncio
from typing import Any

_RETRY_SECONDS = 1.0


async def cancel_and_wait(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancels tasks until all have ended; None and ended tasks are skipped.

    One cancellation may not be enough: a database driver can turn it into an error of its own, which a loop that survives
    errors then survives.
    """
    pending = {task for task in tasks if task is not None and not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_RETRY_SECONDS)
