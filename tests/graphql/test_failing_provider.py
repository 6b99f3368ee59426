"""Failing providers: reads become stale, writes are problems with a remedy, and sagas are compensated."""

from __future__ import annotations

import asyncio
import json

import pytest
from scene import SESSION

from providers.registry import NAMES
from providers.sandbox.fault_injection import Fault

ORDERED = ("signicat", "easyink", "seal")
EVERY = pytest.mark.parametrize("kind", NAMES)
RETRY = {"headers": {"retry-after": "120"}}

READ_FAULTS = {
    "401": {"status": 401},
    "403": {"status": 403},
    "409": {"status": 409},
    "429": {"status": 429, **RETRY},
    "500": {"status": 500},
    "502 html": {"status": 502, "kind": "html"},
    "302": {"status": 302, "kind": "empty", "headers": {"location": "/elsewhere"}},
    "html": {"kind": "html"},
    "empty": {"kind": "empty"},
    "truncate": {"kind": "truncate"},
    "reset": {"kind": "reset"},
    "lost": {"kind": "lost"},
}
UNKNOWN_READS = {
    "401": {"AUTHORIZATION_REQUIRED"},
    "403": {"PROVIDER_REFUSED"},
    "404": {"NOT_FOUND"},
    "409": {"CONFLICT"},
    "429": {"PROVIDER_BUSY"},
    "500": {"PROVIDER_UNAVAILABLE"},
    "html": {"PROVIDER_MISBEHAVED"},
    "empty": {"PROVIDER_MISBEHAVED"},
    "truncate": {"PROVIDER_UNAVAILABLE"},
    "reset": {"PROVIDER_UNAVAILABLE"},
    "lost": {"PROVIDER_UNAVAILABLE"},
    "slow": {"PROVIDER_UNAVAILABLE"},
}
BY_KEY = "query Q($provider: String!, $key: String!) { sessionByKey(provider: $provider, key: $key) { id status } }"


@EVERY
async def test_failed_read_is_answered_by_the_stored_state_marked_stale(scene, kind):
    made = await scene.create(kind)
    known = await scene.read(made["id"])
    for name, fault in READ_FAULTS.items():
        await scene.fault(kind, method="GET", **fault)
        scene.clock.ahead += 1
        stale = await scene.read(made["id"])
        assert stale["freshness"]["stale"] is True, name
        assert stale["freshness"]["asOf"] == known["freshness"]["asOf"], name
        assert {**stale, "freshness": None, "documents": None} == {**known, "freshness": None, "documents": None}, name
        await scene.heal(kind)
        known = await scene.read(made["id"])
        assert known["freshness"]["stale"] is False, name


@EVERY
@pytest.mark.parametrize("changes", [{"providers": {name: {"timeout": 0.2} for name in NAMES}}])
async def test_read_beyond_the_deadline_is_answered_by_the_stored_state(scene, kind):
    made = await scene.create(kind)
    await scene.fault(kind, method="GET", delay_ms=400)
    assert (await scene.read(made["id"]))["freshness"]["stale"] is True


@EVERY
@pytest.mark.parametrize("changes", [{"providers": {name: {"timeout": 0.3} for name in NAMES}}])
async def test_failed_read_of_an_unknown_session_has_the_code_of_its_cause(scene, kind):
    await scene.create(kind)
    for place, (name, codes) in enumerate(UNKNOWN_READS.items()):
        fault = {"404": {"status": 404}, "slow": {"delay_ms": 500, "count": 3}}.get(name) or READ_FAULTS[name]
        await scene.fault(kind, method="GET", **fault)
        key = f"lease/{place}" if kind == "persist" else str(900_000 + place)
        answer = await scene.ask(BY_KEY, provider=kind, key=key)
        [error] = answer["errors"]
        shown = error["extensions"]
        assert shown["code"] in codes, (name, error)
        assert (shown["provider"], error["path"], answer["data"]) == (kind, ["sessionByKey"], {"sessionByKey": None})
        assert shown["retryable"] is (shown["code"] in {"PROVIDER_BUSY", "PROVIDER_UNAVAILABLE"})
        if name == "429":
            assert shown["retryAfterMs"] == 120_000
        assert "<" not in error["message"]
        await scene.heal(kind)


