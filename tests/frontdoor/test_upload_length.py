"""Uploads whose Content-Length is not the length of their body: refused, and nothing of them is staged."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from scene import Scene

PDF = b"%PDF-1.7\n" + b"x" * 5_000 + b"\nstartxref\n9\n%%EOF\n"
TEXT = b"a line of text\n" * 400


async def put(address: str, body: bytes, length: int, kind: str, *, split: int | None = None, close: bool = False) -> bytes:
    """The response to an upload that claims this length; ``close`` closes the connection for writing behind the body."""
    where = urlsplit(address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = (
        f"PUT /uploads?filename=a HTTP/1.1\r\nhost: {where.netloc}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
    )
    writer.write(head.encode() + body[:split])
    if split is not None:
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(body[split:])
    if close:
        writer.write_eof()
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


def staged(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file() and each.parent.name == "uploads"]


@pytest.mark.parametrize(("body", "kind"), [(PDF, "application/pdf"), (TEXT, "text/plain")])
@pytest.mark.parametrize("split", [None, 100])
async def test_a_body_that_is_longer_than_its_length_is_refused(
    scene: Scene, tmp_path: Path, body: bytes, kind: str, split: int | None
) -> None:
    told = await put(scene.address, body, len(body) - 10, kind, split=split)
    assert told.startswith(b"HTTP/1.1 400 ")
    await asyncio.sleep(0.2)
    assert staged(tmp_path) == []


@pytest.mark.parametrize(("body", "kind"), [(PDF, "application/pdf"), (TEXT, "text/plain")])
@pytest.mark.parametrize("split", [None, 100])
async def test_a_body_that_ends_before_its_length_is_refused(
    scene: Scene, tmp_path: Path, body: bytes, kind: str, split: int | None
) -> None:
    told = await put(scene.address, body, len(body) + 10, kind, split=split, close=True)
    assert told.startswith(b"HTTP/1.1 400 ")
    await asyncio.sleep(0.2)
    assert staged(tmp_path) == []


@pytest.mark.parametrize("changes", [{"connections": {"head": 0.5, "pace": 1_000_000}}])
async def test_a_body_that_stays_shorter_than_its_length_is_refused(wide: Scene, tmp_path: Path) -> None:
    told = await put(wide.address, PDF, len(PDF) + 10, "application/pdf")
    assert told.startswith(b"HTTP/1.1 408 ")
    await asyncio.sleep(0.2)
    assert staged(tmp_path) == []


async def test_a_body_of_its_length_is_staged(scene: Scene, tmp_path: Path) -> None:
    told = await put(scene.address, PDF, len(PDF), "application/pdf\r\nconnection: close")
    assert told.startswith(b"HTTP/1.1 201 ")
    assert len(staged(tmp_path)) == 1
