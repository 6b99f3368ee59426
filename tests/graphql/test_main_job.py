"""Main job: sessions are created, followed and downloaded at every provider."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import timedelta

import pytest
from scene import NOW, PROBLEMS, SESSION, mutation, node_id, pdf

from providers.verification import VerificationStatus, inspect

SIGNERS = ("signicat", "easyink", "seal")
RESULTS = """
query Q($id: ID!) {
  session(id: $id) {
    documents(roles: [SIGNED]) { id title filename mediaType sha256 download { url filename mediaType } }
    signatures {
      id format provider { name } session { id } document { id } download { url }
      certificate { commonName subject issuer serialNumber sha256 pem notBefore notAfter }
      verification { status reason digestAlgorithm trusted coversWholeDocument checkedAt }
    }
  }
}"""


async def download(scene, url):
    reply = await scene.client.get(url)
    assert reply.status_code == 200, reply.text
    return reply


@pytest.mark.parametrize("kind", SIGNERS)
async def test_a_document_is_ordered_signed_and_downloaded(scene, kind):
    made = await scene.create(kind)
    assert (made["provider"]["name"], made["title"], made["reference"]) == (kind, "Lease of the north field", "lease-4711")
    assert made["final"] is False
    assert made["freshness"]["source"] == "MUTATION"
    [document] = made["documents"]
    assert (document["role"], document["sha256"]) == ("TO_SIGN", hashlib.sha256(pdf("Part 0")).hexdigest())
    await scene.sign(made)
    final = await scene.settle(made)
    assert final["status"] == "COMPLETED"
    assert final["progress"]["signed"] == final["progress"]["required"] > 0
    assert {person["status"] for person in final["participants"]} <= {"SIGNED"}
    results = (await scene.data(RESULTS, id=made["id"]))["session"]
    [signed] = results["documents"]
    reply = await download(scene, signed["download"]["url"])
    assert reply.headers["content-type"] == signed["mediaType"] == "application/pdf"
    if signed["sha256"]:
        assert signed["sha256"] == hashlib.sha256(reply.content).hexdigest()
    reports = await asyncio.to_thread(inspect, reply.content, roots=(scene.authority.certificate,), now=scene.clock.now())
    assert {report.verification.status for report in reports} == {VerificationStatus.VALID}
    assert results["signatures"]
    for signature in results["signatures"]:
        assert (signature["verification"]["status"], signature["verification"]["trusted"]) == ("VALID", True)
        assert signature["certificate"]["commonName"]
        assert (signature["session"]["id"], signature["provider"]["name"]) == (made["id"], kind)
        assert (await download(scene, signature["download"]["url"])).content


@pytest.mark.parametrize("kind", ["signicat", "easyink"])
async def test_declining_participant_ends_the_session(scene, kind):
    made = await scene.create(kind)
    key = made["participants"][0]["key"] if kind == "signicat" else made["key"]
    await scene.sandboxes[kind].decline(key)
    declined = await scene.read(made["id"])
    assert (declined["status"], declined["final"], declined["progress"]["declined"]) == ("DECLINED", True, 1)


async def test_three_participants_at_signicat_are_one_session_of_three_native_ones_in_a_chain(scene):
    made = await scene.create("signicat", people=3, signingOrder="SEQUENTIAL")
    sandbox = scene.sandboxes["signicat"]
    [collection] = sandbox.store.collections
    assert made["key"] == collection
    keys = [person["key"] for person in made["participants"]]
    assert keys == list(sandbox.store.sessions)
    assert [sandbox.store.sessions[key].order.subsequent_to or [] for key in keys] == [[], keys[:1], keys[1:2]]
    assert {use.document_collection_id for each in sandbox.store.sessions.values() for use in each.order.documents} == {
        collection
    }
    assert [person["firstName"] for person in made["participants"]] == ["Ada", "Grace", "Radia"]
    assert [person["order"] for person in made["participants"]] == [1, 2, 3]
    assert len({person["signingUrl"] for person in made["participants"]} - {None}) == 3
    seen = [[person["status"] for person in (await scene.read(made["id"]))["participants"]]]
    for key in keys:
        await sandbox.sign(key)
        scene.clock.ahead += 5
        seen.append([person["status"] for person in (await scene.read(made["id"]))["participants"]])
    assert seen == [
        ["INVITED", "WAITING", "WAITING"],
        ["SIGNED", "INVITED", "WAITING"],
        ["SIGNED", "SIGNED", "INVITED"],
        ["SIGNED", "SIGNED", "SIGNED"],
    ]
    listed = await scene.list({"providers": ["signicat"]})
    assert [node["id"] for node in listed["nodes"]] == [made["id"]]
    assert listed["totalCount"] == 1


async def test_three_parallel_participants_are_created_by_one_call_without_a_chain(scene):
    before = scene.calls()["signicat"]
    made = await scene.create("signicat", people=3)
    opened = [call for call in scene.calls_since("signicat", before) if call == ("POST", "/sign/signing-sessions")]
    assert len(opened) == 1
    assert [each.order.subsequent_to for each in scene.sandboxes["signicat"].store.sessions.values()] == [None] * 3
    assert {person["status"] for person in made["participants"]} == {"INVITED"}
    assert made["signingOrder"] == "PARALLEL"


async def test_order_at_signicat_carries_every_field_of_the_input(scene):
    due = (scene.clock.now() + timedelta(days=10)).replace(microsecond=0)
    made = await scene.create(
        "signicat",
        dueAt=due.isoformat().replace("+00:00", "Z"),
        message="Please sign.",
        archive={"retentionPeriod": "P1Y"},
        options={"language": "nb", "packageTo": []},
    )
    assert made["dueAt"] == due.isoformat().replace("+00:00", "Z")
    assert made["archive"]["requested"] is True
    order = next(iter(scene.sandboxes["signicat"].store.sessions.values())).order
    assert (order.sign_text, order.ui.language) == ("Please sign.", "nb")


async def test_a_draft_at_easyink_is_filled_started_and_canceled(scene):
    field = {"documentIndex": 0, "page": 1, "x": 72, "y": 96, "width": 150, "height": 40, "participantRef": "Grace"}
    draft = await scene.create("easyink", start=False, fields=[field], reminderFrequency="DAILY", signingOrder="SEQUENTIAL")
    assert (draft["status"], draft["final"], draft["reminderFrequency"]) == ("DRAFT", False, "DAILY")
    assert [(each["page"], each["x"], each["width"]) for each in draft["fields"]] == [(1, 72.0, 150.0)]
    added = await scene.done("addDocument", session=draft["id"], document={"upload": await scene.upload(), "title": "Annex"})
    assert added["document"]["title"] == "Annex"
    assert added["document"]["id"] in [each["id"] for each in added["session"]["documents"]]
    assert len(added["session"]["documents"]) == 2
    started = (await scene.done("startSession", session=draft["id"]))["session"]
    assert started["status"] == "PENDING"
    again = await scene.mutate("startSession", session=draft["id"])
    assert [problem["code"] for problem in again["problems"]] == ["WRONG_STATE"]
    canceled = (await scene.done("cancelSession", session=draft["id"], reason="The field was sold."))["session"]
    assert (canceled["status"], canceled["final"], canceled["statusReason"]) == ("CANCELED", True, "The field was sold.")
    assert scene.sandboxes["easyink"].account.sessions[draft["key"]].reason == "The field was sold."


async def test_a_draft_at_easyink_is_deleted_and_its_session_stays_known_as_deleted(scene):
    draft = await scene.create("easyink", start=False)
    assert (await scene.done("deleteSession", session=draft["id"]))["deletedIds"] == [draft["id"]]
    assert scene.sandboxes["easyink"].account.sessions == {}
    gone = await scene.read(draft["id"])
    assert (gone["status"], gone["final"], gone["title"]) == ("DELETED", True, draft["title"])
    again = await scene.mutate("deleteSession", session=draft["id"])
    assert [problem["code"] for problem in again["problems"]] == ["WRONG_STATE"]


async def test_three_documents_are_sealed_as_one_batch(scene):
    before = scene.calls()["seal"]
    made = await scene.create("seal", documents=3)
    posts = [path for method, path in scene.calls_since("seal", before) if method == "POST"]
    assert len(posts) == 3, "created, uploaded at once, accepted"
    await scene.sign(made)
    final = await scene.settle(made)
    assert (final["status"], final["progress"]["signed"], final["participants"]) == ("COMPLETED", 3, [])
    signed = [each for each in final["documents"] if each["role"] == "SIGNED"]
    assert len(signed) == 3
    contents = [(await download(scene, each["download"]["url"])).content for each in signed]
    assert len(set(contents)) == 3


async def test_a_batch_waits_until_it_is_started_and_can_be_deleted(scene):
    made = await scene.create("seal", start=False)
    assert made["status"] == "DRAFT"
    assert (await scene.done("startSession", session=made["id"]))["session"]["status"] == "PENDING"
    other = await scene.create("seal")
    assert (await scene.done("deleteSession", session=other["id"]))["deletedIds"] == [other["id"]]
    assert (await scene.read(other["id"]))["status"] == "DELETED"


async def test_a_second_version_replaces_the_first_and_keeps_its_tags(scene):
    given = {"provider": "persist", "document": "lease", "thread": "tenant"}
    first = (await scene.done("saveSignature", **given, content=await scene.cms(), tags=["a", "b"], comment="one"))["signature"]
    assert (first["version"], sorted(first["tags"]), first["comment"]) == (1, ["a", "b"], "one")
    content = await scene.cms(signer="Grace Hopper")
    second = (await scene.done("saveSignature", **given, content=content, version=1))["signature"]
    assert (second["id"], second["version"], sorted(second["tags"])) == (first["id"], 2, ["a", "b"])
    late = await scene.mutate("saveSignature", **given, content=content, version=1)
    assert [problem["code"] for problem in late["problems"]] == ["CONFLICT"]
    results = (await scene.data(RESULTS, id=second["session"]["id"]))["session"]["signatures"]
    assert [each["certificate"]["commonName"] for each in results] == ["Grace Hopper"]
    assert results[0]["verification"]["status"] == "VALID"
    assert (await scene.done("deleteSignature", signature=second["id"]))["deletedIds"] == [second["id"]]
    assert scene.sandboxes["persist"].sessions() == []
    gone = await scene.mutate("deleteSignature", signature=second["id"])
    assert [problem["code"] for problem in gone["problems"]] == ["WRONG_STATE"]


async def test_a_session_of_the_provider_is_found_by_its_key_and_followed_from_then_on(scene):
    account = scene.sandboxes["easyink"].account
    reply = await scene.client.post(
        f"{scene.urls['easyink']}/api/signingSessionDrafts",
        json={"subject": "Made by hand"},
        headers={"authorization": f"Bearer {scene.sandboxes['easyink'].identity.mint(timedelta(days=1))}"},
    )
    key = reply.json()
    query = f'query Q($key: String!) {{ sessionByKey(provider: "easyink", key: $key) {{ {SESSION} }} }}'
    found = (await scene.data(query, key=key))["sessionByKey"]
    assert (found["title"], found["status"], found["key"]) == ("Made by hand", "DRAFT", key)
    account.sessions[key].subject = "Renamed by hand"
    listed = await scene.list({"providers": ["easyink"]})
    assert [node["title"] for node in listed["nodes"]] == ["Renamed by hand"]


async def test_a_native_session_of_signicat_leads_to_the_session_that_is_composed_of_it(scene):
    made = await scene.create("signicat", people=3)
    query = 'query Q($key: String!) { sessionByKey(provider: "signicat", key: $key) { id } }'
    for person in made["participants"]:
        assert (await scene.data(query, key=person["key"]))["sessionByKey"]["id"] == made["id"]


async def test_every_node_is_found_by_its_id_alone(scene):
    field = {"documentIndex": 0, "page": 1, "x": 72, "y": 96, "width": 150, "height": 40, "participantRef": "Ada"}
    session = await scene.create("easyink", start=False, fields=[field])
    record = await scene.create("persist")
    query = """query Q($id: ID!) { node(id: $id) { __typename id
      ... on Document { session { id } } ... on Participant { of: session { id } }
      ... on SignatureField { document { id } participant { id } } ... on Signature { session { id } }
      ... on Provider { name } } }"""
    wanted = {
        "Session": session["id"],
        "Document": session["documents"][0]["id"],
        "Participant": session["participants"][0]["id"],
        "SignatureField": session["fields"][0]["id"],
        "Signature": record["signatures"][0]["id"],
        "Provider": (await scene.data('{ provider(name: "seal") { id } }'))["provider"]["id"],
    }
    found = {name: (await scene.data(query, id=key))["node"] for name, key in wanted.items()}
    assert {name: (node["__typename"], node["id"]) for name, node in found.items()} == {
        name: (name, key) for name, key in wanted.items()
    }
    assert found["Document"]["session"]["id"] == found["Participant"]["of"]["id"] == session["id"]
    assert found["SignatureField"]["document"]["id"] == wanted["Document"]
    assert found["SignatureField"]["participant"]["id"] == wanted["Participant"]
    assert found["Signature"]["session"]["id"] == record["id"]
    ids = [*wanted.values(), node_id("Session", "easyink", "no-such-session")]
    answer = await scene.ask("query Q($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }", ids=ids)
    assert [node and node["__typename"] for node in answer["data"]["nodes"]] == [*wanted, None]
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("NOT_FOUND", ["nodes", len(wanted)])


async def test_a_document_is_found_and_knows_its_session(scene):
    made = await scene.create("easyink")
    query = "query Q($id: ID!) { document(id: $id) { id filename session { id } provider { name } signatures { id } } }"
    found = (await scene.data(query, id=made["documents"][0]["id"]))["document"]
    assert (found["session"]["id"], found["provider"]["name"]) == (made["id"], "easyink")


def multipart(query, variables, files):
    names = {str(place): [path] for place, path in enumerate(files)}
    data = {"operations": json.dumps({"query": query, "variables": variables}), "map": json.dumps(names)}
    return {"data": data, "files": {str(place): file for place, file in enumerate(files.values())}}


PREFLIGHT = {"graphql-require-preflight": "1"}
UPLOAD = (
    "mutation M($file: Upload!) { uploadFile(file: $file)"
    f" {{ upload {{ id filename mediaType sizeBytes sha256 expiresAt }} {PROBLEMS} }} }}"
)


async def test_a_file_of_a_multipart_request_becomes_a_document(scene):
    order = (await scene.order("easyink", documents=0)) | {"documents": [{"file": None, "title": "By form"}]}
    form = multipart(
        mutation("createSession"),
        {"input": order},
        {"variables.input.documents.0.file": ("Vertrag für Ärzte.pdf", pdf("By form"), "application/pdf")},
    )
    reply = await scene.client.post("/graphql", **form, headers=PREFLIGHT)
    payload = reply.json()["data"]["createSession"]
    assert payload["problems"] == []
    [document] = payload["session"]["documents"]
    assert document["title"] == "By form"
    assert document["sha256"] == hashlib.sha256(pdf("By form")).hexdigest()


async def test_a_file_is_staged_by_a_multipart_mutation_and_used_later(scene):
    form = multipart(UPLOAD, {"file": None}, {"variables.file": ("lease.pdf", pdf(), "application/pdf")})
    reply = await scene.client.post("/graphql", **form, headers=PREFLIGHT)
    upload = reply.json()["data"]["uploadFile"]["upload"]
    assert (upload["filename"], upload["sizeBytes"], upload["mediaType"]) == ("lease.pdf", len(pdf()), "application/pdf")
    made = await scene.create("seal", given=[{"upload": upload["id"]}])
    assert made["documents"][0]["sha256"] == upload["sha256"] == hashlib.sha256(pdf()).hexdigest()


async def test_a_form_without_a_header_of_its_own_is_refused(scene):
    form = multipart(UPLOAD, {"file": None}, {"variables.file": ("lease.pdf", pdf(), "application/pdf")})
    reply = await scene.client.post("/graphql", **form)
    assert reply.status_code == 400
    [error] = reply.json()["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "graphql-require-preflight" in error["message"]
    assert list((scene.folder / "uploads").iterdir()) == []


async def test_a_result_of_one_provider_is_ordered_at_another(scene):
    first = await scene.create("easyink")
    await scene.sign(first)
    final = await scene.settle(first)
    signed = next(each for each in final["documents"] if each["role"] == "SIGNED")
    second = await scene.create("seal", given=[{"document": signed["id"], "filename": "sealed.pdf"}])
    content = (await download(scene, signed["download"]["url"])).content
    assert second["documents"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    await scene.sign(second)
    [document] = [each for each in (await scene.settle(second))["documents"] if each["role"] == "SIGNED"]
    sealed = (await download(scene, document["download"]["url"])).content
    before, after = [await asyncio.to_thread(inspect, each, now=scene.clock.now()) for each in (content, sealed)]
    assert len(after) == len(before) + 1


async def test_eligible_providers_are_found_without_calls(scene):
    order = await scene.order("signicat")
    before = scene.calls()
    asked = f"provider {{ name }} eligible {PROBLEMS}"
    query = f"query Q($input: CreateSessionInput!) {{ eligibleProviders(input: $input) {{ {asked} }} }}"
    found = (await scene.data(query, input=order))["eligibleProviders"]
    assert {each["provider"]["name"]: each["eligible"] for each in found} == {
        "signicat": True,
        "easyink": True,
        "seal": False,
        "persist": False,
    }
    reasons = {each["provider"]["name"]: [problem["code"] for problem in each["problems"]] for each in found}
    assert reasons == {"signicat": [], "easyink": [], "seal": ["INVALID"], "persist": ["UNSUPPORTED"]}
    assert scene.calls() == before
    assert (await scene.done("createSession", **order))["session"]["status"] == "PENDING", "the upload can still be used"


async def test_viewer_and_providers_are_shown(scene):
    data = await scene.data(
        """{ viewer { id subject scopes providers }
             providers { id name kind displayName environment sessionKind optionsSchema limits { name value unit }
               capabilities { operation support note } credentials { state expiresAt note }
               health { state circuit lastSuccessAt lastFailureAt problem { code } }
               sessionCounts { byStatus { status count } asOf native } }
             one: providers(names: ["seal"]) { name } provider(name: "easyink") { name } }"""
    )
    assert data["viewer"]["providers"] == [each["name"] for each in data["providers"]]
    assert "sessions:write" in data["viewer"]["scopes"]
    kinds = {each["name"]: each["sessionKind"] for each in data["providers"]}
    assert kinds == {"signicat": "SIGNING", "seal": "SEALING", "persist": "RECORD", "easyink": "SIGNING"}
    operations = {frozenset(one["operation"] for one in each["capabilities"]) for each in data["providers"]}
    assert len(operations) == 1, "every provider speaks of every operation"
    assert all(each["optionsSchema"]["properties"] is not None for each in data["providers"] if each["name"] != "persist")
    assert data["one"] == [{"name": "seal"}]
    assert data["provider"] == {"name": "easyink"}
    health = {each["name"]: each["health"]["state"] for each in data["providers"]}
    assert set(health.values()) == {"UNKNOWN"}, "nobody was asked"
    await scene.create("seal")
    query = '{ provider(name: "seal") { health { state } sessionCounts { byStatus { status count } native } } }'
    now = (await scene.data(query))["provider"]
    assert now == {
        "health": {"state": "UP"},
        "sessionCounts": {"byStatus": [{"status": "PENDING", "count": 1}], "native": False},
    }


@pytest.mark.parametrize("kind", ["signicat", "easyink", "seal", "persist"])
async def test_the_native_payload_is_the_providers_own_json(scene, kind):
    made = await scene.create(kind)
    native = (await scene.data("query Q($id: ID!) { session(id: $id) { native } }", id=made["id"]))["session"]["native"]
    assert isinstance(native, dict)
    assert native


@pytest.mark.parametrize("kind", ["signicat", "easyink", "seal", "persist"])
async def test_fresh_session_is_not_read_again(scene, kind):
    made = await scene.create(kind)
    before = scene.calls()
    assert (await scene.read(made["id"], "PT1H"))["id"] == made["id"]
    assert (await scene.read(made["id"], None))["id"] == made["id"]
    assert scene.calls() == before
    await scene.read(made["id"], NOW)
    assert scene.calls()[kind] > before[kind]


async def test_signature_is_fetched_once_for_all_of_its_fields(scene):
    made = await scene.create("seal")
    await scene.sign(made)
    await scene.read(made["id"], NOW)
    asked = "certificate { commonName } timestamp { at } verification { status }"
    before = scene.calls()["seal"]
    session = (await scene.data(f"query Q($id: ID!) {{ session(id: $id) {{ signatures {{ {asked} }} }} }}", id=made["id"]))[
        "session"
    ]
    assert [signature["verification"]["status"] for signature in session["signatures"]] == ["VALID"] * len(made["documents"])
    downloads = [path for _, path in scene.calls_since("seal", before) if "batchfile" in path]
    assert len(downloads) == len(session["signatures"])


async def test_get_is_allowed_for_queries_and_refused_for_mutations(scene):
    reply = await scene.client.get("/graphql", params={"query": "{ viewer { id } }"})
    assert reply.json()["data"]["viewer"]["id"]
    reply = await scene.client.get(
        "/graphql", params={"query": 'mutation { deleteSession(input: {session: "x"}) { deletedIds } }'}
    )
    assert reply.status_code == 405
    assert reply.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
