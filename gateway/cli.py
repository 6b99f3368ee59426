"""Command line: serve, demo, sandbox, schema, key, compare, expire-cursors and check."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from gateway.app import create_app
from gateway.auth import api_key
from gateway.auth.public_key import read_public_key
from gateway.auth.viewer import SCOPES
from gateway.config import Settings, load
from gateway.demo import run
from gateway.demo.client import StepFailed
from gateway.demo.environment import PORTS, sandboxes
from gateway.metrics import report
from gateway.server import workers
from gateway.server.run import run_gateway
from gateway.store import Store
from gateway.telemetry import logs
from providers import registry
from providers.clock import Clock
from providers.errors import ConfigurationError, SigningError
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.control_api import People
from schema import schema as sdl

app = typer.Typer(
    name="countersign",
    help="One GraphQL endpoint in front of every place your documents get signed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)
out = Console()
err = Console(stderr=True)

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The TOML file with server, database and providers.")]


@app.command()
def serve(config: ConfigFile, listener: Annotated[int | None, typer.Option(hidden=True)] = None) -> None:
    """Run the gateway."""
    settings = load(config)
    logs.configure()
    if listener is not None:
        workers.exit_with_parent()
        run_gateway(create_app(settings), settings, listener)
        return
    err.print(f"Countersign at http://{settings.server.host}:{settings.server.port}/graphql. Ctrl+C ends.", markup=False)
    if workers.count(settings) > 1:
        raise typer.Exit(workers.run(config, settings))
    run_gateway(create_app(settings), settings)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop when every step held; exit 1 if one did not.")] = False,
) -> None:
    """Watch a document being signed through all four providers, on this machine alone."""
    logs.configure()
    try:
        asyncio.run(run.run(out, create_app, once=once))
    except StepFailed as failure:
        _fail(f"A step did not hold: {failure}")


@app.command()
def sandbox(
    names: Annotated[list[str] | None, typer.Argument(help="Which simulators; all of them if none is named.")] = None,
    delay_ms: Annotated[int | None, typer.Option(help="Let the people sign by themselves, each after so many ms.")] = None,
) -> None:
    """Run the providers' simulators alone, on real ports, to develop against."""
    logs.configure()
    kinds = tuple(names or PORTS)
    for name in kinds:
        if name not in registry.NAMES:
            _fail(f"There is no simulator of {name!r}. There are: {', '.join(registry.NAMES)}.")
    asyncio.run(_run_sandboxes(kinds, People(auto=delay_ms is not None, delay_ms=delay_ms or 0)))


@app.command()
def schema() -> None:
    """Print the GraphQL schema."""
    typer.echo(str(sdl))


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="What the key is called.")],
    scopes: Annotated[list[str] | None, typer.Option("--scope", help="What it may do; everything if none is named.")] = None,
    providers: Annotated[list[str] | None, typer.Option("--provider", help="Where; everywhere if none is named.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="For how long; for good if it is not said.")] = None,
) -> None:
    """Make a key for a program. It is shown once; the configuration holds its digest."""
    if unknown := [each for each in scopes or () if each not in SCOPES]:
        _fail(f"There is no scope {unknown[0]!r}. There are: {', '.join(SCOPES)}.")
    new_key = api_key.generate()
    err.print("The key, which is not shown again:", style="bold")
    typer.echo(new_key)
    err.print("For the configuration:", style="bold")
    table = {"name": name, "sha256": api_key.digest(new_key), "scopes": scopes or list(SCOPES), "providers": providers}
    lines = [f"{word} = {json.dumps(value)}" for word, value in table.items() if value is not None]
    if days is not None:
        lines.append(f"expires_at = {(Clock().now() + timedelta(days=days)).isoformat(timespec='seconds')}")
    typer.echo("\n".join(["[[authentication.keys]]", *lines]))


@app.command()
def compare(
    config: ConfigFile,
    window: Annotated[str, typer.Option(help="How far back, as an ISO 8601 duration.")] = "P1D",
    providers: Annotated[str | None, typer.Option(help="Which ones, separated by commas; all if none is named.")] = None,
    probe: Annotated[int, typer.Option(min=0, max=10_000, help="Read so often at each provider now, in turn.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the figures of all providers side by side, as all gateways on this database have counted them."""
    names = None if providers is None else [name for each in providers.split(",") if (name := each.strip())]
    try:
        result = asyncio.run(report.compare(load(config), names, report.window_of(window), probe, err))
    except SigningError as error:
        _fail(error.message)
    if as_json:
        typer.echo(json.dumps(report.as_json(result), indent=2))
        return
    out.print(report.table(result.comparison))
    if result.probes:
        out.print(report.probe_table(result.probes))


@app.command()
def expire_cursors(config: ConfigFile) -> None:
    """Begin a new epoch of the event log: every cursor that clients hold is refused as expired, and they read anew."""
    asyncio.run(_expire_cursors(load(config)))
    out.print("A new epoch of the event log has begun. Restart every gateway that runs on this database.")


@app.command()
def check(config: ConfigFile) -> None:
    """Check a configuration file and say what the gateway would connect to. Connects to nothing."""
    settings = load(config)
    if settings.authentication.public_key is not None:
        read_public_key(settings.authentication.public_key, settings.authentication.algorithms)
    out.print(f"The gateway would listen on {settings.server.host}:{settings.server.port}, for {settings.server.public_url}.")
    if not settings.providers:
        out.print("No provider is configured. Add a [[providers]] table.", markup=False)
    for provider in settings.providers:
        out.print(f"  {provider.name} ({provider.kind}, {provider.environment}): {provider.base_url}", markup=False)


async def _expire_cursors(settings: Settings) -> None:
    store = await Store.open(settings.database.url)
    try:
        await store.events.begin_epoch()
    finally:
        await store.close()


async def _run_sandboxes(kinds: tuple[str, ...], people: People) -> None:
    async with sandboxes(kinds, CertificateAuthority(), people) as running:
        for name, (address, _) in running.items():
            out.print(f"{name}: {address}   control: {address}/_sandbox/sessions")
        out.print("Ctrl+C ends.")
        await asyncio.Event().wait()


def _fail(message: str) -> NoReturn:
    err.print(message, style="red", markup=False, highlight=False)
    raise typer.Exit(1)


def main() -> None:
    """Entry point: a mistake in the configuration is printed without a traceback."""
    try:
        app()
    except ConfigurationError as error:
        err.print(str(error), style="red", markup=False, highlight=False)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(0) from None
