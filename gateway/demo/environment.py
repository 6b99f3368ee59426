"""Demo environment: four sandboxes and a gateway, on real ports of this machine."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from starlette.types import ASGIApp

from gateway.config import Settings, parse
from gateway.server.server import serve_app
from providers import registry
from providers.errors import ConfigurationError
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.control_api import People

HOST: Final = "127.0.0.1"
PORTS: Final[Mapping[str, int]] = {"signicat": 9101, "seal": 9102, "persist": 9103, "easyink": 9104}


@asynccontextmanager
async def sandboxes(
    names: tuple[str, ...], authority: CertificateAuthority, people: People, ports: Mapping[str, int] = PORTS
) -> AsyncIterator[dict[str, tuple[str, Sandbox]]]:
    """Serves sandboxes on their ports; gives the address and the sandbox by kind. Raises ``ConfigurationError``."""
    running: dict[str, tuple[str, Sandbox]] = {}
    async with AsyncExitStack() as stack:
        for name in names:
            sandbox = registry.load_sandbox(name)(authority=authority)
            sandbox.people = people
            running[name] = (await stack.enter_async_context(_at(sandbox, name, ports.get(name, 0))), sandbox)
        yield running


@asynccontextmanager
async def _at(sandbox: Sandbox, name: str, port: int) -> AsyncIterator[str]:
    _require_free(port, f"the {name} sandbox")
    async with sandbox.serving(HOST, port) as address:
        yield address


@asynccontextmanager
async def gateway(app: ASGIApp, port: int) -> AsyncIterator[str]:
    """Serves a gateway on a port of this machine; gives its address. Raises ``ConfigurationError``."""
    _require_free(port, "the gateway")
    async with serve_app(app, HOST, port) as address:
        yield address


def configuration(
    running: Mapping[str, tuple[str, Sandbox]], folder: Path, port: int, authority: CertificateAuthority
) -> Settings:
    """Settings of a gateway in front of these sandboxes, with its database and uploads in one folder."""
    roots = folder / "roots.pem"
    roots.write_bytes(authority.certificate)
    table: dict[str, Any] = {
        "server": {"host": HOST, "port": port, "public_url": f"http://{HOST}:{port}"},
        "database": {"url": f"sqlite:///{folder / 'countersign.db'}"},
        "uploads": {"folder": str(folder / "uploads")},
        "freshness": {"open": 0.2, "list": 0.2},
        "trust": {"roots": [str(roots)]},
        "providers": [sandbox.settings(address) for address, sandbox in running.values()],
    }
    return parse(table, {})


def _require_free(port: int, what: str) -> None:
    if port == 0:
        return
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        raise ConfigurationError(f"Port {port} is taken, and {what} needs it. Stop what listens there and try again.") from None
