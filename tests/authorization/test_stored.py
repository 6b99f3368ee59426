"""What is stored is handed out by the rights of who asks now: receipts of idempotency keys, copies, uploads, authorizations."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from door import Door, key
from scene import mutation, node_id, pdf

from gateway.auth.viewer import SCOPES

ALL = " ".join(SCOPES)
WRITE = "sessions:write"
PROBLEMS = "problems { code message path }"
SHOWN = "id title status participants { email } events { nodes { type } }"


def codes(answer: dict[str, Any]) -> set[str]:
    found = {each["extensions"]["code"] for each in answer.get("errors", ())}
    for payload in (answer.get("data") or {}).values():
        found |= {each["code"] for each in (payload or {}).get("problems", ())}
    return found


def ask(name: str, kind: str, shown: str = f"session {{ {SHOWN} }}") -> str:
    return f"mutation M($input: {kind}!) {{ {name}(input: $input) {{ {shown} {PROBLEMS} }} }}"


WRITES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "updateSession": ("UpdateSessionInput", f"session {{ {SHOWN} }}", {"title": "Lease of the south field"}),
    "addParticipant": (
        "AddParticipantInput",
        "participant { id email }",
        {"participant": {"firstName": "Mary", "lastName": "Cartwright", "email": "mary@people.example"}},
    ),
    "startSession": ("SessionActionInput", f"session {{ {SHOWN} }}", {}),
    "duplicateSession": ("DuplicateSessionInput", f"session {{ {SHOWN} }}", {"title": "Another"}),
    "cancelSession": ("CancelSessionInput", f"session {{ {SHOWN} }}", {"reason": "No longer wanted."}),
    "deleteSession": ("SessionActionInput", "deletedIds", {}),
}


async def test_receipt_of_key_is_not_shown_to_token_narrowed_to_another_provider(door: Door) -> None:
    whole, narrow = (door.issuer.token(scope=ALL, providers=each) for each in (None, ["signicat"]))
    order = await door.scene.order("easyink", given=[{"upload": await upload(door, whole)}])
    made = {"input": order | {"idempotencyKey": "a key of before", "start": False}}
    text = ask("createSession", "CreateSessionInput")
    session = (await door.ask(whole, text, **made))["data"]["createSession"]["session"]
    assert session["participants"], "it was made"
    nowhere = made["input"] | {"provider": "nowhere!"}
    await same_as_nowhere(door, narrow, text, made["input"], nowhere)
    for name, (kind, shown, more) in WRITES.items():
        given = {"session": session["id"], "idempotencyKey": f"a key of {name}"} | more
        text = ask(name, kind, shown)
        first = await door.ask(whole, text, input=given)
        assert codes(first) <= {"UNSUPPORTED", "WRONG_STATE"}, (name, first)
        await same_as_nowhere(door, narrow, text, given, given | {"session": elsewhere(session["id"])})


async def test_receipt_of_stored_signature_is_not_shown_to_token_narrowed_to_another_provider(door: Door) -> None:
    whole, narrow = (door.issuer.token(scope=ALL, providers=each) for each in (None, ["signicat"]))
    given = {"provider": "persist", "document": "lease", "thread": "tenant", "tags": ["a tag"], "idempotencyKey": "k"}
    given["content"] = await door.scene.cms()
    text = ask("saveSignature", "SaveSignatureInput", "signature { id tags }")
    assert codes(await door.ask(whole, text, input=given)) == set()
    await same_as_nowhere(door, narrow, text, given, given | {"provider": "nowhere!"})


async def same_as_nowhere(door: Door, who: str, text: str, there: dict[str, Any], nowhere: dict[str, Any]) -> None:
    """What this viewer is told of it is what they are told of a provider that there is not."""
    one, other = await door.ask(who, text, input=there), await door.ask(who, text, input=nowhere)
    assert json.dumps(one) == json.dumps(other)
    assert codes(one) == {"NOT_FOUND"}


def elsewhere(identity: str) -> str:
    kind, _, *keys = json.loads(base64.urlsafe_b64decode(identity + "=="))
    return node_id(kind, "nowhere!", *keys)


async def test_receipt_of_key_that_copied_document_is_not_shown_without_right_to_read_documents(door: Door) -> None:
    source = await door.scene.create("easyink")
    order = await door.scene.order("easyink", given=[{"document": source["documents"][0]["id"]}])
    given = order | {"idempotencyKey": "a copy"}
    text = ask("createSession", "CreateSessionInput")
    assert codes(await door.ask("everything", text, input=given)) == set()
    answer = await door.ask(WRITE, text, input=given)
    assert codes(answer) == {"FORBIDDEN"}
    assert answer["data"]["createSession"]["session"] is None


async def test_receipt_of_key_that_copied_session_is_not_shown_without_right_to_read_documents(door: Door) -> None:
    whole, writer = door.issuer.token(scope=ALL), door.issuer.token(scope=WRITE)
    for provider, name, kind, more in (
        ("easyink", "duplicateSession", "DuplicateSessionInput", {"title": "Another"}),
        ("easyink", "recreateSession", "RecreateSessionInput", {"reason": "A new lease."}),
        ("signicat", "recreateSession", "RecreateSessionInput", {"reason": "A new lease."}),
    ):
        source = await door.scene.create(provider)
        given = {"session": source["id"], "idempotencyKey": f"{provider} {name}"} | more
        text = ask(name, kind)
        assert codes(await door.ask(whole, text, input=given)) <= {"UNSUPPORTED", "WRONG_STATE"}, (provider, name)
        answer = await door.ask(writer, text, input=given)
        assert codes(answer) == {"FORBIDDEN"}, (provider, name)
        assert answer["data"][name]["session"] is None


# bytes


async def test_document_is_copied_only_by_who_may_read_documents(door: Door) -> None:
    source = await door.scene.create("easyink")
    draft = await door.scene.create("easyink", start=False)
    document = {"document": source["documents"][0]["id"]}
    tried: dict[str, tuple[str, dict[str, Any]]] = {
        "createSession": (
            ask("createSession", "CreateSessionInput"),
            await door.scene.order("easyink", given=[document]),
        ),
        "addDocument": (
            ask("addDocument", "AddDocumentInput", "document { id }"),
            {"session": draft["id"], "document": document},
        ),
        "duplicateSession": (ask("duplicateSession", "DuplicateSessionInput"), {"session": source["id"], "title": "Mine"}),
    }
    before = door.scene.calls()["easyink"]
    for name, (text, given) in tried.items():
        assert codes(await door.ask(WRITE, text, input=given)) == {"FORBIDDEN"}, name
    asked = door.scene.calls_since("easyink", before)
    assert {method for method, _ in asked} <= {"GET"}, "nothing was written"
    assert not [path for _, path in asked if "download" in path or "content" in path], "no byte was asked for"
    both = door.issuer.token(scope=f"{WRITE} documents:read")
    for name, (text, given) in tried.items():
        assert codes(await door.ask(both, text, input=given)) == set(), name


async def test_copying_actions_are_shown_only_to_who_may_read_documents(door: Door) -> None:
    source = await door.scene.create("easyink")
    text = "query Q($id: ID!) { session(id: $id) { actions } }"
    writer, both = [
        (await door.ask(who, text, id=source["id"]))["data"]["session"]["actions"]
        for who in (WRITE, door.issuer.token(scope=f"{WRITE} documents:read"))
    ]
    assert "DUPLICATE_SESSION" in both
    assert set(both) - set(writer) == {"DUPLICATE_SESSION", "DOWNLOAD_DOCUMENT"} | ({"RECREATE_SESSION"} & set(both))


# uploads


async def upload(door: Door, credentials: str) -> str:
    headers = {"authorization": f"Bearer {credentials}", "content-type": "application/pdf"}
    reply: httpx.Response = await door.scene.client.put("/uploads", content=pdf("Theirs"), headers=headers)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


@pytest.mark.parametrize("name", ["createSession", "addDocument"])
async def test_upload_is_named_only_by_who_has_staged_it(door: Door, name: str) -> None:
    staged = await upload(door, key("everything"))
    draft = await door.scene.create("easyink", start=False)
    tried = {
        "createSession": (
            ask("createSession", "CreateSessionInput"),
            await door.scene.order("easyink", given=[{"upload": staged}]),
        ),
        "addDocument": (
            ask("addDocument", "AddDocumentInput", "document { id }"),
            {"session": draft["id"], "document": {"upload": staged}},
        ),
    }
    text, given = tried[name]
    unknown = json.loads(json.dumps(given).replace(staged, "x" * 32))
    one, other = await door.ask(WRITE, text, input=given), await door.ask(WRITE, text, input=unknown)
    assert json.dumps(one) == json.dumps(other)
    assert codes(one) == {"NOT_FOUND"}
    assert codes(await door.ask("everything", text, input=given)) == set(), "and it is still there for them"


async def test_upload_of_file_in_form_belongs_to_its_sender(door: Door) -> None:
    operations = {
        "query": "mutation M($file: Upload!) { uploadFile(file: $file) { upload { id } problems { code } } }",
        "variables": {"file": None},
    }
    reply = await door.scene.client.post(
        "/graphql",
        data={"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.file"]})},
        files={"0": ("lease.pdf", pdf(), "application/pdf")},
        headers={"graphql-require-preflight": "1", "authorization": f"Bearer {key(WRITE)}"},
    )
    staged = reply.json()["data"]["uploadFile"]["upload"]["id"]
    order = await door.scene.order("easyink", given=[{"upload": staged}])
    assert codes(await door.ask("everything", mutation("createSession"), input=order)) == {"NOT_FOUND"}
    assert codes(await door.ask(WRITE, ask("createSession", "CreateSessionInput"), input=order)) == set()


async def test_order_with_upload_of_another_is_eligible_nowhere(door: Door) -> None:
    order = await door.scene.order("easyink", given=[{"upload": await upload(door, key(WRITE))}])
    text = "query Q($input: CreateSessionInput!) { eligibleProviders(input: $input) { eligible problems { code } } }"
    found = (await door.ask("everything", text, input=order))["data"]["eligibleProviders"]
    assert not any(each["eligible"] for each in found)


# authorizations

BEGIN = "mutation M($p: String!) { beginAuthorization(provider: $p) { url state problems { code } } }"
COMPLETE = """mutation M($p: String!, $c: String!, $s: String!) {
  completeAuthorization(provider: $p, code: $c, state: $s) { provider { name } problems { code message path } } }"""


async def test_authorization_is_completed_only_by_who_has_begun_it(door: Door) -> None:
    begun = (await door.ask("everything", BEGIN, p="easyink"))["data"]["beginAuthorization"]
    async with httpx.AsyncClient() as person:
        reply = await person.get(begun["url"])
    code = httpx.URL(reply.headers["location"]).params["code"]
    asked = {"p": "easyink", "c": code}
    for other in ("providers:authorize", "bounded", door.issuer.token(scope=ALL, sub="everything")):
        one = await door.ask(other, COMPLETE, s=begun["state"], **asked)
        unknown = await door.ask(other, COMPLETE, s="x" * 32, **asked)
        assert json.dumps(one) == json.dumps(unknown), other
        assert codes(one) == {"INVALID"}
    assert codes(await door.ask("everything", COMPLETE, s=begun["state"], **asked)) == set(), "and it was not used up"
    assert codes(await door.ask("everything", COMPLETE, s=begun["state"], **asked)) == {"INVALID"}, "by now it is"
