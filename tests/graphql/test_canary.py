"""Canaries: secrets and personal data appear in no log, error or foreign response, whatever fails."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Iterator

import pytest
from scene import SESSION, mutation, pdf
from starlette.responses import JSONResponse

from gateway.telemetry import logs
from providers.registry import NAMES

PERSON = {
    "firstName": "Canaria",
    "lastName": "Piepmatz",
    "email": "canaria.piepmatz@cage.example",
    "phone": "5559998877",
}
NIN = "01019998877"
PERSONAL = (*PERSON.values(), NIN)
SERVER_SECRET = "1GhWnCRZ3BtxkABpPI_qrPDpKAl9uzJzjUUP-yioKbU"
QUIET = {"httpx", "httpcore", "aiocache", "aiosqlite", "sqlalchemy", "asyncio"}


@pytest.fixture
def changes() -> dict[str, object]:
    return {"server": {"secret": SERVER_SECRET}}


@pytest.fixture
def relayed() -> tuple[str, ...]:
    return tuple(NAMES)


@pytest.fixture
def log(caplog) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that would be logged at DEBUG, as the gateway sets it."""
    levels = {name: logging.getLogger(name).level for name in ("", *logs._SILENCED)}
    with caplog.at_level(logging.DEBUG):
        logs.configure(logging.DEBUG)
        yield caplog
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


async def order(scene, kind):
    given = await scene.order(kind)
    if kind != "seal":
        person = PERSON | ({"options": {"nationalIdentificationNumber": NIN}} if kind == "signicat" else {})
        given["participants"] = [person, {**PERSON, "firstName": "Canarius", "email": f"x{PERSON['email']}"}]
    return given


async def make(scene, kind):
    if kind == "persist":
        given = {"provider": kind, "document": "cage", "thread": "t", "content": await scene.cms("x", "Canaria Piepmatz")}
        payload = await scene.mutate("saveSignature", **given, createdBy=PERSON["email"], tags=["a"])
        session = payload["signature"] and payload["signature"]["session"]
    else:
        payload = await scene.mutate("createSession", **await order(scene, kind))
        session = payload["session"]
    return session, payload["problems"]


def links(scene):
    """Every address that lets its holder sign or read, as far as the gateway has told one."""
    found = set()
    for answer in scene.answers:
        for part in answer.split('"'):
            if part.startswith("http") and ("/documents/" in part or "sessionId=" in part):
                found |= {part, part.rsplit("/", 1)[-1], part.rsplit("=", 1)[-1]}
    return found


def check_log(scene, log):
    logging.getLogger("countersign.test").debug("heard")
    text = log.text + "".join(f"{record.msg!r} {record.args!r}" for record in log.records)
    assert "heard" in text, "the log was listened to"
    for word in (*PERSONAL, *scene.secrets(), SERVER_SECRET, *links(scene)):
        assert word not in text, f"the log tells {word!r}"
    talkative = {record.name for record in log.records if record.levelno < logging.WARNING}
    assert not {name.split(".")[0] for name in talkative} & QUIET, "they log addresses and keys"


def told_in_errors(scene):
    """The text of every error and problem."""
    found = []

    def walk(value):
        if isinstance(value, dict):
            for key, item in value.items():
                if key in {"errors", "problems", "problem"} and item:
                    found.append(json.dumps(item))
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    for answer in scene.answers:
        walk(json.loads(answer))
    return "\n".join(found)


def check_answers(scene):
    everything = "\n".join(scene.answers)
    for secret in (*scene.secrets(), SERVER_SECRET):
        assert secret not in everything, f"an answer tells {secret!r}"
    errors = told_in_errors(scene)
    for word in (*PERSONAL, *links(scene)):
        assert word not in errors, f"an error tells {word!r}"
    assert NIN not in everything, "nobody needs to be told this number again"


@pytest.mark.parametrize("kind", NAMES)
async def test_log_of_a_whole_session_holds_no_secret_and_no_personal_data(scene, log, kind):
    made, problems = await make(scene, kind)
    assert problems == []
    session = await scene.read(made["id"])
    if kind != "persist":
        await scene.sign(session)
    session = await scene.settle(session)
    await scene.list({"participantEmail": PERSON["email"]})
    await scene.ask("{ signatures { nodes { id certificate { commonName } verification { status reason } } } }")
    for document in session["documents"]:
        if document["download"]:
            await scene.client.get(document["download"]["url"])
    await scene.ask("query Q($id: ID!) { session(id: $id) { native } }", id=made["id"])
    scene.answers.pop()  # the provider's payload is shown as it is, to whoever may see it
    assert links(scene)
    check_log(scene, log)
    check_answers(scene)


async def test_signing_links_are_given_to_participants_and_nowhere_else(scene):
    made, _ = await make(scene, "signicat")
    urls = [person["signingUrl"] for person in made["participants"]]
    assert len(set(urls)) == 2
    answer = await scene.ask("query Q($id: ID!) { session(id: $id) { native } }", id=made["id"])
    for url in urls:
        assert url.rsplit("=", 1)[-1] not in json.dumps(answer)


