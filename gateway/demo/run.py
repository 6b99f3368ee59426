"""Demo runner: starts sandboxes and gateway, plays the scenario, and shows its progress."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live
from starlette.types import ASGIApp

from gateway.config import Settings
from gateway.demo import tables
from gateway.demo.client import Client
from gateway.demo.environment import HOST, PORTS, configuration, gateway, sandboxes
from gateway.demo.scenario import Scenario
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.control_api import People

_PORT = 8000


async def run(console: Console, make_app: Callable[[Settings], ASGIApp], *, once: bool) -> None:
    """Plays the scenario; then serves until interrupted, unless ``once``. Raises ``StepFailed``."""
    begun = time.monotonic()
    authority = CertificateAuthority()
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        people = People(auto=True, delay_ms=700)
        async with sandboxes(tuple(PORTS), authority, people) as running:
            settings = configuration(running, Path(folder), _PORT, authority)
            async with gateway(make_app(settings), _PORT) as address:
                await _play(console, address, authority)
                console.print(f"Every step held, in {time.monotonic() - begun:.1f} s.", style="bold green")
                if not once:
                    _print_examples(console)
                    await asyncio.Event().wait()


async def _play(console: Console, address: str, authority: CertificateAuthority) -> None:
    async with Client(address) as client:
        scenario = Scenario(client, authority)
        with console.status("Ordering at four providers…"):
            ids = await scenario.order()
        with Live(tables.progress([]), console=console, refresh_per_second=8) as live:
            await scenario.follow(ids, lambda sessions: live.update(tables.progress(sessions)))
        with console.status("Downloading and verifying…"):
            proofs = await scenario.prove(ids)
        console.print(tables.results(proofs))


def _print_examples(console: Console) -> None:
    console.print(f"\nConsole:  [link]http://{HOST}:{_PORT}/console[/link]")
    console.print(f"GraphiQL: [link]http://{HOST}:{_PORT}/graphiql[/link]   (Ctrl+C ends)\n")
    for what, query in tables.EXAMPLES:
        console.print(f"  # {what}", style="dim")
        console.print(f"  {query}\n", markup=False, soft_wrap=True)
