"""Text rules: every text field of every input, at every provider, refuses what its rule forbids before any call.

The fields are those of the schema, so that a new one is tried as well, also one that nobody has thought of here.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from acts import done
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_required_input_field,
)
from scene import PEOPLE, Scene, node_id

from schema.root import schema

Path = tuple[str, ...]
SDL = schema._schema
ODD = {
    "NUL": "a\x00b",
    "tab": "a\tb",
    "line feed": "a\nb",
    "line feed at the end": "ab\n",
    "carriage return": "a\rb",
    "both": "a\r\nBcc: eve@people.example",
    "escape": "a\x1b[31mb",
    "delete": "a\x7fb",
    "C1": "a\x9bb",
    "next line": "a\x85b",
    "right to left override": "a\u202eb",
    "left to right embedding": "a\u202ab",
    "isolate": "a\u2066b",
    "right to left mark": "a\u200fb",
    "line separator": "a\u2028b",
    "noncharacter": "a\ufffeb",
    "far noncharacter": "a\U0010ffffb",
}
BLANK = {
    "blank": "",
    "a blank": "  ",
    "nothing wide": "\u200b",
    "a filler": "\u3164",
    "a hyphen that is not shown": "\u00ad",
    "a note without a head": "\U0001d159",
}
MORE: dict[str, dict[str, str]] = {
    "email": {
        "two at-signs": "ada@b@people.example",
        "a header": "ada@people.example\r\nBcc: eve@people.example",
        "a blank within": "ada b@people.example",
        "nobody": "@people.example",
        "nowhere": "ada@",
        "an empty label": "ada@people..example",
        "two addresses": "ada@people.example,eve@people.example",
        "a name": "Ada <ada@people.example>",
        "nothing wide in the local part": "a\u200bda@people.example",
        "a joiner": "a\u200dda@people.example",
        "a byte order mark": "\ufeffada@people.example",
        "a hyphen that is not shown": "a\u00adda@people.example",
        "a tag": "ada\U000e0041@people.example",
        "a filler in the host": "ada@peo\u3164ple.example",
        "a dot at the beginning": ".ada@people.example",
        "two dots": "ada..l@people.example",
        "a long local part": f"{'a' * 65}@people.example",
    },
    "filename": {
        "a folder above": "../lease.pdf",
        "a folder": "a/lease.pdf",
        "a folder of Windows": "..\\lease.pdf",
        "a wide slash": "..\uff0flease.pdf",
        "a wide backslash": "..\uff3clease.pdf",
        "a small backslash": "a\ufe68lease.pdf",
        "a sign that becomes a folder": "a\u2105lease.pdf",
        "the folder itself": ".",
        "the one above": "..",
    },
    "phone": {"letters": "call me", "digits of elsewhere": "\u0661\u0662\u0663", "a plus within": "12+34", "no digit": "+"},
    "language": {"a sentence": "en please", "an underscore": "en_US", "an empty part": "en-", "a path": "../en"},
}
REFUSALS = {"provider": {"INVALID", "NOT_FOUND"}}
"""Where another code than INVALID says as much."""
IN_LINES = {"message", "description"}
IN_CONTENT = {"content"}
WITHIN_LINES = {"tab", "line feed", "line feed at the end"}
USUAL = {
    "email": "ada@people.example",
    "phone": "5551234567",
    "language": "en",
    "filename": "lease.pdf",
    "reason": "A typing error.",
    "retentionPeriod": "P1Y",
}


def refused(field: str, *, in_options: bool) -> dict[str, str]:
    """What a text of this name must not be."""
    if in_options:
        return ODD
    if field in IN_CONTENT:
        return {what: ODD[what] for what in ("NUL", "escape", "delete", "noncharacter")}
    odd = {what: text for what, text in ODD.items() if field not in IN_LINES or what not in WITHIN_LINES}
    return odd | (BLANK if field not in IN_LINES else {}) | MORE.get(field, {})


def texts(kind: GraphQLInputObjectType, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where the texts of an input are, those of the inputs within it too; a step into a list is 0."""
    for name, field in kind.fields.items():
        inner, place = get_named_type(field.type), (*path, name)
        type_ = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
        if isinstance(type_, GraphQLList):
            place = (*place, "0")
        if inner.name == "String":
            yield place, name
        elif inner.name == "JSON":
            yield (*place, "note", "0"), "JSON"
            yield (*place, "deep", "within"), "JSON"
        elif isinstance(inner, GraphQLInputObjectType):
            yield from texts(inner, place)