@EVERY
async def test_session_gone_at_the_provider_is_deleted_and_corrected_when_it_reappears(scene, kind):
    made = await scene.create(kind)
    await scene.fault(kind, method="GET", status=404)
    gone = await scene.read(made["id"])
    assert (gone["status"], gone["final"], gone["freshness"]["stale"]) == ("DELETED", True, False)
    await scene.heal(kind)
    assert (await scene.read(made["id"]))["status"] == made["status"]


async def test_revoked_token_is_renewed_once(scene):
    made = await scene.create("signicat")
    sandbox = scene.sandboxes["signicat"]
    sandbox.tokens.revoke_all()
    before = len(sandbox.calls)
    assert (await scene.read(made["id"]))["freshness"]["stale"] is False
    tokens = [path for _, path in scene.calls_since("signicat", before) if path.endswith("/token")]
    assert len(tokens) == 1, "once, however many calls needed it"


async def test_token_refused_for_good_is_authorization_required(scene):
    await scene.create("signicat")
    await scene.fault("signicat", path="/sign/*", status=401)
    before = len(scene.sandboxes["signicat"].calls)
    payload = await scene.mutate("createSession", **await scene.order("signicat"))
    assert [problem["code"] for problem in payload["problems"]] == ["AUTHORIZATION_REQUIRED"]
    calls = scene.calls_since("signicat", before)
    assert sum(path.endswith("/token") for _, path in calls) == 1
    state = await scene.data('{ provider(name: "signicat") { health { state problem { code } } } }')
    assert state["provider"]["health"] == {"state": "DEGRADED", "problem": {"code": "AUTHORIZATION_REQUIRED"}}


@EVERY
async def test_circuit_breaker_opens_for_a_provider_that_keeps_failing(scene, kind):
    made = await scene.create(kind)
    await scene.fault(kind, status=500, count=10_000)
    for _ in range(8):
        await scene.read(made["id"])
    before = scene.calls()[kind]
    assert (await scene.read(made["id"]))["freshness"]["stale"] is True
    assert scene.calls()[kind] == before
    query = "query Q($name: String!) { provider(name: $name) { health { state circuit problem { code } } } }"
    health = (await scene.data(query, name=kind))["provider"]["health"]
    assert health == {"state": "DOWN", "circuit": "OPEN", "problem": {"code": "PROVIDER_UNAVAILABLE"}}
    await scene.heal(kind)
    assert (await scene.read(made["id"]))["freshness"]["stale"] is False
    assert (await scene.data(query, name=kind))["provider"]["health"]["state"] == "UP"


# What a provider says in words or shapes that nobody knows.

WORDS = {"signicat": "READY", "easyink": "Pending", "seal": "ACCEPTED"}


@pytest.mark.parametrize(("kind", "relayed"), [(kind, (kind,)) for kind in WORDS])
async def test_unmapped_status_is_unknown_with_its_word_kept(scene, kind, relayed):
    made = await scene.create(kind)
    word = WORDS[kind].encode()
    scene.relays[kind].alter = lambda request, body: body.replace(b'"%s"' % word, b'"LEVITATING"')
    strange = await scene.read(made["id"])
    assert (strange["status"], strange["final"]) == ("UNKNOWN", False)
    assert "LEVITATING" in strange["providerStatus"]
    scene.relays[kind].alter = lambda request, body: body
    assert (await scene.read(made["id"]))["status"] == made["status"]


