"""What is raced on: cores, an upstream that costs next to nothing, and a client that does."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.process import free_port

IN_FLIGHT = 32
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Cores:
    """Where servers run, and where everything else does: on cores of their own, where there are two."""

    server: Sequence[str]
    rest: Sequence[str]

    @classmethod
    def split(cls) -> Cores:
        """The first core for servers and the last for the rest."""
        cores = os.cpu_count() or 1
        if shutil.which("taskset") is None or cores < 2:
            return cls((), ())
        return cls(("taskset", "-c", "0"), ("taskset", "-c", str(cores - 1)))


@asynccontextmanager
async def constant_upstream(answers: Mapping[str, str], cores: Cores, folder: Path) -> AsyncIterator[str]:
    """The upstream in a process of its own; gives its address."""
    path, port = folder / "answers.json", free_port()
    path.write_text(json.dumps(dict(answers)))
    child = await asyncio.create_subprocess_exec(
        *cores.rest, sys.executable, "-m", "tests.bench.upstream", str(path), str(port)
    )
    try:
        await listening(port, "the upstream did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        await child.wait()


async def drive(asked: Mapping[str, Any], cores: Cores) -> dict[str, Any]:
    """Asks for a while, as ``load`` is told to; gives what came of it. Raises ``SystemExit`` where an answer is none."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*cores.rest, sys.executable, "-m", "tests.bench.load", stdin=pipe, stdout=pipe)
    said, _ = await child.communicate(json.dumps({"connections": IN_FLIGHT, **asked}).encode())
    if child.returncode:
        raise SystemExit(f"the load on {asked['address']} broke off")
    told: dict[str, Any] = json.loads(said)
    if told["failures"]:
        raise SystemExit(f"{asked['address']} failed {told['failures']} times: {told['sample']}")
    return told


async def listening(port: int, otherwise: str, log: Path | None = None) -> None:
    """Waits until somebody listens at a port."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + _SECONDS
    while loop.time() < ends:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit(f"{otherwise}: {_end_of(log) if log else ''}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