def echo(kind, status):
    """An error of the provider's own shape, that repeats all that it was sent."""

    async def instead(request):
        if request.url.path.endswith("/token"):
            return None
        headers = request.headers
        words = f"You sent {headers.get('authorization')} and {headers.get('api-key')} with {dict(headers)}"
        body = {
            "signicat": {"status": status, "title": words, "code": words[:60], "detail": words},
            "easyink": {"error": {"code": words, "message": words, "innerErrors": [{"code": words, "message": words}]}},
            "persist": {"status": False, "message": words},
            "seal": words,
        }[kind]
        return JSONResponse(body, status)

    return instead


@pytest.mark.parametrize("kind", NAMES)
async def test_credentials_repeated_by_a_provider_are_passed_on_to_nobody(scene, log, kind):
    made, _ = await make(scene, kind)
    for status in (200, 400, 401, 403, 409, 500):
        scene.relays[kind].instead = echo(kind, status)
        await make(scene, kind)
        await scene.ask(f'query Q($id: ID!) {{ session(id: $id, maxAge: "PT0S") {{ {SESSION} }} }}', id=made["id"])
        await scene.ask('query Q($p: String!) { sessionByKey(provider: $p, key: "nobody/knows") { id } }', p=kind)
        await scene.list()
        await scene.ask("{ providers { health { state problem { message providerCode } } credentials { state note } } }")
        scene.clock.ahead += 60
    assert told_in_errors(scene)
    check_log(scene, log)
    check_answers(scene)


async def test_secret_repeated_by_a_token_endpoint_is_passed_on_to_nobody(scene, log):
    async def instead(request):
        if not request.url.path.endswith("/token"):
            return None
        words = f"{request.headers['authorization']} {(await request.body()).decode()}"
        return JSONResponse({"error": words, "error_description": words}, 401)

    scene.relays["signicat"].instead = instead
    _, problems = await make(scene, "signicat")
    assert [problem["code"] for problem in problems] == ["AUTHORIZATION_REQUIRED"]
    check_log(scene, log)
    check_answers(scene)
    sent = scene.relays["signicat"].headers[0]["authorization"].split()[1]
    assert sent not in "\n".join(scene.answers)
    assert sent not in log.text


@pytest.mark.parametrize("kind", ["easyink", "signicat"])
async def test_problems_of_an_order_repeat_no_personal_data(scene, log, kind):
    given = await order(scene, kind)
    given["participants"][0] |= {"email": f"{PERSON['email']}@twice", "phone": f"+47{PERSON['phone']}", "language": "tlh"}
    given["participants"][1] |= {"options": {"nationalIdentificationNumber": [NIN], PERSON["email"]: 1}}
    payload = await scene.mutate("createSession", **given)
    assert payload["problems"]
    shown = json.dumps([{**problem, "path": None} for problem in payload["problems"]])
    assert not [word for word in PERSONAL if word in shown]
    reply = await scene.client.post(
        "/graphql",
        json={
            "query": mutation("createSession"),
            "variables": {"input": {**given, "participants": [{"email": NIN, "shoe": 1}]}},
        },
    )
    assert reply.json()["errors"]
    check_log(scene, log)


CANARY = "canary-of-the-request"
FIGURES = """{ provider(name: "easyink") { metrics {
  requests failures failureRate operations { operation } unknownStatuses } health { state problem { message } } } }"""


async def test_content_of_a_request_is_repeated_neither_in_logs_nor_in_errors(scene, log):
    carried = {name: f"{CANARY}-{name}" for name in ("authorization", "cookie", "user-agent", "referer", "x-forwarded-for")}
    query = f"{{ viewer {{ id }} {CANARY.replace('-', '_')} }}"
    asked = [
        ("POST", "/graphql", {"json": {"query": query}}),
        ("POST", "/graphql", {"content": CANARY.encode(), "headers": {"content-type": "application/json"}}),
        ("POST", "/graphql", {"json": {"query": "query Q($a: ID!) { node(id: $a) { id } }", "variables": {"a": CANARY}}}),
        ("GET", f"/graphql?query={CANARY}&variables={CANARY}", {}),
        ("GET", f"/documents/{CANARY}", {}),
        ("GET", f"/{CANARY}?token={CANARY}", {}),
        ("PUT", f"/uploads?filename={CANARY}.pdf", {"content": CANARY.encode()}),
        ("POST", f"/webhooks/{CANARY}", {"content": CANARY.encode()}),
        ("POST", "/webhooks/signicat", {"content": CANARY.encode(), "headers": {"x-signicat-signature": CANARY}}),
    ]
    for method, path, given in asked:
        reply = await scene.client.request(method, path, **{**given, "headers": carried | given.get("headers", {})})
        assert 200 <= reply.status_code < 500
        for name in carried:
            assert f"{CANARY}-{name}" not in reply.text + str(reply.headers)
    assert CANARY not in log.text
    assert CANARY.replace("-", "_") not in log.text


