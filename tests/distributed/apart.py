"""Gateways in processes of their own, which can be killed, in front of sandboxes that see every write coming."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import httpx
from starlette.types import Message, Receive, Scope, Send

from gateway.app import create_app
from gateway.config import parse
from gateway.server.server import serve_app
from providers.clock import Clock
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import sample_pdf
from providers.sandbox.fault_injection import Fault
from providers.sandbox.server import serving
from tests.servers import create_database

ROOT = Path(__file__).parents[2]
PROBLEMS = "problems { code message path retryable }"
SESSION = "session { id key status title participants { id key email } documents { id key role } fields { id key } }"
INPUTS = {
    "createSession": ("CreateSessionInput", SESSION),
    "duplicateSession": ("DuplicateSessionInput", SESSION),
    "recreateSession": ("RecreateSessionInput", SESSION),
    "startSession": ("SessionActionInput", SESSION),
    "cancelSession": ("CancelSessionInput", SESSION),
    "deleteSession": ("SessionActionInput", "deletedIds"),
    "addParticipant": ("AddParticipantInput", f"participant {{ id key }} {SESSION}"),
    "addDocument": ("AddDocumentInput", f"document {{ id key }} {SESSION}"),
    "addField": ("AddFieldInput", f"field {{ id key }} {SESSION}"),
    "saveSignature": ("SaveSignatureInput", "signature { id version }"),
}
_READS = frozenset({"GET", "HEAD"})
_SQLITE = "sqlite:///"
_NO_WRITES = ("/_sandbox", "/auth/", "/identity/")


@dataclass(frozen=True, slots=True)
class Halt:
    """Stops the world at the write of this number: as it arrives, before it is answered, or after it was answered.

    What ``waits`` is carried out and answered once the gate opens again; otherwise its connection is for the dead.
    """

    number: int
    at: Literal["arrival", "answer", "end"]
    waits: bool = False


class Gate:
    """Stands in front of a sandbox and counts the writes; at a halt the call stays until the gate is opened."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.writes = 0
        self.halt: Halt | None = None
        self.faults: dict[int, Sequence[Fault]] = {}
        self.path = ""
        self.paths: list[str] = []
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    def expect(self, halt: Halt | None, faults: Mapping[int, Sequence[Fault]] | None = None, path: str = "") -> None:
        """Counts anew the writes whose path has this in it; ``faults`` begin with the write of their number."""
        self.writes, self.halt, self.faults, self.path = 0, halt, dict(faults or {}), path
        self.paths.clear()
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _READS or scope["path"].startswith(_NO_WRITES):
            await self._sandbox(scope, receive, send)
            return
        if self.path not in scope["path"]:
            await self._sandbox(scope, receive, send)
            return
        self.writes += 1
        self.paths.append(scope["path"])
        self._sandbox.faults += self.faults.pop(self.writes, ())
        halt = self.halt if self.halt and self.halt.number == self.writes else None
        if halt is None or halt.at == "end":
            await self._sandbox(scope, receive, send)
            if halt is not None:
                self.reached.set()
            return
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        if halt.at == "answer":
            await self._sandbox(scope, receive, keep)
        self.reached.set()
        await self.open.wait()
        if halt.waits:
            if halt.at == "arrival":
                await self._sandbox(scope, receive, keep)
            for message in sent:
                await send(message)
            return
        while (await receive())["type"] != "http.disconnect":
            pass


class Nursery:
    """Starts gateways as processes of their own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._turn = threading.Lock()

    async def start(self, config: Path) -> int:
        """The process id of a new gateway."""
        return await asyncio.to_thread(self._start, config)

    def _start(self, config: Path) -> int:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._turn:
            stdin.write(f"{config}\n")
            stdin.flush()
            return int(stdout.readline())


@contextmanager
def nursery() -> Iterator[Nursery]:
    command = [sys.executable, str(Path(__file__).with_name("nursery.py"))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, env=environment, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield Nursery(process)
        finally:
            process.kill()


@dataclass
class Client:
    """Somebody who uses a gateway, and may look into its database."""

    folder: Path
    client: httpx.AsyncClient
    lost: list[str] = field(default_factory=list)

    async def upload(self, content: bytes, filename: str) -> str:
        reply = await self.client.put(
            "/uploads", params={"filename": filename}, content=content, headers={"content-type": "application/pdf"}
        )
        assert reply.status_code == 201, reply.text
        key: str = reply.json()["id"]
        return key

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        reply = await self.client.post("/graphql", json={"query": query, "variables": variables})
        answer: dict[str, Any] = reply.json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def mutate(self, name: str, **given: Any) -> dict[str, Any]:
        kind, selection = INPUTS[name]
        query = f"mutation M($input: {kind}!) {{ {name}(input: $input) {{ {selection} {PROBLEMS} }} }}"
        payload: dict[str, Any] = (await self.ask(query, input=given))[name]
        return payload

    async def done(self, name: str, **given: Any) -> dict[str, Any]:
        payload = await self.mutate(name, **given)
        assert payload["problems"] == [], payload
        return payload

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What its database says."""
        with sqlite3.connect(self.folder / "countersign.db", timeout=10) as connection:
            found = connection.execute(query).fetchall()
        connection.close()
        return found

    async def settled(self) -> list[str]:
        """Waits until no saga is under way or in doubt; gives the notes of what was left since it was last asked."""
        for _ in range(1500):
            if not self.rows("select 1 from saga where state != 'LEFT'"):
                notes = [note for (note,) in self.rows("select note from saga order by begun_at")]
                new, self.lost = notes[len(self.lost) :], notes
                return new
            await asyncio.sleep(0.02)
        raise AssertionError("never settled")


