"""A gateway in a process of its own, so that what it costs is its own; the sandboxes stay in this one."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from providers.registry import load_sandbox
from providers.sandbox import Sandbox

MEGABYTE = 2**20


class Process:
    """The memory of a process, in megabytes."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._clear = Path(f"/proc/{pid}/clear_refs")
        self._process = psutil.Process(pid)

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
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-bench-")))
        sandboxes = {kind: load_sandbox(kind)() for kind in providers}
        urls = {kind: await stack.enter_async_context(sandbox.serving()) for kind, sandbox in sandboxes.items()}
        tables = [{**sandboxes[kind].settings(urls[kind]), **changes} for kind, changes in providers.items()]
        config = folder / "countersign.toml"
        config.write_text(_toml(tables, folder, port, address))
        child = await asyncio.create_subprocess_exec(sys.executable, "-m", "gateway", "serve", "--config", str(config))
        try:
            await _answering(address)
            yield Running(address, Process(child.pid), sandboxes, urls)
        finally:
            child.terminate()
            await child.wait()


def _toml(providers: list[dict[str, Any]], folder: Path, port: int, address: str) -> str:
    tables = [
        "\n".join(["[[providers]]", *(f"{key} = {json.dumps(value)}" for key, value in each.items())]) for each in providers
    ]
    return "\n".join(
        [
            f'[server]\nport = {port}\npublic_url = "{address}"',
            f'[database]\nurl = "sqlite:///{folder}/countersign.db"',
            f'[uploads]\nfolder = "{folder}/uploads"',
            *tables,
        ]
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
