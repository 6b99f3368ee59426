"""What others have written asks this gateway, and judges it; each in one line of the figures at the end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from gql import Client, FileVar, gql
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from scene import Scene
from scene import scene as running

from providers.sandbox.certificate_authority import CertificateAuthority

HERE = Path(__file__).parent
SDL = HERE.parents[1] / "schema" / "schema.graphql"
AUDITS = 61
EXAMPLES = 20
"""For each field of a root."""
APART = HERE.parents[1] / ".venv-apart" / "bin"


async def said(*command: str | Path, folder: Path = HERE, **more: str) -> str:
    """What a command says; it fails where the command does. ``more`` is added to its environment."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=folder, env={**os.environ, **more}, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(90):
            told, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode == 0, told.decode()
    return told.decode()


async def test_the_audits_of_graphql_http(scene: Scene, record_property: Any) -> None:
    found = json.loads(await said("node", "audits.mjs", scene.address))
    record_property("figure", f"graphql-http: {found['passed']} of {found['all']} audits without error or warning")
    assert found["failed"] == []
    assert found["passed"] == AUDITS


@pytest.mark.parametrize("client", ["apollo", "urql", "graphql-request", "graphql-ws", "graphql-sse"])
async def test_a_client_of_javascript(scene: Scene, document: Path, client: str, record_property: Any) -> None:
    done = json.loads(await said("node", f"{client}.mjs", scene.address, document))
    record_property("figure", f"{client}: {', '.join(done)}")
    assert {"query", "mutation"} <= set(done)
    assert client == "graphql-request" or any(each.startswith("subscription (4 events") for each in done)


async def test_gql_of_python(scene: Scene, document: Path, record_property: Any) -> None:
    http = HTTPXAsyncTransport(f"{scene.address}/graphql", headers={"graphql-require-preflight": "1"})
    sockets = f"{scene.address.replace('http', 'ws')}/graphql"
    make = gql("mutation M($input: CreateSessionInput!) { createSession(input: $input) { session { title } } }")
    stage = gql("mutation U($file: Upload!) { uploadFile(file: $file) { upload { sizeBytes } } }")
    watch = gql("subscription S($after: String) { sessionEvents(after: $after) { cursor session { title } } }")
    async with Client(transport=http, fetch_schema_from_transport=True) as session:
        assert (await session.execute(gql("{ viewer { scopes } }")))["viewer"]["scopes"]

        async def made(title: str) -> None:
            make.variable_values = {"input": await scene.order("easyink", title=title, start=False)}
            assert (await session.execute(make))["createSession"] == {"session": {"title": title}}

        stage.variable_values = {"file": FileVar(str(document), content_type="application/pdf")}
        staged = await session.execute(stage, upload_files=True)
        assert staged["uploadFile"]["upload"]["sizeBytes"] > 0
        async with Client(transport=WebsocketsTransport(sockets)) as socket:
            events = socket.subscribe(watch)
            first = asyncio.create_task(anext(events))
            await asyncio.sleep(0.3)
            await made("before the cut")
            told = (await first)["sessionEvents"]
            assert told["session"]["title"] == "before the cut"
        await made("behind the cut")
        watch.variable_values = {"after": told["cursor"]}
        async with Client(transport=WebsocketsTransport(sockets)) as socket:
            async for event in socket.subscribe(watch):
                assert event["sessionEvents"]["session"]["title"] == "behind the cut"
                break
    record_property("figure", "gql: schema, query, mutation, upload, subscription (resumed behind a cut)")


async def test_a_client_that_ariadne_codegen_writes(scene: Scene, tmp_path: Path, record_property: Any) -> None:
    folder = tmp_path / "tests" / "conformance" / "apart"
    shutil.copytree(HERE / "apart", folder)
    (tmp_path / "schema").mkdir()
    shutil.copy(SDL, tmp_path / "schema")
    await said(APART / "ariadne-codegen", "client", folder=folder)
    await said(APART / "python", "ask.py", scene.address, ".", folder=folder)
    record_property("figure", "ariadne-codegen: a client with two queries and a mutation, written and used")


@pytest.mark.parametrize("profile", ["open", "production", "trusted"])
async def test_schemathesis(tmp_path: Path, authority: CertificateAuthority, profile: str, record_property: Any) -> None:
    changes: dict[str, Any] = {"server": {"profile": profile}}
    if profile == "trusted":
        manifest = tmp_path / "manifest.json"
        manifest.write_text("{}")
        changes["documents"] = {"manifest": str(manifest)}
    async with running(tmp_path, authority, changes) as scene:
        url = f"{scene.address}/graphql"
        where = (url,) if profile == "open" else (SDL, "--url", url)
        asked = ("--max-examples", str(EXAMPLES), "--seed", "2026", "--phases", "fuzzing", "--no-color")
        told = await said(
            *(APART / "st", "run", *where, *asked, "--checks", "nothing_is_a_failure_of_ours"),
            folder=tmp_path,
            SCHEMATHESIS_HOOKS="hooks",
            PYTHONPATH=str(HERE / "apart"),
        )
    found = re.search(r"(\d+) generated, (\d+) passed", told)
    assert found is not None, told
    assert found[1] == found[2]
    record_property("figure", f"schemathesis, {profile}: {found[0]}")


async def test_relay_compiles_an_application(tmp_path: Path, record_property: Any) -> None:
    folder = tmp_path / "relay"
    shutil.copytree(HERE / "relay", folder)
    shutil.copy(SDL, folder)
    config = json.loads((folder / "relay.config.json").read_text()) | {"schema": "./schema.graphql"}
    (folder / "relay.config.json").write_text(json.dumps(config))
    (folder / "__generated__").mkdir()
    told = await said(HERE / "node_modules" / ".bin" / "relay-compiler", "relay.config.json", folder=folder)
    found = re.search(r"(\d+) reader, (\d+) normalization, (\d+) operation text", told)
    assert found is not None, told
    record_property("figure", f"relay-compiler: {found[0]}")
    assert len(list((folder / "__generated__").iterdir())) == 8


async def test_graphql_eslint_finds_nothing(tmp_path: Path, record_property: Any) -> None:
    # By the contract, one type is called Connection that is no page of anything: it is judged under another name.
    text = re.sub(r"\bConnection\b", "ConnectionStanding", SDL.read_text())
    copy = HERE / "judged.graphql"
    copy.write_text(text)
    try:
        await said(HERE / "node_modules" / ".bin" / "eslint", "--max-warnings", "0", copy.name)
    finally:
        copy.unlink()
    record_property("figure", "graphql-eslint: no finding by its sets schema-recommended and schema-relay")


def test_this_runs_in_an_environment_of_its_own() -> None:
    assert not str(APART).startswith(sys.prefix + "/bin")
