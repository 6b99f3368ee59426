"""Faults: values that may stand where a valid one is expected."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Generator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from graphql import Undefined

from providers import model
from providers.errors import Busy, Invalid, NotFound

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Later:
    """A value that is still to come, for whoever awaits it, as often as they like."""

    def __init__(self, value: object, turns: int) -> None:
        self._value = value
        self._turns = turns

    def __repr__(self) -> str:
        return "<later>"

    def __await__(self) -> Generator[Any, None, Any]:
        for _ in range(self._turns):
            yield from asyncio.sleep(0).__await__()
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


class Odd:
    """Nothing that anybody expects."""

    def __repr__(self) -> str:
        return "<odd>"


@dataclasses.dataclass(frozen=True)
class Lesser(model.Archive):
    """A value of a class that is derived from the one that is described."""


def failures() -> list[Exception]:
    return [
        NotFound("There is no such thing.", path=("id",)),
        Busy("Patience.", provider="acme", provider_code="429", retry_after=1.5),
        RuntimeError("This must not be seen."),
        ExceptionGroup("several", [Invalid("One."), Busy("Two.")]),
        ExceptionGroup("mixed", [Invalid("One."), KeyError("two")]),
    ]


def oddities(good: object, turns: int) -> list[Any]:
    """Faults: values that may stand where a valid one is expected."""
    failing = failures()
    return [
        None,
        Undefined,
        Odd(),
        5,
        -0.0,
        True,
        float("nan"),
        2**40,
        "text",
        b"bytes",
        [good],
        (good, None, good),
        {"a": good},
        {1: 2},
        iter([good, good]),
        NOW.replace(tzinfo=timezone(timedelta(hours=2))),
        timedelta(minutes=3),
        model.SessionStatus.DRAFT,
        Lesser(requested=True),
        *failing,
        [good, failing[0], Later(good, turns), failing[2]],
        *(Later(each, turns) for each in (good, None, failing[0], failing[2], [good])),
        [Later(good, turns), Later(failing[1], 0), Later(good, 1)],
    ]
