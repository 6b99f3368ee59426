"""A gateway in a process of its own, so that its memory is its own; the sandbox stays in this one."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil

from providers.signicat.sandbox import SANDBOX

MEGABYTE = 2**20


class Process:
    """The memory of a process, in megabytes."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._clear = Path(f"/proc/{pid}/clear_refs")
        self._process = psutil.Process(pid)

    def start_peak(self) -> float:
        """Forgets the peak so far; gives what is held now."""
        self._clear.write_text("5")
        return self._process.memory_info().rss / MEGABYTE

    def peak(self) -> float:
        """The most that was held since."""
        line = next(line for line in self._status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / MEGABYTE


@asynccontextmanager
async def gateway_and_sandbox(folder: Path) -> AsyncIterator[tuple[str, Process]]:
    """A gateway in front of one sandbox; gives its address and its process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    async with SANDBOX().serving() as sandbox:
        config = folder / "countersign.toml"
        config.write_text(_toml(SANDBOX().settings(sandbox), folder, port, address))
        child = await asyncio.create_subprocess_exec(sys.executable, "-m", "gateway", "serve", "--config", str(config))
        try:
            await _answering(address)
            yield address, Process(child.pid)
        finally:
            child.terminate()
            await child.wait()


def _toml(provider: dict[str, object], folder: Path, port: int, address: str) -> str:
    rows = "\n".join(f'{key} = "{value}"' for key, value in provider.items() if isinstance(value, str))
    return (
        f'[server]\nport = {port}\npublic_url = "{address}"\n'
        f'[database]\nurl = "sqlite:///{folder}/countersign.db"\n'
        f'[uploads]\nfolder = "{folder}/uploads"\n'
        "[watch]\nenabled = false\n"
        f"[[providers]]\ntimeout = 60\n{rows}\n"
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