async def test_metrics_hold_no_personal_data(scene, log):
    made, _ = await make(scene, "easyink")
    scene.relays["easyink"].instead = echo("easyink", 500)
    await scene.ask('query Q($id: ID!) { session(id: $id, maxAge: "PT0S") { id } }', id=made["id"])
    figures = json.dumps(await scene.data(FIGURES))
    assert '"failures"' in figures
    for word in (*PERSONAL, *scene.secrets(), SERVER_SECRET):
        assert word not in figures
    check_log(scene, log)


async def test_settings_and_the_application_show_no_secret(scene):
    shown = f"{scene.settings!r} {scene.settings} {scene.settings.providers!r}"
    for secret in (*scene.secrets(), SERVER_SECRET):
        assert secret not in shown


# What nobody expected.


async def break_database(scene, statement):
    """As somebody else would who works on the same file: beside the gateway, which may be in the midst of a write."""

    def execute():
        with sqlite3.connect(scene.folder / "countersign.db", timeout=10) as database:
            database.execute(statement)
        database.close()

    await asyncio.to_thread(execute)


def errors_of(log):
    return [record for record in log.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("table", "column", "wanted"),
    [("mailbox", "email", {"participantEmail": "nobody@example.com"}), ("session", "title_folded", {"titleContains": "lea"})],
)
async def test_an_unexpected_failure_is_masked_logged_once_and_can_be_traced(scene, log, table, column, wanted):
    await break_database(scene, f"ALTER TABLE {table} RENAME COLUMN {column} TO elsewhere")
    query = "query($f: SessionFilter) { sessions(filter: $f) { nodes { id } } }"
    reply = await scene.client.post("/graphql", json={"query": query, "variables": {"f": wanted}})
    [error] = reply.json()["errors"]
    assert set(error["extensions"]) == {"code", "traceId"}
    assert error["extensions"]["code"] == "INTERNAL"
    trace = error["extensions"]["traceId"]
    assert trace in error["message"]
    for word in (table, column, "sqlite", "SELECT", "INSERT", "Error", "gateway/", *PERSONAL):
        assert word not in error["message"]
    [record] = errors_of(log)
    assert trace in record.getMessage()
    assert record.exc_info is not None, "whoever looks it up finds what happened"
    assert column in log.text
    check_log(scene, log)


async def test_write_whose_result_cannot_be_stored_is_in_doubt_with_a_masked_cause(scene, log):
    given = await order(scene, "easyink")
    await break_database(scene, "ALTER TABLE session RENAME COLUMN title_folded TO elsewhere")
    payload = await scene.mutate("createSession", **given)
    [problem] = payload["problems"]
    assert (payload["session"], problem["code"], problem["provider"]) == (None, "IN_DOUBT", "easyink")
    for word in ("session.", "title_folded", "sqlite", "SELECT", "INSERT", "Error", "gateway/", *PERSONAL):
        assert word not in problem["message"]
    assert "title_folded" in log.text
    check_log(scene, log)


async def test_failed_root_field_leaves_its_siblings(scene):
    made, _ = await make(scene, "persist")
    await break_database(scene, "DROP TABLE session")
    reply = await scene.client.post(
        "/graphql", json={"query": '{ viewer { id } a: sessions { totalCount } provider(name: "seal") { name } }'}
    )
    answer = reply.json()
    assert made
    assert answer["data"] is None or answer["data"]["viewer"]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INTERNAL"}


@pytest.mark.parametrize("changes", [{"freshness": {"list": 0, "open": 0}}])
@pytest.mark.parametrize(("table", "method", "path"), [("upload", "PUT", "/uploads"), ("session", "GET", None)])
async def test_an_unexpected_failure_outside_graphql_is_masked_too(scene, log, table, method, path):
    made, _ = await make(scene, "easyink")
    url = path or made["documents"][0]["download"]["url"]
    scene.clock.ahead += 60
    await break_database(scene, f"DROP TABLE {table}")
    reply = await scene.client.request(method, url, content=pdf() if method == "PUT" else None)
    assert reply.status_code == 500
    problem = reply.json()["problem"]
    assert (problem["code"], problem["retryable"]) == ("INTERNAL", False)
    assert problem["traceId"] in problem["message"]
    assert table not in problem["message"]
    [record] = errors_of(log)
    assert problem["traceId"] in record.getMessage()
    check_log(scene, log)


async def test_numbers_beyond_64_bits_are_passed_on(scene):
    made, _ = await make(scene, "easyink")
    number = 2**70
    scene.relays["easyink"].alter = lambda request, body: body.replace(b'{"', b'{"big": %d, "' % number, 1)
    await scene.read(made["id"])
    reply = await scene.client.post(
        "/graphql", json={"query": "query Q($id: ID!) { session(id: $id) { native } }", "variables": {"id": made["id"]}}
    )
    assert reply.status_code == 200, reply.text
    assert reply.json()["data"]["session"]["native"]["big"] == number


async def test_disconnect_while_a_request_is_read_is_not_logged_as_a_failure(scene, log):
    host, port = scene.address.removeprefix("http://").split(":")
    for head in (
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{",
        b"PUT /uploads HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nx",
    ):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(head)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.05)
    await scene.ask("{ viewer { id } }")
    assert errors_of(log) == []
