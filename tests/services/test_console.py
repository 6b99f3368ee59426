"""The page for people as it is built and served. How it behaves in a browser is shown in ``tests/browser``."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import httpx
import pytest
from graphql import NoUnusedFragmentsRule, build_schema, parse, specified_rules, validate

from gateway.app import create_app
from gateway.config import parse as configured
from gateway.console import BUILT, OPERATIONS
from gateway.server.server import serve_app

SOURCES = BUILT.parent
PARTS = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "public", "src")
TYPES = SOURCES / "src/api/schema.d.ts"
LIMIT = 300_000
COMPRESSED = {".woff2"}


def files(*paths: Path) -> list[Path]:
    found = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]
    return sorted(found, key=str)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_built_page_matches_its_sources() -> None:
    build = json.loads((BUILT / "build.json").read_text())
    sources = [path for path in files(*(SOURCES / part for part in PARTS)) if path != TYPES]
    lines = [f"{sha256(path.read_bytes())}  {path.relative_to(SOURCES)}\n" for path in sources]
    assert build["sources"] == sha256("".join(lines).encode()), "run make console, and commit what it makes"
    built = {str(path.relative_to(BUILT)): sha256(path.read_bytes()) for path in files(BUILT) if path.name != "build.json"}
    assert build["files"] == built


def test_page_has_a_size_limit() -> None:
    sizes = {
        path.name: len(content if path.suffix in COMPRESSED else gzip.compress(content, 9))
        for path in files(BUILT)
        if (content := path.read_bytes())
    }
    assert sum(sizes.values()) < LIMIT, sizes


def test_operations_of_page_are_valid_against_schema() -> None:
    schema = build_schema((SOURCES.parents[1] / "schema/schema.graphql").read_text())
    texts = [path.read_text() for path in files(SOURCES / "src/api/operations")]
    documents = [found for text in texts for found in re.findall(r"graphql\(\s*`([^`]*)`", text)]
    assert len(documents) > 20
    rules = [rule for rule in specified_rules if rule is not NoUnusedFragmentsRule]
    assert validate(schema, parse("\n".join(documents)), rules) == []
    sent = json.loads(OPERATIONS.read_text())
    assert len(sent) > 20
    for name, text in sent.items():
        assert name == sha256(text.encode())
        assert validate(schema, parse(text)) == []


def test_page_names_no_other_host() -> None:
    known = {
        "http://www.w3.org",
        "https://github.com",
        "https://bit.ly",
    }  # a namespace, and where libraries explain their errors
    named = {
        host for path in files(BUILT) if path.suffix != ".md" for host in re.findall(rb"https?://[\w.-]+", path.read_bytes())
    }
    assert {host.decode() for host in named} <= known


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/index.html"])
async def test_page_loads_only_its_own_files(tmp_path: Path, path: str) -> None:
    settings = configured({"database": {"url": f"sqlite:///{tmp_path}/c.db"}, "uploads": {"folder": str(tmp_path)}}, {})
    async with serve_app(create_app(settings)) as address, httpx.AsyncClient(base_url=address) as client:
        page = await client.get(path)
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-cache"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", page.text)
        for linked in re.findall(r'(?:src|href)="(/console/[^"]+)"', page.text):
            file = await client.get(linked)
            assert file.status_code == 200, linked
            assert file.headers["content-security-policy"] == policy
        script = re.search(r'src="(/console/assets/[^"]+)"', page.text)
        assert script
        assert "immutable" in (await client.get(script[1])).headers["cache-control"]
        assert (await client.get("/console/assets/none.js")).status_code == 404
