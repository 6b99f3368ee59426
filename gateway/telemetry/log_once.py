"""Trouble that passes: a loop that goes on says once that something fails, and once that it works again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Trouble:
    """What may fail again and again while a database, say, is away. ``what`` reads on from the logger's name."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._lasts = False

    @contextmanager
    def survived(self) -> Iterator[None]:
        """Goes on behind what fails within."""
        try:
            yield
        except Exception:
            if not self._lasts:
                self._log.exception("%s; it is tried again, and this is said once", self._what)
            self._lasts = True
        else:
            if self._lasts:
                self._log.warning("that is over: %s", self._what)
            self._lasts = False
