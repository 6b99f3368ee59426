"""What this gateway costs beside its peers: the same queries over the same constant upstream, in interleaved rounds.

``BENCH_SECONDS`` is how long each round asks each of them each query (3), ``BENCH_ROUNDS`` how many there are (3).
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from rich.console import Console

from tests.bench.contender import CEILING, OURS, STRAIGHT, Contender, contenders
from tests.bench.course import Cores, constant_upstream, drive
from tests.bench.query import LIVE, NAMES, difference
from tests.bench.recording import Recording, record
from tests.bench.standing import Place, show

SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
DELAYS = (0, 20)
_PATIENCE = 60
_WARM_UP = 1.5
"""Seconds for each query before anything counts: what compiles while it runs has done so by then."""
_LEAD_IN = 1.0
"""Seconds of a lap before it counts: what was forgotten while others ran is known again by then."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One contender, one query, one round. Times are milliseconds, ``cpu`` is microseconds for each request."""

    cpu: float
    rate: float
    p50: float
    p99: float
    calls: float


class Track:
    """The upstream, and what is asked through each contender."""

    def __init__(self, upstream: str, recording: Recording, cores: Cores) -> None:
        self._upstream = upstream
        self._recording = recording
        self._cores = cores
        self.http = httpx.AsyncClient(timeout=_PATIENCE)
        self.sizes: dict[str, int] = {}

    async def delay(self, milliseconds: int) -> None:
        """Has the upstream take so long for each answer."""
        (await self.http.get(f"{self._upstream}/_bench/delay/{milliseconds}")).raise_for_status()

    async def calls(self) -> int:
        """How many calls the upstream was left with since this was last asked."""
        told = (await self.http.get(f"{self._upstream}/_bench/calls")).raise_for_status().json()
        return sum(told.values())

    async def agree(self, found: Sequence[Contender]) -> None:
        """Everyone answers every query with the same values as we do. Raises ``SystemExit`` where one does not."""
        ours = next(each for each in found if each.name == OURS)
        for query in NAMES:
            expected = await self._settled(ours, query)
            self.sizes[query] = len(json.dumps({"data": expected[0]}, separators=(",", ":")))
            for contender in found:
                if contender.dialect is not None and contender is not ours:
                    for one, other in zip(expected, await self._answers(contender, query), strict=True):
                        if (found_one := difference(one, other)) is not None:
                            raise SystemExit(f"{contender.name} disagrees on {query}: {found_one}")

    async def warm_up(self, contender: Contender) -> None:
        """Asks everything for a while, and counts nothing."""
        for _ in range(2):
            for query in NAMES:
                await drive({**self._asked(contender, query), "seconds": _WARM_UP}, self._cores)

    async def alone(self, contender: Contender, query: str) -> float:
        """Upstream calls for a request that no other is beside."""
        if contender.dialect is None:
            return 0.0
        await self.calls()
        answers = await self._answers(contender, query)
        return await self.calls() / len(answers)

    async def lap(self, contender: Contender, query: str) -> Lap:
        """Asks for a while."""
        asked = self._asked(contender, query)
        await drive({**asked, "seconds": _LEAD_IN}, self._cores)
        await self.calls()
        before = contender.process.cpu()
        said = await drive({**asked, "seconds": SECONDS}, self._cores)
        spent = contender.process.cpu() - before
        count = said["requests"]
        calls = await self.calls() / count
        return Lap(spent / count * 1e6, count / said["seconds"], said["p50"], said["p99"], calls)

    def _asked(self, contender: Contender, query: str) -> dict[str, Any]:
        if contender.dialect is None:
            path, dialect = f"/{self.sizes[query]}", LIVE
        else:
            path, dialect = "/graphql", contender.dialect
        return {
            "address": contender.address,
            "path": path,
            "bodies": dialect.bodies(query, self._recording),
            "authorization": contender.authorization,
        }

    async def straight(self, query: str) -> Lap:
        """Asks the upstream itself for what a query needs of it, side by side where that is several."""
        paths = self._recording.paths(query)
        said = await drive({"get": paths, "address": self._upstream, "seconds": min(SECONDS, 2)}, self._cores)
        return Lap(0.0, said["requests"] / said["seconds"], said["p50"], said["p99"], 1.0)

    async def _settled(self, ours: Contender, query: str) -> list[dict[str, Any]]:
        """Our answers, once a list has been read in full."""
        for _ in range(_PATIENCE):
            answers = await self._answers(ours, query)
            whole = query != "q2" or len(answers[0]["sessions"]["nodes"]) == len(self._recording.signicat)
            if whole and answers == await self._answers(ours, query):
                return answers
            await asyncio.sleep(0.5)
        raise SystemExit(f"our answers to {query} do not settle")

    async def _answers(self, contender: Contender, query: str) -> list[dict[str, Any]]:
        assert contender.dialect is not None
        read = []
        for body in contender.dialect.bodies(query, self._recording):
            headers = {"content-type": "application/json"}
            if contender.authorization is not None:
                headers["authorization"] = contender.authorization
            reply = await self.http.post(f"{contender.address}/graphql", content=body, headers=headers)
            answer = reply.json()
            if reply.status_code != 200 or answer.get("errors"):
                raise SystemExit(f"{contender.name} cannot answer {query}: {reply.text[:500]}")
            read.append(contender.dialect.read(answer["data"]))
        return read


async def race(track: Track, found: Sequence[Contender], console: Console) -> list[Place]:
    """Everyone's medians, by delay and query."""
    laps: dict[tuple[int, str, str], list[Lap]] = defaultdict(list)
    alone: dict[tuple[str, str], float] = {}
    for contender in found:
        await track.warm_up(contender)
        alone |= {(query, contender.name): await track.alone(contender, query) for query in NAMES}
    for delay in DELAYS:
        await track.delay(delay)
        for number in range(ROUNDS):
            for query in NAMES:
                laps[delay, query, STRAIGHT].append(await track.straight(query))
                for contender in found:
                    if delay == 0 or contender.name != CEILING:
                        laps[delay, query, contender.name].append(await track.lap(contender, query))
            console.print(f"Upstream at {delay} ms: round {number + 1} of {ROUNDS}.")
    memory = {contender.name: contender.process.memory() for contender in found}
    return [_place(*where, each, alone.get(where[1:], 0.0), memory.get(where[2], 0.0)) for where, each in laps.items()]


def _place(delay: int, query: str, name: str, laps: Sequence[Lap], alone: float, memory: float) -> Place:
    def middle(what: str) -> float:
        return median(getattr(lap, what) for lap in laps)

    return Place(
        delay=delay,
        query=query,
        name=name,
        cpu=middle("cpu"),
        rate=middle("rate"),
        p50=middle("p50"),
        p99=middle("p99"),
        calls=middle("calls"),
        alone=alone,
        memory=memory,
    )


async def main(console: Console) -> int:
    """Measures, prints and writes the results; 1 where a bound does not hold."""
    cores, recording = Cores.split(), await record()
    with tempfile.TemporaryDirectory(prefix="countersign-race-") as name:
        folder = Path(name)
        async with (
            constant_upstream(recording.answers, cores, folder) as upstream,
            contenders(console, upstream, recording, cores, folder) as found,
        ):
            track = Track(upstream, recording, cores)
            async with track.http:
                await track.agree(found)
                places = await race(track, found, console)
    return show(console, places)
