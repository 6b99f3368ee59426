"""Invalid keys, ids and cursors: refused without a call to a provider, over both databases."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from scene import PEOPLE, Scene, node_id
from scene import scene as running

from providers.sandbox.certificate_authority import CertificateAuthority
from schema.relay import _KEYS
from schema.root import schema
from tests.servers import Databases

CODES = {"INVALID", "NOT_FOUND", "TOO_LARGE", "FORBIDDEN", "CURSOR_EXPIRED", "GRAPHQL_VALIDATION_FAILED", "BAD_REQUEST"}
ODD = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\x01",
    "\n",
    "\x1b",
    "\x85",
    "\u202e",
    "\ufffe",
    "\U0010ffff",
    "..",
    "1/../2",
    "-1",
    "%00",
    "é" * 50,
]
ODD += ["x" * 10_000, "9" * 30, "null", "[]", "0" * 7_000, "W10", "e30", "WyJhIl0", "bnVsbA", "====", "A", "\\", "'; --"]


@pytest.fixture(params=["sqlite", "postgresql"])
async def stock(
    tmp_path: Path, authority: CertificateAuthority, databases: Databases, request: pytest.FixtureRequest
) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        changes: dict[str, Any] = {}
        if request.param == "postgresql":
            changes = {"database": {"url": await stack.enter_async_context(databases.fresh())}}
        yield await stack.enter_async_context(running(tmp_path, authority, changes))


def packed(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged() -> Iterator[str]:
    """Ids of every kind whose keys nothing has."""
    for kind, count in _KEYS.items():
        for odd in ("\x00", "a\x00", "1/../2", "..", "-1", "\ud800", "\u202e", "x" * 3_000, "\n", "é", ""):
            for provider in ("seal", "signicat", "easyink", "persist", odd):
                yield packed([kind, provider, *[odd] * (count - 1)] if count > 1 else [kind, odd])
        yield packed([kind, *[None] * count])
        yield packed([kind, *[1] * count])
        yield packed([kind, *[["a"]] * count])
        yield packed([kind])
    yield base64.urlsafe_b64encode(b"[" * 3_000).decode()
    yield base64.urlsafe_b64encode(b'["Session","\\ud800","a"]').decode()
    yield base64.urlsafe_b64encode(b'["Session","seal","\xff"]').decode()


def tampered(cursor: str) -> Iterator[str]:
    """A cursor of the query at hand, changed where one can be."""
    query, at, keys = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    for odd in ("\x00", "a\x00b", "\ud800", 7, None, ["a"], "x" * 9_000):
        for place in range(len(keys)):
            yield packed([query, at, [odd if each == place else key for each, key in enumerate(keys)]])
    for odd in (2**62, -(2**62), 2**80, 10**400, 1.5, None, "1", True, -(2**55)):
        yield packed([query, odd, keys])
    yield packed([query, at, []])
    yield packed([query, at, keys * 3])
    yield packed([query, at, "ab"])
    yield packed([f"{query}\x00", at, keys])
    yield packed({"query": query})
    yield f"{cursor}\x00"
    yield f"{cursor[:4]}\n{cursor[4:]}"
    yield f"!{cursor}"


def asked(name: str, arguments: dict[str, GraphQLArgument], given: str) -> str:
    """The query that gives this argument, and whatever the schema wants besides."""
    assert schema._schema.query_type is not None
    kind = get_named_type(schema._schema.query_type.fields[name].type)
    told = ", ".join(
        [f"{given}: $v"]
        + [f'{each}: "seal"' for each, argument in arguments.items() if each != given and is_required_argument(argument)]
    )
    variable = f"{arguments[given].type}"
    return f"query Q($v: {variable}) {{ {name}({told}) {'' if is_leaf_type(kind) else '{ __typename }'} }}"


def texts() -> Iterator[tuple[str, str, dict[str, GraphQLArgument]]]:
    """Every argument of a query that is a text or an id."""
    assert schema._schema.query_type is not None
    for name, field in schema._schema.query_type.fields.items():
        for given, argument in field.args.items():
            inner = get_named_type(argument.type)
            if inner.name in {"String", "ID"} and not isinstance(inner, GraphQLEnumType):
                yield name, given, dict(field.args)


def filters() -> Iterator[tuple[str, str, str, bool]]:
    """Every text in the filter of a list, and whether it is one of several."""
    assert schema._schema.query_type is not None
    for name, field in schema._schema.query_type.fields.items():
        kind = get_named_type(field.args["filter"].type) if "filter" in field.args else None
        for member, inner in kind.fields.items() if isinstance(kind, GraphQLInputObjectType) else ():
            if get_named_type(inner.type).name in {"String", "ID"}:
                yield name, kind.name, member, "[" in str(inner.type)


async def codes(scene: Scene, query: str, value: Any) -> list[str]:
    reply = await scene.client.post("/graphql", content=json.dumps({"query": query, "variables": {"v": value}}))
    return [error["extensions"]["code"] for error in reply.json().get("errors", ())]


async def test_no_text_argument_is_an_internal_error(stock: Scene) -> None:
    """Whatever it is, and whichever database would have to look for it."""
    await stock.create("seal", start=False)
    stock.client.headers["content-type"] = "application/json"
    before, wrong = stock.calls(), []
    for name, given, arguments in texts():
        query = asked(name, arguments, given)
        many = isinstance(getattr(arguments[given].type, "of_type", arguments[given].type), GraphQLList) or "[" in str(
            arguments[given].type
        )
        ids = [] if get_named_type(arguments[given].type).name == "String" else list(forged())
        for value in [*ODD, *ids]:
            found = await codes(stock, query, [value] if many else value)
            if not set(found) <= CODES:
                wrong.append((name, given, value[:60], found))
    assert not wrong, wrong[:5]
    assert stock.calls() == before, "a provider was called"


async def test_no_text_in_a_filter_is_an_internal_error(stock: Scene) -> None:
    """A provider's own titles hold anything, so that anything may be asked for."""
    stock.client.headers["content-type"] = "application/json"
    for name, kind, member, many in filters():
        query = f"query Q($v: {kind}!) {{ {name}(filter: $v) {{ __typename }} }}"
        for value in ODD:
            found = await codes(stock, query, {member: [value] if many else value})
            assert set(found) <= (CODES if member in {"providers", "sessionIds"} or len(value) > 5_000 else set()), (
                member,
                value,
            )


