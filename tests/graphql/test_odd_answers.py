"""Odd rows in a provider's list cost themselves alone, and are named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scene import NOW

ROWS = {
    "signicat": ("/sign/signing-sessions", ("data",), "id"),
    "easyink": ("/api/signingSessions", ("items",), "id"),
    "persist": ("/signatures", ("content", "signatures"), "document"),
}
"""Where each provider lists, where the rows are in that, and which member names a row."""
LIST = """
query Q($maxAge: Duration) {
  sessions(maxAge: $maxAge) {
    nodes { key title provider { name } }
    sources { provider outcome problem { code } unreadable { key reason } }
  }
}"""
ODD = {
    "number": "5",
    "half of a character": r'"\ud83d"',
    "the other half": r'"\udc00 there"',
    "invalid escape": r'"\q"',
    "control character": '"a\x00b"',
    "list": "[]",
    "object": '{"a": {}}',
    "many brackets": "[" * 150_000 + "]" * 150_000,
    "no UTF-8": '"\udcff"',
}


async def listed(scene) -> tuple[set[str], dict[str, dict[str, Any]]]:
    """The keys of all sessions, and what is said of each provider's list."""
    scene.clock.ahead += 11
    found = (await scene.data(LIST, maxAge=NOW))["sessions"]
    return {node["key"] for node in found["nodes"]}, {each["provider"]: each for each in found["sources"]}


def odd_row(kind: str, member: str, text: str):
    """Has the list begin with one more row: the same as its first, but with this text of JSON for one member."""
    path, within, key = ROWS[kind]

    def alter(request, body: bytes) -> bytes:
        if request.method != "GET" or request.url.path != path:
            return body
        page = rows = json.loads(body)
        for name in within:
            rows = rows[name]
        rows.insert(0, {**rows[0], key: "odd", member: "MARK"})
        return json.dumps(page).replace('"MARK"', text).encode(errors="surrogateescape")

    return alter


@pytest.mark.parametrize("relayed", [tuple(ROWS)])
@pytest.mark.parametrize(
    ("kind", "member"),
    [("signicat", "dueDate"), ("signicat", "title"), ("easyink", "subject"), ("easyink", "created"), ("persist", "created_at")],
)
async def test_odd_row_of_list_is_named_unreadable_while_all_others_are_there(scene, kind, member):
    made = [await scene.create(each, **({} if each == "persist" else {"people": 1})) for each in ROWS]
    keys, sources = await listed(scene)
    assert all(not each["unreadable"] for each in sources.values())
    for name, text in ODD.items():
        scene.relays[kind].alter = odd_row(kind, member, text)
        seen, sources = await listed(scene)
        assert seen == keys, name
        assert len(seen) == len(made)
        assert {each["outcome"] for each in sources.values()} == {"FRESH"}, (name, sources)
        assert [row["key"] for row in sources[kind]["unreadable"]] == ["odd"], name
        assert all(not each["unreadable"] for each in sources.values() if each["provider"] != kind)
    scene.relays[kind].alter = lambda request, body: body
    _, sources = await listed(scene)
    assert sources[kind]["unreadable"] == []
