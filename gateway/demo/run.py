"""Runs the demo from beginning to end."""

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
from gateway.demo.scenario import Story
from gateway.demo.environment import HOST, PORTS, configuration, gateway, sandboxes
from providers.sandbox.app import People
from providers.sandbox.certificate_authority import CertificateAuthority

_PORT = 8000


async def run(console: Console, make_app: Callable[[Settings], ASGIApp], *, once: bool) -> None:
    """Tells the story; stays until interrupted unless ``once``. Raises ``Surprise`` where a step does not hold."""
    begun = time.monotonic()
    authority = CertificateAuthority()
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        people = People(auto=True, delay_ms=700)
        async with sandboxes(tuple(PORTS), authority, people) as running:
            settings = configuration(running, Path(folder), _PORT, authority)
            async with gateway(make_app(settings), _PORT) as address:
                await _tell(console, address, authority)
                console.print(f"Every step held, in {time.monotonic() - begun:.1f} s.", style="bold green")
                if not once:
                    _invite(console)
                    await asyncio.Event().wait()


async def _tell(console: Console, address: str, authority: CertificateAuthority) -> None:
    async with Client(address) as client:
        story = Story(client, authority)
        with console.status("Ordering at four providers…"):
            ids = await story.order()
        with Live(tables.progress([]), console=console, refresh_per_second=8) as live:
            await story.follow(ids, lambda sessions: live.update(tables.progress(sessions)))
        with console.status("Downloading and verifying…"):
            proofs = await story.prove(ids)
        console.print(tables.results(proofs))


def _invite(console: Console) -> None:
    console.print(f"\nConsole:  [link]http://{HOST}:{_PORT}/console[/link]")
    console.print(f"GraphiQL: [link]http://{HOST}:{_PORT}/graphiql[/link]   (Ctrl+C ends)\n")
    for what, query in tables.EXAMPLES:
        console.print(f"  # {what}", style="dim")
        console.print(f"  {query}\n", markup=False, soft_wrap=True)
