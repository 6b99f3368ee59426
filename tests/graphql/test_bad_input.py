"""Invalid input: every mistake of a client is a problem or coded error with its path, before any provider is called."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from scene import PROBLEMS, mutation, node_id, pdf
from scene import scene as running

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGEST = 200_000


@dataclass
class Stock:
    """What the cases name: an upload that can be used, and a session at each provider."""

    scene: Any
    upload: str
    used: str
    expired: str
    signicat: dict[str, Any]
    started: dict[str, Any]
    draft: dict[str, Any]
    batch: dict[str, Any]
    record: dict[str, Any]
    cursor: str

    def order(self, provider="easyink", **changes):
        """An order without a mistake but for the changes."""
        person = {"ref": "ada", "firstName": "Ada", "lastName": "Lovelace", "email": "ada@people.example"}
        order = {"provider": provider, "title": "Lease", "documents": [{"upload": self.upload}]}
        if provider != "seal":
            order["participants"] = [person]
        return order | changes

    def person(self, **changes):
        return {"participants": [{"firstName": "Ada", "lastName": "Lovelace", "email": "ada@people.example"} | changes]}

    def place(self, **changes):
        given = {"documentIndex": 0, "page": 1, "x": 72, "y": 72, "width": 100, "height": 30}
        return {"fields": [given | changes]}

    def day(self, days):
        return (self.scene.clock.now() + timedelta(days=days)).isoformat().replace("+00:00", "Z")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def furnished(gateways, tmp_path_factory, authority):
    folder = tmp_path_factory.mktemp("gateway")
    async with running(
        folder, authority, {"uploads": {"max_bytes": LARGEST, "keep": 3600}, "freshness": {"open": 3600}}
    ) as scene:
        expired = await scene.upload()
        scene.clock.ahead += 3601
        order = await scene.order("easyink", start=False)
        draft = (await scene.done("createSession", **order))["session"]
        signicat = await scene.create("signicat")
        cursor = (await scene.list({"providers": ["signicat"]}))["pageInfo"]["endCursor"]
        yield Stock(
            scene,
            upload="",
            used=order["documents"][0]["upload"],
            expired=expired,
            signicat=signicat,
            started=await scene.create("easyink"),
            draft=draft,
            batch=await scene.create("seal", start=False),
            record=await scene.create("persist"),
            cursor=cursor,
        )


@pytest_asyncio.fixture(loop_scope="module")
async def stock(furnished):
    """Has an upload of its own for every test, which can still be used afterwards."""
    furnished.upload = await furnished.scene.upload()
    yield furnished
    query = "query Q($input: CreateSessionInput!) { eligibleProviders(input: $input) { eligible } }"
    eligible = (await furnished.scene.data(query, input=furnished.order()))["eligibleProviders"]
    assert any(each["eligible"] for each in eligible), "the upload was spent by a mistake"


@dataclass(frozen=True)
class Case:
    """A mutation with a mistake, and the problem that says so. ``silent`` where no provider has to be called."""

    name: str
    given: Callable[[Stock], dict[str, Any]]
    code: str
    path: str
    says: str
    mutation: str = "createSession"
    silent: bool = True


def made(name, changes, code, path, says, provider="easyink", **more):
    """A case of createSession."""
    return Case(name, lambda stock: stock.order(**{"provider": provider} | changes(stock)), code, path, says, **more)


def about(name, mutation, given, code, path, says, **more):
    """A case of another mutation."""
    return Case(name, given, code, path, says, mutation=mutation, **more)


CASES = [
    made("unknown provider", lambda s: {"provider": "docusign"}, "NOT_FOUND", "input provider", "Configured here: "),
    made("a provider that creates none", lambda s: {"provider": "persist"}, "UNSUPPORTED", "input provider", "can: easyink"),
    made("blank title", lambda s: {"title": " "}, "INVALID", "input title", "Say what"),
    made("title too long", lambda s: {"title": "x" * 501}, "INVALID", "input title", "500"),
    made("message too long", lambda s: {"message": "x" * 2049}, "INVALID", "input message", "2048", provider="signicat"),
    made("reference too long", lambda s: {"reference": "x" * 1025}, "INVALID", "input reference", "takes", provider="signicat"),
    made("used upload", lambda s: {"documents": [{"upload": s.used}]}, "NOT_FOUND", "input documents 0 upload", "used already"),
    made(
        "expired upload", lambda s: {"documents": [{"upload": s.expired}]}, "NOT_FOUND", "input documents 0 upload", "expired"
    ),
    made(
        "unknown upload", lambda s: {"documents": [{"upload": "nope"}]}, "NOT_FOUND", "input documents 0 upload", "Upload the"
    ),
    made(
        "strange upload",
        lambda s: {"documents": [{"upload": "../../x"}]},
        "NOT_FOUND",
        "input documents 0 upload",
        "Upload the",
    ),
    made(
        "the second upload is unknown",
        lambda s: {"documents": [{"upload": s.upload}, {"upload": "nope"}]},
        "NOT_FOUND",
        "input documents 1 upload",
        "Upload the",
    ),
    made("no source", lambda s: {"documents": [{"title": "x"}]}, "INVALID", "input documents 0", "exactly one"),
    made(
        "two sources",
        lambda s: {"documents": [{"upload": s.upload, "document": s.draft["documents"][0]["id"]}]},
        "INVALID",
        "input documents 0",
        "exactly one",
    ),
    made(
        "a document that is none",
        lambda s: {"documents": [{"document": s.draft["id"]}]},
        "INVALID",
        "input documents 0 document",
        "id of a session",
    ),
    made(
        "a document that is gone",
        lambda s: {"documents": [{"document": node_id("Document", "easyink", s.draft["key"], "nope")}]},
        "NOT_FOUND",
        "input documents 0 document",
        "no such document",
    ),
    made(
        "a role for results",
        lambda s: {"documents": [{"upload": s.upload, "role": "SIGNED"}]},
        "INVALID",
        "input documents 0 role",
        "TO_SIGN",
    ),
    made("no documents", lambda s: {"documents": []}, "INVALID", "input documents", "document"),
    made("no documents at all", lambda s: {"documents": None}, "INVALID", "input documents", "document", provider="seal"),
    made("no documents to sign with", lambda s: {"documents": []}, "INVALID", "input documents", "one", provider="signicat"),
    made(
        "e-mail without an address",
        lambda s: s.person(email=None, deliveryMethods=["EMAIL"]),
        "INVALID",
        "input participants 0 email",
        "needs an e-mail address",
    ),
    made(
        "no way to invite", lambda s: s.person(email=None), "INVALID", "input participants 0 deliveryMethods", "give an e-mail"
    ),
    made("no e-mail address", lambda s: s.person(email="ada"), "INVALID", "input participants 0 email", "no e-mail address"),
    made("sms without a number", lambda s: s.person(deliveryMethods=["SMS"]), "INVALID", "input participants 0 phone", "phone"),
    made(
        "a phone with a country code",
        lambda s: s.person(phone="+4712345678"),
        "INVALID",
        "input participants 0 phone",
        "ten digits",
    ),
    made(
        "a delivery that there is not",
        lambda s: s.person(deliveryMethods=["SMS"], phone="1"),
        "INVALID",
        "input participants 0 deliveryMethods",
        "signingUrl",
        provider="signicat",
    ),
    made("a language that nobody speaks", lambda s: s.person(language="tlh"), "INVALID", "input participants 0 language", "en"),
    made(
        "no first name", lambda s: s.person(firstName=None), "INVALID", "input participants 0 firstName", "needs a first name"
    ),
    made("nobody signs", lambda s: {"participants": []}, "INVALID", "input participants", "Add participants"),
    made(
        "somebody at a machine",
        lambda s: s.person(),
        "INVALID",
        "input participants",
        "Leave participants out",
        provider="seal",
    ),
    made("due too late", lambda s: {"dueAt": s.day(46)}, "INVALID", "input dueAt", "45 days", provider="signicat"),
    made("due in the past", lambda s: {"dueAt": s.day(-1)}, "INVALID", "input dueAt", "in the future", provider="signicat"),
    made("due where nothing is", lambda s: {"dueAt": s.day(1)}, "INVALID", "input dueAt", "Leave dueAt out"),
    made(
        "reminders where nobody reminds",
        lambda s: {"reminderFrequency": "DAILY"},
        "INVALID",
        "input reminderFrequency",
        "Leave",
        provider="signicat",
    ),
    made(
        "an archive that there is not", lambda s: {"archive": {"retentionPeriod": "P1Y"}}, "INVALID", "input archive", "Leave"
    ),
    made(
        "an archive for no time",
        lambda s: {"archive": {"retentionPeriod": "PT0S"}},
        "INVALID",
        "input archive retentionPeriod",
        "second",
        provider="signicat",
    ),
    made(
        "a draft where there are none", lambda s: {"start": False}, "INVALID", "input start", "no drafts", provider="signicat"
    ),
    made(
        "an unknown option",
        lambda s: {"options": {"colour": "red"}},
        "INVALID",
        "input options colour",
        "signingFlow",
        provider="signicat",
    ),
    made(
        "an option of the wrong type",
        lambda s: {"options": {"signatureUrlTTL": "soon"}},
        "INVALID",
        "input options signatureUrlTTL",
        "integer",
        provider="signicat",
    ),
    made(
        "an option that has no such value",
        lambda s: {"options": {"signingFlow": "BY_HAND"}},
        "INVALID",
        "input options signingFlow",
        "PKISIGNING",
        provider="signicat",
    ),
    made("options that are a list", lambda s: {"options": [1]}, "INVALID", "input options", "object", provider="signicat"),
    made("options that are a text", lambda s: {"options": "x"}, "INVALID", "input options", "object", provider="signicat"),
    made(
        "options of a person",
        lambda s: s.person(options={"shoe": 9}),
        "INVALID",
        "input participants 0 options shoe",
        "nationalIdentificationNumber",
        provider="signicat",
    ),
    made(
        "options of a person that are a number",
        lambda s: s.person(options=1),
        "INVALID",
        "input participants 0 options",
        "object",
        provider="signicat",
    ),
    made(
        "a number beyond all",
        lambda s: {"options": {"processId": 2**63}},
        "INVALID",
        "input options",
        "more digits",
        provider="seal",
    ),
    made("a field of nobody", lambda s: s.place(participantRef="bob"), "INVALID", "input fields 0 participantRef", "same ref"),
    made("a field on no document", lambda s: s.place(documentIndex=1), "INVALID", "input fields 0 documentIndex", "first is 0"),
    made(
        "a field before the documents",
        lambda s: s.place(documentIndex=-1),
        "INVALID",
        "input fields 0 documentIndex",
        "first is 0",
    ),
    made("a field on page 0", lambda s: s.place(page=0), "INVALID", "input fields 0 page", "first page is 1"),
    made("a field off the page", lambda s: s.place(x=-1), "INVALID", "input fields 0 x", "at least 0"),
    made("a field without width", lambda s: s.place(width=0), "INVALID", "input fields 0 width", "at least"),
    made("fields where there are none", lambda s: s.place(), "INVALID", "input fields", "Leave them out", provider="signicat"),
    about("start what is no id", "startSession", lambda s: {"session": "nope"}, "INVALID", "input session", "id that it gave"),
    about("start an empty id", "startSession", lambda s: {"session": ""}, "INVALID", "input session", "id that it gave"),
    about(
        "start a document",
        "startSession",
        lambda s: {"session": s.draft["documents"][0]["id"]},
        "INVALID",
        "input session",
        "id of a document",
    ),
    about(
        "start what is nowhere",
        "startSession",
        lambda s: {"session": node_id("Session", "easyink", "nope")},
        "NOT_FOUND",
        "",
        "",
        silent=False,
    ),
    about(
        "start at nobody",
        "startSession",
        lambda s: {"session": node_id("Session", "docusign", "1")},
        "NOT_FOUND",
        "input session",
        "Configured here",
    ),
    about(
        "start where nothing starts",
        "startSession",
        lambda s: {"session": s.signicat["id"]},
        "UNSUPPORTED",
        "input session",
        "Providers that can: ",
    ),
    about(
        "cancel at a machine",
        "cancelSession",
        lambda s: {"session": s.batch["id"], "reason": "No."},
        "UNSUPPORTED",
        "input session",
        "signicat",
    ),
    about(
        "cancel a draft",
        "cancelSession",
        lambda s: {"session": s.draft["id"], "reason": "No."},
        "WRONG_STATE",
        "input session",
        "DRAFT",
        silent=False,
    ),
    about(
        "cancel without a reason",
        "cancelSession",
        lambda s: {"session": s.started["id"], "reason": ""},
        "INVALID",
        "input reason",
        "why",
        silent=False,
    ),
    about(
        "delete what has started",
        "deleteSession",
        lambda s: {"session": s.started["id"]},
        "WRONG_STATE",
        "input session",
        "PENDING",
        silent=False,
    ),
    about(
        "add to what has started",
        "addDocument",
        lambda s: {"session": s.started["id"], "document": {"upload": s.upload}},
        "WRONG_STATE",
        "input session",
        "PENDING",
        silent=False,
    ),
    about(
        "add where nothing is added",
        "addDocument",
        lambda s: {"session": s.signicat["id"], "document": {"upload": s.upload}},
        "UNSUPPORTED",
        "input session",
        "easyink",
    ),
    about(
        "add nothing",
        "addDocument",
        lambda s: {"session": s.draft["id"], "document": {}},
        "INVALID",
        "input document",
        "exactly one",
    ),
    about(
        "add a used upload",
        "addDocument",
        lambda s: {"session": s.draft["id"], "document": {"upload": s.used}},
        "NOT_FOUND",
        "input document upload",
        "used already",
        silent=False,
    ),
    about(
        "keep at nobody",
        "saveSignature",
        lambda s: {"provider": "docusign", "document": "d", "thread": "t", "content": "x"},
        "NOT_FOUND",
        "input provider",
        "Configured",
    ),
    about(
        "keep where nothing is kept",
        "saveSignature",
        lambda s: {"provider": "seal", "document": "d", "thread": "t", "content": "x"},
        "UNSUPPORTED",
        "input provider",
        "persist",
    ),
    about(
        "keep what is no signature",
        "saveSignature",
        lambda s: {"provider": "persist", "document": "d", "thread": "t", "content": "bm8="},
        "INVALID",
        "input content",
        "CMS",
    ),
    about(
        "keep without a name",
        "saveSignature",
        lambda s: {"provider": "persist", "document": "", "thread": "t", "content": "bm8="},
        "INVALID",
        "input document",
        "name",
    ),
    about(
        "keep version 0",
        "saveSignature",
        lambda s: {"provider": "persist", "document": "d", "thread": "t", "content": "bm8=", "version": 0},
        "INVALID",
        "input version",
        "1 or more",
    ),
    about(
        "keep too long a tag",
        "saveSignature",
        lambda s: {"provider": "persist", "document": "d", "thread": "t", "content": "bm8=", "tags": ["x" * 256]},
        "INVALID",
        "input tags 0",
        "255",
    ),
    about(
        "remove a session as a signature",
        "deleteSignature",
        lambda s: {"signature": s.record["id"]},
        "INVALID",
        "input signature",
        "id of a session",
    ),
    about(
        "remove where nothing is removed",
        "deleteSignature",
        lambda s: {"signature": node_id("Signature", "seal", "1", "1")},
        "UNSUPPORTED",
        "input signature",
        "persist",
    ),
    about(
        "remove what is not there",
        "deleteSignature",
        lambda s: {"signature": node_id("Signature", "persist", s.record["key"], "nope")},
        "NOT_FOUND",
        "input signature",
        "no such signature",
        silent=False,
    ),
]


def spoken(message):
    """A sentence for people, without anything of the machine."""
    begins = message[0].isupper() or message.split()[0] in {"signicat", "seal", "persist", "easyink", "x", "width"}
    machine = [word for word in ("Traceback", "Error", "Exception", "<", "0x", "None") if word in message]
    return begins and not machine and " " in message


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_mistake_in_a_mutation_is_a_problem(stock, case):
    scene = stock.scene
    before = scene.calls()
    payload = await scene.mutate(case.mutation, **case.given(stock))
    assert payload["problems"], payload
    problem = payload["problems"][0]
    assert problem["code"] == case.code, problem
    assert " ".join(problem["path"] or []) == case.path, problem
    assert case.says in problem["message"], problem
    assert spoken(problem["message"]), problem
    assert problem["retryable"] is False
    assert not [value for name, value in payload.items() if name != "problems" and value]
    if case.silent:
        assert scene.calls() == before
    made = {method for kind, count in before.items() for method, _ in scene.calls_since(kind, count)}
    assert made <= {"GET", "HEAD"}, "nothing was changed at any provider"


async def test_all_problems_of_an_order_are_reported_at_once(stock):
    changes = {**stock.person(email="ada", phone="+47"), **stock.place(page=0, participantRef=None), "dueAt": stock.day(1)}
    payload = await stock.scene.mutate("createSession", **stock.order(**changes, title=""))
    paths = {" ".join(problem["path"]) for problem in payload["problems"]}
    assert paths >= {
        "input title",
        "input participants 0 email",
        "input fields 0 page",
        "input dueAt",
        "input participants 0 phone",
    }


async def test_an_upload_stays_usable_after_every_refusal(stock):
    upload = await stock.scene.upload()
    wrong = stock.order(documents=[{"upload": upload}], title="")
    assert (await stock.scene.mutate("createSession", **wrong))["problems"]
    assert (await stock.scene.done("createSession", **stock.order(documents=[{"upload": upload}])))["session"]
    assert (await stock.scene.mutate("createSession", **stock.order(documents=[{"upload": upload}])))["problems"]


QUERIES = {
    "session: no id": ('{ session(id: "nope") { id } }', "INVALID", "id"),
    "session: not even base64": ('{ session(id: "!\\u00e4\\ud83d\\ude00") { id } }', "INVALID", "id"),
    "session: a long id": (f'{{ session(id: "{"A" * 7000}") {{ id }} }}', "INVALID", "id"),
    "session: of nobody": (f'{{ session(id: "{node_id("Session", "docusign", "1")}") {{ id }} }}', "NOT_FOUND", "id"),
    "session: a provider": (f'{{ session(id: "{node_id("Provider", "seal")}") {{ id }} }}', "INVALID", "id"),
    "session: too few keys": (f'{{ session(id: "{node_id("Session", "seal")}") {{ id }} }}', "INVALID", "id"),
    "session: maxAge": ('{ session(id: "x", maxAge: "soon") { id } }', "INVALID", ""),
    "session: negative maxAge": ('{ session(id: "x", maxAge: "-PT5M") { id } }', "INVALID", ""),
    "session: endless maxAge": ('{ session(id: "x", maxAge: "P99999999999Y") { id } }', "INVALID", ""),
    "node: no id": ('{ node(id: "nope") { id } }', "INVALID", "id"),
    "node: of nobody": (f'{{ node(id: "{node_id("Document", "docusign", "1", "2")}") {{ id }} }}', "NOT_FOUND", "id"),
    "node: no provider": (f'{{ node(id: "{node_id("Provider", "docusign")}") {{ id }} }}', "NOT_FOUND", "id"),
    "node: unheard of": (f'{{ node(id: "{node_id("Tiger", "docusign")}") {{ id }} }}', "INVALID", "id"),
    "nodes: too many": ("{ nodes(ids: [" + ", ".join(['"x"'] * 101) + "]) { id } }", "TOO_LARGE", "ids"),
    "document: a session": (f'{{ document(id: "{node_id("Session", "seal", "1")}") {{ id }} }}', "INVALID", "id"),
    "provider: nobody": ('{ provider(name: "docusign") { name } }', "NOT_FOUND", "name"),
    "providers: nobody": ('{ providers(names: ["seal", "docusign"]) { name } }', "NOT_FOUND", "names"),
    "sessionByKey: nobody": ('{ sessionByKey(provider: "docusign", key: "1") { id } }', "NOT_FOUND", "provider"),
    "sessions: too many": ("{ sessions(first: 100000) { totalCount } }", "INVALID", "first"),
    "sessions: fewer than none": ("{ sessions(first: -1) { totalCount } }", "INVALID", "first"),
    "sessions: too many from the end": ("{ sessions(last: 101) { totalCount } }", "INVALID", "last"),
    "sessions: first and last": ("{ sessions(first: 1, last: 1) { totalCount } }", "INVALID", "first"),
    "sessions: no cursor": ('{ sessions(first: 1, after: "nope") { totalCount } }', "INVALID", "after"),
    "sessions: no cursor backwards": ('{ sessions(last: 1, before: "\\u00e4") { totalCount } }', "INVALID", "before"),
    "sessions: empty cursor": ('{ sessions(first: 1, after: "") { totalCount } }', "INVALID", "after"),
    "sessions: at nobody": ('{ sessions(filter: {providers: ["docusign"]}) { totalCount } }', "NOT_FOUND", "filter providers"),
    "sessions: no time": ('{ sessions(filter: {createdFrom: "yesterday"}) { totalCount } }', "INVALID", ""),
    "sessions: no zone": ('{ sessions(filter: {createdFrom: "2026-05-01T12:00:00"}) { totalCount } }', "INVALID", ""),
    "sessions: before all time": (
        '{ sessions(filter: {createdFrom: "0001-01-01T00:00:00+14:00"}) { totalCount } }',
        "INVALID",
        "",
    ),
    "signatures: at nobody": (
        '{ signatures(filter: {providers: ["docusign"]}) { totalCount } }',
        "NOT_FOUND",
        "filter providers",
    ),
    "signatures: too many": ("{ signatures(last: 101) { totalCount } }", "INVALID", "last"),
    "signatures: no cursor": ('{ signatures(after: "nope") { totalCount } }', "INVALID", "after"),
    "download: for no time": (
        'query Q($id: ID!) { document(id: $id) { download(expiresIn: "PT0S") { url } } }',
        "INVALID",
        "expiresIn",
    ),
    "download: for too long": (
        'query Q($id: ID!) { document(id: $id) { download(expiresIn: "P2D") { url } } }',
        "INVALID",
        "expiresIn",
    ),
    "documents: fewer than none": (
        "query Q($session: ID!) { session(id: $session) { documents(first: -1) { id } } }",
        "INVALID",
        "first",
    ),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_mistake_in_a_query_is_an_error_with_a_code(stock, name):
    query, code, path = QUERIES[name]
    before = stock.scene.calls()
    variables = {}
    if "$id" in query:
        variables["id"] = stock.draft["documents"][0]["id"]
    if "$session" in query:
        variables["session"] = stock.draft["id"]
    answer = await stock.scene.ask(query, **variables)
    error = answer["errors"][0]
    assert error["extensions"]["code"] == code, error
    assert " ".join(error["extensions"].get("path", [])) == path, error
    assert spoken(error["message"]), error
    assert stock.scene.calls() == before


async def test_a_session_that_no_provider_has_is_not_found(stock):
    for provider in ("signicat", "easyink", "seal", "persist"):
        answer = await stock.scene.ask(f'{{ session(id: "{node_id("Session", provider, "no/such")}") {{ id }} }}')
        [error] = answer["errors"]
        assert (error["extensions"]["code"], error["path"]) == ("NOT_FOUND", ["session"]), provider
        assert answer["data"] == {"session": None}
        answer = await stock.scene.ask(f'{{ sessionByKey(provider: "{provider}", key: "no/such") {{ id }} }}')
        assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("key", [".", "..", "../..", "%2e%2e", "a b", "a\nb", "ä/ö", "?x=1", "#", "x" * 3000, "0", "\0"])
async def test_key_is_resolved_to_a_session_only(stock, key):
    for provider in ("signicat", "easyink", "seal", "persist"):
        before = stock.scene.calls()[provider]
        answer = await stock.scene.ask(
            "query Q($provider: String!, $key: String!) { sessionByKey(provider: $provider, key: $key) { id } }",
            provider=provider,
            key=key,
        )
        code = answer["errors"][0]["extensions"]["code"]
        assert code in {"NOT_FOUND", "INVALID", "PROVIDER_REFUSED", "PROVIDER_MISBEHAVED"}, answer
        assert {method for method, _ in stock.scene.calls_since(provider, before)} <= {"GET", "HEAD", "POST"}


async def test_a_cursor_of_another_query_is_refused(stock):
    for query in (
        '{ sessions(filter: {providers: ["seal"]}, after: "%s") { totalCount } }',
        '{ sessions(filter: {providers: ["signicat"]}, orderBy: DUE_AT_ASC, after: "%s") { totalCount } }',
        '{ signatures(filter: {providers: ["signicat"]}, after: "%s") { totalCount } }',
    ):
        before = stock.scene.calls()
        answer = await stock.scene.ask(query % stock.cursor)
        [error] = answer["errors"]
        assert (error["extensions"]["code"], error["extensions"]["path"]) == ("INVALID", ["after"])
        assert "another query" in error["message"]
        assert stock.scene.calls() == before
    same = '{ sessions(filter: {providers: ["signicat"]}, after: "%s") { nodes { id } } }'
    assert (await stock.scene.data(same % stock.cursor))["sessions"]["nodes"] == []


WRONG = {
    "syntax": ("{ sessions(first: ", {}),
    "empty": (" ", {}),
    "unknown field": ("{ viewer { shoeSize } }", {}),
    "unknown argument": ('{ provider(named: "x") { name } }', {}),
    "unknown type": ("query Q($x: Tiger) { viewer { id } }", {}),
    "unknown enum value": ("{ sessions(orderBy: BY_COLOUR) { totalCount } }", {}),
    "enum value in a variable": (
        "query Q($s: [SessionStatus!]) { sessions(filter: {statuses: $s}) { totalCount } }",
        {"s": ["X"]},
    ),
    "text for a number": ("query Q($n: Int) { sessions(first: $n) { totalCount } }", {"n": "many"}),
    "a number too large": ("query Q($n: Int) { sessions(first: $n) { totalCount } }", {"n": 2**40}),
    "null for what is needed": ("query Q($id: ID!) { session(id: $id) { id } }", {"id": None}),
    "nothing for what is needed": ("query Q($id: ID!) { session(id: $id) { id } }", {}),
    "an object for a text": ("query Q($id: ID!) { session(id: $id) { id } }", {"id": {"a": 1}}),
    "an unknown field of an input": (mutation("startSession"), {"input": {"session": "x", "colour": "red"}}),
    "a missing field of an input": (mutation("cancelSession"), {"input": {"session": "x"}}),
    "an unknown role": (mutation("createSession"), {"input": {"provider": "seal", "title": "x", "documents": [{"role": "X"}]}}),
    "no duration": (mutation("createSession"), {"input": {"provider": "x", "title": "x", "archive": {"retentionPeriod": "1"}}}),
    "no time": (mutation("createSession"), {"input": {"provider": "x", "title": "x", "dueAt": 17}}),
    "two operations and no name": ("query A { viewer { id } } query B { viewer { id } }", {}),
    "a fragment that goes round": ("{ viewer { ...A } } fragment A on Viewer { ...A }", {}),
}


@pytest.mark.parametrize("name", WRONG)
async def test_invalid_document_is_an_error_with_a_code(stock, name):
    query, variables = WRONG[name]
    before = stock.scene.calls()
    reply = await stock.scene.client.post("/graphql", json={"query": query, "variables": variables})
    assert reply.status_code in {200, 400}, reply.text
    assert reply.headers["content-type"].startswith("application/json")
    answer = reply.json()
    assert answer.get("data") is None, answer
    for error in answer["errors"]:
        assert error["extensions"]["code"] in {"GRAPHQL_VALIDATION_FAILED", "BAD_REQUEST", "INVALID"}, error
        assert error["message"]
    assert stock.scene.calls() == before


async def test_unknown_operation_name_is_an_error_with_a_code(stock):
    asked = {"query": "query A { viewer { id } }", "operationName": "B"}
    [error] = (await stock.scene.client.post("/graphql", json=asked)).json()["errors"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("file", ["lease.pdf", 17, {"read": 1}, ["lease.pdf"]])
async def test_value_in_place_of_a_file_is_a_problem(stock, file):
    [problem] = (await stock.scene.data(UPLOAD, file=file))["uploadFile"]["problems"]
    assert (problem["code"], problem["path"]) == ("INVALID", ["file"])
    [problem] = (await stock.scene.mutate("createSession", **stock.order(documents=[{"file": file}])))["problems"]
    assert (problem["code"], problem["path"]) == ("INVALID", ["input", "documents", "0", "file"])
    assert "multipart" in problem["message"]


@pytest.mark.parametrize("variables", ["{", "17", '"x"'])
async def test_a_get_request_that_cannot_be_read_is_refused_in_json(stock, variables):
    reply = await stock.scene.client.get("/graphql", params={"query": "{ viewer { id } }", "variables": variables})
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{", {"content-type": "application/json"}),
        (b"", {"content-type": "application/json"}),
        (b"[]", {"content-type": "application/json"}),
        (b'"x"', {"content-type": "application/json"}),
        (b"17", {"content-type": "application/json"}),
        (b"\xff\xfe", {"content-type": "application/json"}),
        (b'{"query": 17}', {"content-type": "application/json"}),
        (b'{"variables": {}}', {"content-type": "application/json"}),
        (b'{"query": "{ viewer { id } }", "variables": 17}', {"content-type": "application/json"}),
        (b'{"query": "{ viewer { id } }", "extensions": 17}', {"content-type": "application/json"}),
        (b'{"query": "query A { viewer { id } }", "operationName": 17}', {"content-type": "application/json"}),
        (b'[{"query": "{ viewer { id } }"}]', {"content-type": "application/json"}),
        (b'{"query": "{ viewer { id } }"}', {"content-type": "text/plain"}),
        (b"query={viewer{id}}", {"content-type": "application/x-www-form-urlencoded"}),
        (b"--x\r\n", {"content-type": "multipart/form-data; boundary=x", "graphql-require-preflight": "1"}),
        (b"nothing", {"content-type": "multipart/form-data", "graphql-require-preflight": "1"}),
        (b"--x--\r\n", {"content-type": "multipart/form-data; boundary=x", "graphql-require-preflight": "1"}),
    ],
)
async def test_a_request_that_cannot_be_read_is_refused_in_json(stock, content, headers):
    reply = await stock.scene.client.post("/graphql", content=content, headers=headers)
    read = headers["content-type"].startswith(("application/json", "multipart/form-data"))
    assert reply.status_code == (400 if read else 415), reply.text
    [error] = reply.json()["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert error["message"]


UPLOAD = f"mutation M($file: Upload!) {{ uploadFile(file: $file) {{ upload {{ id }} {PROBLEMS} }} }}"


@pytest.mark.parametrize(
    ("operations", "names", "files"),
    [
        ("{", {"0": ["variables.file"]}, ["0"]),
        ("[]", {"0": ["variables.file"]}, ["0"]),
        ("17", {"0": ["variables.file"]}, ["0"]),
        (None, [], ["0"]),
        (None, "x", ["0"]),
        (None, {"0": "variables.file"}, ["0"]),
        (None, {"0": ["variables.nothing.file"]}, ["0"]),
        (None, {"0": ["variables.file.0"]}, ["0"]),
        (None, {"0": ["variables.file"]}, []),
        (None, {"0": [17]}, ["0"]),
        (None, {}, ["0"]),
    ],
)
async def test_a_form_that_does_not_fit_together_is_refused_in_json(stock, operations, names, files):
    told = operations or json.dumps({"query": UPLOAD, "variables": {"file": None}})
    reply = await stock.scene.client.post(
        "/graphql",
        data={"operations": told, "map": json.dumps(names)},
        files={name: ("lease.pdf", pdf(), "application/pdf") for name in files} or {"unnamed": b""},
        headers={"graphql-require-preflight": "1"},
    )
    assert reply.status_code in {200, 400}, reply.text
    answer = reply.json()
    assert answer.get("data") is None, answer
    assert {error["extensions"]["code"] for error in answer["errors"]} <= {
        "BAD_REQUEST",
        "GRAPHQL_VALIDATION_FAILED",
        "INVALID",
    }


@pytest.mark.parametrize(
    ("content", "filename", "media_type", "status", "code", "says"),
    [
        (b"hello", "lease.pdf", "application/pdf", 400, "INVALID", "none"),
        (b"hello", "lease.bin", "application/pdf", 400, "INVALID", "none"),
        (b"hello", "LEASE.PDF", "application/octet-stream", 400, "INVALID", "none"),
        (b"", "lease.pdf", "application/pdf", 400, "INVALID", "empty"),
        (b"", None, None, 400, "INVALID", "empty"),
        (b"%PDF-" + b"x" * LARGEST, "lease.pdf", "application/pdf", 413, "TOO_LARGE", str(LARGEST)),
    ],
)
async def test_refused_upload_leaves_no_file(stock, content, filename, media_type, status, code, says):
    scene = stock.scene
    before = sorted((scene.folder / "uploads").iterdir())
    reply = await scene.client.put(
        "/uploads",
        params={"filename": filename} if filename else {},
        content=content,
        headers={"content-type": media_type} if media_type else {},
    )
    assert reply.status_code == status
    problem = reply.json()["problem"]
    assert (problem["code"], problem["retryable"]) == (code, False)
    assert says in problem["message"]
    form = {
        "data": {"operations": json.dumps({"query": UPLOAD, "variables": {"file": None}}), "map": '{"0": ["variables.file"]}'},
        "files": {"0": (filename or "x", content, media_type or "application/octet-stream")},
        "headers": {"graphql-require-preflight": "1"},
    }
    payload = (await scene.client.post("/graphql", **form)).json()["data"]["uploadFile"]
    assert payload["upload"] is None
    assert [problem["code"] for problem in payload["problems"]] == [code]
    assert sorted((scene.folder / "uploads").iterdir()) == before


async def test_aborted_upload_leaves_no_file(stock):
    scene = stock.scene
    before = sorted((scene.folder / "uploads").iterdir())
    host, port = scene.address.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"PUT /uploads HTTP/1.1\r\nhost: x\r\ncontent-type: application/pdf\r\ncontent-length: 1000\r\n\r\n%PDF-")
    await writer.drain()
    for _ in range(200):
        if sorted((scene.folder / "uploads").iterdir()) != before:
            break
        await asyncio.sleep(0.01)
    assert sorted((scene.folder / "uploads").iterdir()) != before, "it has begun"
    writer.close()
    await writer.wait_closed()
    for _ in range(200):
        if sorted((scene.folder / "uploads").iterdir()) == before:
            break
        await asyncio.sleep(0.01)
    assert sorted((scene.folder / "uploads").iterdir()) == before
