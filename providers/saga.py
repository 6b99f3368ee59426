"""Saga log: the steps of a write that takes several calls, by which it is compensated, and the pivot that ends that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from providers.model import Session


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a write of several calls has made at a provider: what it is, and its key there."""

    name: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pivot:
    """Pivot of a saga: the call after it may invite people, so from there on the saga is rolled forward.

    ``session`` is what the saga makes, as far as the provider will not tell it again, ``plan`` (JSON) what else the
    adapter needs to finish it, and ``original`` the session that it replaces.
    """

    session: Session
    plan: Mapping[str, object] = field(default_factory=dict, repr=False)
    original: Session | None = None


class Steps:
    """What a write of several calls has made so far, in order, so that it can be unmade.

    ``pivot`` is set once people may have been invited: then it is rolled forward. ``result`` is what it came to, once it
    can only be finished.
    """

    def __init__(self) -> None:
        self.entries: list[Step] = []
        self.pivot: Pivot | None = None
        self.result: Session | None = None

    async def record_intent(self, name: str) -> None:
        """Records that something is about to be made which could not be found if no answer came. ``record`` follows."""

    async def record(self, name: str, key: str) -> None:
        """Records that something now exists at the provider. Called right after the call that made it."""
        self.entries.append(Step(name, key))

    async def pass_pivot(self, pivot: Pivot) -> None:
        """Records what it takes to roll the write forward. Called right before the first call that may invite people."""
        self.pivot = pivot

    async def record_replacement(self, result: Session, old: Sequence[Step]) -> None:
        """Records that from now on the write is finished, not undone: ``result`` stays, and ``old`` has to go."""
        self.entries, self.result = list(old), result
