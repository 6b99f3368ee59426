"""A server of one's own: a process on a port that stays its own, a folder, and a guard that outlives us."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

DEADLINE = 30.0
_SELDOM = (15_000, 32_000)
"""Ports below those that Linux gives to outgoing connections by default."""
_GUARD = """
lives() { kill -0 "$server" && ! grep -q "^State:.Z" "/proc/$server/status"; }
while read -r line; do server=$line; done
if [ -n "$server" ]; then
  kill -s "$0" "$server"
  tries=0
  while lives && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  lives && kill -KILL "$server"
fi 2>/dev/null
rm -rf "$@"
"""
_MEMORY = Path("/dev/shm")
_ROOM = 2**30


class Server(ABC):
    """``start`` and ``stop`` it as often as you like: it keeps its port and its data until it is removed.

    ``folder`` is on the disk, ``memory`` wherever files are fast. Where this process ends without removing them, however
    it ends, a guard stops the server and removes both.
    """

    ends = signal.SIGTERM
    """What asks it to stop in order, at once."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-", dir="/tmp"))
        self.memory = Path(tempfile.mkdtemp(prefix="countersign-", dir=_MEMORY)) if _roomy() else self.folder
        self._process: subprocess.Popen[bytes] | None = None
        self._known = False
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, self.ends.name.removeprefix("SIG"), str(self.folder), str(self.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    @abstractmethod
    def url(self) -> str:
        """Its address, with the password."""

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    def _answers(self, connection: socket.socket) -> bool:
        """Whether it is ready for those who come through this connection."""

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Returns when it answers. Raises ``RuntimeError`` with its last words where it does not."""
        assert not self.running
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            self._launch()
            while self.running and time.monotonic() < end:
                if self._ready():
                    self._known = True
                    return self
                time.sleep(0.01)
            self.kill()
            time.sleep(0.1)  # whoever was killed holds its port and its memory for another moment
            self.port = self.port if self._known else free_port()
        raise RuntimeError(f"{type(self).__name__} does not start:\n{self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """In order; what it was told is still there when it starts again."""
        self._end(self.ends)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        """For good, and its folder with it."""
        self.stop()
        self._guard.communicate(timeout=DEADLINE)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        self._tell(str(self._process.pid))

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return self._answers(connection)
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        self._tell("")

    def _tell(self, line: str) -> None:
        """The guard knows the process that lives, so that it never ends another's."""
        assert self._guard.stdin is not None
        self._guard.stdin.write(f"{line}\n".encode())
        self._guard.stdin.flush()


def free_port() -> int:
    """A port that no outgoing connection is given while the server is down."""
    for _ in range(200):
        port = random.SystemRandom().randrange(*_SELDOM)
        with suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            return port
    raise RuntimeError("no port is free")


def _roomy() -> bool:
    """Whether files can be kept in memory, which is faster than any disk and does not wait for others."""
    return os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM


def as_nobody() -> bool:
    """Whether what refuses to be run by root has to be run by somebody else."""
    return os.geteuid() == 0
