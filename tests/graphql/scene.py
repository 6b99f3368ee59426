"""Scene: a gateway in front of four sandboxes, all on real ports, with a client's view of it."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from relay import Relay

from gateway.app import create_app
from gateway.config import Settings, parse
from gateway.server.run import serve_gateway
from providers.clock import Clock
from providers.registry import NAMES, load_sandbox
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority, sample_pdf
from providers.sandbox.server import serving
from tests.servers import create_database

LONG = 30.0
NOW = "PT0S"
PEOPLE = (
    {"firstName": "Ada", "lastName": "Lovelace", "email": "ada@people.example"},
    {"firstName": "Grace", "lastName": "Hopper", "email": "grace@people.example"},
    {"firstName": "Radia", "lastName": "Perlman", "email": "radia@people.example"},
)
PROBLEMS = "problems { code message path provider providerCode retryable retryAfterMs }"
SESSION = """
id key kind title reference status final providerStatus statusReason createdAt startedAt dueAt completedAt signingOrder
reminderFrequency provider { name kind } progress { required signed declined pending failed }
documents {
  id key title filename description role status providerStatus mediaType sizeBytes sha256 createdAt
  download { url expiresAt filename mediaType }
}
participants {
  id key displayName firstName lastName email phone language role order status providerStatus signedAt declineReason
  deliveryMethods signingUrl signingUrlExpiresAt
}
signatures { id key format version comment tags createdBy createdAt signedAt }
fields { id key type page x y width height required }
archive { requested retentionPeriod archiveId }
freshness { asOf ageMs stale source }
"""
INPUTS = {
    "createSession": ("CreateSessionInput", f"session {{ {SESSION} }}"),
    "startSession": ("SessionActionInput", f"session {{ {SESSION} }}"),
    "cancelSession": ("CancelSessionInput", f"session {{ {SESSION} }}"),
    "deleteSession": ("SessionActionInput", "deletedIds"),
    "addDocument": ("AddDocumentInput", f"document {{ id key title filename role }} session {{ {SESSION} }}"),
    "saveSignature": (
        "SaveSignatureInput",
        "signature { id key version tags comment createdBy format session { id key } document { id } }",
    ),
    "deleteSignature": ("DeleteSignatureInput", "deletedIds"),
}


class Hurry(Clock):
    """Short sleeps take no time, but its hands move on by as much; ``still`` stops them altogether."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.still: datetime | None = None

    def now(self) -> datetime:
        return (self.still or super().now()) + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        if seconds > LONG:
            await asyncio.sleep(seconds)
            return
        self.ahead += seconds
        await asyncio.sleep(0.002)


class Patience(Clock):
    """The same hands for a sandbox, which sleeps for as long as it says."""

    def __init__(self, hurry: Hurry) -> None:
        self._hurry = hurry

    def now(self) -> datetime:
        return self._hurry.now()

    def monotonic(self) -> float:
        return self._hurry.monotonic()


@cache
def pdf(title: str = "Lease of the north field") -> bytes:
    """The same bytes for the same title."""
    return sample_pdf(title)


def mutation(name: str) -> str:
    given, selection = INPUTS[name]
    return f"mutation M($input: {given}!) {{ {name}(input: $input) {{ {selection} {PROBLEMS} }} }}"


def node_id(*parts: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).rstrip(b"=").decode()


