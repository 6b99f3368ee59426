"""Operations that nobody thought of, over HTTP, in every profile: no failure of ours, and nothing told that must not be."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema, nodes
from scene import scene as running

from providers.sandbox.certificate_authority import CertificateAuthority

COUNT = 700
SDL = (Path(__file__).parents[2] / "schema" / "schema.graphql").read_text()
LEAKS = re.compile(
    r"Traceback|File \\?\"/|/site-packages/|0x[0-9a-f]{8}"
    r"|\b(Attribute|Key|Type|Value|Runtime|Recursion|Assertion)Error\b"
)
PROFILES = ("open", "production", "trusted")


def operations() -> st.SearchStrategy[str]:
    made = {
        "DateTime": st.just(nodes.String("2026-01-02T03:04:05Z")),
        "Duration": st.sampled_from(["PT0S", "P1D", "P9999Y"]).map(nodes.String),
        "JSON": st.just(nodes.Object([])),
        "Upload": st.just(nodes.Null),
    }
    return from_schema(build_schema(SDL), custom_scalars=made, allow_null=True)


@pytest.mark.timeout(170)
@pytest.mark.parametrize("profile", PROFILES)
async def test_nothing_that_is_generated_is_a_failure_of_ours(
    tmp_path: Path, authority: CertificateAuthority, profile: str, record_property: Any
) -> None:
    changes: dict[str, Any] = {"server": {"profile": profile}}
    made = collected(COUNT)
    if profile == "trusted":
        manifest = tmp_path / "manifest.json"
        manifest.write_text(json.dumps({str(number): text for number, text in enumerate(made[::2])}))
        changes["documents"] = {"mode": "enforce", "manifest": str(manifest)}
    counts: Counter[str] = Counter()
    async with running(tmp_path, authority, changes) as scene:
        secrets = [each for each in scene.secrets() if len(each) > 6]
        turn, headers = asyncio.Semaphore(8), {"accept": "application/graphql-response+json"}

        async def ask(text: str) -> None:
            async with turn:
                reply = await scene.client.post("/graphql", json={"query": text}, headers=headers)
            assert reply.status_code < 500, (text, reply.text)
            assert LEAKS.search(reply.text) is None, (text, reply.text)
            assert not any(each in reply.text for each in secrets), text
            for error in reply.json().get("errors", ()):
                assert error["extensions"]["code"] != "INTERNAL", (text, error)
                counts[error["extensions"]["code"]] += 1
            counts["answered"] += 1

        await asyncio.gather(*(ask(text) for text in made if not text.lstrip().startswith("subscription")))
    record_property("figure", f"generated, {profile}: {dict(counts)}")
    assert counts["answered"] >= COUNT * 0.9


def collected(count: int) -> list[str]:
    """So many operations, the same each time."""
    found: list[str] = []

    @seed(2026)
    @settings(
        max_examples=count, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(operations())
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return found
