"""Hard cases: a schema with every way for a value to be missing, wrong or pending, under every kind of type."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from random import Random
from types import SimpleNamespace
from typing import Annotated, Any

import strawberry
from execution_fault import Later, failures
from strawberry.schema.config import StrawberryConfig

from schema.root import NamedOperation, Schema
from schema.scalars import SCALARS
from schema.types.binding import describes, followed, resolved


@strawberry.enum
class Colour(Enum):
    RED = 1
    BLUE = "blue"


@dataclass(frozen=True)
class Maze:
    """Decides what is found where, by the way that led there."""

    seed: int
    faults: float
    log: list[str] = field(default_factory=list)

    def at(self, way: str, good: list[Any]) -> Any:
        dice = Random(f"{self.seed}/{way}")
        found = dice.choice(good)
        if dice.random() < self.faults:
            wrong = dice.choice([None, None, *failures()[:3], 2**40, float("inf"), "text", True, {}, [found], object])
            found = dice.choice([wrong, Later(wrong, dice.randrange(4))])
        return Later(found, dice.randrange(4)) if dice.random() < 0.15 else found

    def items(self, way: str) -> list[Any]:
        dice = Random(f"{self.seed}/{way}/items")
        return [self.at(f"{way}/{place}", [_place(self, f"{way}/{place}", dice)]) for place in range(dice.randrange(4))]


@dataclass(frozen=True)
class Spot:
    """A place in the maze: its attributes are decided when they are read."""

    maze: Maze
    way: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.found(name)

    def found(self, name: str) -> Any:
        way = f"{self.way}/{name}"
        dice = Random(f"{self.maze.seed}/{way}/kind")
        good: dict[str, list[Any]] = {
            "number": [0, 7, -1],
            "text": ["", "x"],
            "ratio": [0.5, 2, -0.0, float("inf"), float("nan")],
            "when": [datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=timezone(timedelta(hours=2)))],
            "colour": [Colour.RED, Colour.BLUE, 1, "blue"],
            "words": [["a", "b"], ("c",), [], ["a", 1, None]],
            "spots": [self.maze.items(way)],
            "rows": [[self.maze.items(f"{way}/0"), self.maze.items(f"{way}/1")]],
            "streamed": [_Stream(self.maze.items(way))],
        }
        kind = name.rpartition("_")[2]
        if name in ("any", "any_late"):
            return self.maze.at(way, [_place(self.maze, way, dice)])
        return self.maze.at(way, good.get(kind) or [Spot(self.maze, way)])

    async def late(self, name: str) -> Any:
        found = self.found(name)
        for _ in range(Random(f"{self.maze.seed}/{self.way}/{name}/turns").randrange(3)):
            await asyncio.sleep(0)
        if isinstance(found, Exception):
            raise found
        return found


@dataclass(frozen=True)
class Blot(Spot):
    """Another kind of place."""


@dataclass(frozen=True)
class Hole(Spot):
    """A place that no type describes."""


class _Stream:
    def __init__(self, items: list[Any]) -> None:
        self._items = items

    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in self._items:
            await asyncio.sleep(0)
            yield item


def _place(maze: Maze, way: str, dice: Random) -> Spot:
    return dice.choices([Spot, Blot, Hole], [6, 3, 1])[0](maze, way)


def _late(name: str) -> Any:
    async def resolve(root: strawberry.Parent[Spot]) -> Any:
        return await root.late(name)

    return strawberry.field(resolver=resolve)


def _given(root: strawberry.Parent[Spot], many: list[int] | None = None, colour: Colour = Colour.RED) -> Any:
    (many := [] if many is None else many).append(1)
    return f"{many} {colour}"


async def _given_late(root: strawberry.Parent[Spot], text: str = "x", number: int | None = None) -> Any:
    return f"{text} {number}"


class Extended(strawberry.extensions.FieldExtension):
    """Changes what a resolver gives, and asks what only graphql-core tells."""

    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **given: Any) -> Any:
        return f"{info.path.key} {next_(source, info, **given)}"


def _extended(root: strawberry.Parent[Spot]) -> str:
    return root.way


@strawberry.interface
class Place:
    text: str | None


@strawberry.type
@describes(Blot)
class Stain(Place):
    number: int
    sure_spot: Annotated[Thing, strawberry.lazy("execution_puzzle")]


@strawberry.type
@describes(Spot)
class Thing(Place):
    number: int | None
    sure_number: int
    ratio: float | None
    when: datetime
    colour: Colour | None
    sure_colour: Colour
    words: list[str] | None
    sure_words: list[str]
    spot: Thing | None
    sure_spot: Thing
    spots: list[Thing]
    maybe_spots: list[Thing | None] | None
    rows: list[list[Thing] | None]
    streamed: list[Thing | None] | None
    any: Place | None
    either_spot: Annotated[Thing | Stain, strawberry.union("Either")] | None
    late_number: int | None = _late("late_number")
    late_sure: int = _late("number")
    late_spot: Thing | None = _late("late_spot")
    late_sure_spot: Thing = _late("late_sure_spot")
    late_spots: list[Thing] = _late("late_spots")
    any_late: Place = _late("any_late")
    given: str | None = resolved(_given)
    given_late: str = resolved(_given_late)
    extended: str = strawberry.field(resolver=_extended, extensions=[Extended()])


def _start(info: strawberry.Info) -> Any:
    return Spot(info.context.maze, "")


async def _start_late(info: strawberry.Info) -> Any:
    await asyncio.sleep(0)
    return Spot(info.context.maze, "late")


async def _step(info: strawberry.Info, turns: int = 1) -> Any:
    """What it finds depends on what came before."""
    log = info.context.maze.log
    log.append(f"begin {turns}")
    for _ in range(max(0, min(turns, 5))):
        await asyncio.sleep(0)
    log.append("end")
    return Spot(info.context.maze, "/".join(log))


async def _count(info: strawberry.Info) -> AsyncIterator[Any]:
    for turn in range(3):
        yield Spot(info.context.maze, f"turn {turn}")


@strawberry.type
class Query:
    start: Thing | None = resolved(_start)
    sure_start: Thing = resolved(_start)
    late_start: Thing | None = resolved(_start_late)
    late_sure_start: Thing = resolved(_start_late)


@strawberry.type
class Mutation:
    step: Thing | None = resolved(_step)
    sure_step: Thing = resolved(_step)


@strawberry.type
class Subscription:
    count: AsyncIterator[Thing] = followed(_count, "Counts.")


puzzle = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[Stain],
    extensions=[NamedOperation],
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=False),
)


def context(seed: int, faults: float) -> Any:
    """The surroundings of one operation."""
    return SimpleNamespace(maze=Maze(seed, faults))
