"""Unreadable rows of a provider's list: named, while all others are shown."""

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


ODD_KEYS = ("a/b", "..", "../x", "%2F%2e%2e", " ", "", "a?b#c", "k" * 300, "a\nb", "a\u202eb", "-1")


@pytest.mark.parametrize("relayed", [tuple(ROWS)])
@pytest.mark.parametrize("kind", ["signicat", "easyink"])
async def test_row_with_an_unusable_key_is_named_unreadable(scene, kind):
    """Its session would be read by that key, found to be missing, and hidden as deleted."""
    made = await scene.create(kind, people=1)
    for key in ODD_KEYS:
        calls = len(scene.sandboxes[kind].calls)
        scene.relays[kind].alter = odd_row(kind, ROWS[kind][2], json.dumps(key))
        keys, sources = await listed(scene)
        assert keys == {made["key"]}
        assert len(sources[kind]["unreadable"]) == 1, key
        assert "key" in sources[kind]["unreadable"][0]["reason"], key
        assert {each["outcome"] for each in sources.values()} == {"FRESH"}
        read = {path for _, path in scene.calls_since(kind, calls) if "token" not in path}
        mine = (made["key"], made["participants"][0]["key"])
        assert all(path == ROWS[kind][0] or path.rpartition("/")[2] in mine for path in read), read


FIELDS = """
query Q($maxAge: Duration) {
  sessions(maxAge: $maxAge) {
    nodes { key documents { key } fields { key document { id key } participant { key } dependsOn } }
    sources { provider outcome unreadable { key reason } }
  }
}"""
LINKS = {
    "no documents": lambda draft: draft.update(documents=None),
    "a document that is not there": lambda draft: draft["signatureFields"][0].update(documentId="nowhere"),
    "a person who is not there": lambda draft: draft["signatureFields"][0].update(participantId="nobody"),
    "no people": lambda draft: draft.update(participants=[]),
    "a field that is not there": lambda draft: draft["signatureFields"][0].update(dependsOn="nothing"),
}


@pytest.mark.parametrize("relayed", [("easyink",)])
async def test_dangling_link_is_named_while_everything_else_is_shown(scene):
    other = await scene.create("persist")
    field = {"documentIndex": 0, "participantRef": "Ada", "page": 1, "x": 10, "y": 10, "width": 90, "height": 30}
    draft = await scene.create("easyink", fields=[field], start=False)
    started = await scene.create("easyink", fields=[field])
    for name, change in {"nothing": lambda draft: None, **LINKS}.items():

        def alter(request, body: bytes, change=change) -> bytes:
            if request.method != "GET" or not request.url.path.endswith(draft["key"]):
                return body
            found = json.loads(body)
            change(found)
            return json.dumps(found).encode()

        scene.relays["easyink"].alter = alter
        scene.clock.ahead += 11
        await scene.read(draft["id"])
        found = (await scene.data(FIELDS, maxAge=NOW))["sessions"]
        shown = {node["key"]: node for node in found["nodes"]}
        assert shown.keys() == {other["key"], draft["key"], started["key"]}, name
        assert [each["participant"] is not None for each in shown[started["key"]]["fields"]] == [True]
        named = [row["key"] for each in found["sources"] for row in each["unreadable"]]
        assert named == ([draft["key"]] if name not in {"nothing", "a field that is not there"} else []), name
        for each in shown[draft["key"]]["fields"]:
            assert each["document"]["key"] in {document["key"] for document in shown[draft["key"]]["documents"]}
        assert {each["outcome"] for each in found["sources"]} == {"FRESH"}


async def test_deleted_draft_with_fields_is_shown_without_them(scene):
    field = {"documentIndex": 0, "participantRef": "Ada", "page": 1, "x": 10, "y": 10, "width": 90, "height": 30}
    draft = await scene.create("easyink", fields=[field], start=False)
    await scene.done("deleteSession", session=draft["id"])
    query = "query Q($id: ID!) { session(id: $id) { status fields { document { id } } } }"
    assert await scene.data(query, id=draft["id"]) == {"session": {"status": "DELETED", "fields": []}}


@pytest.mark.parametrize("relayed", [("easyink",)])
async def test_odd_part_of_session_is_dropped_and_named_while_its_other_parts_are_shown(scene):
    made = await scene.create("easyink", people=2, documents=2)

    def alter(request, body: bytes) -> bytes:
        if request.method != "GET" or not request.url.path.endswith(made["key"]):
            return body
        view = json.loads(body)
        view["participants"][0]["signedAt"] = 5
        view["documents"][1] = None
        return json.dumps(view).encode()

    scene.relays["easyink"].alter = alter
    shown = await scene.read(made["id"])
    assert [each["email"] for each in shown["participants"]] == [each["email"] for each in made["participants"]]
    assert len(shown["documents"]) == len(made["documents"]) - 1
    assert shown["freshness"]["stale"] is False
    found = (await scene.data(LIST, maxAge=NOW))["sessions"]
    [named] = [each["unreadable"] for each in found["sources"] if each["unreadable"]]
    assert [row["key"] for row in named] == [made["key"]] * 2
    assert any("signedAt" in row["reason"] for row in named)


@pytest.mark.parametrize("relayed", [("easyink",)])
@pytest.mark.parametrize("text", ["1e999", "[" * 600 + "]" * 600], ids=["a number without end", "some brackets"])
async def test_native_payload_that_json_cannot_hold_is_shown_as_text(scene, text):
    made = await scene.create("easyink", people=1)

    def alter(request, body: bytes) -> bytes:
        own = request.method == "GET" and request.url.path.endswith(made["key"])
        return body.replace(b'{"', b'{"extra":%s,"' % text.encode(), 1) if own else body

    scene.relays["easyink"].alter = alter
    query = """
    query Q($id: ID!, $maxAge: Duration) {
      session(id: $id, maxAge: $maxAge) { key native } explainSession(id: $id) { unmapped session { key } }
    }"""
    found = await scene.data(query, id=made["id"], maxAge=NOW)
    assert found["session"]["key"] == made["key"]
    assert text in found["session"]["native"]
    assert found["explainSession"]["session"]["key"] == made["key"]
