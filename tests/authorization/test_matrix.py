"""Every field that can be asked for with every scope: a new one without a rule fails here."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import typing
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from door import Door
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    print_type,
)
from pydantic import SecretStr
from scene import node_id, pdf
from strawberry.types.field import StrawberryField

from gateway.auth.viewer import SCOPES, Viewer
from gateway.cache.shared_cache import SharedCache
from gateway.config import Settings, UploadSettings
from gateway.directory import Directory
from gateway.signing import Services, Signing
from gateway.signing.policy import SCOPES_OF_USE_CASES
from gateway.store import Store
from gateway.store.event_cursor import EventCursor
from gateway.web.uploads import Uploads
from providers.clock import Clock
from providers.errors import Forbidden
from schema import schema

READ, WRITE = "sessions:read", "sessions:write"
SIGNED, DOCUMENTS, NATIVE, SIGN = "signatures:read", "documents:read", "native:read", "sessions:sign"
COMPARE = "providers:compare"
ROOTS: dict[str, str | None] = {
    "Query.node": READ,
    "Query.nodes": READ,
    "Query.viewer": None,
    "Query.providers": None,
    "Query.provider": None,
    "Query.session": READ,
    "Query.sessionByKey": READ,
    "Query.sessions": READ,
    "Query.document": READ,
    "Query.signatures": SIGNED,
    "Query.eligibleProviders": READ,
    "Query.comparison": COMPARE,
    "Query.explainSession": f"{NATIVE} and {READ}",
    "Query.leftovers": "providers:admin",
    "Query.webhookDeliveries": "webhooks:admin",
    "Mutation.duplicateSession": f"{WRITE} and {DOCUMENTS}",
    "Mutation.recreateSession": f"{WRITE} and {DOCUMENTS}",
    "Mutation.beginAuthorization": "providers:authorize",
    "Mutation.completeAuthorization": "providers:authorize",
    "Mutation.replayWebhook": "webhooks:admin",
    "Mutation.resolveLeftover": "providers:admin",
    "Subscription.session": READ,
    "Query.sessionEvents": READ,
    "Subscription.sessionEvents": READ,
    "Subscription.providerHealth": None,
}
"""What each needs; a mutation that is not named needs ``sessions:write``. Of two scopes, neither alone is enough."""
FIELDS: dict[str, str | None] = {
    "Session.native": NATIVE,
    "Participant.signingUrl": SIGN,
    "Document.download": DOCUMENTS,
    "Signature.download": DOCUMENTS,
    "Signature.certificate": SIGNED,
    "Signature.timestamp": SIGNED,
    "Signature.verification": SIGNED,
    "Provider.sessionCounts": READ,
    "Provider.metrics": COMPARE,
    "ProviderMetrics.slices": COMPARE,
    # What a session leads to is read like the session itself.
    "Session.events": READ,
    "Session.eventCursor": None,
    "Session.updatedAt": None,
    "Document.session": READ,
    "Document.signatures": READ,
    "Participant.session": READ,
    "Signature.session": READ,
    "Signature.document": READ,
    "Signature.participant": READ,
    "SignatureField.document": READ,
    "SignatureField.participant": READ,
    "SessionEvent.session": READ,
    "SessionEvent.participant": READ,
    "SessionEvent.document": READ,
    "SessionEvent.signature": READ,
    "SessionConnection.totalCount": READ,
    "SignatureConnection.totalCount": SIGNED,
    "WebhookDelivery.session": "webhooks:admin",
    # Nothing of any session is told by these.
    "Session.provider": None,
    "Leftover.provider": None,
    "Document.provider": None,
    "Signature.provider": None,
    "Session.actions": None,
    "Session.freshness": None,
    "Provider.sync": None,
    "Viewer.providers": None,
}


def named(type_: GraphQLObjectType) -> Iterator[tuple[str, GraphQLField]]:
    for name, field in type_.fields.items():
        yield f"{type_.name}.{name}", field


def roots() -> Iterator[tuple[str, GraphQLField]]:
    core = schema._schema
    for type_ in (core.query_type, core.mutation_type, core.subscription_type):
        assert type_ is not None
        yield from named(type_)


def asking() -> Iterator[str]:
    """The fields beneath that reach beyond the object that they are of."""
    core = schema._schema
    for type_ in core.type_map.values():
        if isinstance(type_, GraphQLObjectType) and type_ not in (core.query_type, core.mutation_type, core.subscription_type):
            for name, field in named(type_):
                own = field.extensions.get("strawberry-definition")
                resolver = own.base_resolver if isinstance(own, StrawberryField) else None
                if resolver is not None and resolver.info_parameter is not None:
                    yield name


def needed(name: str) -> str | None:
    return ROOTS.get(name, WRITE)


def allowed(scope: str | None, held: str) -> bool:
    return scope is None or held == scope or (scope == READ and held == WRITE)


def identity(name: str) -> str:
    """The id of something that there is not, of the type that an argument or a member is named for."""
    kind = {"field": "SignatureField", "webhook": "WebhookDelivery"}.get(name, name.capitalize())
    keys = {"WebhookDelivery": 1, "Leftover": 1, "Session": 2}.get(kind, 3)
    return node_id(kind, *("easyink", "x", "y")[:keys])


def example(type_: Any, name: str) -> str:
    """A value of an input type that says as little as can be said."""
    if isinstance(type_, GraphQLNonNull):
        return example(type_.of_type, name)
    if isinstance(type_, GraphQLList):
        return f"[{example(type_.of_type, name)}]"
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if name == "provider":
        return '"easyink"'
    if type_.name == "DocumentInput":
        return '{upload: "x"}'
    if isinstance(type_, GraphQLInputObjectType):
        told = (f"{member}: {example(each.type, member)}" for member, each in type_.fields.items() if _must(each.type))
        return f"{{{', '.join(told)}}}"
    plain = {"ID": f'"{identity(name)}"', "Int": "1", "Float": "1.5", "Boolean": "true", "Duration": '"P1D"'}
    return plain.get(type_.name, '"x"')


def _must(type_: Any) -> bool:
    return isinstance(type_, GraphQLNonNull)


def call(name: str, field: GraphQLField) -> str:
    """An operation that asks for a root field and for no more than it has to."""
    root, plain = name.split(".")
    about = {"Query.document": "document", "Mutation.replayWebhook": "webhook"}.get(name, "session")
    given = {
        arg: example(each.type, about if arg in {"id", "ids"} else arg) for arg, each in field.args.items() if _must(each.type)
    }
    words = f"({', '.join(f'{arg}: {value}' for arg, value in given.items())})" if given else ""
    type_ = get_named_type(field.type)
    selection = "" if is_leaf_type(type_) else " { problems { code message } }" if root == "Mutation" else " { __typename }"
    return f"{root.lower()} {{ {plain}{words}{selection} }}"


def codes(answer: dict[str, Any]) -> set[str]:
    found = {each["extensions"]["code"] for each in answer.get("errors", ())}
    for payload in (answer.get("data") or {}).values():
        if isinstance(payload, dict):
            found |= {each["code"] for each in payload.get("problems", ())}
    return found


def test_every_field_that_reaches_for_something_has_a_rule() -> None:
    assert set(ROOTS) <= {name for name, _ in roots()}
    assert {name for name, _ in roots() if not name.startswith("Mutation.")} <= set(ROOTS)
    assert set(asking()) == set(FIELDS)


def test_every_use_case_has_a_rule() -> None:
    public = [name for _, name in use_cases()]
    assert sorted(public) == sorted(SCOPES_OF_USE_CASES)
    assert set(SCOPES_OF_USE_CASES.values()) <= {None, *SCOPES}


def use_cases() -> Iterator[tuple[str, str]]:
    """Every public method of every group of use cases."""
    for group, kind in typing.get_type_hints(Signing).items():
        if group != "directory":
            for name, _ in inspect.getmembers(kind, inspect.isfunction):
                if not name.startswith("_"):
                    yield group, name


async def test_every_use_case_refuses_a_viewer_without_its_scope(tmp_path: Path) -> None:
    clock, settings = Clock(), Settings()
    store = await Store.open(SecretStr(f"sqlite:///{tmp_path / 'x.db'}"))
    uploads = Uploads(UploadSettings(folder=tmp_path / "uploads"), store.uploads, clock)
    services = Services(settings, Directory(()), store, uploads, SharedCache(None, None, clock), clock)
    for group, name in use_cases():
        scope = SCOPES_OF_USE_CASES[name]
        if scope is None:
            continue
        held = set(SCOPES) - {scope} - ({WRITE} if scope == READ else set())
        use_case = getattr(getattr(services.for_viewer(Viewer("x", None, frozenset(held))), group), name)
        given = {
            each.name: None
            for each in inspect.signature(use_case).parameters.values()
            if each.default is inspect.Parameter.empty
        }
        with pytest.raises(Forbidden, match=f"This needs the scope {scope}."):
            await use_case(**given)
    await services.close()
    await store.close()


async def test_every_root_field_with_every_scope(door: Door, record_property: Any) -> None:
    tried = 0
    for name, field in roots():
        if name == "Mutation.uploadFile":
            continue
        for held in SCOPES:
            ask = _streamed if name.startswith("Subscription.") else Door.ask
            answer = await ask(door, held, call(name, field))
            refused = "FORBIDDEN" in codes(answer)
            assert refused is not allowed(needed(name), held), (name, held, answer)
            tried += 1
    record_property("figure", f"authorization: {tried} root fields and scopes, {len(FIELDS)} fields beneath")


async def _streamed(door: Door, held: str, query: str) -> dict[str, Any]:
    """The first thing that is said of a subscription, if anything is said at once."""
    headers = {"authorization": f"Bearer csk_{held.replace(':', '-')}", "accept": "text/event-stream"}
    async with door.scene.client.stream("POST", "/graphql", json={"query": query}, headers=headers) as reply:
        if reply.headers["content-type"].startswith("application/json"):
            found: dict[str, Any] = json.loads(await reply.aread())
            return found
        return {}


async def test_what_a_scope_does_not_allow_is_not_in_the_answer(door: Door) -> None:
    session = await door.scene.create("easyink")
    text = """query Q($id: ID!) { session(id: $id) {
      title native participants { email signingUrl } documents { download { url } }
    } }"""
    answer = await door.ask(WRITE, text, id=session["id"])
    assert codes(answer) == {"FORBIDDEN"}
    shown = answer["data"]["session"]
    assert shown["title"] == session["title"]
    assert shown["native"] is None
    assert {each["signingUrl"] for each in shown["participants"]} == {None}
    assert {each["download"] for each in shown["documents"]} == {None}
    whole = (await door.ask("everything", text, id=session["id"]))["data"]["session"]
    assert whole["native"] is not None
    assert all(each["download"] for each in whole["documents"])
    assert (await door.ask("providers:compare", text, id=session["id"]))["data"] == {"session": None}


async def test_an_upload_needs_the_scope_to_write(door: Door) -> None:
    headers = {"authorization": "Bearer csk_sessions-read", "content-type": "application/pdf"}
    reply = await door.scene.client.put("/uploads", content=pdf(), headers=headers)
    assert (reply.status_code, reply.json()["problem"]["code"]) == (403, "FORBIDDEN")


async def test_actions_are_those_that_this_viewer_may_do(door: Door) -> None:
    session = await door.scene.create("easyink")
    text = "query Q($id: ID!) { session(id: $id) { actions } }"
    reader, writer = [(await door.ask(who, text, id=session["id"]))["data"]["session"]["actions"] for who in (READ, WRITE)]
    assert reader == []
    assert "CANCEL_SESSION" in writer


def _elsewhere(identity: str) -> str:
    """The same id at a provider that there is not."""
    kind, _, *keys = json.loads(base64.urlsafe_b64decode(identity + "=="))
    return node_id(kind, "nowhere!", *keys)


async def test_what_is_of_another_provider_is_answered_like_what_is_not_there(door: Door) -> None:
    session = await door.scene.create("signicat")
    hidden = {
        identity("session"): session["id"],
        identity("document"): session["documents"][0]["id"],
        identity("participant"): session["participants"][0]["id"],
        identity("field"): node_id("SignatureField", "signicat", session["key"], "y"),
        identity("signature"): node_id("Signature", "signicat", session["key"], "y"),
    }
    tried = set()
    for name, field in roots():
        text = call(name, field)
        named = [each for each in hidden if each in text]
        if name == "Mutation.uploadFile" or not (named or '"easyink"' in text):
            continue
        there, nowhere = text.replace('"easyink"', '"signicat"'), text.replace('"easyink"', '"nowhere!"')
        for each in named:
            there, nowhere = there.replace(each, hidden[each]), nowhere.replace(each, _elsewhere(hidden[each]))
        ask = _streamed if name.startswith("Subscription.") else Door.ask
        one, other = await ask(door, "bounded", there), await ask(door, "bounded", nowhere)
        assert json.dumps(one) == json.dumps(other), name
        assert codes(one) == {"NOT_FOUND"} or name == "Query.eligibleProviders", (name, one)
        tried.add(name)
    assert {"Query.node", "Query.nodes", "Query.session", "Query.document", "Subscription.session"} < tried
    untried = {name for name, _ in roots() if name.startswith("Mutation.")} - tried
    assert untried == {"Mutation.uploadFile", "Mutation.replayWebhook", "Mutation.resolveLeftover"}


async def test_leftovers_of_other_providers_are_answered_like_what_is_not_there(door: Door) -> None:
    for fault in ({"path": "*/signing-sessions", "method": "POST"}, {"method": "DELETE"}):
        await door.scene.fault("signicat", status=403, **fault)
    await door.scene.mutate("createSession", **await door.scene.order("signicat"))
    listing = "{ leftovers { nodes { id } } }"
    [leftover] = (await door.ask("everything", listing))["data"]["leftovers"]["nodes"]
    assert (await door.ask("bounded", listing))["data"]["leftovers"]["nodes"] == []
    asked = [
        "query Q($id: ID!) { node(id: $id) { id } }",
        "mutation Q($id: ID!) { resolveLeftover(input: {leftover: $id, action: DISMISS}) { problems { code message } } }",
    ]
    for text in asked:
        one, other = [await door.ask("bounded", text, id=each) for each in (leftover["id"], node_id("Leftover", "nothing"))]
        assert json.dumps(one) == json.dumps(other)
        assert codes(one) == {"NOT_FOUND"}
    assert (await door.ask("everything", listing))["data"]["leftovers"]["nodes"] == [leftover]


async def test_lists_events_and_documents_of_other_providers_are_not_there(door: Door) -> None:
    signicat, easyink = await door.scene.create("signicat"), await door.scene.create("easyink")
    text = "{ sessions { totalCount nodes { id } sources { provider } } providers { name } viewer { providers } }"
    found = (await door.ask("bounded", text))["data"]
    assert [each["id"] for each in found["sessions"]["nodes"]] == [easyink["id"]]
    assert found["sessions"]["totalCount"] == 1
    assert [each["provider"] for each in found["sessions"]["sources"]] == ["easyink"]
    assert found["viewer"]["providers"] == ["easyink"]
    assert [each["name"] for each in found["providers"]] == ["easyink"]
    compared = (await door.ask("bounded", "{ comparison { providers { provider { name } } } }"))["data"]["comparison"]
    assert [each["provider"]["name"] for each in compared["providers"]] == ["easyink"]
    for asked in (
        '{ sessions(filter: {providers: ["signicat"]}) { totalCount } }',
        '{ signatures(filter: {providers: ["signicat"]}) { totalCount } }',
        '{ sessionEvents(filter: {providers: ["signicat"]}) { nodes { id } } }',
        '{ webhookDeliveries(filter: {providers: ["signicat"]}) { nodes { id } } }',
        '{ comparison(providers: ["signicat"]) { providers { requests } } }',
        '{ providers(names: ["signicat"]) { name } }',
    ):
        one, other = [await door.ask("bounded", asked.replace("signicat", name)) for name in ("signicat", "nowhere!")]
        assert json.dumps(one) == json.dumps(other), asked
        assert codes(one) == {"NOT_FOUND"}, asked
    borrowed: dict[str, Any] = {"provider": "easyink", "title": "x"}
    taken = "mutation M($input: CreateSessionInput!) { createSession(input: $input) { problems { code message } } }"
    answers = []
    for document in (signicat["documents"][0]["id"], _elsewhere(signicat["documents"][0]["id"])):
        borrowed["documents"] = [{"document": document}]
        answers.append(await door.ask("bounded", taken, input=borrowed))
    assert json.dumps(answers[0]) == json.dumps(answers[1])
    assert codes(answers[0]) == {"NOT_FOUND"}
    read = await door.ask("bounded", "{ sessionEvents(first: 100) { nodes { session { id } } } }")
    assert {each["session"]["id"] for each in read["data"]["sessionEvents"]["nodes"]} == {easyink["id"]}
    text = f'subscription {{ sessionEvents(after: "{EventCursor(0)}") {{ session {{ id }} }} }}'
    headers = {"authorization": "Bearer csk_bounded", "accept": "text/event-stream"}
    async with door.scene.client.stream("POST", "/graphql", json={"query": text}, headers=headers) as reply:
        told = [line async for line in _until(reply, easyink["id"])]
    events = [line for line in told if line.startswith("data: {")]
    assert len(events) == 1, "nothing is said of the other, not even that something cannot be told"


async def _until(reply: httpx.Response, what: str) -> AsyncIterator[str]:
    """The lines of a stream, to the first that has this in it."""
    async with asyncio.timeout(10):
        async for line in reply.aiter_lines():
            yield line
            if what in line:
                return
    raise AssertionError("the stream ended before that")


async def test_signatures_are_checked_for_whoever_may_see_them_and_no_session(door: Door) -> None:
    saved = (await door.scene.save())["signatures"][0]
    text = "{ signatures { nodes { id certificate { subject } verification { status } session { id } } } }"
    answer = await door.ask(SIGNED, text)
    found = {each["id"]: each for each in answer["data"]["signatures"]["nodes"]}[saved["id"]]
    assert found["certificate"]["subject"]
    assert found["session"] is None
    assert codes(answer) == {"FORBIDDEN"}


def test_the_contract_names_the_scopes() -> None:
    assert "native:read" in print_type(schema._schema.type_map["Session"])