async def test_altered_cursor_is_refused(stock: Scene) -> None:
    for place in range(2):
        await stock.create("seal", start=False, title=f"Lease {place}")
        await stock.save(f"lease-{place}")
    body = b'{"id": 5}'
    await stock.client.post("/webhooks/signicat", content=body)
    await stock.client.post("/webhooks/signicat", content=body)
    wrong = []
    for name in ("sessions", "signatures", "webhookDeliveries"):
        shown = "{ edges { cursor } pageInfo { endCursor } }"
        page = (await stock.data(f"{{ {name}(first: 1) {shown} }}"))[name]
        cursor = page["pageInfo"]["endCursor"]
        assert cursor, name
        for edge in ("after", "before"):
            if edge == "before" and name == "webhookDeliveries":
                continue
            query = f"query Q($v: String) {{ {name}({edge}: $v) {shown} }}"
            assert "errors" not in await stock.ask(query, v=cursor)
            for changed in tampered(cursor):
                reply = await stock.client.post(
                    "/graphql",
                    content=json.dumps({"query": query, "variables": {"v": changed}}),
                    headers={"content-type": "application/json"},
                )
                found = [error["extensions"]["code"] for error in reply.json().get("errors", ())]
                # A time before or after all is still a place in the list.
                if found not in (["INVALID"], ["BAD_REQUEST"]) and not (found == [] and abs(_at(changed)) < 2**62):
                    wrong.append((name, edge, changed[:80], found))
    assert not wrong, wrong[:5]


def _at(cursor: str) -> float:
    try:
        at = json.loads(base64.urlsafe_b64decode(cursor + "=="))[1]
    except (ValueError, KeyError, IndexError):
        return 2**63
    return at if type(at) is int else 2**63


