"""HTTP/2 over the httpx transport, where one connection carries many requests."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from upstream import self_signed

from providers.errors import TimedOut
from providers.http.client import HttpClient
from providers.http.transport import client_context

pytestmark = pytest.mark.usefixtures("no_proxy")
SAID = b'{"name": "mine"}'


class Server:
    """Answers each call over HTTP/2 at once, but those to a path that ends in ``hang``."""

    def __init__(self) -> None:
        self.connections = 0
        self.ended = 0
        self.asked: list[str] = []
        self.change = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = H2Connection(H2Configuration(client_side=False))
        connection.initiate_connection()
        paths: dict[int, str] = {}
        try:
            writer.write(connection.data_to_send())
            while data := await reader.read(65_536):
                for event in connection.receive_data(data):
                    match event:
                        case RequestReceived():
                            paths[event.stream_id] = dict(event.headers)[b":path"].decode()
                            self.asked.append(paths[event.stream_id])
                        case DataReceived():
                            connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                        case StreamEnded() if not paths[event.stream_id].endswith("hang"):
                            connection.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/json")])
                            connection.send_data(event.stream_id, SAID, end_stream=True)
                writer.write(connection.data_to_send())
                self.change.set()
        except ConnectionError:
            pass
        finally:
            self.ended += 1
            self.change.set()
            writer.close()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():
                self.change.clear()
                await self.change.wait()


@pytest.fixture
async def served(tmp_path, monkeypatch) -> AsyncIterator[tuple[Server, str]]:
    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed("127.0.0.1"))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    client_context.cache_clear()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    context.set_alpn_protocols(["h2"])
    server = Server()
    listener = await asyncio.start_server(server.talk, "127.0.0.1", 0, ssl=context)
    yield server, f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    listener.close()
    client_context.cache_clear()


@pytest.fixture
def transport() -> str:
    return "httpx"


@asynccontextmanager
async def reached(connect: Callable, url: str, **options: object) -> AsyncIterator[HttpClient]:
    http = await connect(url, **options)
    try:
        yield http
    finally:
        await http.close()


async def test_concurrent_requests_share_a_connection(connect, served):
    server, url = served
    async with reached(connect, url) as http:
        await http.request("GET", "/things")
        replies = await asyncio.gather(*(http.request("POST", f"/things/{number}?a=%2F", json={}) for number in range(10)))
    assert {reply.body for reply in replies} == {SAID}
    assert server.connections == 1
    assert "/things/3?a=%2F" in server.asked


@pytest.mark.parametrize("given_up", ["canceled", "late"])
async def test_abandoned_request_retires_its_connection_once_the_others_have_ended(connect, served, given_up):
    server, url = served
    async with reached(connect, url, timeout=0.5 if given_up == "late" else 5) as http:
        await http.request("GET", "/things")
        call = asyncio.create_task(http.request("POST", "/hang", repeatable=True))
        await server.until(lambda: "/hang" in server.asked)
        if given_up == "canceled":
            call.cancel()
        with pytest.raises(asyncio.CancelledError if given_up == "canceled" else TimedOut):
            await call
        await server.until(lambda: server.ended >= 1)
        assert (await http.request("GET", "/things")).body == SAID
    assert server.connections >= 2, "what a call was abandoned on carries no other"
