"""Several gateways behind one port of one machine: a process for each, which share nothing but the port and the store."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from asyncio.subprocess import Process
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.config import Settings
from gateway.task import cancel_and_wait

_GRACE: Final = 8.0
"""Seconds that a worker has beside its drain to say farewell: more than it takes."""
_PAUSE: Final = 1.0
_YOUNG: Final = 5.0
"""A worker that ends within so many seconds has not started: what is wrong would be wrong again."""
_log = logging.getLogger("countersign.workers")


def count(settings: Settings) -> int:
    """How many workers the settings ask for."""
    return (os.cpu_count() or 1) if settings.server.workers == "cores" else settings.server.workers


def run(config: Path, settings: Settings) -> int:
    """Serves until SIGTERM or SIGINT; gives the status to exit with."""
    return asyncio.run(_run(config, settings))


def end_with_parent() -> None:
    """Ends this worker as SIGTERM does, when whoever looks after it is gone."""

    def watch() -> None:
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="end with the parent", daemon=True).start()


async def _run(config: Path, settings: Settings) -> int:
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    family = socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET
    with socket.create_server((settings.server.host, settings.server.port), family=family, backlog=2_048) as listener:
        shared = dict(os.environ)
        # Links that one of them makes are opened by another.
        shared.setdefault("COUNTERSIGN_SERVER_SECRET", _secret(settings))
        command = (sys.executable, "-m", "gateway", "serve", "--config", str(config), "--listener", str(listener.fileno()))
        keepers = [
            asyncio.create_task(
                _keep(command, shared, listener.fileno(), settings.server.drain + _GRACE), name=f"worker {number}"
            )
            for number in range(count(settings))
        ]
        stopping = asyncio.create_task(told.wait())
        done, _ = await asyncio.wait((*keepers, stopping), return_when=asyncio.FIRST_COMPLETED)
        await cancel_and_wait(stopping)
        # Cancelled once: each then waits until its worker has drained.
        for keeper in keepers:
            keeper.cancel()
        await asyncio.wait(keepers)
    return next((each.result() for each in done if each is not stopping and not each.cancelled()), 0)


def _secret(settings: Settings) -> str:
    return settings.server.secret.get_secret_value() if settings.server.secret else secrets.token_urlsafe(32)


async def _keep(command: tuple[str, ...], environment: dict[str, str], listener: int, patience: float) -> int:
    """Has one worker run, and another in its place when it dies; gives the status of one that could not start."""
    loop = asyncio.get_running_loop()
    while True:
        begun = loop.time()
        # Nothing is ever written: a worker that reads the end has been left alone.
        worker = await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=asyncio.subprocess.PIPE, pass_fds=(listener,), start_new_session=True
        )
        try:
            status = await worker.wait()
        finally:
            await _dismiss(worker, patience)
        if loop.time() - begun < _YOUNG:
            return status or 1
        _log.error("a worker ended with status %d, and another takes its place", status)
        await asyncio.sleep(_PAUSE)


async def _dismiss(worker: Process, patience: float) -> None:
    if worker.returncode is not None:
        return
    with suppress(ProcessLookupError):
        worker.terminate()
    try:
        async with asyncio.timeout(patience):
            await worker.wait()
    except TimeoutError:
        worker.kill()
        await worker.wait()