KEYS = {
    "seal": [
        "1/../2",
        "-1",
        "+1",
        "01",
        "1.0",
        "1e3",
        "\u0661",
        "\uff11",
        " 1",
        "1 ",
        "1\x00",
        "9" * 21,
        "batch",
        "0x1",
        "1%2f2",
        "1;2",
    ],
    "signicat": ["a/../b", "..", "a b", "a%2fb", "a?b", "a#b", "a\x00", "-a", "é", "a\\b", "x" * 300],
    "easyink": ["a/../b", ".", "a b", "a%2fb", "a?b=1", "a\n", "~a", "\u202e", "a;b"],
    "persist": ["lease", "a/b/c", "%61/b", "a%2fb", "a/%e9", "%20a/b", "a/b%00", "/b", "a%2Fb/c%zz", "a b/c"],
}


@pytest.mark.parametrize("provider", KEYS)
async def test_key_of_a_form_that_the_provider_lacks_is_not_looked_up(scene: Scene, provider: str) -> None:
    query = "query Q($p: String!, $k: String!) { sessionByKey(provider: $p, key: $k) { id } }"
    before = scene.calls()
    for key in KEYS[provider]:
        answer = await scene.ask(query, p=provider, k=key)
        assert [each["extensions"]["code"] for each in answer["errors"]] == ["NOT_FOUND"], key
        forged = node_id("Session", provider, key)
        answer = await scene.ask("query Q($id: ID!) { session(id: $id) { id } }", id=forged)
        assert answer["errors"][0]["extensions"]["code"] in {"NOT_FOUND", "INVALID"}, key
        for name in ("startSession", "deleteSession"):
            [problem] = (await scene.mutate(name, session=forged))["problems"]
            assert problem["code"] in {"NOT_FOUND", "INVALID", "UNSUPPORTED"}, key
    assert scene.calls() == before, "a provider was called"


async def test_repeated_reference_in_an_input_is_refused(scene: Scene) -> None:
    upload = await scene.upload()
    twice = {"start": False, "documents": [{"upload": upload}]}
    people = [{**PEOPLE[0], "ref": "signer"}, {**PEOPLE[1], "ref": "other"}, {**PEOPLE[2], "ref": "signer"}]
    before = scene.calls()

    async def refused(name: str, **given: Any) -> list[list[str]]:
        problems = (await scene.mutate(name, **given))["problems"]
        assert {each["code"] for each in problems} == {"INVALID"}, problems
        return [each["path"] for each in problems]

    order = {"provider": "easyink", "title": "Lease", **twice}
    assert await refused("createSession", **order, participants=people) == [["input", "participants", "2", "ref"]]
    same = order | {"documents": [{"upload": upload}, {"upload": upload}]}
    assert await refused("createSession", **same) == [["input", "documents", "1", "upload"]]
    assert scene.calls() == before
    assert (await scene.done("createSession", **order))["session"], "the upload is still there"


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 30, "-" + "9" * 30, "9" * 5_000, "1e99999"])
@pytest.mark.parametrize("place", ["coordinate", "option"])
async def test_number_out_of_range_is_refused_as_a_literal(scene: Scene, number: str, place: str) -> None:
    session = await scene.create("easyink", start=False)
    if place == "coordinate":
        document = session["documents"][0]["id"]
        asked = f'addField(input: {{document: "{document}", page: 1, x: {number}, y: 1, width: 9, height: 9}})'
    else:
        asked = f'createSession(input: {{provider: "easyink", title: "Lease", options: {{folder: [{number}]}}}})'
    before = scene.calls()["easyink"]
    answer = await scene.ask(f"mutation {{ {asked} {{ problems {{ code path }} }} }}")
    told = [error["extensions"] for error in answer.get("errors", ())]
    told += [each for payload in (answer.get("data") or {}).values() for each in payload["problems"]]
    assert {each["code"] for each in told} == {"INVALID"}
    assert scene.calls()["easyink"] == before


async def test_error_of_each_node_names_the_id_that_it_is_about(scene: Scene) -> None:
    session = await scene.create("easyink")
    ids = [
        session["id"],
        node_id("Session", "easyink", "0d1b5a1e-7f4c-4c59-9d0a-3f1b1c9a0f11"),
        node_id("Session", "nowhere", "1"),
        node_id("Document", "easyink", session["key"], "gone"),
        "no id",
    ]
    answer = await scene.ask("query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    assert [each["extensions"]["path"] for each in answer["errors"]] == [["ids", str(place)] for place in range(1, 5)]
