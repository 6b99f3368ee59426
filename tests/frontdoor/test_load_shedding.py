"""Load shedding: one client that asks too much is refused, while another is answered."""

from __future__ import annotations

import asyncio
import json
import os
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pulse import MOST, MOST_OF_ALL, beating, post
from scene import Scene, node_id, pdf

JSON = {"accept": "application/json"}
PROBLEMS = "problems { code path message }"
CREATE = f"mutation M($input: CreateSessionInput!) {{ createSession(input: $input) {{ {PROBLEMS} }} }}"
SAVE = f"mutation M($input: SaveSignatureInput!) {{ saveSignature(input: $input) {{ {PROBLEMS} }} }}"
ORDER = {"provider": "signicat", "title": "Lease"}
LIST = "query Q($f: SessionFilter) { sessions(filter: $f) { totalCount } }"
SIGNATURES = "query Q($f: SignatureFilter) { signatures(filter: $f) { totalCount } }"
COMPARISON = "query Q($d: Duration) { comparison(window: $d) { __typename } }"
SPREADS = "".join(f"...f{n} " for n in range(80))
RECORD = {"provider": "persist", "document": "d", "thread": "t"}
VIEWER = "{ viewer { id } }"


def asked(query: str, operation: str | None = None, **variables: Any) -> bytes:
    return json.dumps({"query": query, "variables": variables, "operationName": operation}).encode()


def ordered(**changes: Any) -> bytes:
    return asked(CREATE, input=ORDER | changes)


def kept(**changes: Any) -> bytes:
    return asked(SAVE, input=RECORD | changes)


SEAL_TITLE = {"provider": "seal", "title": "Lease of the north field " * 800}
EXCESSES: dict[str, bytes] = {
    "40,000 empty participants": ordered(participants=[{}] * 40_000),
    "450,000 empty participants": ordered(participants=[{}] * 450_000),
    "as many in a query": asked(
        "query Q($input: CreateSessionInput!) { eligibleProviders(input: $input) { eligible } }",
        input=ORDER | {"participants": [{}] * 450_000},
    ),
    "10,000 fields and participants": ordered(
        participants=[{"ref": str(n)} for n in range(10_000)],
        fields=[{"documentIndex": 0, "participantRef": str(n), "page": 1, "x": 1, "y": 1} for n in range(10_000)],
    ),
    "650,000 objects that no input declares": b'{"query":"{viewer{id}}","variables":{"x":[%s]}}' % b",".join([b"{}"] * 650_000),
    "options that are wide": ordered(options={str(n): n for n in range(100_000)}),
    "options that are deep": asked(CREATE, input={}).replace(b"{}}", b'{"options":' + b"[" * 900 + b"]" * 900 + b"}}"),
    "an object with 100,000 members": ordered(**{f"x{n}": 1 for n in range(100_000)}),
    "a name of a megabyte": ordered(**{"x" * 1_000_000: 1}),
    "a phone number of a megabyte": ordered(participants=[{"phone": "+" * 1_000_000}]),
    "a title of 20,000 characters": ordered(**SEAL_TITLE),
    "a title of 40,000 characters": ordered(**SEAL_TITLE | {"title": "\u00e4 " * 20_000}),
    "blanks within base64": kept(content="A" + " " * 40_000 + "!"),
    "a megabyte of blanks within base64": kept(content="A" + " " * 1_400_000 + "!"),
    "350,000 tags": kept(content="bm8=", tags=["x"] * 350_000),
    "190,000 statuses": asked(LIST, f={"statuses": ["PENDING"] * 190_000}),
    "190,000 kinds": asked(LIST, f={"kinds": ["SIGNING"] * 190_000}),
    "33,000 providers": asked(SIGNATURES, f={"providers": ["x"] * 33_000}),
    "100,000 names": asked("query Q($n: [String!]) { providers(names: $n) { name } }", n=["seal"] * 100_000),
    "100,000 ids": asked("query Q($n: [ID!]!) { nodes(ids: $n) { id } }", n=["x"] * 100_000),
    "a duration of a megabyte": asked(COMPARISON, d="P" + "1" * 1_000_000 + "D"),
    "a time of a megabyte": asked(LIST, f={"createdFrom": "1" * 1_000_000}),
    "a document of digits": asked("{ sessions(first: " + "1" * 1_900_000 + ") { totalCount } }"),
    "digits with gaps": asked("{ " + ("1" * 3_999 + "a ") * 24 + "}"),
    "digits in a float": asked("{ sessions(first: 1." + "1" * 90_000 + "e1) { totalCount } }"),
    "a document of blanks": asked("{" + " " * 1_900_000 + "}"),
    "a document of comments": asked("#\n" * 49_000 + VIEWER),
    "a document of one name": asked("{ " + "a" * 99_000 + " }"),
    "a document of escapes": asked('{ node(id: "' + "\\u0041" * 16_000 + '") { id } }'),
    "a document of block strings": asked('{ node(id: """' + "\n" * 95_000 + '""") { id } }'),
    "a document of unknown fields": asked("{ " + " ".join(f"sesionn{n}" for n in range(900)) + " }"),
    "a document of unknown fields on many lines": asked(
        "{ session(id: 1) { " + "".join(f"sesionn{n}" + "\n" * 90 for n in range(900)) + " } }"
    ),
    "a document of brackets": asked("{ nodes(ids: " + "[" * 900 + "]" * 900 + ") { id } }"),
    "a name of an operation that suggests": asked(VIEWER, " Did you mean " * 8_000),
    "a field that suggests": asked('{ viewer(x: "' + " Did you mean " * 6_000 + '") { id } }'),
    "one field 245 times": asked("{ providers { " + "health { state } " * 245 + "} }"),
    "two fields in turn": asked("{ providers { " + "health { state } health { state lastErrorAt } " * 110 + "} }"),
    "one field within itself": asked("{ " + "viewer { " + "id " * 300 + "} viewer { " + "id " * 300 + "} }"),
    "fragments of one field": asked(
        f"{{ providers {{ {SPREADS} }} }}" + " ".join(f"fragment f{n} on Provider {{ health {{ state }} }}" for n in range(80))
    ),
    "fragments of other fields": asked(
        f"{{ providers {{ {SPREADS} }} }}" + " ".join(f"fragment f{n} on Provider {{ a{n}: name }}" for n in range(80))
    ),
    "664 nodes under aliases": asked(
        "query Q($i: [ID!]!) { " + " ".join(f"a{n}: nodes(ids: $i) {{ id }}" for n in range(10)) + " }",
        i=[node_id("Session", "easyink", str(n)) for n in range(66)],
    ),
}


