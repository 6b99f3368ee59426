"""Operations of Signicat over real HTTP: copies, names, search by marker, saga recovery."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from test_signicat import ANNA, KARI, OLA, PDF, World, answering, document, native, open_house, text
from withheld import withheld

from providers.capability import Operation
from providers.errors import InDoubt, Invalid, Misbehaved, NotFound, Refused, SigningError, Unavailable, WrongState
from providers.model import DocumentRole, ParticipantStatus, Session, SessionStatus, SigningOrder
from providers.orders import DocumentChange, Order, ParticipantOrder
from providers.saga import Steps
from providers.sandbox.fault_injection import Fault
from providers.signicat import PROVIDER
from providers.signicat.client import Search
from providers.signicat.sandbox import SignicatSandbox
from providers.signicat.sandbox.requests import SessionOrder
from providers.signicat.wire import instant_text

MARKER = "0123456789ab"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_house() as opened:
        yield opened


class InterruptedSandbox(SignicatSandbox):
    """Sandbox that runs interruptions before certain calls."""

    before = ""
    interruptions: list[Callable[[], Coroutine[Any, Any, None]]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and f"{scope['method']} {scope['path']}" == self.before and self.interruptions:
            await self.interruptions.pop(0)()
        await super().__call__(scope, receive, send)


def left(world: World) -> tuple[set[str], set[str], set[str]]:
    """Keys of everything in the store."""
    store = world.sandbox.store
    return set(store.sessions), set(store.collections), set(store.documents)


def references(world: World, session: Session) -> list[str | None]:
    return [world.stored(key).order.external_reference for key in session.parts or (session.key,)]


async def bytes_of(world: World, session: Session, key: str) -> bytes:
    found = session.document(key)
    assert found is not None
    async with world.adapter.download_document(session, found) as content:
        return b"".join([chunk async for chunk in content.chunks])


async def undo(world: World, steps: Steps) -> None:
    for step in reversed(steps.entries):
        await world.adapter.compensate(step)


# Markers, and what carries them


async def test_external_reference_has_reference_marker_and_place(world: World) -> None:
    alone = await world.create(KARI, reference="case 7", marker=MARKER)
    several = await world.create(KARI, OLA, reference="case 8", marker=MARKER)
    unnamed = await world.create(KARI, marker=MARKER)
    assert references(world, alone) == [f"case 7#{MARKER}-1"]
    assert references(world, several) == [f"case 8#{MARKER}-1", f"case 8#{MARKER}-2"]
    assert references(world, unnamed) == [f"#{MARKER}-1"]
    assert [session.reference for session in (alone, several, unnamed)] == ["case 7", "case 8", None]


async def test_reference_is_read_back_without_a_known_session(world: World) -> None:
    wanted = {(await world.create(KARI, reference=name, marker=MARKER)).key: name for name in ("a#1", "b-1#c", None)}
    rows = (await world.adapter.list_sessions(0, 10)).sessions
    assert {row.key: row.reference for row in rows} == wanted
    for key, name in wanted.items():
        assert (await world.adapter.fetch_session(key)).reference == name


@pytest.mark.parametrize("reference", ["Contract#Amendment-1", "#7", "INVOICE#2026-11", f"x#{MARKER}", "a#-1"])
async def test_foreign_reference_in_the_form_of_a_marker_is_kept(world: World, reference: str) -> None:
    key = await world.foreign(externalReference=reference)
    assert (await world.adapter.fetch_session(key)).reference == reference


@pytest.mark.parametrize(
    ("people", "order", "lost"), [(1, "PARALLEL", 1), (3, "PARALLEL", 1), (3, "SEQUENTIAL", 1), (3, "SEQUENTIAL", 3)]
)
async def test_unanswered_creation_is_found_by_marker_and_compensated(world: World, people: int, order: str, lost: int) -> None:
    other = await world.create(KARI, OLA, reference="other", marker="ba9876543210")
    await world.foreign(externalReference=f"x#{MARKER}")
    before, since, steps = left(world), world.watch.now(), Steps()
    asked = Order(
        title="Lease",
        documents=(document(),),
        participants=(KARI, OLA, ANNA)[:people],
        signing_order=SigningOrder(order),
        marker=MARKER,
    )
    world.sandbox.faults += [
        Fault(path="/sign/signing-sessions", method="POST", count=lost - 1),
        Fault(path="/sign/signing-sessions", method="POST", kind="lost"),
    ]
    with pytest.raises(InDoubt):
        await world.adapter.create_session(asked, steps)
    made = [key for key in world.sandbox.store.sessions if key not in before[0]]
    assert len(made) == (lost if order == "SEQUENTIAL" else people)
    unknown = set(made) - {step.key for step in steps.entries}
    assert unknown, "its answer was lost"
    traced = await world.adapter.find_by_marker(MARKER, since)
    assert {step.key for step in traced if step.name == "signing_session"} == set(made)
    assert [step.name for step in traced] == ["signing_session"] * len(made) + ["document_collection"]
    for step in traced:
        await world.adapter.compensate(step)
    await undo(world, steps)
    assert left(world) == before
    assert (await world.adapter.fetch_session(other.key, other)).status is SessionStatus.PENDING


async def test_search_by_marker_is_newest_first_and_bounded_by_time(world: World) -> None:
    keys = []
    for _ in range(3):
        keys.append((await world.create(KARI, marker=MARKER)).key)
        world.watch.ahead += timedelta(minutes=20)
    now = world.watch.now()
    traced = {minutes: await world.adapter.find_by_marker(MARKER, now - timedelta(minutes=minutes)) for minutes in (70, 30, 10)}
    found = {minutes: [step.key for step in steps if step.name == "signing_session"] for minutes, steps in traced.items()}
    assert found == {70: keys[::-1], 30: [keys[2]], 10: []}


async def test_search_by_marker_allows_for_clock_skew(world: World) -> None:
    session = await world.create(KARI, marker=MARKER)
    assert (await world.adapter.find_by_marker(MARKER, world.watch.now() + timedelta(minutes=4)))[0].key == session.key


async def test_search_by_marker_goes_past_a_thousand_newer_sessions(world: World) -> None:
    session = await world.create(KARI, marker=MARKER)
    since = world.watch.now()
    item = await world.upload(b"short", "text/plain")
    collection = await world.collect(item)
    use = {"documentId": item, "documentCollectionId": collection, "action": "SIGN"}
    one = {"title": "t", "documents": [use], "signingSetup": [{"signingFlow": "AUTHENTICATION_BASED"}]}
    for _ in range(10):
        assert (await world.client.post("/signing-sessions", json=[one] * 100)).status_code == 201
    heard = world.calls("GET", "/signing-sessions")
    assert (await world.adapter.find_by_marker(MARKER, since))[0].key == session.key
    assert world.calls("GET", "/signing-sessions") == heard + 2


@pytest.mark.parametrize("path", ["/sign/document-collections", "/sign/documents"])
async def test_leftovers_that_cannot_be_found_invite_nobody(world: World, path: str) -> None:
    since = world.watch.now()
    world.sandbox.faults.append(Fault(path=path, method="POST", kind="lost", count=3))
    with pytest.raises(SigningError):
        await world.create(KARI, marker=MARKER)
    assert await world.adapter.find_by_marker(MARKER, since) == ()
    assert world.sandbox.store.sessions == {}
    world.watch.ahead += timedelta(minutes=31)
    for key in world.sandbox.store.documents:
        with pytest.raises(KeyError):
            world.sandbox.store.document(key)


# Lists


async def test_every_documented_filter_and_sort_arrives_encoded() -> None:
    asked: list[Request] = []
    at = datetime.fromisoformat("2026-11-22T10:00:00.999999+02:00")
    search = Search(
        sort=("+dueDate", "-createdAt"),
        states=("READY", "BLOCKED"),
        created_from=at,
        created_to=at + timedelta(days=1),
        due_from=at + timedelta(days=2),
        due_to=at + timedelta(days=3),
        title="a+b & c",
    )
    async with answering({"GET /sign/signing-sessions": {"data": [native()], "total": 9}}, asked) as adapter:
        rows, total, following, _ = await adapter.client.list_sessions(3, 1, search)
    assert ([row.key for row in rows], total, following) == (["n1"], 9, 4)
    sent = asked[-1]
    assert b"sort=%2BdueDate&sort=-createdAt" in sent.scope["query_string"]
    members = sorted(sent.query_params.multi_items())
    assert (
        members
        == [
            ("createdDateFrom", "2026-11-22T08:00:00Z"),
            ("createdDateTo", "2026-11-23T08:00:00Z"),
            ("dueDateFrom", "2026-11-24T08:00:00Z"),
            ("dueDateTo", "2026-11-25T08:00:00Z"),
            ("limit", "1"),
            ("offset", "3"),
            ("sessionTitleLike", "a+b & c"),
            ("signicat-accountId", "a-1"),
            ("sort", "+dueDate"),
            ("sort", "-createdAt"),
            ("state", "BLOCKED"),
            ("state", "READY"),
        ]
        or sorted(members) == members
    )


async def test_signicat_applies_every_filter_and_sort(world: World) -> None:
    now = world.watch.now()
    late = await world.create(KARI, title="Lease of a flat", due_at=now + timedelta(days=9))
    world.watch.ahead += timedelta(minutes=1)
    soon = await world.create(KARI, title="Sale", due_at=now + timedelta(days=3))
    await world.sandbox.sign(soon.key)

    async def found(**search: Any) -> list[str]:
        return [part.key async for part in world.adapter.client.find_sessions(Search(**search))]

    assert await found() == [soon.key, late.key]
    assert await found(sort=("+createdAt",)) == await found(sort=("-dueDate",)) == [late.key, soon.key]
    assert await found(sort=("+dueDate",)) == [soon.key, late.key]
    assert await found(states=("READY", "BLOCKED")) == await found(title="FLAT") == [late.key]
    between, middle = now + timedelta(seconds=30), now + timedelta(days=5)
    assert await found(created_from=between) == await found(due_to=middle) == [soon.key]
    assert await found(created_to=between) == await found(due_from=middle) == [late.key]


# Options


async def test_every_documented_option_reaches_signicat(world: World) -> None:
    first = await world.foreign()
    redirects = {"success": "https://a.example/1", "cancel": "https://a.example/2", "error": "https://a.example/3"}
    options = {
        "signingFlow": "AUTHENTICATION_BASED",
        "identityProviders": ["nbid"],
        "additionalParameters": {"sbid_flow": "QR"},
        "packageSessionsTo": ["PADES_CONTAINER"],
        "subsequentTo": [first],
        "signatureUrlTTL": 5,
        "redirectSettings": redirects,
        "language": "sv",
        "preAuthentication": {"enabled": True, "identityProviders": ["sbid"]},
    }
    signer = {"nationalIdentificationNumber": "01017000027", "validations": ["NATIONAL_IDENTIFICATION_NUMBER"]}
    session = await world.create(
        ParticipantOrder(options=signer),
        reference="case 7",
        message="I agree.",
        due_at=world.watch.now() + timedelta(days=3),
        archive_for="P1Y",
        options=PROVIDER.options.model_validate(options).model_dump(mode="json", by_alias=True, exclude_none=True),
    )
    sent = world.stored(session.key).order.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert set(sent) == {str(info.alias) for info in SessionOrder.model_fields.values()}
    assert sent["subsequentTo"] == [first]
    assert sent["packageTo"] == ["PADES_CONTAINER"]
    assert sent["preAuthentication"] == {"enabled": True, "identityProviders": [{"idpName": "sbid"}]}
    assert sent["signer"] == signer
    assert sent["redirectSettings"] == redirects
    assert session.participants[0].status is ParticipantStatus.WAITING


@pytest.mark.parametrize("order", list(SigningOrder))
async def test_in_a_sequence_only_the_first_waits_for_sessions_of_others(world: World, order: SigningOrder) -> None:
    before = [await world.foreign(), await world.foreign()]
    session = await world.create(KARI, OLA, signing_order=order, options={"subsequentTo": before})
    waits = [world.stored(key).order.subsequent_to for key in session.parts]
    assert waits == [before, [session.parts[0]] if order is SigningOrder.SEQUENTIAL else before]


def test_subsequent_to_takes_keys_of_signicat_only() -> None:
    PROVIDER.options.model_validate({"subsequentTo": [str(uuid4())]})
    for wrong in (["../documents"], [str(uuid4())] * 51):
        with pytest.raises(ValueError, match="subsequentTo"):
            PROVIDER.options.model_validate({"subsequentTo": wrong})


def test_signatures_by_eid_are_never_packaged() -> None:
    asked = {"packageSessionsTo": ["PADES_CONTAINER"]}
    adapter = PROVIDER.adapter(PROVIDER.settings(name="signicat", client_id="me", client_secret="s3cr3t-s3cr3t"))
    pki = Order(title="t", documents=(document(),), participants=(KARI,), options=asked | {"signingFlow": "PKISIGNING"})
    plain = Order(title="t", documents=(text(),), participants=(KARI,), options=asked)
    for order in (pki, plain):
        assert [problem.path for problem in adapter.validate_order(order)] == [("input", "options", "packageSessionsTo")]


# Documents that Signicat drops


@pytest.mark.parametrize("call", ["document-collections", "signing-sessions"])
async def test_dropped_document_is_uploaded_again(call: str) -> None:
    async with open_house(InterruptedSandbox) as world:
        world.sandbox.before, steps = f"POST /sign/{call}", Steps()
        world.sandbox.interruptions = [lambda: age(world, b"second")]
        order = Order(title="t", documents=(text(b"first"), text(b"second")), participants=(KARI, OLA), marker=MARKER)
        session = await world.adapter.create_session(order, steps)
        assert [await bytes_of(world, session, item.key) for item in session.documents] == [b"first", b"second"]
        assert session.documents[1].filename == "terms.txt"
        assert world.calls("POST", "/documents") == 3
        assert list(world.sandbox.store.collections) == [session.key], "the first collection is of no use"
        await undo(world, steps)
        alive = {key for key in world.sandbox.store.documents if key not in {step.key for step in steps.entries}}
        assert (alive, world.sandbox.store.sessions, world.sandbox.store.collections) == (set(), {}, {})


async def age(world: World, content: bytes) -> None:
    """Expires the uploads of this content."""
    for stored in world.sandbox.store.documents.values():
        if stored.content == content:
            stored.created_at -= timedelta(minutes=31)


async def test_document_dropped_twice_raises() -> None:
    async with open_house(InterruptedSandbox) as world:
        world.sandbox.before = "POST /sign/document-collections"
        world.sandbox.interruptions = [lambda: age(world, PDF)] * 2
        with pytest.raises(Refused, match="HTTP 400", check=withheld("documentId")):
            await world.create(KARI)
        assert world.calls("POST", "/documents") == 2


@pytest.mark.parametrize("call", ["document-collections", "signing-sessions"])
async def test_refusal_for_another_reason_repeats_no_upload(world: World, call: str) -> None:
    world.sandbox.faults.append(Fault(path=f"/sign/{call}", method="POST", status=400))
    with pytest.raises(Refused):
        await world.create(KARI)
    assert world.calls("POST", "/documents") == 1


async def test_document_dropped_after_the_first_session_creates_no_session_twice() -> None:
    async with open_house(InterruptedSandbox) as world:
        world.sandbox.before, steps = "POST /sign/signing-sessions", Steps()

        async def nothing() -> None:
            """The first call is not interrupted."""

        async def drop() -> None:
            world.sandbox.store.documents.clear()

        world.sandbox.interruptions = [nothing, drop]
        order = Order(title="t", documents=(text(),), participants=(KARI, OLA), signing_order=SigningOrder.SEQUENTIAL)
        with pytest.raises(Refused, match="HTTP 400", check=withheld("documentId")):
            await world.adapter.create_session(order, steps)
        assert [step.name for step in steps.entries] == ["document", "document_collection", "signing_session"]


# Names of documents


async def test_renaming_a_document_keeps_other_names(world: World) -> None:
    session = await world.create(KARI, documents=(document(title="Lease", description="of a flat"), text()))
    change = DocumentChange(title="The lease", filename="the-lease.pdf")
    changed = await world.adapter.update_document(session, session.documents[0], change)
    first, second = changed.documents
    assert (first.title, first.filename, first.description) == ("The lease", "the-lease.pdf", "of a flat")
    assert second == session.documents[1]
    names = {"title": "The lease", "filename": "the-lease.pdf", "description": "of a flat"}
    assert world.sandbox.store.documents[first.key].names == names
    assert (await world.adapter.fetch_session(session.key)).documents[0].title == "The lease"
    assert (await world.adapter.fetch_session(session.key, changed)) == changed


async def test_name_can_be_removed(world: World) -> None:
    session = await world.create(KARI, documents=(document(description="of a flat"),))
    changed = await world.adapter.update_document(session, session.documents[0], DocumentChange(description=""))
    assert not changed.documents[0].description


async def test_result_can_be_renamed_too(world: World) -> None:
    done = await world.sign_all(await world.create(KARI, documents=(text(),)))
    evidence = next(item for item in done.documents if item.role is DocumentRole.EVIDENCE)
    changed = await world.adapter.update_document(done, evidence, DocumentChange(title="Kari's word"))
    assert changed.document(evidence.key) == replace(evidence, title="Kari's word")


@pytest.mark.parametrize(("name", "longest"), [("filename", 255), ("title", 255), ("description", 1000)])
async def test_name_that_is_too_long_is_refused_before_any_call(world: World, name: str, longest: int) -> None:
    session = await world.create(KARI)
    await world.adapter.update_document(session, session.documents[0], DocumentChange(**{name: "n" * longest}))
    heard = len(world.sandbox.calls)
    with pytest.raises(Invalid) as caught:
        await world.adapter.update_document(session, session.documents[0], DocumentChange(**{name: "n" * (longest + 1)}))
    assert (caught.value.path, len(world.sandbox.calls)) == (("input", name), heard)


async def test_document_that_is_gone_cannot_be_renamed(world: World) -> None:
    session = await world.create(KARI)
    del world.sandbox.store.documents[session.documents[0].key]
    with pytest.raises(NotFound, match="dropped this document") as caught:
        await world.adapter.update_document(session, session.documents[0], DocumentChange(title="t"))
    assert caught.value.path == ("input", "document")


# Copies


async def rich(world: World) -> Session:
    """A session with every option."""
    redirects = {"success": "https://a.example/1", "cancel": "https://a.example/2", "error": "https://a.example/3"}
    options = {
        "identityProviders": ["nbid"],
        "subsequentTo": [await world.foreign(title="first of all")],
        "signatureUrlTTL": 60,
        "redirectSettings": redirects,
        "preAuthentication": {"enabled": True},
        "packageSessionsTo": ["PADES_CONTAINER"],
    }
    kari = replace(KARI, options={"nationalIdentificationNumber": "01017000027"})
    return await world.create(
        kari,
        OLA,
        signing_order=SigningOrder.SEQUENTIAL,
        documents=(
            document(title="Lease", description="of a flat"),
            document(role=DocumentRole.ATTACHMENT, filename="map.pdf"),
        ),
        message="I agree.",
        reference="case 7",
        due_at=world.watch.now() + timedelta(days=9),
        archive_for="P1Y",
        options=options,
    )


def sent(world: World, key: str) -> dict[str, Any]:
    """The request of a native session, without keys of others."""
    own = {"documents", "subsequentTo", "externalReference"}
    order = world.stored(key).order.payload()
    return {name: value for name, value in order.items() if name not in own}


async def test_copy_repeats_the_request_of_the_original(world: World) -> None:
    original = await rich(world)
    before = await world.adapter.fetch_session(original.key, original)
    copy = await world.adapter.duplicate_session(original, None, MARKER, Steps())
    assert copy.key not in {original.key, *original.parts}
    assert [sent(world, key) for key in copy.parts] == [sent(world, key) for key in original.parts]
    assert world.stored(copy.parts[0]).order.subsequent_to == world.stored(original.parts[0]).order.subsequent_to
    assert world.stored(copy.parts[1]).order.subsequent_to == [copy.parts[0]]
    assert references(world, copy) == [f"case 7#{MARKER}-1", f"case 7#{MARKER}-2"]
    collections = [world.sandbox.store.collections[key].order for key in (original.key, copy.key)]
    assert collections[0].package_to == collections[1].package_to == ["PADES_CONTAINER"]
    assert [item.description for item in collections[1].documents] == ["of a flat", None]
    actions = [[use.action for use in world.stored(key).order.documents] for key in copy.parts]
    assert actions == [["SIGN", "VIEW"]] * 2
    assert await world.adapter.fetch_session(original.key, original) == before


async def test_copy_has_the_same_people_and_documents_under_keys_of_its_own(world: World) -> None:
    original = await rich(world)
    copy = await world.adapter.duplicate_session(original, "Second try", MARKER, Steps())
    assert (copy.title, copy.reference, copy.signing_order) == ("Second try", "case 7", SigningOrder.SEQUENTIAL)
    assert {world.stored(key).order.title for key in copy.parts} == {"Second try"}
    assert (copy.due_at, copy.status, copy.archive) == (original.due_at, SessionStatus.PENDING, original.archive)
    assert [(item.first_name, item.email) for item in copy.participants] == [("Kari", KARI.email), ("Ola", OLA.email)]
    for person in copy.participants:
        assert world.stored(person.key).link in str(person.signing_url)
    named = [(item.title, item.filename, item.description, item.role, item.sha256) for item in original.documents]
    assert [(item.title, item.filename, item.description, item.role, item.sha256) for item in copy.documents] == named
    assert not {item.key for item in copy.documents} & {item.key for item in original.documents}
    assert [await bytes_of(world, copy, item.key) for item in copy.documents] == [PDF, PDF]
    names = [world.sandbox.store.documents[item.key].names for item in copy.documents]
    assert names == [world.sandbox.store.documents[item.key].names for item in original.documents]
    again = await world.adapter.fetch_session(copy.key, copy)
    assert (again.participants, again.documents) == (copy.participants, copy.documents)


async def test_finished_session_is_copied_without_its_results(world: World) -> None:
    done = await world.sign_all(await world.create(KARI, archive_for="P1Y"))
    assert done.archive is not None
    assert done.archive.archive_id
    copy = await world.adapter.duplicate_session(done, None, MARKER, Steps())
    assert (copy.status, copy.signatures, copy.completed_at) == (SessionStatus.PENDING, (), None)
    assert copy.archive == replace(done.archive, archive_id=None)
    assert [item.role for item in copy.documents] == [DocumentRole.TO_SIGN]
    assert copy.participants[0].signed_at is None
    world.watch.ahead += timedelta(seconds=1)
    finished = await world.sign_all(copy)
    world.watch.ahead += timedelta(seconds=1)
    assert (await world.adapter.fetch_session(copy.key, finished)).status is SessionStatus.COMPLETED


async def test_copy_is_archived_under_a_key_of_its_own() -> None:
    asked: list[Request] = []
    archive = {"sendSignatureResultsToArchive": True, "retentionPeriod": "P1Y"}
    use = {"documentId": "d1", "documentCollectionId": "c1", "action": "SIGN"}
    made = {"documentId": "d2", "createdAt": "2026-09-01T10:00:00Z"}
    answers = {
        "GET /sign/signing-sessions/n1": native(archive=archive | {"archiveId": "a1"}, documents=[use]),
        "GET /sign/document-collections/c1": {"id": "c1"},
        "GET /sign/documents/d1": Response(b"words", media_type="text/plain"),
        "POST /sign/documents": made,
        "POST /sign/document-collections": {"id": "c2"},
        "POST /sign/signing-sessions": [native() | {"id": "n2"}],
    }
    async with answering(answers, asked) as adapter:
        await adapter.duplicate_session(await adapter.fetch_session("n1"), None, "", Steps())
    assert msgspec.json.decode(await asked[-1].body())[0]["archive"] == archive


async def test_copy_of_foreign_session_has_what_signicat_returns(world: World) -> None:
    shown, signed = await world.upload(), await world.upload(b"words", "text/plain")
    collection = await world.collect(shown, signed, packageTo=["PADES_CONTAINER"])
    uses = [
        {"documentId": key, "documentCollectionId": collection, "action": action}
        for key, action in ((shown, "VIEW"), (signed, "SIGN"))
    ]
    payload = {"title": "Foreign", "documents": uses, "signingSetup": [{"signingFlow": "AUTHENTICATION_BASED"}]}
    key = (await world.client.post("/signing-sessions", json=[payload])).json()[0]["id"]
    copy = await world.adapter.duplicate_session(await world.adapter.fetch_session(key), None, "", Steps())
    assert sent(world, copy.key) == sent(world, key)
    assert (copy.reference, references(world, copy), len(copy.participants)) == (None, [None], 1)
    assert [await bytes_of(world, copy, item.key) for item in copy.documents] == [PDF, b"words"]
    assert [use.action for use in world.stored(copy.key).order.documents] == ["VIEW", "SIGN"]
    (made,) = [item for name, item in world.sandbox.store.collections.items() if name != collection]
    assert made.order.package_to == ["PADES_CONTAINER"]


async def test_due_date_that_has_passed_is_not_copied(world: World) -> None:
    item = await world.upload()
    collection = await world.collect(item)
    soon = instant_text(world.watch.now() + timedelta(hours=1))
    replies = [await world.open(collection, item, dueDate=due) for due in (soon, None)]
    key = replies[0].json()[0]["id"]
    await world.sandbox.decline(key)
    world.watch.ahead += timedelta(hours=2)
    declined = await world.adapter.fetch_session(key)
    assert declined.status is SessionStatus.DECLINED
    copy = await world.adapter.duplicate_session(declined, None, MARKER, Steps())
    assert copy.due_at is not None
    assert copy.due_at > world.watch.now() + timedelta(days=29)


async def test_copy_needs_one_connection(world: World) -> None:
    session = await world.create(KARI, OLA, documents=tuple(text(b"%d" % number) for number in range(5)))
    async with world.another(max_concurrency=1) as adapter:
        copy = await adapter.duplicate_session(session, None, MARKER, Steps())
    assert [await bytes_of(world, copy, item.key) for item in copy.documents] == [b"%d" % number for number in range(5)]


async def test_failed_or_unanswered_copy_is_compensated(world: World) -> None:
    original = await world.create(KARI, OLA)
    before = left(world)
    for fault in (Fault(status=500, count=3), Fault(kind="lost")):
        fault.path, fault.method = "/sign/signing-sessions", "POST"
        world.sandbox.faults[:] = [fault]
        steps, since = Steps(), world.watch.now()
        with pytest.raises(SigningError) as caught:
            await world.adapter.duplicate_session(original, None, MARKER, steps)
        world.sandbox.faults.clear()
        traced = await world.adapter.find_by_marker(MARKER, since)
        assert bool(traced) == isinstance(caught.value, InDoubt)
        for step in traced:
            await world.adapter.compensate(step)
        await undo(world, steps)
        assert left(world) == before
        world.watch.ahead += timedelta(minutes=2)


async def test_copy_refuses_bytes_of_another_hash(world: World) -> None:
    original = await world.create(KARI)
    world.sandbox.store.documents[original.documents[0].key].content = b"%PDF- of somebody else"
    with pytest.raises(Misbehaved, match="not those of the document"):
        await world.adapter.duplicate_session(original, None, MARKER, Steps())
    assert world.calls("POST", "/documents") == 1


async def test_session_whose_documents_are_gone_cannot_be_copied(world: World) -> None:
    done = await world.sign_all(await world.create(KARI))
    world.watch.ahead += timedelta(days=31)
    with pytest.raises(WrongState, match="dropped the documents") as caught:
        await world.adapter.duplicate_session(done, None, MARKER, Steps())
    assert caught.value.path == ("input", "session")
    with pytest.raises(NotFound):
        await world.adapter.duplicate_session(replace(done, key="gone"), None, MARKER, Steps())


# Another one instead


async def test_recreation_replaces_the_original(world: World) -> None:
    original, other = await rich(world), await world.create(KARI)
    asked = [sent(world, key) for key in original.parts]
    made = await world.adapter.recreate_session(original, "Again", "a typo", MARKER, Steps())
    assert [sent(world, key) for key in made.parts] == [{**payload, "title": "Again"} for payload in asked]
    assert set(world.sandbox.store.sessions) >= {*made.parts, other.key}
    assert not set(world.sandbox.store.sessions) & set(original.parts)
    assert original.key not in world.sandbox.store.collections
    with pytest.raises(NotFound):
        await world.adapter.fetch_session(original.key, original)
    assert (await world.adapter.fetch_session(made.key, made)).title == "Again"


async def test_recreation_refuses_a_signed_session(world: World) -> None:
    original = await world.create(KARI)
    done, steps = await world.sign_all(original), Steps()
    with pytest.raises(WrongState, match="PROCESSING"):
        await world.adapter.recreate_session(original, None, "too late", MARKER, steps)
    assert (steps.entries, world.calls("POST", "/documents")) == ([], 1)
    world.watch.ahead += timedelta(seconds=1)
    assert (await world.adapter.fetch_session(original.key, done)).status is SessionStatus.COMPLETED


async def test_recreation_keeps_original_signed_meanwhile() -> None:
    async with open_house(InterruptedSandbox) as world:
        original, steps = await world.create(KARI), Steps()
        before = left(world)
        world.sandbox.before = "POST /sign/document-collections"
        world.sandbox.interruptions = [lambda: world.sandbox.sign(original.key)]
        with pytest.raises(WrongState):
            await world.adapter.recreate_session(original, None, "too late", MARKER, steps)
        await undo(world, steps)
        assert left(world)[:2] == before[:2]
        assert world.stored(original.key).state == "SIGNED"


async def test_original_that_could_not_be_deleted_is_left_to_the_steps(world: World) -> None:
    original, steps = await world.create(KARI, OLA), Steps()
    world.sandbox.faults.append(Fault(path="/sign/signing-sessions/*", method="DELETE", status=500, count=3))
    with pytest.raises(Unavailable):
        await world.adapter.recreate_session(original, None, "a typo", MARKER, steps)
    assert set(world.sandbox.store.sessions) >= set(original.parts)
    world.watch.ahead += timedelta(minutes=2)
    await undo(world, steps)
    assert steps.result is not None
    assert set(world.sandbox.store.sessions) == set(steps.result.parts)
    assert set(world.sandbox.store.collections) == {steps.result.key}


async def test_failed_recreation_leaves_the_original(world: World) -> None:
    original, steps = await world.create(KARI, OLA), Steps()
    before = left(world)
    world.sandbox.faults.append(Fault(path="/sign/signing-sessions", method="POST", status=500))
    with pytest.raises(Unavailable):
        await world.adapter.recreate_session(original, None, "a typo", MARKER, steps)
    assert steps.result is None
    await undo(world, steps)
    assert left(world) == before
    assert (await world.adapter.fetch_session(original.key, original)).status is SessionStatus.PENDING


async def test_replacement_stays_once_the_original_has_ended(world: World) -> None:
    original = await world.create(KARI, OLA, ANNA)
    await world.sandbox.sign(original.parts[2])
    path = f"/sign/signing-sessions/{original.parts[1]}"
    world.sandbox.faults.append(Fault(path=path, method="DELETE", status=500, count=3))
    made = await world.adapter.recreate_session(original, None, "a typo", MARKER, Steps())
    assert set(made.parts) <= set(world.sandbox.store.sessions)
    with pytest.raises(ValueError, match="gone"):
        await world.sandbox.sign(original.parts[0])


# Statuses


async def in_status(world: World, status: SessionStatus) -> Session:
    """A session of two people in a status."""
    session = await world.create(KARI, OLA)
    match status:
        case SessionStatus.IN_PROGRESS:
            await world.sandbox.sign(session.parts[0])
        case SessionStatus.PROCESSING | SessionStatus.COMPLETED:
            session = await world.sign_all(session)
        case SessionStatus.DECLINED:
            await world.sandbox.decline(session.parts[1])
        case SessionStatus.CANCELED:
            return await world.adapter.cancel_session(session, "no longer needed")
        case SessionStatus.EXPIRED:
            for key in session.parts:
                await world.sandbox.expire(key)
        case SessionStatus.UNKNOWN:
            world.stored(session.parts[0]).state = "LEVITATING"
    if status is SessionStatus.COMPLETED:
        world.watch.ahead += timedelta(seconds=1)
    now = await world.adapter.fetch_session(session.key, session)
    assert now.status is status
    return now


CHANGES: dict[Operation, Callable[[World, Session], Coroutine[Any, Any, object]]] = {
    Operation.CANCEL_SESSION: lambda world, session: world.adapter.cancel_session(session, "why"),
    Operation.DELETE_SESSION: lambda world, session: world.adapter.delete_session(session),
    Operation.DUPLICATE_SESSION: lambda world, session: world.adapter.duplicate_session(session, None, MARKER, Steps()),
    Operation.RECREATE_SESSION: lambda world, session: world.adapter.recreate_session(session, None, "y", MARKER, Steps()),
    Operation.UPDATE_DOCUMENT: lambda world, session: world.adapter.update_document(
        session, session.documents[0], DocumentChange(title="New")
    ),
}
STATUSES = ("PENDING", "IN_PROGRESS", "PROCESSING", "COMPLETED", "DECLINED", "CANCELED", "EXPIRED", "UNKNOWN")


def test_every_operation_declares_its_statuses() -> None:
    stated = {operation for operation, capability in PROVIDER.capabilities.operations.items() if capability.when is not None}
    assert stated == {*CHANGES, Operation.DOWNLOAD_DOCUMENT}
    for operation in stated:
        assert {status.value for status in PROVIDER.capabilities.operations[operation].when or ()} <= set(STATUSES)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("operation", CHANGES)
async def test_operation_succeeds_exactly_in_its_declared_statuses(world: World, operation: Operation, status: str) -> None:
    session = await in_status(world, SessionStatus(status))
    before = left(world)
    if PROVIDER.capabilities.allows(operation, session.status):
        await CHANGES[operation](world, session)
    else:
        with pytest.raises((WrongState, NotFound)):
            await CHANGES[operation](world, session)
        assert left(world) == before
