"""Masking of providers' messages: no personal data in them is shown."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.app import create_app
from gateway.config import parse
from gateway.server.run import serve_gateway
from providers.sandbox.server import serving

pytestmark = pytest.mark.servers

MAIL, BIRTH, NAME = "ada.lovelace@people.example", "010190-12345", "Ada Lovelace"
WORDS = f"{NAME} <{MAIL}>, born {BIRTH}, may not sign"
BODIES: dict[str, object] = {
    "problem details": {"detail": WORDS, "title": WORDS, "code": BIRTH, "invalid_params": [{"name": MAIL, "reason": WORDS}]},
    "OAuth": {"error": MAIL, "error_description": WORDS},
    "a code and a message": {"error": {"code": MAIL, "message": WORDS, "innerErrors": [{"code": BIRTH, "message": WORDS}]}},
    "an envelope": {"status": False, "message": WORDS, "data": WORDS},
    "an envelope of a list": {"status": True, "message": WORDS, "data": [{"status": WORDS}], "items": WORDS},
    "a text": WORDS,
    "another shape": {"id": [WORDS], "status": {"name": WORDS}},
}
QUERY = """{
  providers { name health { state problem { code message path providerCode } } credentials { state } sync { lastSyncAt } }
  sessions(maxAge: "PT0S") { sources { provider outcome problem { code message providerCode } unreadable { key reason } } }
  signatures { sources { provider problem { message providerCode } } }
}"""
WRITES = (
    "mutation { startSession(input: {session: %s}) { problems { code message path providerCode } } }",
    'mutation { cancelSession(input: {session: %s, reason: "x"}) { problems { code message path providerCode } } }',
    "{ session(id: %s) { id } }",
)


@asynccontextmanager
async def failing(folder: Path, status: int, body: object, headers: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway whose providers answer every call alike."""

    async def answer(request: Request) -> Response:
        if "token" in request.url.path:
            return Response(json.dumps({"access_token": "t", "expires_in": 600, "token_type": "Bearer"}))
        return Response(json.dumps(body), status, headers)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    async with serving(Starlette(routes=[Route("/{rest:path}", answer, methods=methods)])) as upstream:
        ours = {"client_id": "us", "client_secret": "theirs", "token_url": f"{upstream}/token"}
        rows = ({"name": "signicat", "kind": "signicat", **ours}, {"name": "seal", "kind": "seal", "process_id": 7})
        table = {
            "server": {"port": 0},
            "database": {"url": f"sqlite:///{folder}/state.db"},
            "uploads": {"folder": str(folder / "uploads")},
            "providers": [row | {"base_url": upstream} for row in (*rows, {"name": "persist", "kind": "persist"})],
        }
        settings = parse(table, {})
        async with (
            serve_gateway(create_app(settings), settings) as address,
            httpx.AsyncClient(base_url=address, timeout=60) as client,
        ):
            yield client


async def asked(client: httpx.AsyncClient, query: str) -> str:
    return (await client.post("/graphql", json={"query": query})).text


@pytest.mark.parametrize("status", [200, 400, 403, 500])
@pytest.mark.parametrize("shape", BODIES)
async def test_words_of_a_failing_provider_are_not_shown(
    tmp_path: Path, status: int, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "countersign")
    headers = {"content-type": f"text/{BIRTH}; charset={MAIL}" if status == 200 else "application/problem+json"}
    async with failing(tmp_path, status, BODIES[shape], headers) as client:
        shown = [await asked(client, QUERY)]
        for provider, key in (("signicat", "k"), ("seal", "7"), ("persist", "a/b")):
            identity = base64.urlsafe_b64encode(json.dumps(["Session", provider, key]).encode()).rstrip(b"=").decode()
            shown += [await asked(client, text % json.dumps(identity)) for text in WRITES]
        shown.append(await asked(client, QUERY))
    assert json.loads(shown[-1])["data"]["providers"], shown[-1]
    for word in (MAIL, BIRTH, NAME, "Lovelace", "may not sign"):
        assert word not in "".join(shown) + caplog.text, (word, shown)


async def test_health_names_status_and_safe_code_and_not_the_call(tmp_path: Path) -> None:
    async with failing(tmp_path, 500, {"code": "internal.error-7", "detail": WORDS}, {}) as client:
        await asked(client, QUERY)
        found = json.loads(await asked(client, QUERY))["data"]["providers"]
    problem = next(each["health"]["problem"] for each in found if each["name"] == "signicat")
    assert "HTTP 500" in problem["message"]
    assert "/" not in problem["message"]
    assert problem["providerCode"] == "internal.error-7"


@pytest.mark.parametrize("code", ["010190", "90-01-01", "1990.1.1", "born_010190"])
async def test_day_of_birth_in_place_of_a_code_is_not_shown(tmp_path: Path, code: str) -> None:
    async with failing(tmp_path, 500, {"code": code}, {}) as client:
        shown = [await asked(client, QUERY), await asked(client, QUERY)]
    assert code not in "".join(shown)
