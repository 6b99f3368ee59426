"""Multipart requests have one meaning: a file is where its map says, under its client's name, or the form is refused."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import httpx
import pytest
from scene import Scene, pdf

from providers.sandbox.certificate_authority import sample_pdf

PREFLIGHT = {"graphql-require-preflight": "1"}
STAGED = "upload { id filename sha256 sizeBytes } problems { code path message }"
TWO = (
    f"mutation M($a: Upload!, $b: Upload!) {{ a: uploadFile(file: $a) {{ {STAGED} }} b: uploadFile(file: $b) {{ {STAGED} }} }}"
)
ONE = f"mutation M($a: Upload!) {{ uploadFile(file: $a) {{ {STAGED} }} }}"
SAME = f"mutation M($a: Upload!) {{ a: uploadFile(file: $a) {{ {STAGED} }} b: uploadFile(file: $a) {{ {STAGED} }} }}"
ELIGIBLE = (
    """query Q($f: Upload!) { a: eligibleProviders(input: INPUT) { SHOWN } b: eligibleProviders(input: INPUT) { SHOWN } }"""
)
ELIGIBLE = ELIGIBLE.replace("INPUT", '{provider: "seal", title: "x", documents: [{file: $f}]}')
ELIGIBLE = ELIGIBLE.replace("SHOWN", "provider { name } problems { path }")
CREATE = """mutation M($input: CreateSessionInput!) { createSession(input: $input) {
  session { id documents { filename } } problems { code path message } } }"""


async def post(scene: Scene, query: str, variables: Any, places: Any, files: Any) -> httpx.Response:
    told = places if isinstance(places, str) else json.dumps(places)
    form = {"operations": json.dumps({"query": query, "variables": variables}), "map": told}
    return await scene.client.post("/graphql", data=form, files=files, headers=PREFLIGHT)


def lease(content: bytes | None = None) -> tuple[str, bytes, str]:
    return ("lease.pdf", content or pdf(), "application/pdf")


def large() -> bytes:
    """A PDF that is kept on the disk while it is read."""
    content = sample_pdf("Large")
    head, tail = content[:9], content[9:]
    return head + b"%" + b"x" * 3_000_000 + b"\n" + tail


@pytest.mark.parametrize("content", [pdf(), large()], ids=["in memory", "on the disk"])
async def test_file_is_whole_at_every_place_of_its_map(scene: Scene, content: bytes) -> None:
    places = {"0": ["variables.a", "variables.b"]}
    reply = await post(scene, TWO, {"a": None, "b": None}, places, {"0": lease(content)})
    data = reply.json()["data"]
    assert [data[name]["problems"] for name in "ab"] == [[], []]
    assert {data[name]["upload"]["sizeBytes"] for name in "ab"} == {len(content)}
    assert data["a"]["upload"]["sha256"] == data["b"]["upload"]["sha256"]


@pytest.mark.parametrize("content", [pdf(), large()], ids=["in memory", "on the disk"])
async def test_file_variable_is_whole_wherever_it_is_used(scene: Scene, content: bytes) -> None:
    data = (await post(scene, SAME, {"a": None}, {"0": ["variables.a"]}, {"0": lease(content)})).json()["data"]
    assert {data[name]["upload"]["sizeBytes"] for name in "ab"} == {len(content)}
    data = (await post(scene, ELIGIBLE, {"f": None}, {"0": ["variables.f"]}, {"0": lease(content)})).json()["data"]
    for name in "ab":
        assert {"provider": {"name": "seal"}, "problems": []} in data[name]


@pytest.mark.parametrize(
    "index", ["-1", "-0", "01", "+1", "1_0", " 0", "0 ", "\uff11", "\u0660", "1.0", "", "2", "9" * 400, "length"]
)
async def test_index_of_map_has_one_spelling(scene: Scene, index: str) -> None:
    documents = [{"file": None}, {"file": None}]
    variables = {"input": {"provider": "seal", "title": "x", "documents": documents}}
    before = sorted((scene.folder / "uploads").iterdir())
    reply = await post(scene, CREATE, variables, {"0": [f"variables.input.documents.{index}.file"]}, {"0": lease()})
    assert reply.status_code == 400, reply.text
    assert reply.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert sorted((scene.folder / "uploads").iterdir()) == before
    assert not scene.sandboxes["seal"].calls


@pytest.mark.parametrize("index", ["-1", "01", "+0", "\uff11", "1"])
async def test_nested_index_of_map_has_one_spelling(scene: Scene, index: str) -> None:
    query = 'query Q($o: JSON) { eligibleProviders(input: {provider: "seal", title: "x", options: $o}) { eligible } }'
    places = {"0": [f"variables.o.files.{index}"]}
    assert (await post(scene, query, {"o": {"files": [None]}}, places, {"0": lease()})).status_code == 400


MAPS: dict[str, tuple[Any, Any, Any]] = {
    "a path twice": ({"a": None}, {"0": ["variables.a", "variables.a"]}, {"0": lease()}),
    "a path for two files": ({"a": None}, {"0": ["variables.a"], "1": ["variables.a"]}, {"0": lease(), "1": lease()}),
    "a member of the map twice": ({"a": None}, '{"0": ["variables.a"], "0": ["variables.a"]}', {"0": lease()}),
    "a file that is not in the map": ({"a": None}, {"0": ["variables.a"]}, {"0": lease(), "1": lease()}),
    "a file that is not in the form": ({"a": None}, {"0": ["variables.a"], "1": ["variables.b"]}, {"0": lease()}),
    "two files of one name": ({"a": None}, {"0": ["variables.a"]}, [("0", lease()), ("0", lease())]),
    "a place that holds something": ({"a": "lease.pdf"}, {"0": ["variables.a"]}, {"0": lease()}),
    "a place that holds a list": ({"a": []}, {"0": ["variables.a"]}, {"0": lease()}),
    "a place within a text": ({"a": "lease.pdf"}, {"0": ["variables.a.0"]}, {"0": lease()}),
    "the variables themselves": ({"a": None}, {"0": ["variables"]}, {"0": lease()}),
    "the query": ({"a": None}, {"0": ["query"]}, {"0": lease()}),
    "an operation of a batch": ({"a": None}, {"0": ["0.variables.a"]}, {"0": lease()}),
    "a path of no steps": ({"a": None}, {"0": [""]}, {"0": lease()}),
    "a path of empty steps": ({"a": None}, {"0": ["variables..a"]}, {"0": lease()}),
    "a field in place of a file": ({"a": None}, {"0": ["variables.a"], "operations": ["variables.b"]}, {"0": lease()}),
    "a second map": ({"a": None}, {"0": ["variables.a"]}, [("0", lease()), ("map", (None, b"{}"))]),
}


@pytest.mark.parametrize("what", MAPS)
async def test_ambiguous_form_is_refused(scene: Scene, what: str) -> None:
    variables, places, files = MAPS[what]
    before = sorted((scene.folder / "uploads").iterdir())
    reply = await post(scene, ONE, variables, places, files)
    assert reply.status_code == 400, reply.text
    assert reply.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert sorted((scene.folder / "uploads").iterdir()) == before


BASE64 = b64encode("Kündigung.pdf".encode()).decode()
NAMES = {
    "utf-8": ('filename="Kündigung.pdf"', "Kündigung.pdf"),
    "an encoded word in base64": (f'filename="=?utf-8?B?{BASE64}?="', "Kündigung.pdf"),
    "an encoded word without quotes": (f"filename==?UTF-8?b?{BASE64}?=", "Kündigung.pdf"),
    "an encoded word, quoted-printable": ('filename="=?utf-8?Q?K=C3=BCndigung=2Epdf?="', "Kündigung.pdf"),
    "an encoded word of latin-1": ('filename="=?iso-8859-1?q?K=FCndigung_1.pdf?="', "Kündigung 1.pdf"),
    "two encoded words": ('filename="=?utf-8?B?S8O8bmRp?= =?utf-8?B?Z3VuZy5wZGY=?="', "Kündigung.pdf"),
    "with a language": (f'filename="=?utf-8*de?B?{BASE64}?="', "Kündigung.pdf"),
    "extended": ("filename*=UTF-8''K%C3%BCndigung.pdf", "Kündigung.pdf"),
    "extended, behind a plain one": ("filename=\"K_ndigung.pdf\"; filename*=utf-8'de'K%C3%BCndigung.pdf", "Kündigung.pdf"),
    "extended, before a plain one": ("filename*=utf-8''K%C3%BCndigung.pdf; filename=\"K_ndigung.pdf\"", "Kündigung.pdf"),
    "as .net sends it": (f"filename=\"=?utf-8?B?{BASE64}?=\"; filename*=utf-8''K%C3%BCndigung.pdf", "Kündigung.pdf"),
    "extended in an unknown character set": ("filename=\"a.pdf\"; filename*=x-klingon''%FF.pdf", "a.pdf"),
    "extended and broken": ("filename=\"a.pdf\"; filename*=utf-8''%FF%FE.pdf", "a.pdf"),
    "an encoded word that is none": ('filename="=?utf-8?B?!!!?=.pdf"', "=_utf-8_B_!!!_=.pdf"),
    "an encoded word of rot13": ('filename="=?rot13?Q?n.cqs?="', "=_rot13_Q_n.cqs_="),
    "a semicolon within quotes": ('filename="a;b.pdf"', "a;b.pdf"),
    "an escaped quote": ('filename="a\\"b.pdf"', "a_b.pdf"),
    "a folder in base64": (f'filename="=?utf-8?B?{b64encode(b"../../etc/passwd.pdf").decode()}?="', "passwd.pdf"),
    "a line break in base64": (f'filename="=?utf-8?B?{b64encode(b"a" + bytes([13, 10]) + b"b.pdf").decode()}?="', "a_b.pdf"),
}


def form(disposition: str, name: str = 'name="0"') -> bytes:
    operations = json.dumps({"query": ONE, "variables": {"a": None}})
    parts = [("operations", operations), ("map", '{"0": ["variables.a"]}')]
    head = "".join(f'--xyz\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in parts)
    head += f"--xyz\r\nContent-Disposition: form-data; {name}; {disposition}\r\nContent-Type: application/pdf\r\n\r\n"
    return head.encode() + pdf() + b"\r\n--xyz--\r\n"


async def staged(scene: Scene, content: bytes) -> Any:
    headers = PREFLIGHT | {"content-type": "multipart/form-data; boundary=xyz"}
    reply = await scene.client.post("/graphql", content=content, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()["data"]["uploadFile"]["upload"]


@pytest.mark.parametrize("how", NAMES)
async def test_filename_is_decoded_as_client_means_it(scene: Scene, how: str) -> None:
    written, meant = NAMES[how]
    assert (await staged(scene, form(written)))["filename"] == meant


@pytest.mark.parametrize("name", ["name=0", 'name="=?utf-8?B?MA==?="', "name*=utf-8''%30", 'Name="0"'])
async def test_part_name_is_decoded_as_filename_is(scene: Scene, name: str) -> None:
    assert (await staged(scene, form('filename="a.pdf"', name)))["filename"] == "a.pdf"


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        (
            [("accept", "application/graphql-response+json"), ("accept", "application/json;q=0.5")],
            "application/graphql-response",
        ),
        (
            [("accept", "application/json;q=0.5"), ("accept", "application/graphql-response+json")],
            "application/graphql-response",
        ),
        ([("accept", "text/html"), ("accept", "application/json")], "application/json"),
        ([("accept", "application/json"), ("accept", "text/html")], "application/json"),
        ([("accept", "image/png"), ("accept", "text/html"), ("accept", "*/*;q=0.1")], "application/json"),
    ],
)
async def test_list_header_may_be_repeated(scene: Scene, headers: list[tuple[str, str]], kind: str) -> None:
    body = {"query": "{ viewer { id } }"}
    request = httpx.Request("POST", f"{scene.address}/graphql", json=body, headers=httpx.Headers(headers))
    reply = await scene.client.send(request)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith(kind)


@pytest.mark.parametrize("header", ["authorization", "content-type", "origin", "last-event-id"])
@pytest.mark.parametrize("path", ["/graphql", "/uploads"])
async def test_repeated_single_value_header_is_refused(scene: Scene, path: str, header: str) -> None:
    given = [("content-type", "application/json")] if header != "content-type" else []
    headers = httpx.Headers([*given, (header, "application/json"), (header, "text/plain")])
    method = "POST" if path == "/graphql" else "PUT"
    reply = await scene.client.send(httpx.Request(method, f"{scene.address}{path}", content=b"{}", headers=headers))
    assert reply.status_code == 400
    answer = reply.json()
    assert answer.get("data") is None
    assert "twice" in reply.text or answer["problem"]["code"] == "INVALID", "the server, or whoever reads on behind it"
