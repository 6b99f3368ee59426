"""Coverage of operations: every one that a provider documents is called through GraphQL, as documented."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from acts import BOX, attempt, done, paper, read, role
from scene import PEOPLE, Scene
from scene import scene as running
from starlette.requests import Request

from providers.registry import NAMES
from providers.sandbox.certificate_authority import CertificateAuthority

D, S = "/api/signingSessionDrafts", "/api/signingSessions"
DOCUMENTS, COLLECTIONS, SIGNING = "/sign/documents", "/sign/document-collections", "/sign/signing-sessions"


@dataclass(frozen=True)
class Heard:
    """What a call carried: its media type, and the names in its query and its JSON (in the first item of a list)."""

    method: str
    path: str
    media_type: str
    names: frozenset[str]


@dataclass(frozen=True)
class Row:
    """A documented operation, and the GraphQL field by which a client reaches it.

    ``sends`` is what the call carries: its media type, or what its JSON or its query names.
    """

    number: int
    what: str
    method: str
    path: str
    by: str
    sends: str = ""

    def is_call(self, method: str, path: str) -> bool:
        return method == self.method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", self.path), path) is not None

    def is_shape_of(self, heard: Heard) -> bool:
        if "/" in self.sends:
            return heard.media_type.startswith(self.sends)
        return set(self.sends.split()) <= heard.names


ROWS: dict[str, tuple[Row, ...]] = {
    "signicat": (
        Row(1, "upload a document", "POST", DOCUMENTS, "createSession", "application/pdf"),
        Row(2, "read a document", "GET", f"{DOCUMENTS}/{{document}}", "Document.download"),
        Row(3, "delete a document", "DELETE", f"{DOCUMENTS}/{{document}}", "createSession"),
        Row(4, "read metadata", "GET", f"{DOCUMENTS}/{{document}}/metadata", "updateDocument"),
        Row(5, "write metadata", "PATCH", f"{DOCUMENTS}/{{document}}/metadata", "updateDocument", "title"),
        Row(6, "create a collection", "POST", COLLECTIONS, "createSession", "documents"),
        Row(7, "read a collection", "GET", f"{COLLECTIONS}/{{collection}}", "session"),
        Row(8, "delete a collection", "DELETE", f"{COLLECTIONS}/{{collection}}", "deleteSession"),
        Row(9, "create signing sessions", "POST", SIGNING, "createSession", "title documents signingSetup"),
        Row(10, "list signing sessions", "GET", SIGNING, "sessions", "offset limit sort"),
        Row(11, "read a signing session", "GET", f"{SIGNING}/{{session}}", "session"),
        Row(12, "delete a signing session", "DELETE", f"{SIGNING}/{{session}}", "cancelSession"),
    ),
    "easyink": (
        Row(1, "create a draft", "POST", D, "createSession", "subject"),
        Row(2, "read a draft", "GET", f"{D}/{{id}}", "session"),
        Row(3, "draft exists", "HEAD", f"{D}/{{id}}", "createSession"),
        Row(4, "update a draft", "PATCH", f"{D}/{{id}}", "updateSession", "subject reminderFrequency"),
        Row(5, "delete a draft", "DELETE", f"{D}/{{id}}", "deleteSession"),
        Row(6, "upload a document", "POST", f"{D}/{{id}}/documents", "addDocument", "multipart/form-data"),
        Row(7, "download a draft document", "GET", f"{D}/{{id}}/documents/{{document}}", "Document.download"),
        Row(8, "remove a document", "DELETE", f"{D}/{{id}}/documents/{{document}}", "removeDocument"),
        Row(9, "add an attachment", "POST", f"{D}/{{id}}/attachments", "addDocument", "multipart/form-data"),
        Row(10, "download a draft attachment", "GET", f"{D}/{{id}}/attachments/{{attachment}}", "Document.download"),
        Row(11, "remove an attachment", "DELETE", f"{D}/{{id}}/attachments/{{attachment}}", "removeDocument"),
        Row(
            12,
            "add a participant",
            "POST",
            f"{D}/{{id}}/participants",
            "addParticipant",
            "firstName lastName email deliveryMethods",
        ),
        Row(13, "add self", "POST", f"{D}/{{id}}/participants/self", "addSelfAsParticipant"),
        Row(
            14,
            "update a participant",
            "PUT",
            f"{D}/{{id}}/participants/{{participant}}",
            "updateParticipant",
            "firstName lastName email deliveryMethods",
        ),
        Row(15, "remove a participant", "DELETE", f"{D}/{{id}}/participants/{{participant}}", "removeParticipant"),
        Row(16, "sequential order", "PUT", f"{D}/{{id}}/signingOrder/oneByOne", "setSigningOrder", "participantsOrder"),
        Row(17, "parallel order", "PUT", f"{D}/{{id}}/signingOrder/allAtOnce", "setSigningOrder"),
        Row(18, "add a field", "POST", f"{D}/{{id}}/signatureFields", "addField", "documentId participantId field"),
        Row(19, "add fields in bulk", "POST", f"{D}/{{id}}/signatureFields/bulk", "createSession", "signatureFields"),
        Row(20, "remove a field", "DELETE", f"{D}/{{id}}/signatureFields/{{field}}", "removeField"),
        Row(21, "field options", "PUT", f"{D}/{{id}}/signatureFields/{{field}}/options", "updateField", "isRequired forType"),
        Row(
            22,
            "field placement",
            "PUT",
            f"{D}/{{id}}/signatureFields/{{field}}/placement",
            "updateField",
            "page positionX positionY sizeX sizeY",
        ),
        Row(23, "convert a draft", "POST", f"{D}/{{id}}/converted", "startSession"),
        Row(24, "start", "POST", f"{S}/{{id}}/started", "startSession"),
        Row(25, "void", "POST", f"{S}/{{id}}/voided", "cancelSession", "reason"),
        Row(26, "duplicate", "POST", f"{S}/{{id}}/duplicated", "duplicateSession", "subject"),
        Row(27, "recreate and void", "POST", f"{S}/{{id}}/recreated", "recreateSession", "subject voidReason"),
        Row(28, "read a session", "GET", f"{S}/{{id}}", "session"),
        Row(29, "session exists", "HEAD", f"{S}/{{id}}", "deleteSession"),
        Row(30, "search", "GET", S, "sessions", "pageIndex pageSize"),
        Row(31, "statistics", "GET", f"{S}/statistics", "Provider.sessionCounts"),
        Row(
            32,
            "change delivery",
            "PUT",
            f"{S}/{{id}}/participants/{{participant}}/deliveryMethods",
            "updateParticipant",
            "deliveryMethods email phone",
        ),
        Row(33, "original document", "GET", f"{S}/{{id}}/documents/{{document}}", "Document.download"),
        Row(34, "attachment", "GET", f"{S}/{{id}}/attachments/{{attachment}}", "Document.download"),
        Row(35, "signed document", "GET", f"{S}/{{id}}/signedDocuments/{{document}}", "Document.download"),
        Row(36, "all-in-one document", "GET", f"{S}/{{id}}/allInOneDocument", "Document.download"),
    ),
    "seal": (
        Row(1, "CreateBatch", "POST", "/api/CreateBatch/{process}", "createSession"),
        Row(2, "upload", "POST", "/api/upload/{batch}", "createSession", "application/octet-stream"),
        Row(3, "AcceptBatch", "POST", "/api/AcceptBatch/{batch}", "startSession"),
        Row(4, "BatchStatus", "GET", "/api/BatchStatus/{batch}", "session"),
        Row(5, "batchfile", "GET", "/api/batchfile/{batch}", "Document.download"),
        Row(6, "BatchDeleteCache", "DELETE", "/api/BatchDeleteCache/{batch}", "deleteSession"),
        Row(7, "stamp by RFC 3161", "POST", "/tsa/stamp/rfc3161/{process}", "Document.download", "application/octet-stream"),
        Row(8, "stamp by JSON", "POST", "/tsa/stamp/{process}", "Document.download", "hash"),
    ),
    "persist": (
        Row(1, "get", "GET", "/signature", "session", "document thread"),
        Row(2, "save", "POST", "/signature", "saveSignature", "document thread cms tags"),
        Row(3, "delete", "DELETE", "/signature", "deleteSignature", "document thread"),
        Row(4, "list", "GET", "/signatures", "signatures", "limit offset count"),
    ),
}


@dataclass
class Walk:
    """One way through the operations of a provider. ``reached`` are the rows whose call has arrived."""

    scene: Scene
    kind: str
    reached: set[int] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)

    async def hear(self, request: Request) -> None:
        """Notes what a call carries, on its way to the sandbox."""
        media_type, names = request.headers.get("content-type", ""), set(request.query_params)
        if media_type == "application/json":
            said = json.loads(await request.body())
            names |= set(said[0] if isinstance(said, list) else said)
        self.heard.append(Heard(request.method, request.url.path, media_type, frozenset(names)))

    @contextmanager
    def reaching(self, *numbers: int) -> Iterator[None]:
        """What is done inside makes the documented calls of these rows, and the sandbox takes them."""
        calls = self.scene.sandboxes[self.kind].calls
        seen, self.asked, self.heard = len(calls), [], []
        yield
        arrived = [(call.method, call.path, call.status) for call in list(calls)[seen:]]
        for row in ROWS[self.kind]:
            if row.number not in numbers:
                continue
            assert row.by in self.asked, f"{row.what} is not reached by {row.by}"
            taken = [status for method, path, status in arrived if row.is_call(method, path) and 200 <= status < 300]
            assert taken, f"{self.kind} {row.number}, {row.what}: {row.method} {row.path} did not arrive among {arrived}"
            carried = [each for each in self.heard if row.is_call(each.method, each.path)]
            assert not row.sends or any(map(row.is_shape_of, carried)), f"{row.what} came as {carried}"
            self.reached.add(row.number)

    async def done(self, name: str, **given: Any) -> dict[str, Any]:
        self.asked.append(name)
        return await done(self.scene, name, **given)

    async def refused(self, name: str, **given: Any) -> list[str]:
        """The codes of the problems that a mutation has."""
        self.asked.append(name)
        return [each["code"] for each in (await attempt(self.scene, name, **given))["problems"]]

    async def read(self, session: dict[str, Any]) -> dict[str, Any]:
        self.asked.append("session")
        return await read(self.scene, session)

    async def ask(self, name: str, query: str) -> dict[str, Any]:
        self.asked.append(name)
        return await self.scene.data(query)

    async def download(self, document: dict[str, Any]) -> bytes:
        """What the link of a document leads to."""
        self.asked.append("Document.download")
        reply = await self.scene.client.get(document["download"]["url"])
        assert reply.status_code == 200, reply.text
        return reply.content

    async def order(self, **changes: Any) -> dict[str, Any]:
        return await self.scene.order(self.kind, **changes)


async def signicat(walk: Walk) -> None:
    await walk.scene.fault("signicat", path=SIGNING, method="POST", kind="status", status=400, count=1)
    with walk.reaching(1, 3, 6):
        assert await walk.refused("createSession", **await walk.order()) == ["PROVIDER_REFUSED"]
    with walk.reaching(1, 6, 9):
        session = (await walk.done("createSession", **await walk.order()))["session"]
    with walk.reaching(7, 11):
        session = await walk.read(session)
    with walk.reaching(4, 5):
        named = await walk.done("updateDocument", document=session["documents"][0]["id"], title="The north field")
        assert named["document"]["title"] == "The north field"
    with walk.reaching(2):
        assert (await walk.download(session["documents"][0])).startswith(b"%PDF")
    with walk.reaching(10):
        listed = await walk.ask("sessions", '{ sessions(filter: {providers: ["signicat"]}, maxAge: "PT0S") { nodes { key } } }')
        assert session["key"] in [each["key"] for each in listed["sessions"]["nodes"]]
    with walk.reaching(12):
        ended = await walk.done("cancelSession", session=session["id"], reason="Somebody else rents it.")
        assert ended["session"]["status"] == "CANCELED"
    other = (await walk.done("createSession", **await walk.order()))["session"]
    with walk.reaching(8):
        assert (await walk.done("deleteSession", session=other["id"]))["deletedIds"] == [other["id"]]


async def easyink(walk: Walk) -> None:
    await easyink_draft(walk)
    await easyink_session(walk)


async def easyink_draft(walk: Walk) -> None:
    """Everything that can be done with a draft, before it is a session."""
    scene = walk.scene
    fields = [{"documentIndex": 0, "participantRef": name, **BOX} for name in ("Ada", "Grace")]
    with walk.reaching(1, 19):
        draft = (await walk.done("createSession", **await walk.order(start=False, fields=fields)))["session"]
    with walk.reaching(4):
        await walk.done("updateSession", session=draft["id"], title="The south field", reminderFrequency="WEEKLY")
    with walk.reaching(6):
        added = (await walk.done("addDocument", session=draft["id"], document=await paper(scene, "Map")))["document"]
    with walk.reaching(9):
        plan = await paper(scene, "Plan", role="ATTACHMENT")
        attached = (await walk.done("addDocument", session=draft["id"], document=plan))["document"]
    with walk.reaching(2):
        draft = await walk.read(draft)
        assert (draft["status"], draft["title"], draft["reminderFrequency"]) == ("DRAFT", "The south field", "WEEKLY")
        draft = await walk.read(draft)
    documents = {each["key"]: each for each in draft["documents"]}
    with walk.reaching(7):
        assert (await walk.download(documents[added["key"]])).startswith(b"%PDF")
    with walk.reaching(10):
        assert (await walk.download(documents[attached["key"]])).startswith(b"%PDF")
    with walk.reaching(12):
        radia = (await walk.done("addParticipant", session=draft["id"], participant=PEOPLE[2]))["participant"]
    with walk.reaching(13):
        await walk.done("addSelfAsParticipant", session=draft["id"])
    with walk.reaching(14):
        changed = await walk.done("updateParticipant", participant=radia["id"], email="rp@people.example")
        assert changed["participant"]["email"] == "rp@people.example"
    people = [each["id"] for each in reversed(changed["session"]["participants"])]
    with walk.reaching(16):
        ordered = await walk.done("setSigningOrder", session=draft["id"], order="SEQUENTIAL", participants=people)
        assert [each["id"] for each in ordered["session"]["participants"]] == people
    with walk.reaching(17):
        await walk.done("setSigningOrder", session=draft["id"], order="PARALLEL")
    with walk.reaching(18):
        placed = await walk.done("addField", document=documents[added["key"]]["id"], participant=radia["id"], **BOX)
    with walk.reaching(21, 22):
        moved = await walk.done("updateField", field=placed["field"]["id"], x=77.0, required=False)
        assert (moved["field"]["x"], moved["field"]["required"]) == (77.0, False)
    with walk.reaching(20):
        assert (await walk.done("removeField", field=placed["field"]["id"]))["deletedIds"] == [placed["field"]["id"]]
    with walk.reaching(15):
        assert (await walk.done("removeParticipant", participant=radia["id"]))["deletedIds"] == [radia["id"]]
    with walk.reaching(8):
        await walk.done("removeDocument", document=added["id"])
    with walk.reaching(11):
        await walk.done("removeDocument", document=attached["id"])
    with walk.reaching(5):
        assert (await walk.done("deleteSession", session=draft["id"]))["deletedIds"] == [draft["id"]]


async def easyink_session(walk: Walk) -> None:
    """From the start of a session to what it comes to."""
    scene = walk.scene
    given = [await paper(scene, "Lease"), await paper(scene, "Plan", role="ATTACHMENT")]
    session = (await walk.done("createSession", **await walk.order(given=given, start=False)))["session"]
    with walk.reaching(23, 24):
        session = (await walk.done("startSession", session=session["id"]))["session"]
    with walk.reaching(28):
        session = await walk.read(session)
    with walk.reaching(32):
        ada = session["participants"][0]
        await walk.done("updateParticipant", participant=ada["id"], phone="5551234567", deliveryMethods=["SMS"])
    with walk.reaching(30):
        listed = await walk.ask("sessions", '{ sessions(filter: {providers: ["easyink"]}, maxAge: "PT0S") { nodes { key } } }')
        assert session["key"] in [each["key"] for each in listed["sessions"]["nodes"]]
    with walk.reaching(31):
        counts = await walk.ask("Provider.sessionCounts", '{ provider(name: "easyink") { sessionCounts { native } } }')
        assert counts["provider"]["sessionCounts"]["native"]
    with walk.reaching(26):
        copy = (await walk.done("duplicateSession", session=session["id"], title="Another field"))["session"]
        assert (copy["status"], copy["title"]) == ("DRAFT", "Another field")
    copy = (await walk.done("startSession", session=copy["id"]))["session"]
    with walk.reaching(27):
        again = (await walk.done("recreateSession", session=copy["id"], reason="A typing error."))["session"]
        assert (await walk.read(copy))["status"] == "CANCELED"
    again = (await walk.done("startSession", session=again["id"]))["session"]
    with walk.reaching(25):
        await walk.done("cancelSession", session=again["id"], reason="Somebody else rents it.")
    await scene.sign(session)
    session = await scene.settle(session)
    for number, name in {33: "TO_SIGN", 34: "ATTACHMENT", 35: "SIGNED", 36: "EVIDENCE"}.items():
        with walk.reaching(number):
            assert (await walk.download(role(session, name)[0])).startswith(b"%PDF")


async def easyink_doubt(walk: Walk) -> None:
    """What is asked for only where an answer did not come, or says something else than was expected."""
    await walk.scene.fault("easyink", path=D, method="POST", kind="lost", count=1)
    with walk.reaching(3):
        assert await walk.refused("createSession", **await walk.order(start=False)) == ["PROVIDER_UNAVAILABLE"]
    draft = (await walk.done("createSession", **await walk.order(start=False)))["session"]
    await walk.scene.fault("easyink", path=f"{D}/*", method="DELETE", kind="status", status=404, count=1)
    with walk.reaching(29):
        assert await walk.refused("deleteSession", session=draft["id"]) == ["WRONG_STATE"]


async def seal(walk: Walk) -> None:
    with walk.reaching(1, 2):
        order = await walk.order(start=False, options={"timestampProcessId": 2})
        batch = (await walk.done("createSession", **order))["session"]
    with walk.reaching(3):
        await walk.done("startSession", session=batch["id"])
    await walk.scene.sign(batch)
    with walk.reaching(4):
        batch = await walk.read(batch)
        assert batch["status"] == "COMPLETED"
    with walk.reaching(5):
        assert (await walk.download(role(batch, "SIGNED")[0])).startswith(b"%PDF")
    with walk.reaching(8):
        assert await walk.download(role(batch, "EVIDENCE")[0])
    with walk.reaching(6):
        assert (await walk.done("deleteSession", session=batch["id"]))["deletedIds"] == [batch["id"]]


async def seal_stamping_by_rfc_3161(walk: Walk) -> None:
    order = await walk.order(start=False, options={"timestampProcessId": 2})
    batch = (await walk.done("createSession", **order))["session"]
    with walk.reaching(7):
        assert await walk.download(role(batch, "EVIDENCE")[0])


async def persist(walk: Walk) -> None:
    cms = await walk.scene.cms()
    with walk.reaching(2):
        given = {"provider": "persist", "document": "lease", "thread": "tenant", "content": cms, "tags": ["lease"]}
        signature = (await walk.done("saveSignature", **given))["signature"]
    with walk.reaching(1):
        await walk.read(signature["session"])
    with walk.reaching(4):
        listed = await walk.ask("signatures", '{ signatures(filter: {providers: ["persist"]}) { nodes { id } } }')
        assert listed["signatures"]["nodes"] == [{"id": signature["id"]}]
    with walk.reaching(3):
        assert (await walk.done("deleteSignature", signature=signature["id"]))["deletedIds"] == [signature["id"]]
    again = (await walk.done("saveSignature", **given))["signature"]["session"]
    assert (await walk.done("deleteSession", session=again["id"]))["deletedIds"] == [again["id"]]


WALKS: dict[str, tuple[tuple[Callable[[Walk], Awaitable[None]], dict[str, Any]], ...]] = {
    "signicat": ((signicat, {}),),
    "easyink": ((easyink, {}), (easyink_doubt, {})),
    "seal": ((seal, {}), (seal_stamping_by_rfc_3161, {"tsa": "rfc3161"})),
    "persist": ((persist, {}),),
}


async def test_every_documented_operation_is_reached_through_graphql(
    tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority, record_property: Callable[[str, object], None]
) -> None:
    """One after the other, so that the figure at the end is of one run."""
    found: dict[str, set[int]] = {}
    for kind, walks in WALKS.items():
        for go, settings in walks:
            # A call that is lost is lost to the relay as well, which would answer for it.
            relayed = () if go is easyink_doubt else (kind,)
            async with running(tmp_path_factory.mktemp(kind), authority, {"providers": {kind: settings}}, relayed) as scene:
                walk = Walk(scene, kind)
                for each in relayed:
                    scene.relays[each].instead = walk.hear
                await go(walk)
                found[kind] = found.get(kind, set()) | walk.reached
    missing = [
        f"{kind} {row.number}, {row.what}" for kind, rows in ROWS.items() for row in rows if row.number not in found[kind]
    ]
    reached, known = sum(map(len, found.values())), sum(map(len, ROWS.values()))
    record_property("figure", f"operations: {len(found)} of {len(NAMES)} providers, {reached} of {known} operations")
    assert missing == []
    assert set(found) == set(NAMES)
