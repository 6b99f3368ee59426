"""Regression: CPU of live queries beside a former build, in interleaved laps over the same constant upstream.

``BENCH_FORMER`` is a checkout of the former build; ``BENCH_SECONDS`` and ``BENCH_ROUNDS`` are those of the race. Both builds
run on this interpreter and these libraries.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from gateway.auth.api_key import digest, generate
from gateway.auth.viewer import READ_DOCUMENTS, READ_SESSIONS, READ_SIGNATURES
from tests.bench.contender import CONCURRENCY, OURS_BOTH, Contender
from tests.bench.course import Cores, constant_upstream
from tests.bench.process import gateway
from tests.bench.query import NAMES
from tests.bench.race import ROUNDS, Track
from tests.bench.recording import Recording, record

_MOST = 1.05
"""A live query may cost so much of what it did."""
_ROOT = Path(__file__).parents[2]
_FORMER = Path(os.environ["BENCH_FORMER"]).resolve() if "BENCH_FORMER" in os.environ else None


async def _start(stack: AsyncExitStack, build: Path, upstream: str, recording: Recording, cores: Cores) -> list[Contender]:
    tables = [{**recording.settings(kind, upstream), "max_concurrency": CONCURRENCY} for kind in ("signicat", "easyink")]
    key = generate()
    row = {"name": "regression", "sha256": digest(key), "scopes": [READ_DOCUMENTS, READ_SESSIONS, READ_SIGNATURES]}
    sections = {"authentication": {"keys": json.dumps([row])}, "rates": {"per_second": 1e6, "burst": 1_000_000}}
    prefix = ("env", "-C", str(build), *cores.server)
    address, process = await stack.enter_async_context(gateway(tables, prefix, sections))
    return [Contender(name, address, process, dialect, f"Bearer {key}") for name, dialect in OURS_BOTH]


async def main(console: Console) -> int:
    """Measures and prints; 1 where a live query costs more than it may."""
    if _FORMER is None:
        console.print("No former build was named: set BENCH_FORMER to a checkout of it.")
        return 0
    cores, recording = Cores.split(), await record()
    laps: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="countersign-regression-") as name:
        async with AsyncExitStack() as stack:
            upstream = await stack.enter_async_context(constant_upstream(recording.answers, cores, Path(name)))
            builds = [await _start(stack, build, upstream, recording, cores) for build in (_ROOT, _FORMER)]
            track = Track(upstream, recording, cores)
            await stack.enter_async_context(track.http)
            for build in builds:
                await track.agree(build)
                for contender in build:
                    await track.warm_up(contender)
            for _ in range(ROUNDS):
                for query in NAMES:
                    for now, before in zip(*builds, strict=True):
                        one, other = await track.lap(now, query), await track.lap(before, query)
                        laps[now.name, query].append(one.cpu / other.cpu)
    table = Table("", *NAMES, title="CPU for each request, beside the former build (median of the laps)")
    for who, _ in OURS_BOTH:
        table.add_row(who, *(f"{median(laps[who, query]):.2f}" for query in NAMES))
    console.print(table)
    return int(any(median(laps[OURS_BOTH[0][0], query]) > _MOST for query in NAMES))