def places(value, path=()):
    """Every place within JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from places(item, (*path, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


def bent(value, path, by):
    """JSON with something else in one place; without it where ``by`` is a function that takes it out."""
    copy = json.loads(json.dumps(value))
    at = copy
    for key in path[:-1]:
        at = at[key]
    if by is LEAVE_OUT:
        del at[path[-1]]
    else:
        at[path[-1]] = by
    return copy


LEAVE_OUT = object()
SESSION_PATHS = {
    "signicat": "/sign/signing-sessions/",
    "easyink": "/api/signingSessions/",
    "seal": "/api/BatchStatus/",
    "persist": "/signature",
}


BENT = (LEAVE_OUT, None, [17])


@pytest.mark.parametrize(("kind", "relayed"), [(kind, (kind,)) for kind in SESSION_PATHS])
async def test_response_of_another_shape_is_read_in_part(scene, kind, relayed):
    made = await scene.create(kind)
    if kind != "persist":
        await scene.sign(made)
    relay, answers = scene.relays[kind], []

    def listen(request, body):
        if request.method == "GET" and request.url.path.startswith(SESSION_PATHS[kind]):
            answers.append(json.loads(body))
        return body

    relay.alter = listen
    await scene.settle(made)
    payload = answers[-1]
    query = "query Q($id: ID!, $age: Duration) { session(id: $id, maxAge: $age) { status documents { id } } }"
    for path in dict.fromkeys(places(payload)):
        if kind == "persist" and path[-1] in {"document", "thread"}:
            continue  # these are its key
        for by in BENT:
            body = json.dumps(bent(payload, path, by)).encode()

            def alter(request, answer, body=body):
                mine = request.method == "GET" and request.url.path.startswith(SESSION_PATHS[kind])
                return body if mine else answer

            relay.alter = alter
            scene.clock.ahead += 10
            assert (await scene.data(query, id=made["id"], age="PT0S"))["session"]["status"], path


# Writes.

# In doubt, unless the gateway could find out that nothing has happened, or that nobody can.
UNANSWERED = {"IN_DOUBT", "PROVIDER_UNAVAILABLE", "PROVIDER_MISBEHAVED"}
WRITE_FAULTS = {
    "401": ({"status": 401}, {"AUTHORIZATION_REQUIRED"}),
    "403": ({"status": 403}, {"PROVIDER_REFUSED"}),
    "404": ({"status": 404}, {"NOT_FOUND", "PROVIDER_REFUSED", "PROVIDER_MISBEHAVED"}),
    "409": ({"status": 409}, {"CONFLICT"}),
    "429": ({"status": 429, **RETRY}, {"PROVIDER_BUSY"}),
    "500": ({"status": 500}, {"PROVIDER_UNAVAILABLE", "IN_DOUBT"}),
    "html": ({"kind": "html"}, UNANSWERED),
    "empty": ({"kind": "empty"}, UNANSWERED),
    "truncate": ({"kind": "truncate"}, UNANSWERED),
    "reset": ({"kind": "reset"}, UNANSWERED),
    "lost": ({"kind": "lost"}, UNANSWERED),
}
FIRST_WRITE = {"signicat": "/sign/*", "easyink": "/api/*", "seal": "/api/*", "persist": "/*"}


@EVERY
async def test_a_write_that_fails_is_a_problem_that_says_how(scene, kind):
    for name, (fault, codes) in WRITE_FAULTS.items():
        if kind == "persist":
            given = {"provider": kind, "document": f"lease {name}", "thread": "t", "content": await scene.cms()}
            mutation = "saveSignature"
        else:
            given, mutation = await scene.order(kind), "createSession"
        await scene.fault(kind, method="POST", path=FIRST_WRITE[kind], **fault)
        payload = await scene.mutate(mutation, **given)
        await scene.heal(kind)
        if kind == "persist" and name in {"truncate", "lost"}:
            assert payload["problems"] == [], "it asked afterwards, and found it stored"
            continue
        assert payload["problems"], (name, payload)
        [problem] = payload["problems"]
        assert problem["code"] in codes, (name, problem)
        assert problem["provider"] == kind
        assert kind in problem["message"]
        assert "<" not in problem["message"]
        if name == "429":
            assert (problem["retryable"], problem["retryAfterMs"]) == (True, 120_000)


@pytest.mark.parametrize("kind", ORDERED)
async def test_an_order_that_failed_can_be_given_again_with_the_same_uploads(scene, kind):
    order = await scene.order(kind)
    await scene.fault(kind, method="POST", path=FIRST_WRITE[kind], status=500)
    assert (await scene.mutate("createSession", **order))["problems"]
    await scene.heal(kind)
    assert (await scene.done("createSession", **order))["session"]


@pytest.mark.parametrize("changes", [{"providers": {name: {"timeout": 0.3} for name in NAMES}}])
@pytest.mark.parametrize("kind", ORDERED)
async def test_write_beyond_its_timeout_is_in_doubt(scene, kind):
    order = await scene.order(kind)
    await scene.fault(kind, method="POST", path=FIRST_WRITE[kind], delay_ms=500, count=3)
    [problem] = (await scene.mutate("createSession", **order))["problems"]
    assert problem["code"] in UNANSWERED


@pytest.mark.parametrize(
    ("mutation", "kind", "given"),
    [
        ("startSession", "easyink", {}),
        ("startSession", "seal", {}),
        ("cancelSession", "easyink", {"reason": "No."}),
        ("cancelSession", "signicat", {"reason": "No."}),
        ("deleteSession", "seal", {}),
        ("deleteSession", "signicat", {}),
        ("deleteSession", "persist", {}),
    ],
)
async def test_a_change_that_fails_is_a_problem_and_the_session_stays_what_it_was(scene, mutation, kind, given):
    drafted = {} if mutation != "startSession" else {"start": False}
    made = await scene.create(kind, **drafted)
    for status, codes in {
        401: {"AUTHORIZATION_REQUIRED"},
        403: {"PROVIDER_REFUSED"},
        500: {"PROVIDER_UNAVAILABLE", "IN_DOUBT"},
    }.items():
        for method in ("POST", "DELETE", "PATCH"):
            await scene.fault(kind, method=method, path=FIRST_WRITE[kind], status=status)
        [problem] = (await scene.mutate(mutation, session=made["id"], **given))["problems"]
        assert problem["code"] in codes, problem
        await scene.heal(kind)
        now = await scene.read(made["id"])
        if not (mutation == "startSession" and now["status"] == "READY"):  # converted, and not started
            assert now["status"] == made["status"]
    assert (await scene.done(mutation, session=made["id"], **given)) is not None


# Half-way.


class BrokenWrite(Fault):
    """The write after the first ``skip`` ones goes wrong, however often it is tried again."""

    skip: int = 0
    target: tuple[str, str] | None = None

    def takes(self, scope):
        call = (scope["method"], scope["path"])
        if self.target is None and call[0] not in {"GET", "HEAD", "DELETE"} and "token" not in call[1]:
            if self.skip == 0:
                self.target = call
            self.skip -= 1
        return call == self.target


def left(scene, kind):
    """Keys of all that an order has made and that is still there."""
    sandbox = scene.sandboxes[kind]
    if kind == "signicat":
        return {*sandbox.store.documents, *sandbox.store.collections, *sandbox.store.sessions}
    if kind == "easyink":
        return {key for key, stored in sandbox.account.sessions.items() if stored.status != "Voided"}
    return {str(key) for key, batch in sandbox.batches.items() if batch.status != "DELETED"}


async def big_order(scene, kind):
    more = {}
    if kind == "easyink":
        field = {"documentIndex": 0, "page": 1, "x": 72, "y": 96, "width": 150, "height": 40, "participantRef": "Ada"}
        more = {"fields": [field, {**field, "participantRef": "Grace"}], "reminderFrequency": "DAILY"}
    if kind != "seal":
        more["signingOrder"] = "SEQUENTIAL"
    return await scene.order(kind, people=3, documents=2, **more)


async def count_writes(scene, kind):
    before = scene.calls()[kind]
    made = (await scene.done("createSession", **await big_order(scene, kind)))["session"]
    count = sum(method in {"POST", "PUT", "PATCH"} and "token" not in path for method, path in scene.calls_since(kind, before))
    sandbox = scene.sandboxes[kind]
    if kind == "signicat":
        await scene.done("deleteSession", session=made["id"])
        sandbox.store.documents.clear()
    elif kind == "easyink":
        sandbox.account.sessions.clear()
    else:
        await scene.done("deleteSession", session=made["id"])
    assert left(scene, kind) == set()
    return count


@pytest.mark.parametrize(("kind", "status"), [*((kind, 400) for kind in ORDERED), ("easyink", 500)])
async def test_order_that_fails_half_way_is_compensated(scene, kind, status):
    writes = await count_writes(scene, kind)
    assert writes >= {"signicat": 8, "easyink": 11, "seal": 3}[kind]
    for skip in range(writes):
        order = await big_order(scene, kind)
        fault = BrokenWrite(status=status, count=1000, skip=skip)
        scene.sandboxes[kind].faults.append(fault)
        payload = await scene.mutate("createSession", **order)
        await scene.heal(kind)
        [problem] = payload["problems"]
        assert problem["code"] not in {"INVALID", "NOT_FOUND"} or status == 400, (fault.target, problem)
        remains = left(scene, kind)
        if problem["code"] != "IN_DOUBT":
            assert remains == set(), (fault.target, problem)


@pytest.mark.parametrize("kind", ORDERED)
async def test_failed_compensation_is_named_as_a_leftover(scene, kind):
    writes = await count_writes(scene, kind)
    for skip in range(1, writes):
        before = left(scene, kind)
        order = await big_order(scene, kind)
        sandbox = scene.sandboxes[kind]
        fault = BrokenWrite(status=400, count=1000, skip=skip)
        sandbox.faults.append(fault)
        await scene.fault(kind, method="DELETE", status=403)
        await scene.fault(kind, method="POST", path="*/voided", status=403)
        [problem] = (await scene.mutate("createSession", **order))["problems"]
        await scene.heal(kind)
        remains = left(scene, kind) - before
        assert remains, fault.target
        assert {key for key in remains if key in problem["message"]} == remains, (fault.target, problem)


@pytest.mark.parametrize("kind", ORDERED)
async def test_lost_response_half_way_leaves_only_what_is_named(scene, kind):
    writes = await count_writes(scene, kind)
    for skip in range(writes):
        before = left(scene, kind)
        fault = BrokenWrite(kind="lost", count=1000, skip=skip)
        scene.sandboxes[kind].faults.append(fault)
        payload = await scene.mutate("createSession", **await big_order(scene, kind))
        await scene.heal(kind)
        remains = left(scene, kind) - before
        if kind == "signicat":
            # It drops by itself what no session uses, 30 minutes later.
            store = scene.sandboxes[kind].store
            remains -= {key for key, document in store.documents.items() if not document.assigned}
        if payload["problems"]:
            [problem] = payload["problems"]
            told = problem["code"] == "IN_DOUBT" or "left" in problem["message"] or "keeps trying" in problem["message"]
            assert problem["code"] in {*UNANSWERED, "WRONG_STATE", "PROVIDER_REFUSED"}, (fault.target, problem)
            assert told or not remains, (fault.target, problem, remains)
        else:
            assert payload["session"]["status"] in {"PENDING", "DRAFT"}


@pytest.mark.parametrize("status", [403, 500])
async def test_failed_addition_of_a_document_leaves_the_draft_unchanged(scene, status):
    draft = await scene.create("easyink", start=False)
    upload = await scene.upload()
    await scene.fault("easyink", method="POST", path="*/documents", status=status)
    payload = await scene.mutate("addDocument", session=draft["id"], document={"upload": upload})
    assert payload["problems"]
    await scene.heal("easyink")
    assert len((await scene.read(draft["id"]))["documents"]) == 1
    assert len((await scene.done("addDocument", session=draft["id"], document={"upload": upload}))["session"]["documents"]) == 2


async def test_a_document_of_a_provider_that_is_down_cannot_be_ordered_elsewhere(scene):
    first = await scene.create("easyink")
    await scene.stop("easyink")
    before = scene.calls()["seal"]
    payload = await scene.mutate(
        "createSession", provider="seal", title="x", documents=[{"document": first["documents"][0]["id"]}]
    )
    assert [problem["code"] for problem in payload["problems"]] == ["PROVIDER_UNAVAILABLE"]
    assert scene.calls()["seal"] == before


async def test_failed_read_of_one_of_several_sessions_leaves_the_others(scene):
    made = [await scene.create(kind) for kind in ("easyink", "seal")]
    ids = [made[0]["id"], "nope", made[1]["id"]]
    answer = await scene.ask(f"query Q($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Session {{ {SESSION} }} }} }}", ids=ids)
    assert [node and node["id"] for node in answer["data"]["nodes"]] == [ids[0], None, ids[2]]
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INVALID"]


@pytest.mark.servers
async def test_slow_provider_is_cut_at_the_deadline_of_the_request(tmp_path, authority):
    from scene import scene as running

    changes = {"limits": {"deadline": 0.5}, "providers": {"easyink": {"timeout": 10}}}
    async with running(tmp_path, authority, changes) as scene:
        await scene.fault("easyink", method="GET", delay_ms=1200)
        answer = await scene.ask(BY_KEY, provider="easyink", key="1")
        assert answer["errors"][0]["extensions"]["code"] == "PROVIDER_UNAVAILABLE"
        assert "in time" in answer["errors"][0]["message"]


@EVERY
async def test_key_of_another_form_is_not_found_without_a_call(scene, kind):
    before = scene.calls()[kind]
    answer = await scene.ask(BY_KEY, provider=kind, key="a/b?c#d%2F ü\\..")
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    if kind != "persist":  # a pair of any two texts, which go into a query
        assert scene.calls_since(kind, before) == []


async def test_copies_of_documents_are_removed_when_their_provider_refuses_the_write(scene):
    source, draft = await scene.create("easyink"), await scene.create("easyink", start=False)
    copy = {"document": source["documents"][0]["id"]}
    order = await scene.order("easyink", given=[copy, {"upload": await scene.upload()}])
    staged = set((scene.folder / "uploads").iterdir())
    await scene.fault("easyink", method="POST", status=422)
    assert (await scene.mutate("createSession", **order))["session"] is None
    assert (await scene.mutate("addDocument", session=draft["id"], document=copy))["document"] is None
    assert set((scene.folder / "uploads").iterdir()) == staged
    await scene.heal("easyink")
    assert (await scene.done("createSession", **order))["session"], "and the upload can be named again"


async def test_copies_of_documents_are_removed_when_a_further_one_cannot_be_downloaded(scene):
    source, other = await scene.create("easyink"), await scene.create("signicat")
    order = await scene.order("easyink", given=[{"document": each["documents"][0]["id"]} for each in (source, other)])
    await scene.fault("signicat", method="GET", status=500)
    assert (await scene.mutate("createSession", **order))["session"] is None
    assert not list((scene.folder / "uploads").iterdir())


async def test_concurrent_requests_of_one_key_fail_as_problems_when_no_answer_of_the_provider_arrives(scene):
    order = await scene.order("seal") | {"idempotencyKey": "lost"}
    await scene.fault("seal", method="POST", kind="lost")
    for _ in range(3):
        payloads = await asyncio.gather(*(scene.mutate("createSession", **order) for _ in range(4)))
        assert all(each["session"] is None and each["problems"] for each in payloads)


async def test_first_answer_in_doubt_says_when_to_send_its_key_again(scene):
    order = await scene.order("easyink") | {"idempotencyKey": "doubt"}
    await scene.fault("easyink", kind="reset")
    (problem,) = (await scene.mutate("createSession", **order))["problems"]
    assert problem["code"] == "IN_DOUBT"
    assert problem["retryAfterMs"] is not None
