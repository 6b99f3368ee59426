"""A gateway in a process of its own, so that what it costs is its own; the sandboxes stay in this one."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from providers.registry import load_sandbox
from providers.sandbox.app import Sandbox

MEGABYTE = 2**20


class Process:
    """The memory of a process, in megabytes."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._clear = Path(f"/proc/{pid}/clear_refs")
        self._process = psutil.Process(pid)

    def cpu(self) -> float:
        """Seconds of processor time that it and its children have taken so far."""
        times = [each.cpu_times() for each in (self._process, *self._process.children(recursive=True))]
        return sum(each.user + each.system for each in times)

    def memory(self) -> float:
        """What is held now."""
        return self._process.memory_info().rss / MEGABYTE

    def start_peak(self) -> float:
        """Forgets the peak so far; gives what is held now."""
        self._clear.write_text("5")
        return self.memory()

    def peak(self) -> float:
        """The most that was held since."""
        line = next(line for line in self._status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / MEGABYTE


@dataclass(frozen=True)
class Running:
    """A gateway that runs, and the sandboxes that it is in front of."""

    address: str
    process: Process
    sandboxes: Mapping[str, Sandbox]
    urls: Mapping[str, str]


@asynccontextmanager
async def running(providers: Mapping[str, Mapping[str, Any]]) -> AsyncIterator[Running]:
    """A gateway in front of sandboxes of these kinds, each with some settings of its own."""
    async with AsyncExitStack() as stack:
        sandboxes = {kind: load_sandbox(kind)() for kind in providers}
        urls = {kind: await stack.enter_async_context(sandbox.serving()) for kind, sandbox in sandboxes.items()}
        tables = [{**sandboxes[kind].settings(urls[kind]), **changes} for kind, changes in providers.items()]
        address, process = await stack.enter_async_context(gateway(tables))
        yield Running(address, process, sandboxes, urls)


@asynccontextmanager
async def gateway(
    providers: Sequence[Mapping[str, Any]], prefix: Sequence[str] = (), sections: Mapping[str, Mapping[str, Any]] | None = None
) -> AsyncIterator[tuple[str, Process]]:
    """A gateway in front of providers with these tables, and its address.

    ``prefix`` goes before its command, ``sections`` are tables of its configuration that differ from the usual.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as name:
        config = Path(name) / "countersign.toml"
        usual = {
            "server": {"port": port, "public_url": address},
            "database": {"url": f"sqlite:///{name}/countersign.db"},
            "uploads": {"folder": f"{name}/uploads"},
        }
        config.write_text(written({**usual, **(sections or {})}, providers))
        command = [*prefix, sys.executable, "-m", "gateway", "serve", "--config", str(config)]
        child = await asyncio.create_subprocess_exec(*command)
        try:
            await _answering(address)
            yield address, Process(child.pid)
        finally:
            child.terminate()
            await child.wait()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def written(sections: Mapping[str, Mapping[str, Any]], providers: Sequence[Mapping[str, Any]]) -> str:
    """A configuration of these tables, as TOML."""
    tables = [(f"[{name}]", table) for name, table in sections.items()] + [("[[providers]]", table) for table in providers]
    return "\n".join(
        "\n".join([title, *(f"{key} = {json.dumps(value)}" for key, value in table.items())]) for title, table in tables
    )


async def _answering(address: str) -> None:
    async with httpx.AsyncClient() as http:
        for _ in range(200):
            try:
                (await http.get(f"{address}/healthz")).raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
            else:
                return
    raise SystemExit("the gateway did not start")
