"""Saga log: the steps of a write that takes several calls, by which it is compensated, and its pivot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from providers.model import Session


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a saga: the kind of object that it has created at the provider, and the object's key."""

    name: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pivot:
    """Pivot of a saga: the call after it may invite people, so from there on the saga is rolled forward.

    ``session`` is the one being created, with all that the provider will not return again; ``plan`` (JSON) is whatever else the
    adapter needs to finish it; ``original`` is the session that it replaces.
    """

    session: Session
    plan: Mapping[str, object] = field(default_factory=dict, repr=False)
    original: Session | None = None


class Steps:
    """Log of a saga's steps in order, by which it is compensated.

    From its ``pivot`` on, once people may have been invited, it is rolled forward instead. ``result`` is the session that
    stays, once the saga can only be finished.
    """

    def __init__(self) -> None:
        self.entries: list[Step] = []
        self.pivot: Pivot | None = None
        self.result: Session | None = None

    async def record_intent(self, name: str) -> None:
        """Records a step before its call, where the object could not be found if no response came. ``record`` follows."""

    async def record(self, name: str, key: str) -> None:
        """Records that an object now exists at the provider. Called right after the call that created it."""
        self.entries.append(Step(name, key))

    async def pass_pivot(self, pivot: Pivot) -> None:
        """Records the pivot. Called right before the first call that may invite people."""
        self.pivot = pivot

    async def record_replacement(self, result: Session, old: Sequence[Step]) -> None:
        """Records that the saga can only be finished from now on: ``result`` stays, and the ``old`` steps are to be removed."""
        self.entries, self.result = list(old), result
