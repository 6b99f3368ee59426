"""Error messages quote a bounded, printable part of a client's input."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from scene import Scene

LONG = 900_000
MOST = 20_000
"""Bytes of an answer that says what is wrong."""
SESSIONS = (
    "query Q($f: SessionFilter, $o: SessionOrder, $n: Int, $t: DateTime) { sessions(filter: $f, orderBy: $o, first: $n) {"
)
CREATE = """mutation M($input: CreateSessionInput!) { createSession(input: $input) {
  session { id } problems { code message path } } }"""
Said = Callable[[str], dict[str, Any]]


def document(text: str) -> Said:
    return lambda word: {"query": text.replace("WORD", word)}


def variables(query: str, told: Any) -> Said:
    def said(word: str) -> dict[str, Any]:
        return {"query": query, "variables": json.loads(json.dumps(told).replace("WORD", word))}

    return said


ECHOES: dict[str, Said] = {
    "field": document("{ WORD }"),
    "field of a type": document("{ viewer { WORD } }"),
    "argument": document("{ viewer(WORD: 1) { id } }"),
    "fragment that is not there": document("{ viewer { ...WORD } }"),
    "fragment on a type that is not there": document("{ viewer { ... on WORD { id } } }"),
    "fragment that nobody uses": document("{ viewer { id } } fragment WORD on Viewer { id }"),
    "variable that is not declared": document("{ session(id: $WORD) { id } }"),
    "variable that nobody uses": document("query Q($WORD: ID) { viewer { id } }"),
    "type of a variable": document("query Q($a: WORD) { viewer { id } }"),
    "directive": document("{ viewer { id @WORD } }"),
    "enum value": document("{ sessions(orderBy: WORD) { totalCount } }"),
    "text for an enum": document('{ sessions(orderBy: "WORD") { totalCount } }'),
    "text for a number": document('{ sessions(first: "WORD") { totalCount } }'),
    "text for a time": document('{ sessions(filter: {createdFrom: "WORD"}) { totalCount } }'),
    "member of an input": document("{ sessions(filter: {WORD: 1}) { totalCount } }"),
    "two fields of one alias": document("{ WORD: viewer { id } WORD: providers { name } }"),
    "alias of a field that fails": document('{ WORD: session(id: "x") { id } }'),
    "operation kind": document("WORD { viewer { id } }"),
    "syntax": document('{ viewer { id } } "WORD"'),
    "id": document('{ session(id: "WORD") { id } }'),
    "provider": document('{ provider(name: "WORD") { name } }'),
    "operation name": lambda word: {"query": "query A { viewer { id } }", "operationName": word},
    "enum in a variable": variables(f"{SESSIONS} totalCount }} }}", {"o": "WORD"}),
    "enum in a list of a variable": variables(f"{SESSIONS} totalCount }} }}", {"f": {"statuses": ["WORD"] * 60}}),
    "number in a variable": variables(f"{SESSIONS} totalCount }} }}", {"n": "WORD"}),
    "member of a variable": variables(f"{SESSIONS} totalCount }} }}", {"f": {"WORD": 1}}),
    "object for a text": variables(f"{SESSIONS} totalCount }} }}", {"f": {"reference": {"WORD": 1}}}),
    "option": variables(CREATE, {"input": {"provider": "seal", "title": "x", "options": {"WORD": 1}}}),
    "value of an option": variables(CREATE, {"input": {"provider": "seal", "title": "x", "options": {"processId": "WORD"}}}),
    "provider of an order": variables(CREATE, {"input": {"provider": "WORD", "title": "x"}}),
}


@pytest.mark.parametrize("where", ECHOES)
async def test_error_quotes_a_bounded_part_of_long_input(scene: Scene, where: str) -> None:
    told = ECHOES[where]("q" * (LONG // 60 if "list" in where else LONG))
    reply = await scene.client.post("/graphql", json=told)
    assert len(reply.content) < MOST, f"{len(reply.content):,} bytes"
    assert "q" * 300 not in reply.text
    answer = reply.json()
    assert answer.get("errors") or answer["data"]["createSession"]["problems"]


@pytest.mark.parametrize("odd", ["\u202e", "\u2066", "\x85", "\u200f", "\ufeff"])
@pytest.mark.parametrize(
    "where", ["text for an enum", "operation name", "enum in a variable", "option", "provider of an order"]
)
async def test_error_shows_no_invisible_character(scene: Scene, where: str, odd: str) -> None:
    reply = await scene.client.post("/graphql", json=ECHOES[where](f"a{odd}b"))
    assert odd not in json.dumps(reply.json(), ensure_ascii=False)
    assert "INTERNAL" not in reply.text


async def test_error_keeps_its_end_behind_a_long_name(scene: Scene) -> None:
    reply = await scene.client.post("/graphql", json={"query": "{ viewer { %s } }" % ("q" * 250)})
    [error] = reply.json()["errors"]
    assert error["message"].startswith("Cannot query field 'qqq")
    assert error["message"].endswith("on type 'Viewer'.")


async def test_name_of_usual_length_is_accepted(scene: Scene) -> None:
    alias = "q" * 255
    assert (await scene.client.post("/graphql", json={"query": f"{{ {alias}: viewer {{ id }} }}"})).json()["data"][alias]
