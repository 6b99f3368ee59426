"""Has everything imported and used once, and forks a gateway for every configuration it reads: one that starts at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

import httpx
import uvicorn

import gateway.cli
from gateway.app import create_app
from gateway.config import parse
from gateway.server.server import serve_app
from providers.registry import NAMES, load_sandbox


async def warm(folder: str) -> None:
    """Runs a gateway for a moment."""
    table = {
        "database": {"url": f"sqlite:///{folder}/warm.db"},
        "uploads": {"folder": f"{folder}/uploads"},
        "providers": [load_sandbox(name)().settings("http://127.0.0.1:9") for name in NAMES],
    }
    app = create_app(parse(table, {}))
    uvicorn.Config(app).load()
    async with serve_app(app) as address, httpx.AsyncClient(base_url=address) as client:
        (await client.put("/uploads", content=b"%PDF-1.7\nstartxref\n0\n%%EOF")).raise_for_status()
        (await client.post("/graphql", json={"query": "{ providers { name } }"})).raise_for_status()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(warm(folder))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)  # noqa: T201 (for whoever started it)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            sys.stdin = open(os.devnull)  # noqa: SIM115 (for as long as the process lives)
            try:
                gateway.cli.serve(Path(line.strip()))
            finally:
                os._exit(0)
        print(child, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
