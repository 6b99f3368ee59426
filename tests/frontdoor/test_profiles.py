"""Server profiles: open for development, production, and trusted documents alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from liveclient import Failed, live
from scene import Scene
from scene import scene as running

from gateway.config import parse
from providers.errors import ConfigurationError
from providers.sandbox.certificate_authority import CertificateAuthority
from schema.trusted_documents import TrustedDocuments

KNOWN = "query Mine { viewer { id } }"
STRANGE = "query Yours { viewer { id } }"
DIGEST = hashlib.sha256(KNOWN.encode()).hexdigest()
MINE = {"data": {"viewer": {"id": "WyJWaWV3ZXIiLCJhbm9ueW1vdXMiXQ"}}}


def manifest(folder: Path, content: object = None) -> str:
    path = folder / "manifest.json"
    path.write_text(json.dumps({DIGEST: KNOWN} if content is None else content))
    return str(path)


def by_id(name: str) -> list[dict[str, Any]]:
    """The ways in which clients name a document."""
    return [
        {"documentId": f"sha256:{name}"},
        {"documentId": name},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": name}}},
    ]


async def codes(scene: Scene, body: dict[str, Any]) -> list[str]:
    reply = await scene.client.post("/graphql", json=body)
    return [each["extensions"]["code"] for each in reply.json().get("errors", ())]


async def test_production_profile_has_no_introspection(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with running(tmp_path, authority, {"server": {"profile": "production"}}) as scene:
        for text in ("{ __schema { types { name } } }", '{ __type(name: "Session") { name } }'):
            assert await codes(scene, {"query": text}) == ["FORBIDDEN"]
        reply = await scene.client.post("/graphql", json={"query": "{ viewer { subjet } }"})
        assert "Did you mean" not in reply.text
        assert await codes(scene, {"query": "{ __typename viewer { __typename id } }"}) == []
        assert (await scene.client.get("/graphiql")).status_code == 404


async def test_open_profile_has_introspection_and_suggestions(scene: Scene) -> None:
    assert "Did you mean 'subject'" in (await scene.client.post("/graphql", json={"query": "{ viewer { subjet } }"})).text
    assert (await scene.client.get("/graphiql")).status_code == 200


async def test_trusted_profile_accepts_trusted_documents_only(tmp_path: Path, authority: CertificateAuthority) -> None:
    changes = {"server": {"profile": "trusted"}, "documents": {"manifest": manifest(tmp_path)}}
    async with running(tmp_path, authority, changes) as scene:
        for body in (*by_id(DIGEST), {"query": KNOWN}):
            assert (await scene.client.post("/graphql", json=body)).json() == MINE, body
        assert await codes(scene, {"query": STRANGE}) == ["FORBIDDEN"]
        for body in by_id("0" * 64):
            reply = await scene.client.post("/graphql", json=body)
            assert reply.json()["errors"][0]["message"] == "PersistedQueryNotFound"
            assert reply.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        address = {"extensions": json.dumps({"persistedQuery": {"version": 1, "sha256Hash": DIGEST}})}
        assert (await scene.client.get("/graphql", params=address)).json() == MINE
        assert (await scene.client.get("/graphql", params={"documentId": DIGEST})).json() == MINE
        async with live(scene.address) as client:
            client.operations["1"] = asyncio.Queue()
            await client.say({"type": "subscribe", "id": "1", "payload": {"documentId": DIGEST}})
            assert (await client.next())["payload"] == MINE
            with pytest.raises(Failed, match="FORBIDDEN"):
                await anext(client.subscribe(STRANGE, key="2"))


async def test_untrusted_document_is_logged_once(
    tmp_path: Path, authority: CertificateAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {"documents": {"manifest": manifest(tmp_path), "mode": "log"}}
    async with running(tmp_path, authority, changes) as scene:
        for _ in range(3):
            assert await codes(scene, {"query": STRANGE}) == []
            assert await codes(scene, {"query": KNOWN}) == []
    told = [each.getMessage() for each in caplog.records if each.name == "countersign.documents"]
    assert told == [f"a document is not among those that are trusted: sha256 {hashlib.sha256(STRANGE.encode()).hexdigest()}"]


@pytest.mark.parametrize(
    "content",
    [
        {"format": "apollo-persisted-query-manifest", "operations": [{"id": "mine", "body": KNOWN, "name": "Mine"}]},
        {"mine": KNOWN},
    ],
)
def test_manifests_of_several_tools_are_read(tmp_path: Path, content: object) -> None:
    settings = parse({"documents": {"manifest": manifest(tmp_path, content), "mode": "enforce"}}, {})
    trusted = TrustedDocuments(settings)
    assert {trusted._texts[name] for name in ("mine", DIGEST)} == {KNOWN}


def test_malformed_manifest_is_refused(tmp_path: Path) -> None:
    settings = parse({"documents": {"manifest": manifest(tmp_path, ["x"]), "mode": "enforce"}}, {})
    with pytest.raises(ConfigurationError, match=r"documents\.manifest"):
        TrustedDocuments(settings)
    with pytest.raises(ConfigurationError, match=r"documents\.manifest is missing"):
        parse({"server": {"profile": "trusted"}}, {})
