"""Prints what a large file costs the gateway's memory, on its way in, through to a provider, and out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
from rich.console import Console
from rich.table import Table

from gateway.demo.client import CREATE, Client
from tests.bench.process import Process, running

MEGABYTE = 2**20
SIZE = 200 * MEGABYTE
BOUND = 40.0
MULTIPART = {"content-type": "multipart/form-data; boundary=x", "graphql-require-preflight": "1"}
DOCUMENTS = "query Originals($id: ID!) { session(id: $id) { documents(roles: [TO_SIGN]) { download { url } } } }"


async def large_pdf() -> AsyncIterator[bytes]:
    """200 MB that begin and end like a PDF."""
    yield b"%PDF-1.7\n".ljust(MEGABYTE, b"%")
    for _ in range(SIZE // MEGABYTE - 2):
        yield b"\0" * MEGABYTE
    yield b"\nstartxref\n0\n%%EOF\n".rjust(MEGABYTE, b"\0")


async def multipart() -> AsyncIterator[bytes]:
    """The same as a GraphQL multipart request."""
    operations = (
        '{"query": "mutation($file: Upload!) { uploadFile(file: $file) { upload { id } } }", "variables": {"file": null}}'
    )
    yield f'--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{operations}\r\n'.encode()
    yield b'--x\r\ncontent-disposition: form-data; name="map"\r\n\r\n{"0": ["variables.file"]}\r\n'
    yield b'--x\r\ncontent-disposition: form-data; name="0"; filename="large.pdf"\r\ncontent-type: application/pdf\r\n\r\n'
    async for chunk in large_pdf():
        yield chunk
    yield b"\r\n--x--\r\n"


async def measure(address: str, process: Process) -> dict[str, float]:
    """Megabytes that each of three jobs added to the most that the gateway has held."""
    grown: dict[str, float] = {}
    async with Client(address) as client, httpx.AsyncClient(base_url=address, timeout=300) as http:
        before = process.start_peak()
        headers = {"content-type": "application/pdf", "content-length": str(SIZE)}
        reply = await http.put("/uploads", params={"filename": "large.pdf"}, content=large_pdf(), headers=headers)
        reply.raise_for_status()
        grown["upload (PUT /uploads)"] = process.peak() - before

        before = process.start_peak()
        reply = await http.post("/graphql", content=multipart(), headers=MULTIPART)
        upload = reply.raise_for_status().json()["data"]["uploadFile"]["upload"]["id"]
        grown["upload (multipart uploadFile)"] = process.peak() - before

        before = process.start_peak()
        given = {
            "provider": "signicat",
            "title": "A large document",
            "documents": [{"upload": upload}],
            "participants": [{"firstName": "Ada", "lastName": "Nordmann"}],
        }
        session = (await client.mutate(CREATE, "createSession", given))["session"]["id"]
        grown["through to the provider (createSession)"] = process.peak() - before

        url = (await client.execute(DOCUMENTS, id=session))["session"]["documents"][0]["download"]["url"]
        before, size = process.start_peak(), 0
        async with http.stream("GET", url) as download:
            async for chunk in download.aiter_raw():
                size += len(chunk)
        if size != SIZE:
            raise SystemExit(f"the download has {size} bytes")
        grown["download (GET /documents)"] = process.peak() - before
    return grown


async def main(console: Console) -> int:
    """Measures and prints; 1 where a bound does not hold."""
    async with running({"signicat": {"timeout": 60}}) as gateway:
        grown = await measure(gateway.address, gateway.process)
    table = Table(title=f"A file of {SIZE // MEGABYTE} MB: what it adds to the gateway's memory (bound {BOUND:.0f} MB)")
    table.add_column("job")
    table.add_column("MB", justify="right")
    for job, megabytes in grown.items():
        table.add_row(job, f"{megabytes:.1f}")
    console.print(table)
    return int(max(grown.values()) >= BOUND)