@dataclass
class Gateway(Client):
    """A gateway in a process of its own."""

    nursery: Nursery = field(kw_only=True)
    config: Path = field(kw_only=True)
    pid: int = 0

    async def start(self) -> None:
        self.pid = await self.nursery.start(self.config)
        for _ in range(2000):
            with suppress(httpx.TransportError):
                if (await self.client.get("/healthz")).status_code == 200:
                    return
            await asyncio.sleep(0.01)
        raise AssertionError("the gateway did not start")

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def toml(table: Mapping[str, Any]) -> str:
    """A configuration file."""
    sections = [(f"[{name}]", values) for name, values in table.items() if name != "providers"]
    tables = sections + [("[[providers]]", each) for each in table["providers"]]
    lines = [[head, *(f"{key} = {json.dumps(value)}" for key, value in values.items())] for head, values in tables]
    return "\n".join(line for each in lines for line in each)


def configuration(
    folder: Path, port: int, providers: Sequence[Mapping[str, Any]], sections: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """A configuration that keeps everything in one folder, which several gateways may share; its database is there."""
    table: dict[str, Any] = {
        "server": {"port": port, "public_url": f"http://127.0.0.1:{port}"},
        "database": {"url": f"sqlite:///{folder / 'countersign.db'}"},
        "uploads": {"folder": str(folder / "uploads")},
        "watch": {"enabled": False},
    }
    for section, values in sections.items():
        table[section] = {**table.get(section, {}), **values}
    if table["database"]["url"].startswith(_SQLITE):
        create_database(Path(table["database"]["url"].removeprefix(_SQLITE)))
    return table | {"providers": list(providers)}


@asynccontextmanager
async def gateway(
    folder: Path, nursery: Nursery, providers: Sequence[Mapping[str, Any]], name: str = "gateway", **sections: Mapping[str, Any]
) -> AsyncIterator[Gateway]:
    """A gateway in a process of its own."""
    port = free_port()
    config = folder / f"{name}.toml"
    config.write_text(toml(configuration(folder, port, providers, sections)))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        running = Gateway(folder, client, nursery=nursery, config=config)
        await running.start()
        try:
            yield running
        finally:
            running.kill()


@asynccontextmanager
async def inside(
    folder: Path, clock: Clock, providers: Sequence[Mapping[str, Any]], **sections: Mapping[str, Any]
) -> AsyncIterator[Client]:
    """A gateway in this process, which goes by a clock of ours."""
    port = free_port()
    settings = parse(configuration(folder, port, providers, sections), {})
    async with (
        serve_app(create_app(settings, clock), port=port) as address,
        httpx.AsyncClient(base_url=address, timeout=60) as client,
    ):
        yield Client(folder, client)


class Ahead(Clock):
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.by

    def monotonic(self) -> float:
        return super().monotonic() + self.by.total_seconds()


PEOPLE = [
    {"ref": name, "firstName": name, "lastName": "Example", "email": f"{name.lower()}@people.example"}
    for name in ("Ada", "Grace", "Radia")
]


@cache
def pdf(title: str) -> bytes:
    return sample_pdf(title)


async def order(client: Client, provider: str, documents: int = 1, people: int = 0, **changes: Any) -> dict[str, Any]:
    """The input of ``createSession``, its files uploaded."""
    uploads = [await client.upload(pdf(f"Part {place}"), f"part-{place}.pdf") for place in range(documents)]
    asked: dict[str, Any] = {"provider": provider, "title": "Lease", "documents": [{"upload": each} for each in uploads]}
    if people:
        asked["participants"] = PEOPLE[:people]
    return asked | changes


class Guarded:
    """A sandbox behind a gate, on a real port."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.gate = Gate(sandbox)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        async with serving(self.gate) as self.url:
            self.table = dict(self.sandbox.settings(self.url))
            yield self
