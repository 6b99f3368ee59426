"""Outage log: logs a background loop's first failure and its recovery, not every retry between."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class OutageLog:
    """State of one outage, such as a database that is away. ``message`` completes a sentence after the logger's name."""

    def __init__(self, log: logging.Logger, message: str) -> None:
        self._log = log
        self._message = message
        self._failing = False

    @contextmanager
    def log_and_continue(self) -> Iterator[None]:
        """Suppresses any ``Exception`` of the block; the first one is logged, and so is the first success after it."""
        try:
            yield
        except Exception:
            if not self._failing:
                self._log.exception("%s; it is tried again, and this is said once", self._message)
            self._failing = True
        else:
            if self._failing:
                self._log.warning("that is over: %s", self._message)
            self._failing = False