@dataclass
class Scene:
    """What every test has in hand. ``answers`` keeps the text of every answer that the gateway gave."""

    address: str
    client: httpx.AsyncClient
    sandboxes: Mapping[str, Sandbox]
    urls: Mapping[str, str]
    relays: Mapping[str, Relay]
    clock: Hurry
    authority: CertificateAuthority
    folder: Path
    settings: Settings
    answers: list[str] = field(default_factory=list)
    stops: dict[str, AsyncExitStack] = field(default_factory=dict)

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Runs an operation; whatever comes of it is JSON and no failure of ours."""
        reply = await self.client.post("/graphql", json={"query": query, "variables": variables})
        self.answers.append(reply.text)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"].startswith("application/json")
        answer: dict[str, Any] = reply.json()
        for error in answer.get("errors", ()):
            assert error["extensions"]["code"] != "INTERNAL", error
        return answer

    async def data(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = await self.ask(query, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def mutate(self, name: str, **given: Any) -> dict[str, Any]:
        """The payload of a mutation, with its problems."""
        payload: dict[str, Any] = (await self.data(mutation(name), input=given))[name]
        return payload

    async def done(self, name: str, **given: Any) -> dict[str, Any]:
        """The payload of a mutation that has no problems."""
        payload = await self.mutate(name, **given)
        assert payload["problems"] == [], payload
        return payload

    async def upload(self, content: bytes | None = None, filename: str = "lease.pdf") -> str:
        reply = await self.client.put(
            "/uploads", params={"filename": filename}, content=content or pdf(), headers={"content-type": "application/pdf"}
        )
        assert reply.status_code == 201, reply.text
        key: str = reply.json()["id"]
        return key

    async def order(
        self,
        provider: str,
        *,
        people: int = 2,
        documents: int = 1,
        given: Sequence[dict[str, Any]] | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """The input of an order that the provider takes; ``given`` are its documents where they are here already."""
        if given is None:
            given = [{"upload": await self.upload(pdf(f"Part {place}"), f"part-{place}.pdf")} for place in range(documents)]
        asked: dict[str, Any] = {
            "provider": provider,
            "title": "Lease of the north field",
            "reference": "lease-4711",
            "documents": list(given),
        }
        if provider != "seal":
            asked["participants"] = [{**person, "ref": person["firstName"]} for person in PEOPLE[:people]]
        return asked | changes

    async def create(self, provider: str, **changes: Any) -> dict[str, Any]:
        """A new session."""
        if provider == "persist":
            return await self.save(**changes)
        session: dict[str, Any] = (await self.done("createSession", **await self.order(provider, **changes)))["session"]
        return session

    async def save(self, document: str = "lease", thread: str = "tenant", **changes: Any) -> dict[str, Any]:
        """A stored signature, as the session that it is."""
        given = {"provider": "persist", "document": document, "thread": thread, "tags": ["lease"]} | changes
        given.setdefault("content", await self.cms(document))
        payload = await self.done("saveSignature", **given)
        return await self.read(payload["signature"]["session"]["id"])

    async def cms(self, content: str = "lease", signer: str = "Ada Lovelace") -> str:
        return base64.b64encode(await self.authority.sign_cms(content.encode(), signer)).decode()

    async def read(self, session: str, max_age: str | None = NOW) -> dict[str, Any]:
        """A session as it is now."""
        query = f"query Q($id: ID!, $age: Duration) {{ session(id: $id, maxAge: $age) {{ {SESSION} }} }}"
        found: dict[str, Any] = (await self.data(query, id=session, age=max_age))["session"]
        return found

    async def list(self, wanted: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
        """The connection of sessions."""
        query = """
        query Q($filter: SessionFilter, $orderBy: SessionOrder, $maxAge: Duration,
                $first: Int, $after: String, $last: Int, $before: String) {
          sessions(filter: $filter, orderBy: $orderBy, maxAge: $maxAge,
                   first: $first, after: $after, last: $last, before: $before) {
            totalCount edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            nodes {
              id key kind title reference status createdAt dueAt provider { name } freshness { stale } participants { email }
            }
            sources { provider outcome asOf problem { code message provider retryable retryAfterMs } }
          }
        }"""
        asked = {"maxAge": NOW} | arguments
        found: dict[str, Any] = (await self.data(query, filter=wanted or {}, **asked))["sessions"]
        return found

    async def fault(self, provider: str, **fault: Any) -> None:
        """Asks a sandbox to fail, in the way that anybody can."""
        async with httpx.AsyncClient() as client:
            (await client.post(f"{self.urls[provider]}/_sandbox/faults", json={"count": 1000} | fault)).raise_for_status()

    async def heal(self, provider: str) -> None:
        """Asks a sandbox to fail no more, and lets the time pass in which the gateway leaves it alone."""
        async with httpx.AsyncClient() as client:
            (await client.delete(f"{self.urls[provider]}/_sandbox/faults")).raise_for_status()
        self.clock.ahead += 10

    def secrets(self) -> set[str]:
        """Whatever must not be seen anywhere: every credential, every token that was issued, and what is made of them."""
        found = {secret.get_secret_value() for each in self.settings.providers for secret in each.secrets()}
        found |= self.sandboxes["signicat"].tokens.issued
        found |= {base64.b64encode(f"sandbox-client:{secret}".encode()).decode() for secret in found}
        return found

    def calls(self) -> dict[str, int]:
        """How many calls each provider has received."""
        return {kind: len(sandbox.calls) for kind, sandbox in self.sandboxes.items()}

    def calls_since(self, kind: str, count: int) -> list[tuple[str, str]]:
        return [(call.method, call.path) for call in list(self.sandboxes[kind].calls)[count:]]

    async def sign(self, session: dict[str, Any]) -> None:
        """Everybody signs, in turn."""
        sandbox = self.sandboxes[session["provider"]["name"]]
        keys = [person["key"] for person in session["participants"]] if sandbox.kind == "signicat" else [session["key"]]
        for key in keys:
            await sandbox.sign(key)
        self.clock.ahead += 5

    async def settle(self, session: dict[str, Any]) -> dict[str, Any]:
        """Reads until the session is final, for a bounded number of times."""
        for _ in range(50):
            session = await self.read(session["id"])
            if session["final"]:
                return session
            self.clock.ahead += 1
        raise AssertionError(f"still {session['status']}")

    async def stop(self, kind: str) -> None:
        """Takes a sandbox off the network."""
        await self.stops[kind].aclose()


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Waits for something that happens by itself, for two seconds at most."""
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"never: {what}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def configuration(
    folder: Path, port: int, authority: CertificateAuthority, tables: list[dict[str, Any]], changes: Mapping[str, Any]
) -> Settings:
    """A configuration with all that the gateway keeps in one folder; ``changes`` are by section."""
    roots = folder / "roots.pem"
    roots.write_bytes(authority.certificate)
    table: dict[str, Any] = {
        "server": {"port": port, "public_url": f"http://127.0.0.1:{port}"},
        "database": {"url": f"sqlite:///{folder / 'countersign.db'}"},
        "uploads": {"folder": str(folder / "uploads")},
        "freshness": {"list": 0},
        "watch": {"enabled": False},
        "sagas": {"lease": 3600},
        "trust": {"roots": [str(roots)]},
    }
    own = changes.get("providers", {})
    for section, values in changes.items():
        if section != "providers":
            table[section] = {**table.get(section, {}), **values}
    table["providers"] = [{**each, **own.get(each["name"], {})} for each in tables]
    return parse(table, {})


