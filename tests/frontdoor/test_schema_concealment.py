"""Schema concealment: in production, errors name nothing of the schema that was not in the request."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from liveclient import Failed, live
from scene import Scene, node_id
from scene import scene as running

from providers.sandbox.certificate_authority import CertificateAuthority
from schema import schema

CREATE = "mutation M($i: CreateSessionInput!) { createSession(input: $i) { problems { code } } }"
LIST = "query Q($f: SessionFilter, $n: Int, $o: SessionOrder) { sessions(filter: $f, first: $n, orderBy: $o) { totalCount } }"
ONE = "query Q($id: ID!, $age: Duration) { session(id: $id, maxAge: $age) { id } }"
MISTAKES: dict[str, tuple[str, dict[str, Any]]] = {
    "a variable that is missing": (CREATE, {}),
    "a variable that is null": (CREATE, {"i": None}),
    "a variable that is a text": (CREATE, {"i": "x"}),
    "a member that is missing": (CREATE, {"i": {"provider": "easyink"}}),
    "a member that is unknown": (CREATE, {"i": {"provider": "easyink", "title": "x", "documents": [], "titl": "x"}}),
    "a member of the wrong type": (CREATE, {"i": {"provider": 7, "title": [], "documents": [{"upload": {}}]}}),
    "a member within that is unknown": (CREATE, {"i": {"provider": "a", "title": "b", "documents": [{"uploa": "c"}]}}),
    "an enum value that is unknown": (LIST, {"f": {"statuses": ["PENDIN"]}}),
    "an enum value that is a number": (LIST, {"f": {"statuses": [7]}}),
    "an order that is unknown": (LIST, {"o": {"field": "TITEL", "direction": "UP"}}),
    "a number that is a text": (LIST, {"n": "7"}),
    "a number that is too large": (LIST, {"n": 2**40}),
    "a time that is none": (ONE, {"id": "x", "age": "soon"}),
    "an id that is a list": (ONE, {"id": []}),
    "a time in the text that is none": ('{ session(id: "x", maxAge: 7) { id } }', {}),
    "a time in the text that is a list": ('{ session(id: "x", maxAge: ["P1D"]) { id } }', {}),
    "a date that is a number": (LIST, {"f": {"createdFrom": 5}}),
    "a date that is none": (LIST, {"f": {"updatedTo": "today"}}),
    "an id of another type": (ONE, {"id": node_id("SignatureField", "a", "b", "c")}),
    "an id of something that is not there": (
        "query Q($id: ID!) { document(id: $id) { key } }",
        {"id": node_id("Session", "a", "b")},
    ),
    "an id of a node of another type": (
        "query Q($id: ID!) { node(id: $id) { id } }",
        {"id": node_id("SignatureField", "a", "b", "c")},
    ),
    "a field that is unknown": ("{ sesions { totalCount } }", {}),
    "a field within that is unknown": ("{ sessions { nodes { titel } } }", {}),
    "an argument that is unknown": ("{ sessions(firs: 1) { totalCount } }", {}),
    "an argument that is missing": ("{ session { id } }", {}),
    "an argument of the wrong type": ('{ sessions(first: "one") { totalCount } }', {}),
    "an input within that is incomplete": ('mutation { createSession(input: {title: "x"}) { problems { code } } }', {}),
    "an enum in the text that is unknown": ("{ sessions(filter: {statuses: [PENDIN]}) { totalCount } }", {}),
    "an enum in the text that is a text": ('{ sessions(filter: {statuses: ["PENDING"]}) { totalCount } }', {}),
    "a type that is unknown": ("query Q($i: CreateSesionInput!) { sessions(first: $i) { totalCount } }", {}),
    "a variable in the wrong place": ("query Q($i: String) { sessions(first: $i) { totalCount } }", {"i": "x"}),
    "a variable of an output type": ("query Q($i: Session) { viewer { id } }", {}),
    "no selection": ("{ sessions }", {}),
    "a selection of a leaf": ("{ viewer { id { x } } }", {}),
    "a fragment on a type that cannot be": ("{ viewer { ... on Session { id } } }", {}),
    "a fragment on a type that is unknown": ("{ node(id: 1) { ... on Sesion { id } } }", {}),
    "fields that conflict": ("{ viewer { a: id a: subject } }", {}),
    "a directive that is unknown": ("{ viewer @skp(if: true) { id } }", {}),
    "a directive without its argument": ("{ viewer @skip { id } }", {}),
    "a field of an interface": ("{ node(id: 1) { title } }", {}),
    "a mutation that is unknown": ("mutation { createSesion { problems { code } } }", {}),
    "a subscription that is unknown": ("subscription { sesionEvents { type } }", {}),
    "two fields of a subscription": ("subscription { a: sessionEvents { type } b: sessionEvents { type } }", {}),
    "a wrong variable to follow": (
        "subscription S($f: EventFilter) { sessionEvents(filter: $f) { type } }",
        {"f": 7},
    ),
}
NAMES = frozenset(
    {
        name
        for type_ in schema._schema.type_map.values()
        for name in (
            type_.name,
            *getattr(type_, "fields", ()),
            *(getattr(type_, "values", ()) if hasattr(type_, "parse_literal") else ()),
        )
    }
    | {"Int", "String", "Boolean", "Float", "ID"}
)
WORDS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLAIN = frozenset(
    WORDS.findall("field id document value type name node path message code first number width session signature provider")
)
"""Words of English that are names as well."""


@pytest.fixture(params=["production", "trusted"])
async def hidden(tmp_path: Path, authority: CertificateAuthority, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    server: dict[str, Any] = {"server": {"profile": request.param}}
    if request.param == "trusted":
        (tmp_path / "manifest.json").write_text(
            json.dumps({hashlib.sha256(text.encode()).hexdigest(): text for text, _ in MISTAKES.values()})
        )
        server["documents"] = {"manifest": str(tmp_path / "manifest.json")}
    async with running(tmp_path, authority, server) as scene:
        yield scene


def told(errors: list[dict[str, Any]], asked: str) -> list[str]:
    """The names of the schema in these errors that were not in the request."""
    said = " ".join(each["message"] for each in errors)
    return [word for word in WORDS.findall(said) if word in NAMES - PLAIN and word not in WORDS.findall(asked)]


@pytest.mark.parametrize("way", ["POST", "GET", "multipart", "server-sent events"])
async def test_error_over_http_names_nothing_of_the_schema(hidden: Scene, way: str) -> None:
    for what, (text, variables) in MISTAKES.items():
        errors = await asked(hidden, way, text, variables)
        assert errors, what
        shown = json.dumps(errors)
        assert "Did you mean" not in shown, what
        assert told(errors, text + json.dumps(variables)) == [], (what, errors)
        assert all(each["extensions"]["code"] != "INTERNAL" for each in errors), what


async def asked(scene: Scene, way: str, text: str, variables: dict[str, Any]) -> list[dict[str, Any]]:
    body = {"query": text, "variables": variables}
    match way:
        case "GET":
            reply = await scene.client.get("/graphql", params={"query": text, "variables": json.dumps(variables)})
            if reply.status_code == 405:  # a mutation is none of its own
                return [{"message": "", "extensions": {"code": ""}}]
        case "multipart":
            form = {"operations": (None, json.dumps(body)), "map": (None, "{}")}
            reply = await scene.client.post("/graphql", files=form, headers={"graphql-require-preflight": "1"})
        case "server-sent events":
            reply = await scene.client.post("/graphql", json=body, headers={"accept": "text/event-stream"})
            data = [line.removeprefix("data: ") for line in reply.text.splitlines() if line.startswith("data: {")]
            if data:
                return list(json.loads(data[0])["errors"])
        case _:
            reply = await scene.client.post("/graphql", json=body)
    return list(reply.json()["errors"])


async def test_error_over_websocket_names_nothing_of_the_schema(hidden: Scene) -> None:
    async with live(hidden.address) as client:
        for what, (text, variables) in MISTAKES.items():
            errors: list[dict[str, Any]] = []
            try:
                async for answer in client.subscribe(text, variables):
                    errors = answer.get("errors", [])
                    break
            except Failed as failed:
                errors = failed.args[0]
            assert errors, what
            assert told(errors, text + json.dumps(variables)) == [], (what, errors)


async def test_error_names_location_and_variable(hidden: Scene) -> None:
    [error] = await asked(hidden, "POST", *MISTAKES["a member that is missing"])
    assert error["message"] == "The variable $i does not fit the schema."
    assert error["locations"]
    [error] = await asked(hidden, "POST", *MISTAKES["a field within that is unknown"])
    assert error["locations"] == [{"line": 1, "column": 22}]


async def test_open_gateway_names_types_and_members(scene: Scene) -> None:
    errors = await asked(scene, "POST", *MISTAKES["a member that is missing"])
    assert "CreateSessionInput" in json.dumps(errors)