def put(given: dict[str, Any], path: Path, text: str) -> dict[str, Any]:
    """The input with a text at a place, and whatever the schema needs around it."""
    made: Any = copy.deepcopy(given)
    target = made
    for step, following in pairwise(path):
        empty: Any = [] if following == "0" else {}
        if isinstance(target, list):
            if not target:
                target.append(empty)
            target = target[0]
        else:
            if target.get(step) is None:
                target[step] = empty
            target = target[step]
    if isinstance(target, list):
        target[:1] = [text]
    else:
        target[path[-1]] = text
    return dict(made)


def fill(kind: GraphQLInputObjectType, given: dict[str, Any]) -> dict[str, Any]:
    """The same input with what the schema requires of it, and of those within it."""
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if name in given and isinstance(inner, GraphQLInputObjectType):
            for each in given[name] if isinstance(given[name], list) else [given[name]]:
                fill(inner, each)
        elif name not in given and is_required_input_field(field):
            given[name] = usual(name, inner)
    return given


def usual(name: str, kind: Any) -> Any:
    if isinstance(kind, GraphQLInputObjectType):
        return fill(kind, {})
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    return USUAL.get(name, {"Int": 1, "Float": 10.0}.get(kind.name, "lease"))


class Stock:
    """A draft, a session and a record that things could be done with, by the provider that has them."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.held: dict[str, dict[str, Any]] = {}

    async def furnish(self) -> None:
        self.upload = await self.scene.upload()
        fields = [{"documentIndex": 0, "participantRef": "Ada", "page": 1, "x": 1.0, "y": 1.0, "width": 9.0, "height": 9.0}]
        self.held["easyink"] = await self.scene.create("easyink", start=False, fields=fields)
        self.held["signicat"] = await self.scene.create("signicat")
        self.held["seal"] = await self.scene.create("seal", start=False)
        self.held["persist"] = await self.scene.save()

    def base(self, provider: str, kind: GraphQLInputObjectType) -> dict[str, Any]:
        """An input about what this provider has, which it would take if it can do that at all."""
        session = self.held[provider]
        mine = {
            "session": session["id"],
            "provider": provider,
            "document": session["documents"][0]["id"],
            "participant": session["participants"][0]["id"]
            if session["participants"]
            else node_id("Participant", "x", "y", "z"),
            "field": session["fields"][0]["id"] if session["fields"] else node_id("SignatureField", "x", "y", "z"),
            "signature": session["signatures"][0]["id"] if session["signatures"] else node_id("Signature", "x", "y", "z"),
        }
        needed = {name: get_named_type(field.type) for name, field in kind.fields.items() if is_required_input_field(field)}
        given = {name: mine[name] for name, inner in needed.items() if name in mine and inner.name in {"ID", "String"}}
        if kind.fields.get("document") and get_named_type(kind.fields["document"].type).name == "DocumentInput":
            given["document"] = {"upload": self.upload}
        if kind.name == "CreateSessionInput":
            given["documents"] = [{"upload": self.upload}]
            given["participants"] = [] if provider == "seal" else [dict(PEOPLE[0])]
        if kind.fields.get("document") and get_named_type(kind.fields["document"].type).name == "String":
            given["document"] = "lease"
        return fill(kind, given)


def taking(fields: dict[str, GraphQLField]) -> dict[str, tuple[str, GraphQLInputObjectType]]:
    """The fields that take an input with texts: the argument, and its type."""
    found = {}
    for name, field in fields.items():
        for argument, taken in field.args.items():
            inner = get_named_type(taken.type)
            if isinstance(inner, GraphQLInputObjectType) and any(True for _ in texts(inner)):
                found[name] = (argument, inner)
    return found


@pytest.fixture
async def stock(scene: Scene) -> Stock:
    stock = Stock(scene)
    await stock.furnish()
    return stock


def calls(scene: Scene) -> dict[str, int]:
    return scene.calls()


MUTATIONS = taking(dict(SDL.mutation_type.fields)) if SDL.mutation_type else {}
QUERIES = {
    name: taken
    for name, taken in (taking(dict(SDL.query_type.fields)) if SDL.query_type else {}).items()
    if taken[0] == "input"
}


@pytest.mark.parametrize("name", MUTATIONS)
async def test_mutations_refuse_texts_that_no_field_may_hold(stock: Stock, name: str) -> None:
    argument, kind = MUTATIONS[name]
    query = f"mutation M($given: {kind.name}!) {{ {name}({argument}: $given) {{ problems {{ code path message }} }} }}"
    before, accepted = calls(stock.scene), []
    for provider in stock.held:
        base = stock.base(provider, kind)
        for path, field in texts(kind):
            for what, text in refused(field if field != "JSON" else "note", in_options=field == "JSON").items():
                given = fill(kind, put(base, path, text))
                answer = await stock.scene.ask(query, given=given)
                problems = (answer.get("data") or {}).get(name, {}).get("problems", [])
                said = {each["code"] for each in problems if each["path"] == [argument, *path]}
                if not said & REFUSALS.get(field, {"INVALID"}):
                    accepted.append((provider, ".".join(path), what, answer))
    assert not accepted, f"{len(accepted)} were taken, the first as {accepted[0]}: {[each[1:3] for each in accepted]}"
    assert calls(stock.scene) == before, "a provider was called"


@pytest.mark.parametrize("name", QUERIES)
async def test_queries_refuse_texts_that_no_field_may_hold(stock: Stock, name: str) -> None:
    argument, kind = QUERIES[name]
    query = f"query Q($given: {kind.name}!) {{ {name}({argument}: $given) {{ problems {{ code path }} }} }}"
    before, accepted = calls(stock.scene), []
    for path, field in texts(kind):
        for what, text in refused(field, in_options=field == "JSON").items():
            given = fill(kind, put(stock.base("easyink", kind), path, text))
            answer = await stock.scene.ask(query, given=given)
            said = [(each["code"], each["path"]) for row in answer["data"][name] for each in row["problems"]]
            if ("INVALID", [argument, *path]) not in said:
                accepted.append((".".join(path), what, answer))
    assert not accepted, f"{len(accepted)} were taken, the first as {accepted[0]}"
    assert calls(stock.scene) == before, "a provider was called"


GOOD: dict[str, Any] = {
    "title": "Kündigung / Résiliation №7 \u2013 „Feld“ 👩\u200d🌾",
    "reference": "lease-4711/ä",
    "participants": [
        {
            "firstName": "Łukasz",
            "lastName": "O\u2019Neil-Ünal",
            "email": "ada+lease@sub-domain.people.example",
            "phone": "5551234567",
        },
        {"firstName": "محمد", "lastName": "李", "email": "jürgen@müller.example"},
        {"firstName": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "lastName": "d'Arc", "email": "o'neil@localhost"},
    ],
}


async def test_texts_of_every_script_are_accepted_unchanged(stock: Stock) -> None:
    """Also after all that was refused: what was staged is still there."""
    order = {"provider": "easyink", "documents": [{"upload": stock.upload, "filename": "Kündigung (2).pdf"}], "start": False}
    bad = copy.deepcopy(GOOD | order)
    bad["participants"][0]["lastName"] = "Neil\r\nBcc: eve@people.example"
    answer = await stock.scene.mutate("createSession", **bad)
    assert [each["path"] for each in answer["problems"]] == [["input", "participants", "0", "lastName"]]
    session = (await done(stock.scene, "createSession", **GOOD, **order))["session"]
    assert (session["title"], session["reference"]) == (GOOD["title"], GOOD["reference"])
    shown = [(each["firstName"], each["lastName"], each["email"]) for each in session["participants"]]
    assert shown == [(each["firstName"], each["lastName"], each["email"]) for each in GOOD["participants"]]


async def test_message_keeps_its_lines(stock: Stock) -> None:
    message = "Dear Ada,\n\n\tplease sign.\nYours"
    await done(stock.scene, "createSession", **await stock.scene.order("signicat", message=message))


@pytest.mark.parametrize("period", ["P1Y\n", "P1Y\x00", " P1Y", "P1Y ", "P\u0661Y", "P1Y\u202e"])
async def test_malformed_archive_period_is_refused(stock: Stock, period: str) -> None:
    before = stock.scene.calls()
    given = await stock.scene.order("signicat", archive={"retentionPeriod": period})
    query = "mutation M($given: CreateSessionInput!) { createSession(input: $given) { problems { code } } }"
    answer = await stock.scene.ask(query, given=given)
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"
    assert stock.scene.calls() == before
