"""Servers without any protection, on which each attack has to succeed: what it finds here, it would have found in ours.

``plain`` is strawberry in FastAPI behind uvicorn as their tutorials have them, with every door open. ``trusting`` is the
same without validation, as those do who would save its time. ``bare`` reads HTTP by itself, and GraphQL by recursion: it is
for what the parsers of uvicorn and graphql-core do not let through.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import strawberry
import uvicorn
from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response, StreamingResponse
from strawberry.extensions import DisableValidation, QueryDepthLimiter
from strawberry.fastapi import GraphQLRouter
from strawberry.file_uploads import Upload
from strawberry.schema.config import StrawberryConfig

LARGE = 8 * 2**20
_DELIVERIES: list[bytes] = []


@strawberry.type
class Node:
    id: strawberry.ID
    name: str = "x"

    @strawberry.field
    def session(self) -> Session:
        return Session(id=self.id)


@strawberry.type
class Session:
    id: strawberry.ID

    @strawberry.field
    def documents(self) -> list[Node]:
        return [Node(id=self.id)]

    @strawberry.field
    def title(self) -> str:
        return "x"


@strawberry.type
class Sessions:
    nodes: list[Session]


@strawberry.type
class Deliveries:
    nodes: list[Node]


@strawberry.type
class Staged:
    upload: Node | None


@strawberry.input
class Filter:
    title_contains: str | None = None
    providers: list[str] | None = None


@strawberry.type
class Query:
    @strawberry.field
    def viewer(self) -> Node:
        return Node(id=strawberry.ID("1"))

    @strawberry.field
    def nodes(self, ids: list[strawberry.ID]) -> list[Node]:
        return [Node(id=each) for each in ids]

    @strawberry.field
    def sessions(self, first: int = 10, filter: Filter | None = None) -> Sessions:  # noqa: A002
        return Sessions(nodes=[Session(id=strawberry.ID("1"))])

    @strawberry.field
    def webhook_deliveries(self, first: int = 10) -> Deliveries:
        return Deliveries(nodes=[Node(id=strawberry.ID("1")) for _ in _DELIVERIES])


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def upload_file(self, file: Upload) -> Staged:
        await file.read()
        return Staged(upload=Node(id=strawberry.ID("1")))


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def provider_health(self) -> AsyncIterator[Node]:
        yield Node(id=strawberry.ID("1"))
        await asyncio.Event().wait()


def _schema(validated: bool) -> strawberry.Schema:
    config = StrawberryConfig(batching_config={"max_operations": 1_000_000})
    extensions = [lambda: QueryDepthLimiter(max_depth=10_000)] if validated else [DisableValidation]
    return strawberry.Schema(Query, Mutation, Subscription, config=config, extensions=extensions)


def application(*, validated: bool) -> FastAPI:
    """The application of ``plain``, or of ``trusting``."""
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True, allow_methods=["*"], allow_headers=["*"])
    router: Any = GraphQLRouter(
        _schema(validated),
        multipart_uploads_enabled=True,
        allowed_origins=["*"],
        max_subscriptions_per_connection=None,
        subscription_protocols=("graphql-transport-ws", "graphql-ws", "graphql-sse"),
    )
    app.include_router(router, prefix="/graphql")

    @app.put("/uploads", status_code=201)
    async def upload(request: Request, filename: str = "x") -> dict[str, Any]:
        body = await request.body()
        return {"id": "1", "filename": filename, "mediaType": request.headers.get("content-type"), "sizeBytes": len(body)}

    @app.get("/documents/{name}")
    async def download(name: str) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(LARGE // 65_536):
                yield b"<script>alert(1)</script>".ljust(65_536)

        return StreamingResponse(chunks(), media_type="text/html", headers={"content-length": str(LARGE)})

    @app.get("/graphiql")
    async def graphiql() -> Response:
        return Response('<script src="https://cdn.example/graphiql.js"></script>', media_type="text/html")

    @app.get("/graphiql/{path:path}")
    async def asset(path: str) -> Response:
        return Response((Path(__file__).parent / path).read_bytes(), media_type="text/plain")

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/webhooks/{provider}", status_code=202)
    async def webhook(provider: str, request: Request) -> JSONResponse:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        json.loads(body)
        _DELIVERIES.append(body)
        return JSONResponse({"outcome": "PENDING"}, 202)

    return app


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """An application behind uvicorn as it comes, but for the patience of those who only wait."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", timeout_keep_alive=3600, lifespan="off")
    server = uvicorn.Server(config)
    server.config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    server.server_state.default_headers = config.encoded_headers
    try:
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"
    finally:
        server.force_exit = True
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        for task in list(server.server_state.tasks):
            task.cancel()
        await server.shutdown()


async def _bare(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Believes whatever is said, and repeats some of it."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    line = head.partition(b"\r\n")[0].replace(b"%0d%0a", b"\r\n")
    try:
        _selected(body, 0)
        answer = b"HTTP/1.1 200 OK\r\nx-asked: %s\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}" % line
    except RecursionError:
        answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 9\r\n\r\nTraceback"
    writer.write(answer)
    writer.close()


def _selected(text: bytes, place: int) -> int:
    """Where a selection ends, or a list or an object, that begins here."""
    while place < len(text):
        if text[place] in b"{[":
            place = _selected(text, place + 1)
        elif text[place] in b"}]":
            return place + 1
        else:
            place += 1
    return place


@asynccontextmanager
async def bare() -> AsyncIterator[str]:
    """A server that reads HTTP by itself."""
    async with await asyncio.start_server(_bare, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"