def refused(body: bytes) -> bool:
    answer = json.loads(body)
    problems = [
        each for payload in (answer.get("data") or {}).values() if isinstance(payload, dict) for each in payload["problems"]
    ]
    codes = [each["extensions"]["code"] for each in answer.get("errors", ())] + [each["code"] for each in problems]
    return bool(codes) and "INTERNAL" not in codes


@pytest.mark.parametrize("what", EXCESSES)
async def test_excessive_request_is_refused_while_other_client_is_answered(scene: Scene, what: str) -> None:
    before = scene.calls()
    async with beating(scene.address) as pulse:
        await post(scene.address, asked(VIEWER), JSON)
        await pulse.reset()
        status, body = await post(scene.address, EXCESSES[what], JSON)
        assert refused(body), (status, body[:400])
        assert len(body) < 50_000
        assert pulse.longest < MOST
        assert pulse.longest_of_all < MOST_OF_ALL
    assert scene.calls() == before


def boundary(parts: Mapping[str, tuple[str, bytes]]) -> Iterator[bytes]:
    for name, (more, content) in parts.items():
        yield b'--x\r\ncontent-disposition: form-data; name="' + name.encode() + b'"' + more.encode() + b"\r\n\r\n"
        yield content
        yield b"\r\n"
    yield b"--x--\r\n"


FORM = JSON | {"content-type": "multipart/form-data; boundary=x", "graphql-require-preflight": "1"}
UPLOAD = f"mutation M($f: Upload!) {{ uploadFile(file: $f) {{ {PROBLEMS} }} }}"
MEGABYTE = b"x" * 2**20


def form(files: int, content: bytes = MEGABYTE, **fields: bytes) -> bytes:
    parts = {"operations": ("", asked(UPLOAD, f=None)), "map": ("", b'{"0": ["variables.f"]}')}
    parts |= {name: ("", value) for name, value in fields.items()}
    parts |= {str(n): (f'; filename="{n}.pdf"', content) for n in range(files)}
    return b"".join(boundary(parts))


FORMS: dict[str, bytes] = {
    "300 fields of a megabyte": form(1, pdf(), **{f"p{n}": MEGABYTE for n in range(300)}),
    "300 files of a megabyte": form(300),
    "three fields of a megabyte": form(1, pdf(), a=MEGABYTE, b=MEGABYTE, c=MEGABYTE),
    "an operation of 640,000 objects": b"".join(
        boundary({"operations": ("", b'{"query":"{viewer{id}}","variables":{"x":[%s]}}' % b",".join([b"{}"] * 640_000))})
    ),
    "100,000 small fields": form(1, pdf(), **{f"p{n}": b"" for n in range(100_000)}),
}


@pytest.mark.parametrize("what", FORMS)
async def test_oversized_form_is_refused_while_it_is_received(scene: Scene, what: str) -> None:
    async with beating(scene.address) as pulse:
        await post(scene.address, asked(VIEWER), JSON)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await pulse.reset()
        try:
            status, body = await post(scene.address, FORMS[what], FORM)
        except (BrokenPipeError, ConnectionResetError):
            status, body = 413, b'{"errors": [{"extensions": {"code": "BAD_REQUEST"}}]}'
        assert (status, refused(body)) == (413, True), body
        assert pulse.longest < MOST
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 64 * 2**20


@pytest.mark.parametrize("changes", [{"uploads": {"max_bytes": 2**20, "form_bytes": 2**24}}])
async def test_oversized_file_is_cut_off_while_it_is_received(wide: Scene, tmp_path: Path) -> None:
    status, body = await post(wide.address, form(1, MEGABYTE * 8), FORM)
    assert status == 200
    [problem] = json.loads(body)["data"]["uploadFile"]["problems"]
    assert problem["code"] == "TOO_LARGE"
    assert list((wide.folder / "uploads").iterdir()) == []
    with_all = await asyncio.gather(post(wide.address, form(1, MEGABYTE * 40), FORM), return_exceptions=True)
    assert isinstance(with_all[0], OSError) or with_all[0][0] == 413
    assert os.listdir(wide.folder / "uploads") == []
