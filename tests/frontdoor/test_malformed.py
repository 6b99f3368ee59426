"""Malformed requests: refused as JSON, with a fitting status, and without a traceback."""

from __future__ import annotations

import gzip
import json
import logging

import pytest
from liveclient import live
from scene import Scene

JSON = {"content-type": "application/json"}
MULTIPART = {"graphql-require-preflight": "1"}
ID = "{ viewer { id } }"


def body(**told: object) -> bytes:
    return json.dumps({"query": ID} | told).encode()


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no json": b"{",
    "a number": b"7",
    "a text": b'"x"',
    "null": b"null",
    "a list": b"[]",
    "a batch": b"[" + body() + b"]",
    "no query": b"{}",
    "an empty query": body(query=""),
    "a query that is a number": body(query=7),
    "a query that is null": body(query=None),
    "variables that are a list": body(variables=[1]),
    "variables that are a text": body(variables="{}"),
    "a name that is a number": body(operationName=7),
    "extensions that are a list": body(extensions=[1]),
    "very deep json": b'{"query":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "very deep variables": b'{"query":"{ viewer { id } }","variables":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "deep variables": body(variables={"a": json.loads("[" * 60 + "]" * 60)}),
    "a very deep member that nobody reads": b'{"query":"{ viewer { id } }","x":'
    + b'{"a":' * 50_000
    + b"1"
    + b"}" * 50_000
    + b"}",
    "bytes that are no utf-8": b'{"query":"\\xff\\xfe"}'.replace(b"\\xff\\xfe", b"\xff\xfe"),
    "half a character": b'{"query":"{ viewer { id } } #\\ud800"}',
    "a document that is nested without end": body(query="{a" * 50_000),
    "a syntax that is none": body(query="{ viewer { id }"),
    "a text with a nul": body(query="{ viewer \x00 { id } }"),
}
BARE = json.dumps({"query": ID, "variables": {"a": None}})
FORMS: dict[str, dict[str, object]] = {
    "no map": {"operations": json.dumps({"query": ID})},
    "no operations": {"map": "{}"},
    "operations that are a list": {"operations": "[1]", "map": "{}"},
    "operations that are a text": {"operations": '"x"', "map": "{}"},
    "a map that is a list": {"operations": json.dumps({"query": ID}), "map": "[1]"},
    "a map into a number": {"operations": json.dumps({"query": ID, "variables": {"a": 1}}), "map": '{"0": ["variables.a.b"]}'},
    "a map to nowhere": {"operations": json.dumps({"query": ID}), "map": '{"0": ["variables.a"]}'},
    "a map of a file that is not there": {
        "operations": json.dumps({"query": ID, "variables": {"a": None}}),
        "map": '{"9": ["variables.a"]}',
    },
    "a map of very many": {"operations": json.dumps({"query": ID}), "map": json.dumps({str(n): [] for n in range(20_000)})},
    "a map that goes deep": {
        "operations": json.dumps({"query": ID, "variables": {}}),
        "map": '{"0": ["' + "a." * 5_000 + 'b"]}',
    },
}


def quiet(caplog: pytest.LogCaptureFixture) -> None:
    assert [each for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("what", BODIES)
async def test_malformed_json_body_is_refused(scene: Scene, caplog: pytest.LogCaptureFixture, what: str) -> None:
    headers = JSON | {"accept": "application/graphql-response+json"}
    reply = await scene.client.post("/graphql", content=BODIES[what], headers=headers)
    said = what.startswith("a very deep member")  # nothing in it is read, so it is no mistake
    assert (reply.status_code == 200) if said and reply.status_code == 200 else 400 <= reply.status_code < 500, reply.text
    assert reply.status_code == 200 or reply.json()["errors"][0]["extensions"]["code"] != "INTERNAL"
    assert "Traceback" not in reply.text
    quiet(caplog)


@pytest.mark.parametrize("what", FORMS)
async def test_malformed_form_is_refused(scene: Scene, caplog: pytest.LogCaptureFixture, what: str) -> None:
    files = {"0": ("a.txt", b"x", "text/plain")}
    reply = await scene.client.post("/graphql", data=FORMS[what], files=files, headers=MULTIPART)
    assert 400 <= reply.status_code < 500 or "errors" not in reply.json(), reply.text
    assert reply.json().get("errors", [{"extensions": {"code": ""}}])[0]["extensions"]["code"] != "INTERNAL"
    quiet(caplog)


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"content-type": "text/plain"}, body(), 415),
        ({"content-type": "application/x-www-form-urlencoded"}, b"query=x", 415),
        ({}, body(), 415),
        (JSON | {"content-encoding": "gzip"}, gzip.compress(body(), mtime=0), 415),
        (JSON | {"accept": "text/html"}, body(), 406),
        (JSON | {"content-length": "3000000"}, b" " * 3_000_000, 413),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x--", 400),
    ],
    ids=["text", "a form", "nothing said", "compressed", "wants html", "too large", "a form of parts"],
)
async def test_request_of_other_method_or_media_type_is_refused(
    scene: Scene, headers: dict[str, str], content: bytes, status: int
) -> None:
    reply = await scene.client.post("/graphql", content=content, headers=headers)
    assert reply.status_code == status
    assert reply.json()["errors"]


@pytest.mark.parametrize(
    "integer",
    ["9" * 5_000, "-" + "9" * 5_000, "1e400", "123456789012345678901234567890"],
    ids=["long", "long and negative", "beyond a float", "beyond an int"],
)
async def test_number_out_of_range_is_refused(scene: Scene, caplog: pytest.LogCaptureFixture, integer: str) -> None:
    text = "query Q($n: Int) { sessions(first: $n) { totalCount } }"
    content = f'{{"query": {json.dumps(text)}, "variables": {{"n": {integer}}}}}'.encode()
    for request in (content, body(query=f"{{ sessions(first: {integer}) {{ totalCount }} }}")):
        reply = await scene.client.post("/graphql", content=request, headers=JSON)
        assert reply.status_code in {200, 400}
        assert reply.json()["errors"][0]["extensions"]["code"] != "INTERNAL"
    quiet(caplog)


MESSAGES: dict[str, str | bytes] = {
    "a list": "[]",
    "null": "null",
    "a text": '"x"',
    "a number": "7",
    "an object": "{}",
    "of no type": '{"type":"x"}',
    "no json": "{",
    "bytes": b"\x00\x01",
    "without a payload": '{"type":"subscribe"}',
    "very deep": "[" * 50_000,
}


@pytest.mark.parametrize("what", MESSAGES)
async def test_malformed_websocket_message_closes_socket(scene: Scene, caplog: pytest.LogCaptureFixture, what: str) -> None:
    async with live(scene.address) as client:
        await client.say(MESSAGES[what])
        assert (await client.end())[0] == 4400
    quiet(caplog)


@pytest.mark.parametrize("name", ["query", "variables", "operationName", "extensions", "documentId"])
async def test_repeated_query_parameter_is_refused(scene: Scene, name: str) -> None:
    said = [("query", "{ viewer { id } }"), (name, "{}"), (name, "{}")]
    reply = await scene.client.get("/graphql", params=said)
    assert (reply.status_code, reply.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")


async def test_upload_with_two_filenames_is_refused(scene: Scene) -> None:
    reply = await scene.client.put("/uploads?filename=a.pdf&filename=b.pdf", content=b"%PDF-1.7")
    assert (reply.status_code, reply.json()["problem"]["code"]) == (400, "INVALID")
