"""Who is compared: this gateway, its peers, and what bounds them all; each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from gateway.auth.api_key import digest, generate
from gateway.auth.viewer import SCOPES
from tests.bench.course import Cores, listening
from tests.bench.process import Process, free_port, gateway
from tests.bench.query import LIVE, NATIVE, SERVED, Dialect
from tests.bench.recording import Recording

FOLDER = Path(__file__).parent / "peers"
STRAIGHT = "the upstream, asked directly"
OURS, OURS_SERVED, CEILING = "countersign, live", "countersign, as served", "static answer (ceiling)"
OURS_BOTH = ((OURS, LIVE), (OURS_SERVED, SERVED))
"""With authentication, limits and metrics on, as it is run."""
PLAIN, MERCURIUS, YOGA, HIVE, TAILCALL = (
    "strawberry + FastAPI + httpx",
    "Mercurius with JIT",
    "graphql-yoga with JIT",
    "Hive Gateway with JIT",
    "Tailcall",
)
_TAILCALL = FOLDER / "node_modules" / "@tailcallhq" / "core-linux-x64-gnu" / "bin" / "tailcall"
"""There is one for Linux on x86_64. What is newer than 1.0 needs a newer glibc than many machines have."""
CONCURRENCY = 64
"""Connections to the upstream; each peer has as many."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that answers the queries at an address. One without a dialect answers with so many bytes.

    ``authorization`` is the header by which it lets the client in, if it asks for one.
    """

    name: str
    address: str
    process: Process
    dialect: Dialect | None
    authorization: str | None = None


@asynccontextmanager
async def contenders(
    console: Console, upstream: str, recording: Recording, cores: Cores, folder: Path
) -> AsyncIterator[list[Contender]]:
    """All that there are on this machine; what is missing is said."""
    async with AsyncExitStack() as stack:
        tables = [{**recording.settings(kind, upstream), "max_concurrency": CONCURRENCY} for kind in ("signicat", "easyink")]
        key = generate()
        row = {"name": "race", "sha256": digest(key), "scopes": list(SCOPES)}
        sections = {"authentication": {"keys": json.dumps([row])}, "rates": {"per_second": 1e6, "burst": 1_000_000}}
        address, process = await stack.enter_async_context(gateway(tables, cores.server, sections))
        found = [Contender(name, address, process, dialect, f"Bearer {key}") for name, dialect in OURS_BOTH]
        surroundings = {
            **os.environ,
            "UPSTREAM": upstream,
            "NODE_ENV": "production",
            "TAILCALL_TRACKER": "false",
            "SIGNICAT_TOKEN": json.loads(recording.answers["POST /auth/open/connect/token"])["access_token"],
            "EASYINK_TOKEN": str(recording.tables["easyink"]["access_token"]),
        }

        async def add(
            name: str, command: Sequence[str], dialect: Dialect | None, where: Path, settings: Path | None = None
        ) -> None:
            server = _server(name, [*cores.server, *command], dialect, where, surroundings, folder, settings)
            found.append(await stack.enter_async_context(server))

        uvicorn = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--port", "PORT"]
        root = FOLDER.parent.parent.parent
        if await installed(console):
            await add(MERCURIUS, ["node", "mercurius.mjs"], LIVE, FOLDER)
            await add(YOGA, ["node", "yoga.mjs"], LIVE, FOLDER)
            supergraph = await _composed(surroundings, folder)
            hive = ["node", "node_modules/@graphql-hive/gateway/dist/bin.js", "supergraph", str(supergraph), "--jit"]
            await add(HIVE, [*hive, "--host", "127.0.0.1", "--port", "PORT"], NATIVE, FOLDER)
            if _TAILCALL.is_file():
                await add(TAILCALL, [str(_TAILCALL), "start", "SETTINGS"], NATIVE, FOLDER, FOLDER / "tailcall.graphql")
        await add(PLAIN, [*uvicorn, "tests.bench.peers.plain:app"], LIVE, root)
        await add(CEILING, [*uvicorn, "tests.bench.peers.static:app"], None, root)
        yield found


async def installed(console: Console) -> bool:
    """Whether the peers that npm has are there; they are installed where they are not."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        console.print(
            "Mercurius, graphql-yoga, Hive Gateway and Tailcall are left out: there is no node and npm on this machine."
        )
        return False
    if not (FOLDER / "node_modules").is_dir():
        console.print("Installing the peers that npm has…")
        command = ("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
        child = await asyncio.create_subprocess_exec(*command, cwd=FOLDER)
        if await child.wait():
            console.print("Mercurius, graphql-yoga, Hive Gateway and Tailcall are left out: npm ci failed.")
            return False
    return True


async def _composed(surroundings: Mapping[str, str], folder: Path) -> Path:
    """The supergraph that Hive Gateway serves, made of the two APIs."""
    made = folder / "supergraph.graphql"
    command = ("node_modules/.bin/mesh-compose", "-c", "hive/mesh.config.mjs", "-o", str(made))
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, cwd=FOLDER, env=dict(surroundings), stdout=pipe, stderr=pipe)
    said, told = await child.communicate()
    if child.returncode:
        raise SystemExit(f"the supergraph for Hive Gateway could not be composed: {(said + told).decode()[-2000:]}")
    return made


def _filled_in(settings: Path, values: Mapping[str, str], folder: Path) -> str:
    """The path of settings in which names are replaced by their values."""
    text = settings.read_text()
    for name in ("PORT", "UPSTREAM", "SIGNICAT_TOKEN", "EASYINK_TOKEN"):
        text = text.replace(name, values[name])
    path = folder / settings.name
    path.write_text(text)
    return str(path)


@asynccontextmanager
async def _server(
    name: str,
    command: Sequence[str],
    dialect: Dialect | None,
    where: Path,
    surroundings: Mapping[str, str],
    folder: Path,
    settings: Path | None,
) -> AsyncIterator[Contender]:
    port = free_port()
    log = folder / f"{port}.log"
    known = {"PORT": str(port)}
    if settings is not None:
        known["SETTINGS"] = _filled_in(settings, {**surroundings, **known}, folder)
    words = [known.get(word, word) for word in command]
    with log.open("wb") as out:
        child = await asyncio.create_subprocess_exec(
            *words, cwd=where, env={**surroundings, "PORT": str(port)}, stdout=out, stderr=out
        )
    try:
        await listening(port, f"{name} did not start", log)
        yield Contender(name, f"http://127.0.0.1:{port}", Process(child.pid), dialect)
    finally:
        if child.returncode is None:
            for each in (*psutil.Process(child.pid).children(recursive=True), child):
                each.terminate()
            await child.wait()
