"""Worker processes: gateways behind one port of one machine, which share nothing but the port and the store."""

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

_STOP_SECONDS: Final = 8.0
"""Time beyond its drain for a worker to close: more than it takes."""
_RESTART_SECONDS: Final = 1.0
_START_SECONDS: Final = 5.0
"""A worker that exits sooner has failed to start, and would fail again."""
_log = logging.getLogger("countersign.workers")


def count(settings: Settings) -> int:
    """The number of workers that the settings ask for."""
    return (os.cpu_count() or 1) if settings.server.workers == "cores" else settings.server.workers


def run(config: Path, settings: Settings) -> int:
    """Runs the workers until SIGTERM or SIGINT; returns the exit status."""
    return asyncio.run(_run(config, settings))


def exit_with_parent() -> None:
    """Sends this worker SIGTERM once its parent process has died."""

    def wait_for_parent() -> None:
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_parent, name="exit with parent", daemon=True).start()


async def _run(config: Path, settings: Settings) -> int:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    family = socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET
    with socket.create_server((settings.server.host, settings.server.port), family=family, backlog=2_048) as listener:
        shared = dict(os.environ)
        # A link that one worker signs is verified by another.
        shared.setdefault("COUNTERSIGN_SERVER_SECRET", _secret(settings))
        command = (sys.executable, "-m", "gateway", "serve", "--config", str(config), "--listener", str(listener.fileno()))
        supervisors = [
            asyncio.create_task(
                _supervise(command, shared, listener.fileno(), settings.server.drain + _STOP_SECONDS), name=f"worker {number}"
            )
            for number in range(count(settings))
        ]
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait((*supervisors, stopping), return_when=asyncio.FIRST_COMPLETED)
        await cancel_and_wait(stopping)
        # Each then waits until its worker has drained; a second cancellation would end that wait.
        for supervisor in supervisors:
            supervisor.cancel()
        await asyncio.wait(supervisors)
    return next((each.result() for each in done if each is not stopping and not each.cancelled()), 0)


def _secret(settings: Settings) -> str:
    return settings.server.secret.get_secret_value() if settings.server.secret else secrets.token_urlsafe(32)


async def _supervise(command: tuple[str, ...], environment: dict[str, str], listener: int, stop_seconds: float) -> int:
    """Runs one worker, and restarts it when it dies; returns the exit status of one that fails to start."""
    loop = asyncio.get_running_loop()
    while True:
        began_at = loop.time()
        # Nothing is written to the pipe: a worker reads its end when the parent is gone.
        worker = await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=asyncio.subprocess.PIPE, pass_fds=(listener,), start_new_session=True
        )
        try:
            status = await worker.wait()
        finally:
            await _terminate(worker, stop_seconds)
        if loop.time() - began_at < _START_SECONDS:
            return status or 1
        _log.error("a worker ended with status %d, and another takes its place", status)
        await asyncio.sleep(_RESTART_SECONDS)


async def _terminate(worker: Process, stop_seconds: float) -> None:
    if worker.returncode is not None:
        return
    with suppress(ProcessLookupError):
        worker.terminate()
    try:
        async with asyncio.timeout(stop_seconds):
            await worker.wait()
    except TimeoutError:
        worker.kill()
        await worker.wait()
