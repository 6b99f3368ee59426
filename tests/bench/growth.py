"""How cost grows: with sessions on a page, with providers in a query, and with sessions in the store.

``BENCH_SESSIONS`` is how many sessions the larger store has (100,000); ``BENCH_SECONDS`` how long each is asked (3).
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from gateway.store import PageRequest, Position, SessionFilter, SessionOrder, Store
from providers.model import SessionKind, SessionStatus
from tests.bench.contender import CONCURRENCY
from tests.bench.course import Cores, constant_upstream, drive
from tests.bench.grid import Grid, drawn, write
from tests.bench.process import Process, gateway
from tests.bench.query import SERVED, node_id
from tests.bench.recording import Recording, record
from tests.bench.stock import PROVIDERS, SEVERAL, sizes, stocked, windows
from tests.servers import Databases, Postgres

SESSIONS = int(os.environ.get("BENCH_SESSIONS", "100000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
BOUND = 1.5
_IN_FLIGHT = 4
"""So few that the largest page comes in good time."""
_PAGE = 50
_PAGES = (10, 100, 1_000)
_SPREAD = (1, 2, 4, 8)
_WARM_UP = 1.5
_TRIES, _ROUNDS, _AT_MOST = 25, 4, 2.0
_AT_REST = 0.2
"""Seconds of CPU in a second: a gateway that nobody asks anything looks around now and then."""
_ABOUT = (
    f"# How cost grows\n\nCPU with {_IN_FLIGHT} requests in flight; the time of a list page is the least of"
    f" {_TRIES} tries at the store, {_PAGE} sessions a page; one that costs more than {BOUND:g} times as much in the large"
    f" store is tried up to {_ROUNDS} times as often, and then has a !. Where the small store has no full page of titles with"
    " a word, it is asked for one that nearly all have, as a page costs what is on it"
)
_ONE = "key kind title reference status final providerStatus dueAt signingOrder progress { required signed pending }"


@dataclass(frozen=True, slots=True)
class Question:
    """A filter, and where in the list the page is: at its beginning, ``half_way`` through it, or at its end."""

    wanted: SessionFilter
    half_way: bool = False
    backwards: bool = False


async def by_providers(recording: Recording, cores: Cores) -> Grid:
    """One session of each of so many providers in one query, live."""
    names = [f"signicat-{number + 1}" for number in range(max(_SPREAD))]
    rows: list[list[str]] = []
    first = 0.0
    with tempfile.TemporaryDirectory(prefix="countersign-growth-") as name:
        async with constant_upstream(recording.answers, cores, Path(name)) as upstream:
            tables = [{**recording.settings("signicat", upstream, name), "max_concurrency": CONCURRENCY} for name in names]
            async with gateway(tables, cores.server) as (address, process), httpx.AsyncClient() as http:
                await _alone(http, address, [_several(names, key) for key in recording.signicat])
                await _idle(process)
                for count in _SPREAD:
                    bodies = [_several(names[:count], key) for key in recording.signicat]
                    await http.get(f"{upstream}/_bench/delay/0")
                    cpu, _ = await _cost(address, process, bodies, cores)
                    await http.get(f"{upstream}/_bench/delay/20")
                    lone = await _alone(http, address, bodies)
                    first = first or cpu
                    rows.append([str(count), f"{cpu:,.0f}", f"{cpu / first:.2f}", f"{cpu / first / count:.2f}", f"{lone:.1f}"])
    columns = ("providers", "CPU µs", "beside one", "the same for each", "ms alone, upstream at 20 ms")
    return Grid("Providers in a query, live: one session of each", columns, rows)


async def by_page(cores: Cores) -> Grid:
    """So many sessions on a page, from the store."""
    rows: list[list[str]] = []
    first = 0.0
    with tempfile.TemporaryDirectory(prefix="countersign-growth-") as name:
        url = f"sqlite:///{name}/stocked.db"
        async with stocked(url, 10_000):
            pass
        sections = {
            "database": {"url": url},
            "limits": {"first": max(_PAGES), "cost": 1_000_000},
            "freshness": {"list": 86_400.0, "final": 315_360_000.0},
            "watch": {"enabled": False},
        }
        table = {"name": "signicat", "kind": "signicat", "client_id": "nobody", "client_secret": "nothing"}
        table |= {"base_url": "http://127.0.0.1:9/sign", "token_url": "http://127.0.0.1:9/token"}
        words = SERVED.words["q2"].replace(', filter: {providers: ["signicat"]}', "")
        async with gateway([table], cores.server, sections) as (address, process):
            for count in _PAGES:
                body = json.dumps({"query": words.replace("first: 50", f"first: {count}")})
                cpu, median = await _cost(address, process, [body], cores)
                first = first or cpu / count
                rows.append(
                    [
                        f"{count:,}",
                        f"{cpu:,.0f}",
                        f"{cpu / count:.1f}",
                        f"{cpu / count / first:.2f}",
                        f"{median / _IN_FLIGHT:.2f}",
                    ]
                )
    columns = ("sessions", "CPU µs", "for each", f"beside {_PAGES[0]}", f"p50 ms / {_IN_FLIGHT}")
    return Grid("Sessions on a page, from the store, with documents and participants", columns, rows)


async def by_store(url_of: Mapping[int, str], name: str) -> tuple[Grid, int]:
    """A page of every order and filter, from a small store and from a large one; and how many have grown too much."""
    small, large = url_of
    rows: list[list[str]] = []
    ratios: list[float] = []
    async with AsyncExitStack() as stack:
        stores = {count: await stack.enter_async_context(stocked(url, count)) for count, url in url_of.items()}
        questions = {count: _questions(count) for count in url_of}
        for what in questions[small]:
            row = [what]
            for order in SessionOrder:
                spent = await _least({count: _page(stores[count], questions[count][what], order, count) for count in url_of})
                ratio = spent[large] / spent[small]
                row.append(f"{spent[small]:.2f} / {spent[large]:.2f} ({ratio:.2f})" + "!" * (ratio > BOUND))
                ratios.append(ratio)
            rows.append(row)
        counts = {count: await _counting(store) for count, store in stores.items()}
        ratio = counts[large] / counts[small]
        rows.append(["totalCount, nothing filtered", f"{counts[small]:.2f} / {counts[large]:.2f} ({ratio:.2f})", "", ""])
    title = f"{name}: a list page, ms, of {small:,} and of {large:,} sessions, and the one beside the other"
    return Grid(title, ("filter", *SessionOrder), rows), sum(ratio > BOUND for ratio in ratios)


def _questions(count: int) -> Mapping[str, Question]:
    at = windows(count)
    filters = {
        "providers: a quarter": SessionFilter(providers=[PROVIDERS[1]]),
        "providers: ten sessions": SessionFilter(providers=["rare"]),
        "kinds: nearly all": SessionFilter(kinds=[SessionKind.SIGNING]),
        "kinds: ten sessions": SessionFilter(kinds=[SessionKind.SEALING]),
        "kinds: none": SessionFilter(kinds=[SessionKind.RECORD]),
        "statuses: nearly all": SessionFilter(statuses=[SessionStatus.COMPLETED]),
        "statuses: one in twenty": SessionFilter(statuses=[SessionStatus.PENDING]),
        "statuses: ten sessions": SessionFilter(statuses=[SessionStatus.FAILED]),
        "statuses: none": SessionFilter(statuses=[SessionStatus.DECLINED]),
        "providers and statuses": SessionFilter(providers=[PROVIDERS[0]], statuses=[SessionStatus.PENDING]),
        "createdFrom and createdTo: a hundred": SessionFilter(created_from=at["from"], created_to=at["to"]),
        "createdFrom: half": SessionFilter(created_from=at["from"]),
        "dueFrom and dueTo: fifty": SessionFilter(due_from=at["due_from"], due_to=at["due_to"]),
        "dueFrom: a quarter": SessionFilter(due_from=at["due_from"]),
        "titleContains: nearly all": SessionFilter(title_contains="north"),
        **{
            f"titleContains: one in {every}": SessionFilter(title_contains=word if count >= every * _PAGE else "north")
            for word, every in SEVERAL.items()
        },
        "titleContains: ten sessions": SessionFilter(title_contains="South"),
        "titleContains: none": SessionFilter(title_contains="nowhere"),
        "reference: one": SessionFilter(reference=f"case-{count // 2}"),
        "reference: none": SessionFilter(reference="nothing"),
        "participantEmail: half of all": SessionFilter(participant_email="half@people.example"),
        "participantEmail: ten sessions": SessionFilter(participant_email="rare@people.example"),
        "participantEmail: none": SessionFilter(participant_email="nobody@people.example"),
    }
    everything = SessionFilter()
    return {
        "nothing": Question(everything),
        "nothing, behind half of the list": Question(everything, half_way=True),
        "nothing, the last page": Question(everything, backwards=True),
        **{what: Question(wanted) for what, wanted in filters.items()},
    }


def _page(store: Store, asked: Question, order: SessionOrder, count: int) -> Callable[[], Awaitable[object]]:
    after = None
    if asked.half_way:
        at = windows(count)["due_from" if order is SessionOrder.DUE_AT_ASC else "from"]
        after = Position(at, "", "")
    part = PageRequest(limit=_PAGE + 1, after=after, backwards=asked.backwards)
    return partial(store.sessions.page, asked.wanted, order, part)


async def _least(pages: Mapping[int, Callable[[], Awaitable[object]]]) -> Mapping[int, float]:
    """Milliseconds of each, at best. They take turns, as others use the machine as well.

    Where one seems to cost too much beside the other, both are tried again.
    """
    best = dict.fromkeys(pages, inf)
    for _ in range(_ROUNDS):
        ends = time.perf_counter() + _AT_MOST * len(pages)
        for tried in range(_TRIES):
            if tried >= 2 and time.perf_counter() >= ends:
                break
            for count, page in pages.items():
                began = time.perf_counter()
                await page()
                best[count] = min(best[count], (time.perf_counter() - began) * 1000)
        if max(best.values()) <= BOUND * min(best.values()):
            break
    return best


async def _counting(store: Store) -> float:
    took = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        await store.sessions.count(SessionFilter())
        took.append(time.perf_counter() - began)
    return min(took) * 1000


async def _cost(address: str, process: Process, bodies: Sequence[str], cores: Cores) -> tuple[float, float]:
    """CPU microseconds for each request, and the median in milliseconds."""
    asked: dict[str, Any] = {"address": address, "path": "/graphql", "bodies": bodies, "connections": _IN_FLIGHT}
    await drive({**asked, "seconds": _WARM_UP}, cores)
    before = process.cpu()
    said = await drive({**asked, "seconds": SECONDS}, cores)
    return (process.cpu() - before) / said["requests"] * 1e6, said["p50"]


async def _idle(process: Process) -> None:
    """Waits until all that was seen for the first time is written down."""
    spent = process.cpu()
    for _ in range(60):
        await asyncio.sleep(1)
        before, spent = spent, process.cpu()
        if spent - before < _AT_REST:
            return


async def _alone(http: httpx.AsyncClient, address: str, bodies: Sequence[str]) -> float:
    """Milliseconds of a request that nobody else is beside; the median."""
    took = []
    for body in bodies:
        began = time.perf_counter()
        (await http.post(f"{address}/graphql", content=body, headers={"content-type": "application/json"})).raise_for_status()
        took.append(time.perf_counter() - began)
    return sorted(took)[len(took) // 2] * 1000


def _several(names: Sequence[str], key: str) -> str:
    """One session of each provider, side by side."""
    asked = {f"s{place}": node_id(name, key) for place, name in enumerate(names)}
    given = ", ".join(f"${name}: ID!" for name in asked)
    fields = " ".join(f'{name}: session(id: ${name}, maxAge: "PT0S") {{ {_ONE} }}' for name in asked)
    return json.dumps({"query": f"query Several({given}) {{ {fields} }}", "variables": asked})


@asynccontextmanager
async def _sqlite() -> AsyncIterator[Mapping[int, str]]:
    with tempfile.TemporaryDirectory(prefix="countersign-growth-") as name:
        yield {count: f"sqlite:///{name}/{count}.db" for count in sizes(SESSIONS)}


@asynccontextmanager
async def _postgresql() -> AsyncIterator[Mapping[int, str]]:
    with Postgres(durable=True) as server:
        databases = Databases(server.url)
        yield {count: await databases.create() for count in sizes(SESSIONS)}


async def main(console: Console) -> int:
    """Measures, prints and writes the results; 1 where a list page has grown by more than its bound."""
    cores = Cores.split()
    grids = [await by_page(cores), await by_providers(await record(), cores)]
    grown = 0
    for name, databases in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        async with databases() as url_of:
            grid, more = await by_store(url_of, name)
            grids.append(grid)
            grown += more
    for grid in grids:
        console.print(drawn(grid))
    if grown:
        console.print(f"{grown} list pages cost more than {BOUND:g} times as much in the large store; they have a !")
    write("growth.md", _ABOUT, grids)
    return int(grown > 0)
