"""How a task ends that somebody owns."""

from __future__ import annotations

import asyncio
from typing import Any

_PATIENCE = 1.0


async def end(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancels tasks and waits until they have ended.

    One cancellation may not be enough: a database driver can make an error of its own of it, which a loop that goes on
    after errors takes for one of those.
    """
    pending = {task for task in tasks if task is not None and not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_PATIENCE)
