"""Several workers behind one port: each does all, and when one dies another takes its place."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from providers.registry import load_sandbox
from tests.bench.process import free_port, written


@asynccontextmanager
async def workers(folder: Path, count: int) -> AsyncIterator[tuple[str, Process]]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    sandbox = load_sandbox("persist")()
    async with sandbox.serving() as url:
        sections = {
            "server": {"port": port, "public_url": address, "workers": count},
            "database": {"url": f"sqlite:///{folder}/countersign.db"},
            "uploads": {"folder": f"{folder}/uploads"},
        }
        (folder / "countersign.toml").write_text(written(sections, [sandbox.settings(url)]))
        command = (sys.executable, "-m", "gateway", "serve", "--config", str(folder / "countersign.toml"))
        child = await asyncio.create_subprocess_exec(*command)
        try:
            await answering(address)
            yield address, child
        finally:
            if child.returncode is None:
                child.kill()
            await child.wait()


async def answering(address: str) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(300):
            try:
                (await client.post(f"{address}/graphql", json={"query": "{ viewer { id } }"})).raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
            else:
                return
    raise AssertionError("never answered")


async def count(parent: psutil.Process, wanted: int, without: int = 0) -> list[psutil.Process]:
    """The workers, once there are so many beside the one that is gone."""
    for _ in range(300):
        found = [each for each in parent.children() if each.pid != without]
        if len(found) == wanted:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"never {wanted} workers")


@pytest.mark.timeout(90)
async def test_workers_share_a_port_and_outlive_one_another(tmp_path: Path) -> None:
    async with workers(tmp_path, 2) as (address, child):
        parent = psutil.Process(child.pid)
        first = await count(parent, 2)
        await asyncio.sleep(5)  # a worker that ends before is taken for one that cannot start
        os.kill(first[0].pid, signal.SIGKILL)
        await answering(address)
        second = await count(parent, 2, without=first[0].pid)
        child.terminate()
        async with asyncio.timeout(10):
            assert await child.wait() == 0
        assert not any(each.is_running() for each in second)


@pytest.mark.timeout(60)
async def test_workers_end_with_whoever_looks_after_them(tmp_path: Path) -> None:
    async with workers(tmp_path, 2) as (_, child):
        left = await count(psutil.Process(child.pid), 2)
        child.kill()
        await child.wait()
        for _ in range(200):
            if not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in left):
                return
            await asyncio.sleep(0.05)
    raise AssertionError("somebody goes on alone")


@pytest.mark.timeout(180)
async def test_what_cannot_start_is_not_tried_for_ever(tmp_path: Path) -> None:
    config = tmp_path / "countersign.toml"
    config.write_text(f'[server]\nport = {free_port()}\nworkers = 2\n[database]\nurl = "sqlite:////nowhere/at/all.db"\n')
    command = (sys.executable, "-m", "gateway", "serve", "--config", str(config))
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, stderr=pipe)
    async with asyncio.timeout(150):
        _, told = await child.communicate()
    assert child.returncode == 2
    assert b"database" in told