@asynccontextmanager
async def scene(
    folder: Path,
    authority: CertificateAuthority,
    changes: Mapping[str, Any] | None = None,
    relayed: tuple[str, ...] = (),
    still: datetime | None = None,
) -> AsyncIterator[Scene]:
    """Everything, running. ``relayed`` are the providers that are reached through a ``Relay``; time may stand ``still``."""
    clock = Hurry()
    clock.still = still
    sandboxes = {kind: load_sandbox(kind)(clock=Patience(clock), authority=authority) for kind in NAMES}
    async with AsyncExitStack() as stack:
        urls: dict[str, str] = {}
        stops: dict[str, AsyncExitStack] = {}
        relays: dict[str, Relay] = {}
        tables: list[dict[str, Any]] = []
        for kind, sandbox in sandboxes.items():
            stops[kind] = await stack.enter_async_context(AsyncExitStack())
            urls[kind] = reached = await stops[kind].enter_async_context(sandbox.serving())
            if kind in relayed:
                relays[kind] = await stack.enter_async_context(Relay(reached))
                reached = await stack.enter_async_context(serving(relays[kind]))
            tables.append(dict(sandbox.settings(reached)))
        port = free_port()
        create_database(folder / "countersign.db")
        settings = configuration(folder, port, authority, tables, changes or {})
        address = await stack.enter_async_context(serve_gateway(create_app(settings, clock), settings))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=30))
        yield Scene(address, client, sandboxes, urls, relays, clock, authority, folder, settings, stops=stops)
