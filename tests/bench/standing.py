"""How a race ended: tables, bounds, and a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from tests.bench.chart import Bar, bars
from tests.bench.contender import CEILING, HIVE, MERCURIUS, OURS, OURS_SERVED, STRAIGHT, TAILCALL, YOGA
from tests.bench.course import IN_FLIGHT
from tests.bench.grid import RESULTS, Grid, drawn, write
from tests.bench.query import NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The medians of one contender at one query, the upstream being so many milliseconds away.

    ``cpu`` is microseconds for each request, ``rate`` requests a second, ``p50`` and ``p99`` milliseconds, ``calls``
    upstream calls for each request, ``alone`` those of one that no other is beside, ``memory`` megabytes.
    """

    delay: int
    query: str
    name: str
    cpu: float
    rate: float
    p50: float
    p99: float
    calls: float
    alone: float
    memory: float


@dataclass(frozen=True, slots=True)
class Bound:
    """What has to hold: a measure, and the most that it may be."""

    what: str
    measured: float
    most: float

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.measured <= self.most


_ABOUT = (
    "# Beside its peers\n\n"
    + "; ".join(f"{query}: {name}" for query, name in NAMES.items())
    + f". {IN_FLIGHT} requests in flight, one core for each server, medians of interleaved rounds; in brackets the CPU beside"
    " that of this gateway, live. All have 64 connections to the upstream, which for this gateway is max_concurrency = 64"
    " instead of 16. Hive Gateway and Tailcall answer in the providers' own words; what the others derive from those, they do"
    " not. Where several ask this gateway for one list at a time, they share its calls: see the calls for each request."
)


def show(console: Console, places: Sequence[Place]) -> int:
    """Prints and writes how it ended; 1 where a bound does not hold."""
    found = list(bounds(places))
    grids = [*_grids(places), _bounds(found)]
    for grid in grids:
        console.print(drawn(grid))
    write("race.md", _ABOUT, grids)
    (RESULTS / "race.svg").write_text(_picture(places))
    return int(not all(bound.holds for bound in found))


def bounds(places: Sequence[Place]) -> Iterator[Bound]:
    """What the gateway promises beside the others; of those that are not there, nothing."""
    at = {(each.delay, each.query, each.name): each for each in places}

    def cpu(query: str, name: str) -> float | None:
        place = at.get((0, query, name))
        return place.cpu if place else None

    beside = [(HIVE, query, 0.25) for query in NAMES] + [(YOGA, query, 1.0) for query in NAMES]
    beside += [(MERCURIUS, "q1", 2.0), (MERCURIUS, "q2", 1.0), (MERCURIUS, "q3", 1.5), (TAILCALL, "q2", 1.0)]
    for name, query, most in beside:
        if (ours := cpu(query, OURS)) and (theirs := cpu(query, name)):
            yield Bound(f"{query}, live: CPU beside {name}", ours / theirs, most)
    for query in NAMES:
        if (ours := cpu(query, OURS_SERVED)) and (least := cpu(query, CEILING)):
            yield Bound(f"{query}, as served: CPU beside a static answer", ours / least, 5.0)
    for query in NAMES:
        place, away = at[0, query, OURS], at[20, query, OURS]
        yield Bound(f"{query}, live: p99 beside p50", place.p99 / place.p50, 5.0)
        added = away.p50 - at[20, query, STRAIGHT].p50
        yield Bound(f"{query}, live, upstream at 20 ms: milliseconds added at the median", added, 1.5)


def _grids(places: Sequence[Place]) -> Iterator[Grid]:
    names = list(dict.fromkeys(each.name for each in places))
    servers = [name for name in names if any(each.name == name and each.cpu for each in places)]
    at = {(each.delay, each.query, each.name): each for each in places}
    for delay in dict.fromkeys(each.delay for each in places):

        def row(name: str, word: Callable[[Place, Place], str], delay: int = delay) -> list[str]:
            cells = [(at.get((delay, query, name)), at[delay, query, OURS]) for query in NAMES]
            return [word(place, ours) if place else "" for place, ours in cells]

        cost = [[name, *row(name, _cost)] for name in servers if delay == 0 or name != CEILING]
        yield Grid(f"CPU for each request, µs, and beside ours; upstream at {delay} ms", ("", *NAMES), cost)
        pace = [[name, *row(name, _pace)] for name in names if delay == 0 or name != CEILING]
        title = f"Requests a second, and p50 / p99 in ms; {IN_FLIGHT} in flight, upstream at {delay} ms"
        yield Grid(title, ("", *NAMES), pace)
    memory = {each.name: f"{each.memory:.0f}" for each in places}
    calls = [[name, *row(name, _calls, 0), memory[name]] for name in servers]
    title = f"Upstream calls for each request, alone and with {IN_FLIGHT} in flight, and memory in the end, MB"
    yield Grid(title, ("", *NAMES, "MB"), calls)


def _cost(place: Place, ours: Place) -> str:
    ratio = place.cpu / ours.cpu
    return f"{place.cpu:,.0f} ({ratio:.{3 if ratio >= 1 else 2}g})"


def _calls(place: Place, ours: Place) -> str:
    return f"{place.alone:.1f} / {place.calls:.2f}"


def _pace(place: Place, ours: Place) -> str:
    return f"{place.rate:,.0f}, {place.p50:.1f} / {place.p99:.1f}"


def _bounds(found: Sequence[Bound]) -> Grid:
    rows = [[each.what, f"{each.measured:.2f}", f"{each.most:g}", "yes" if each.holds else "no"] for each in found]
    return Grid("What has to hold", ("", "measured", "at most", "holds"), rows)


def _picture(places: Sequence[Place]) -> str:
    groups = []
    for query, about in NAMES.items():
        here = [each for each in places if each.delay == 0 and each.query == query and each.cpu]
        here.sort(key=lambda each: each.cpu)
        groups.append((f"{query}: {about}", [Bar(each.name, each.cpu, each.name in {OURS, OURS_SERVED}) for each in here]))
    return bars("CPU for each request, in microseconds: shorter is better", groups)
