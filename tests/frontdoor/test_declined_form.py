"""Declined forms: an operation that will be refused is refused before its files are received."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from scene import Scene

from gateway.auth.api_key import digest

KEY = "csk_" + "k" * 43
UPLOAD = "mutation M($f: Upload!) { uploadFile(file: $f) { problems { code path } } }"
INVALID = "mutation M($f: Upload!) { uploadFil(file: $f) { problems { code } } }"
WITHOUT_SCOPES: Mapping[str, Any] = {
    "authentication": {"keys": [{"name": "weak", "sha256": digest(KEY), "scopes": []}]},
}


def field(name: str, content: object) -> bytes:
    return b'--x\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), json.dumps(content).encode())


def beginning(query: str) -> bytes:
    """A form whose file does not end."""
    operations = field("operations", {"query": query, "variables": {"f": None}})
    file = b'--x\r\ncontent-disposition: form-data; name="0"; filename="a.pdf"\r\n\r\n%PDF-1.7'
    return operations + field("map", {"0": ["variables.f"]}) + file


async def answer(address: str, body: bytes, length: int = 200_000_000, key: str = KEY) -> tuple[int, Any]:
    """What comes back to a request of which no more than this is ever sent."""
    where = urlsplit(address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: {where.netloc}\r\nauthorization: Bearer {key}\r\naccept: application/json\r\n"
        f"content-type: multipart/form-data; boundary=x\r\ngraphql-require-preflight: 1\r\ncontent-length: {length}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    try:
        async with asyncio.timeout(10):
            status = int((await reader.readline()).split()[1])
            headers = await reader.readuntil(b"\r\n\r\n")
            size = next(int(line[15:]) for line in headers.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            return status, json.loads(await reader.readexactly(size))
    finally:
        writer.close()


@pytest.mark.parametrize("changes", [WITHOUT_SCOPES])
async def test_form_without_scope_is_refused_before_its_files(wide: Scene) -> None:
    status, told = await answer(wide.address, beginning(UPLOAD))
    assert (status, told["data"]["uploadFile"]["problems"]) == (200, [{"code": "FORBIDDEN", "path": None}])


async def test_form_with_invalid_operation_is_refused_before_its_files(scene: Scene) -> None:
    status, told = await answer(scene.address, beginning(INVALID))
    assert (status, told["errors"][0]["extensions"]["code"]) == (200, "GRAPHQL_VALIDATION_FAILED")


async def test_form_with_files_before_operation_is_refused(scene: Scene) -> None:
    file = b'--x\r\ncontent-disposition: form-data; name="0"; filename="a.pdf"\r\n\r\n%PDF-1.7\r\n'
    assert (await answer(scene.address, file))[0] == 400


@pytest.mark.parametrize("changes", [{"authentication": WITHOUT_SCOPES["authentication"]}])
async def test_unauthenticated_form_is_refused_before_its_operation(wide: Scene) -> None:
    assert (await answer(wide.address, b"--x\r\n", key="csk_" + "n" * 43))[0] == 401
