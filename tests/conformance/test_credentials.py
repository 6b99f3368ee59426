"""Credentials that end during a connection, at stock clients: they come back with new ones, and give up on forged ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from test_conformance import said

from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.server import serving

sys.path.append(str(Path(__file__).parents[1] / "authorization"))
from door import key, opened
from issuer import Issuer, _in

LEEWAY = 30


def _issuing(issuer: Issuer) -> Starlette:
    async def token(request: Request) -> Response:
        return PlainTextResponse(issuer.token(exp=_in(float(request.query_params["lasting"]) - LEEWAY)))

    return Starlette(routes=[Route("/", token)])


@pytest.mark.parametrize("client", ["graphql-ws", "Apollo", "graphql-sse"])
async def test_stock_client_returns_when_credentials_end_and_stops_when_forged(
    tmp_path: Path, authority: CertificateAuthority, document: Path, client: str, record_property: Any
) -> None:
    async with opened(tmp_path, authority, live={"heartbeat": 0.2}) as door, serving(_issuing(door.issuer)) as issuer:
        told = await said(
            *("node", "credentials.mjs", door.scene.address, document, client, issuer),
            AUTHORIZATION=f"Bearer {key('everything')}",
        )
    record_property("figure", f"{client}: {', '.join(json.loads(told))}")
