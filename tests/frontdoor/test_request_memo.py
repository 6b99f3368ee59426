"""Request memo: a repeated request is not parsed again, and answered as if it were."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from starlette.types import Receive

from gateway.auth.viewer import NOBODY
from schema.transport.request import HttpError, RequestParams, RequestReader


async def read(reader: RequestReader, content: bytes) -> RequestParams:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": content, "more_body": False}

    headers = {b"content-type": b"application/json"}
    return (await reader.read({"method": "POST", "query_string": b""}, cast(Receive, receive), headers, lambda: NOBODY)).params


def asked(**told: Any) -> bytes:
    return json.dumps({"query": "{ viewer { id } }", **told}).encode()


async def test_repeated_request_is_parsed_once() -> None:
    reader = RequestReader(100_000)
    first = await read(reader, asked(variables={"a": "x", "b": None}))
    assert await read(reader, asked(variables={"a": "x", "b": None})) is first
    assert await read(reader, asked(variables={"a": "y", "b": None})) is not first


@pytest.mark.parametrize(
    "told", [{"variables": {"a": [1]}}, {"variables": {"a": {"b": "c"}}}, {"query": "{ viewer { id } }" + " " * 2_048}]
)
async def test_long_or_mutable_request_is_parsed_again(told: dict[str, Any]) -> None:
    reader = RequestReader(100_000)
    assert await read(reader, asked(**told)) is not await read(reader, asked(**told))


async def test_request_memo_is_an_lru_cache() -> None:
    reader = RequestReader(100_000)
    first = await read(reader, asked(variables={"a": -1}))
    gone = await read(reader, asked(variables={"a": -2}))
    for number in range(999):
        await read(reader, asked(variables={"a": number}))
        assert await read(reader, asked(variables={"a": -1})) is first
    assert await read(reader, asked(variables={"a": -2})) is not gone
    assert len(reader._cached) == 1_000


async def test_malformed_request_is_refused_each_time() -> None:
    reader = RequestReader(100_000)
    for _ in range(2):
        with pytest.raises(HttpError):
            await read(reader, asked(query=""))
