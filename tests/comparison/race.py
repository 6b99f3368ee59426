"""Providers that are compared: gateways that can be started and stopped, and what the sandboxes have counted themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from scene import Hurry, Scene, configuration, free_port

from gateway.app import create_app
from gateway.server.run import serve_gateway
from providers.http.metering import UNREADABLE, Meter
from providers.registry import NAMES, load_sandbox
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.fault_injection import Fault, RecordedCall

ENDLESS = 10**9
LATENCY = "{ samples p50Ms p90Ms p99Ms maxMs }"
FIGURES = f"""
provider {{ name }} from to requests failures failureRate availability latency {LATENCY}
operations {{ operation requests failures latency {LATENCY} }}
sessions {{
  created completed declined canceled expired failed open completionRate timeToComplete {{ samples p50 p90 }}
}}
statusLag {LATENCY} unknownStatuses
"""
COMPARISON = f"""query Q($providers: [String!], $window: Duration) {{
  comparison(providers: $providers, window: $window) {{ from to providers {{ {FIGURES} }} }}
}}"""


@dataclass
class Race:
    """What every test has in hand."""

    folder: Path
    authority: CertificateAuthority
    database: str
    sandboxes: dict[str, Sandbox]
    urls: dict[str, str]
    stops: dict[str, AsyncExitStack]
    running: dict[str, AsyncExitStack] = field(default_factory=dict)
    gateways: dict[str, Scene] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """How long each call took, as all gateways saw it."""

    async def start(self, name: str, **changes: Any) -> Scene:
        """A gateway, as a client sees it."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        tables = [dict(sandbox.settings(self.urls[kind])) for kind, sandbox in self.sandboxes.items()]
        wanted = {"database": {"url": self.database}, "metrics": {"flush": 0.1}} | changes
        settings = configuration(folder, free_port(), self.authority, tables, wanted)
        self.running[name] = stack = AsyncExitStack()
        app = create_app(settings)
        address = await stack.enter_async_context(serve_gateway(app, settings))
        for provider in app.state.signing.directory:
            provider.adapter.http.meter = self._beside(provider.name, provider.adapter.http.meter)
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=30))
        self.gateways[name] = Scene(
            address, client, self.sandboxes, self.urls, {}, Hurry(), self.authority, folder, settings, stops=self.stops
        )
        return self.gateways[name]

    async def stop(self, name: str) -> None:
        """A gateway stops in order."""
        await self.running.pop(name).aclose()
        del self.gateways[name]

    async def figures(self, asked: Scene, window: str = "PT1H") -> dict[str, dict[str, Any]]:
        """The figures of each provider, of all gateways, when each has kept what it has counted."""
        for each in self.gateways.values():
            await each.data(COMPARISON, window=window)
        found = (await asked.data(COMPARISON, window=window))["comparison"]["providers"]
        return {each["provider"]["name"]: each for each in found}

    def _beside(self, provider: str, meter: Meter) -> Meter:
        """Writes down what a meter is told."""

        def told(operation: str, outcome: str, seconds: float) -> None:
            if outcome != UNREADABLE:
                self.seconds[provider].append(seconds)
            meter(operation, outcome, seconds)

        return told

    def counted(self, kind: str) -> list[RecordedCall]:
        """What a sandbox has received."""
        return list(self.sandboxes[kind].calls)

    def slow(self, kind: str, delay_ms: int) -> None:
        """From now on, a provider takes so long for each call."""
        self.sandboxes[kind].faults.append(Fault(delay_ms=delay_ms, count=ENDLESS))

    def fail(self, provider: str, count: int, **fault: Any) -> None:
        """The next calls to a provider fail, before anything that was said of them."""
        self.sandboxes[provider].faults.insert(0, Fault(count=count, **fault))


@asynccontextmanager
async def race(folder: Path, authority: CertificateAuthority, database: str) -> AsyncIterator[Race]:
    """Four sandboxes, and no gateway yet."""
    sandboxes = {kind: load_sandbox(kind)(authority=authority) for kind in NAMES}
    async with AsyncExitStack() as stack:
        urls, stops = {}, {}
        for kind, sandbox in sandboxes.items():
            stops[kind] = await stack.enter_async_context(AsyncExitStack())
            urls[kind] = await stops[kind].enter_async_context(sandbox.serving())
        made = Race(folder, authority, database, sandboxes, urls, stops)
        try:
            yield made
        finally:
            for each in [*made.running]:
                await made.stop(each)
