"""Quirks of Signatures Persist over real HTTP, and the simulator's fidelity to the server's source and runs."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import httpx
import msgspec
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from withheld import withheld

from providers.capability import Operation, Support
from providers.clock import Clock
from providers.errors import Conflict, InDoubt, Invalid, Misbehaved, NotFound, Refused, TooLarge, Unavailable
from providers.model import (
    DocumentRole,
    DocumentStatus,
    ParticipantRole,
    ParticipantStatus,
    SessionKind,
    SessionStatus,
    SignatureFormat,
)
from providers.orders import SignatureOrder
from providers.persist import PROVIDER
from providers.persist.adapter import PersistAdapter
from providers.persist.sandbox import SANDBOX, PersistSandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.fault_injection import Fault
from providers.sandbox.server import serving

AUTHORITY = CertificateAuthority()
KEYS = [
    *("id", "document", "thread", "version", "version_comment", "version_created_at", "version_created_by"),
    *("cms", "tags", "created_at", "updated_at"),
]


class ManualClock(Clock):
    """Manual clock: moves by ``tick``, and sleeps for no time."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def tick(self, seconds: float = 1) -> None:
        self.at += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Store:
    """A served sandbox, an adapter for it, and an HTTP client for calls without the adapter."""

    def __init__(self, sandbox: PersistSandbox, adapter: PersistAdapter, client: httpx.AsyncClient, clock: ManualClock) -> None:
        self.sandbox, self.adapter, self.client, self.clock = sandbox, adapter, client, clock

    async def save(self, content: str | None = None, *, document: str = "contract-7", thread: str = "main", **more: object):
        order = SignatureOrder(document=document, thread=thread, content=content or await cms(), **more)  # type: ignore[arg-type]
        return await self.adapter.save_signature(order)

    async def post(self, **parameters: object) -> httpx.Response:
        given = {"document": "d", "thread": "t", "cms": "AAAA"} | parameters
        return await self.client.post("/signature", json=given)

    async def get(self, document: str = "d", thread: str = "t") -> dict[str, object]:
        answer = await self.client.get("/signature", params={"document": document, "thread": thread})
        return answer.json()["content"]["signature"]


def adapter(table: dict[str, object]) -> PersistAdapter:
    made = PROVIDER.adapter(PROVIDER.settings(**table), clock=ManualClock())  # type: ignore[arg-type]
    assert isinstance(made, PersistAdapter)
    return made


@asynccontextmanager
async def open_store(sandbox: PersistSandbox, clock: ManualClock) -> AsyncIterator[Store]:
    async with (
        sandbox.serving() as url,
        adapter(sandbox.settings(url)) as made,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield Store(sandbox, made, client, clock)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    clock = ManualClock()
    async with open_store(SANDBOX(clock=clock, authority=AUTHORITY), clock) as opened:
        yield opened


async def cms(content: bytes = b"agreed", signer: str = "Ada Lovelace", *, detached: bool = False) -> str:
    return b64encode(await AUTHORITY.sign_cms(content, signer, detached=detached)).decode()


# ------------------------------------------------------------------ the adapter


def test_declared_operations_are_the_overridden_methods() -> None:
    supported = {each for each in Operation if PROVIDER.capabilities.support(each) is not Support.UNSUPPORTED}
    assert supported == {
        Operation.LIST_SESSIONS,
        Operation.DELETE_SESSION,
        Operation.DOWNLOAD_DOCUMENT,
        Operation.SAVE_SIGNATURE,
        Operation.DELETE_SIGNATURE,
        Operation.LIST_SIGNATURES,
    }
    assert PROVIDER.capabilities.session_kind is SessionKind.RECORD
    note = PROVIDER.capabilities.operations[Operation.LIST_SESSIONS].note
    assert note
    assert "without tags" in note


def test_takes_no_options_and_only_its_three_languages() -> None:
    with pytest.raises(ValidationError):
        PROVIDER.options(anything=1)
    with pytest.raises(ValidationError):
        PROVIDER.settings(name="p", base_url="http://x", locale="de")


async def test_record_is_a_completed_session_with_the_signers_read_from_the_signature(store: Store) -> None:
    content = await cms(signer="Ada Lovelace")
    saved = await store.save(content, comment="first", created_by="clerk", tags=("b", "a"))
    found = await store.adapter.fetch_session(saved.key)
    assert found == saved
    assert (found.kind, found.status, found.key, found.title) == (
        SessionKind.RECORD,
        SessionStatus.COMPLETED,
        "contract-7/main",
        "contract-7",
    )
    assert found.created_at == store.clock.at
    (document,), (signature,), (person,) = found.documents, found.signatures, found.participants
    der = b64decode(content)
    assert (document.role, document.status, document.media_type) == (
        DocumentRole.SIGNED,
        DocumentStatus.SIGNED,
        "application/pkcs7-signature",
    )
    assert (document.size_bytes, document.sha256) == (len(der), sha256(der).hexdigest())
    assert (signature.key, signature.format, signature.version) == (found.key, SignatureFormat.CADES, 1)
    assert (signature.comment, signature.created_by, signature.tags) == ("first", "clerk", ("b", "a"))
    assert (signature.created_at, signature.updated_at) == (store.clock.at, store.clock.at)
    assert (person.display_name, person.role, person.status) == (
        "Ada Lovelace",
        ParticipantRole.SIGNER,
        ParticipantStatus.SIGNED,
    )
    assert person.signed_at is not None
    assert signature.signed_at == person.signed_at
    assert signature.participant == person.key
    assert list(msgspec.json.decode(found.native)) == KEYS


async def test_signed_xml_is_kept_as_xml(store: Store) -> None:
    xml = (await AUTHORITY.sign_xml(b"<deed/>", "Grace Hopper")).decode()
    saved = await store.save(f"\n  {xml}\n")
    assert saved.signatures[0].format is SignatureFormat.XADES
    assert saved.documents[0].media_type == "application/xml"
    assert saved.documents[0].sha256 == sha256(xml.encode()).hexdigest()
    assert saved.participants[0].display_name == "Grace Hopper"


async def test_stored_text_that_is_no_signature_is_a_record_of_unknown_format(store: Store) -> None:
    await store.post(cms="not a signature")
    found = await store.adapter.fetch_session("d/t")
    assert found.signatures[0].format is SignatureFormat.UNKNOWN
    assert found.participants == ()


@pytest.mark.parametrize(
    ("document", "thread"), [("a/b", "c"), ("a", "b/c"), ("50% off", "ä ö"), ("x?y=z&q", "#1"), ("%2F", "+")]
)
async def test_key_round_trips_with_any_characters(store: Store, document: str, thread: str) -> None:
    saved = await store.save(document=document, thread=thread)
    assert saved.key.count("/") == 1
    found = await store.adapter.fetch_session(saved.key)
    assert (found.title, msgspec.json.decode(found.native)["thread"]) == (document, thread)


@pytest.mark.parametrize("key", ["", "contract", "a/b/c", "/main", "%ff/main"])
async def test_malformed_key_is_not_found_without_a_call(store: Store, key: str) -> None:
    with pytest.raises(NotFound, match="percent-encoded"):
        await store.adapter.fetch_session(key)
    assert not store.sandbox.calls


async def test_missing_signature_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.adapter.fetch_session("nobody/none")


async def test_download_is_decoded_and_complete(store: Store) -> None:
    content = await cms(b"x" * 200_000)
    saved = await store.save(content)
    for opened in (
        store.adapter.download_document(saved, saved.documents[0]),
        store.adapter.download_signature(saved, saved.signatures[0]),
    ):
        async with opened as found:
            body = b"".join([chunk async for chunk in found.chunks])
        assert b64encode(body).decode() == content
        assert (found.size_bytes, found.media_type) == (len(body), "application/pkcs7-signature")


async def test_deletion_is_idempotent(store: Store) -> None:
    saved = await store.save()
    await store.adapter.delete_signature(saved, saved.signatures[0])
    with pytest.raises(NotFound):
        await store.adapter.fetch_session(saved.key)
    await store.adapter.delete_session(saved)


async def test_update_keeps_tags_comment_and_author_that_it_does_not_name(store: Store) -> None:
    await store.save(tags=("green", "blue"), comment="draft", created_by="clerk")
    content = await cms(b"again")
    saved = await store.save(content, version=1)
    (signature,) = saved.signatures
    assert (signature.version, signature.tags, signature.comment, signature.created_by) == (
        2,
        ("green", "blue"),
        "draft",
        "clerk",
    )
    assert (await store.get("contract-7", "main"))["cms"] == content


async def test_update_that_names_no_tags_clears_them_and_can_change_the_rest(store: Store) -> None:
    await store.save(tags=("green",), comment="draft", created_by="clerk")
    (signature,) = (await store.save(version=1, tags=(), comment="final", created_by="boss")).signatures
    assert (signature.tags, signature.comment, signature.created_by) == ((), "final", "boss")


async def test_wrong_version_is_a_conflict_that_names_the_present_one(store: Store) -> None:
    await store.save()
    await store.save(version=1)
    with pytest.raises(Conflict, match="version 2 is stored now"):
        await store.save(version=1)
    with pytest.raises(Conflict, match="version 2 is stored now"):
        await store.save()
    with pytest.raises(Conflict, match="there is none"):
        await store.save(version=1, thread="other")


class RivalSandbox(PersistSandbox):
    """Sandbox with a concurrent writer between the check of a version and the write."""

    rival: dict[str, object] | None = None

    async def hesitate(self) -> None:
        if self.rival is not None:
            row, self.rival = self.rival, None
            await self._write_for(row)

    async def _write_for(self, parameters: dict[str, object]) -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self)) as client:
            answer = await client.post("http://rival/signature", json=parameters)
            assert answer.status_code == 201


class OverwritingSandbox(PersistSandbox):
    """Sandbox with a concurrent writer after each write, before it is read back."""

    rival: str | None = None

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        if scope["type"] == "http" and scope["method"] == "GET" and self.rival and self._tables.rows:
            (row,), self.rival, mine = self._tables.rows, None, self.rival
            self._tables.write(row, self._tables.next_version(row), mine, None, None, [], self.clock.now())
        await super().__call__(scope, receive, send)


async def test_lost_update_is_a_conflict_although_the_server_said_created() -> None:
    clock, theirs = ManualClock(), await cms(b"theirs")
    sandbox = OverwritingSandbox(clock=clock, authority=AUTHORITY)
    async with open_store(sandbox, clock) as store:
        sandbox.rival = theirs
        with pytest.raises(Conflict, match="version 2 is stored now"):
            await store.save()
        assert [call.status for call in sandbox.calls] == [201, 200]


async def test_first_write_that_lost_the_race_is_a_conflict_and_not_an_outage() -> None:
    clock, theirs = ManualClock(), await cms(b"theirs")
    sandbox = RivalSandbox(clock=clock, authority=AUTHORITY)
    async with open_store(sandbox, clock) as store:
        sandbox.rival = {"document": "contract-7", "thread": "main", "cms": theirs}
        with pytest.raises(Conflict, match="version 1 is stored now"):
            await store.save()
        assert [call.status for call in sandbox.calls if call.method == "POST"] == [201, 500]


async def test_overwriting_writer_raises_conflict() -> None:
    clock, theirs, ours = ManualClock(), await cms(b"theirs"), await cms(b"ours")
    sandbox = RivalSandbox(clock=clock, authority=AUTHORITY)
    async with open_store(sandbox, clock) as store:
        await store.save()
        sandbox.rival = {"document": "contract-7", "thread": "main", "cms": theirs, "version": 1}
        with pytest.raises(Conflict, match=r"was stored, but over that of somebody else.*version 3 is stored now"):
            await store.save(ours, version=1)
        assert (await store.get("contract-7", "main"))["cms"] == ours


async def test_concurrent_writers_each_get_a_correct_result(store: Store) -> None:
    contents = [await cms(b"%d" % number) for number in range(6)]
    outcomes = await asyncio.gather(*(store.save(content) for content in contents), return_exceptions=True)
    won = [content for content, outcome in zip(contents, outcomes, strict=True) if not isinstance(outcome, BaseException)]
    assert won == [(await store.get("contract-7", "main"))["cms"]]
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)} == {Conflict}


async def test_write_whose_answer_was_lost_is_read_back_and_found(store: Store) -> None:
    store.sandbox.faults.append(Fault(method="POST", kind="lost"))
    assert (await store.save()).signatures[0].version == 1
    assert [call.method for call in store.sandbox.calls] == ["POST", "GET"]


@pytest.mark.parametrize("kind", ["html", "truncate"])
async def test_write_with_unreadable_answer_is_read_back(store: Store, kind: str) -> None:
    store.sandbox.faults.append(Fault(method="POST", kind=kind, status=200))  # type: ignore[arg-type]
    if kind == "truncate":
        assert (await store.save()).signatures[0].version == 1
    else:
        with pytest.raises(InDoubt):
            await store.save()


async def test_empty_500_without_a_stored_record_is_unavailable(store: Store) -> None:
    store.sandbox.faults.append(Fault(method="POST", kind="empty", status=500))
    with pytest.raises(Unavailable) as caught:
        await store.save()
    assert caught.value.status == 500
    await store.save()
    store.sandbox.faults.append(Fault(method="POST", kind="empty", status=500))
    with pytest.raises(Unavailable):
        await store.save(version=1)


async def test_unanswered_write_without_a_stored_record_is_in_doubt(store: Store) -> None:
    store.sandbox.faults.append(Fault(method="POST", kind="reset"))
    with pytest.raises(InDoubt):
        await store.save()


async def test_write_that_cannot_be_read_back_is_in_doubt(store: Store) -> None:
    store.sandbox.faults += [Fault(method="GET", kind="empty", status=500, count=3)]
    with pytest.raises(InDoubt, match="cannot be asked"):
        await store.save()


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"document": " \t"}, ("input", "document")),
        ({"document": "0"}, ("input", "document")),
        ({"document": "d" * 256}, ("input", "document")),
        ({"thread": "\n0 "}, ("input", "thread")),
        ({"thread": "\ud800"}, ("input", "thread")),
        ({"comment": "c" * 256}, ("input", "comment")),
        ({"created_by": "c" * 101}, ("input", "createdBy")),
        ({"tags": ("a", "  ")}, ("input", "tags", "1")),
        ({"tags": ("t" * 256,)}, ("input", "tags", "0")),
        ({"version": 0}, ("input", "version")),
        ({"content": "0"}, ("input", "content")),
        ({"content": "   "}, ("input", "content")),
        ({"content": "AAAA"}, ("input", "content")),
        ({"content": "<unsigned/>"}, ("input", "content")),
        ({"document": "д" * 200, "thread": "и" * 150}, ("input", "document")),
        ({"document": "d" * 100, "thread": "😀" * 200}, ("input", "thread")),
    ],
)
async def test_input_on_which_the_server_fails_is_refused_before_any_call(
    store: Store, wrong: dict[str, object], path: tuple[str, ...]
) -> None:
    content = str(wrong.pop("content", await cms()))
    with pytest.raises(Invalid) as caught:
        await store.save(content, **wrong)  # type: ignore[arg-type]
    assert caught.value.path == path
    assert not store.sandbox.calls


async def test_names_at_the_limit_are_taken_and_stored_trimmed(store: Store) -> None:
    saved = await store.save(
        document=f" {'d' * 255}\n", thread="t" * 255, comment="c" * 255, created_by="b" * 100, tags=(" a ", "a")
    )
    assert saved.title == "d" * 255
    assert saved.signatures[0].tags == ("a",)


async def test_detached_signature_has_its_signers(store: Store) -> None:
    saved = await store.save(await cms(detached=True))
    assert saved.participants[0].display_name == "Ada Lovelace"


async def test_list_has_each_record_once_and_pages_by_joined_rows(store: Store) -> None:
    for number, tags in enumerate([("a", "b", "c"), ("a",), (), ("b", "c")]):
        await store.save(document=f"doc-{number}", tags=tags)
        store.clock.tick()
    first = await store.adapter.list_sessions(0, 3)
    assert [session.title for session in first.sessions] == ["doc-3", "doc-1"]
    assert (first.total, first.next_offset) == (6, 3)
    second = await store.adapter.list_sessions(3, 3)
    assert [session.title for session in second.sessions] == ["doc-0"]
    assert second.next_offset is None
    assert first.sessions[0] == await store.adapter.fetch_session("doc-3/main")


async def test_empty_list_is_a_page_without_sessions(store: Store) -> None:
    page = await store.adapter.list_sessions(0, 10)
    assert (page.sessions, page.total, page.next_offset) == ((), 0, None)


async def test_signatures_of_a_record_are_read_anew(store: Store) -> None:
    saved = await store.save()
    await store.save(version=1)
    (signature,) = await store.adapter.list_signatures(saved)
    assert signature.version == 2


async def test_plain_text_404_raises_misbehaved(store: Store) -> None:
    table = store.sandbox.settings(str(store.client.base_url)) | {"paths": {"fetch_signature": "/api/signature"}}
    async with adapter(table) as lost:
        with pytest.raises(Misbehaved, match="check base_url"):
            await lost.fetch_session("d/t")


async def test_empty_500_to_a_read_is_tried_again(store: Store) -> None:
    saved = await store.save()
    store.sandbox.faults.append(Fault(method="GET", kind="empty", status=500, count=2))
    assert await store.adapter.fetch_session(saved.key) == saved


async def test_configured_language_is_asked_for(store: Store) -> None:
    table = store.sandbox.settings(str(store.client.base_url)) | {"locale": "kz"}
    async with adapter(table) as kazakh:
        with pytest.raises(NotFound, match="persist has no such thing", check=withheld("Signature was not found")):
            await kazakh.fetch_session("d/t")


# ------------------------------------------------------------------ older and other servers


@asynccontextmanager
async def answering(payload: object, status: int = 200) -> AsyncIterator[PersistAdapter]:
    """A server with one answer to every call."""

    async def answer(request: Request) -> Response:
        return Response(msgspec.json.encode(payload), status, media_type="text/html; charset=UTF-8")

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "DELETE"])])
    async with serving(app) as url, adapter({"name": "old", "base_url": url}) as made:
        yield made


async def test_older_field_names_are_read() -> None:
    content = await cms()
    row = {"id": 3, "document": "d", "chain": "c", "stage": 1, "parent": {"id": 2}, "signature": content, "tags": [1, "x"]}
    async with answering({"status": True, "message": None, "content": {"signature": row}}) as old:
        found = await old.fetch_session("d/c")
    assert found.key == "d/c"
    assert found.participants[0].display_name == "Ada Lovelace"
    assert (found.signatures[0].version, found.signatures[0].tags) == (None, ("1", "x"))


@pytest.mark.parametrize(("version", "ours"), [(3, 3), ("4", 4), (2.0, 2), (None, None), ("latest", None)])
async def test_version_is_read_however_it_is_written(version: object, ours: int | None) -> None:
    row = {"document": "d", "thread": "t", "cms": "", "version": version, "created_at": "yesterday", "version_comment": 7}
    async with answering({"content": {"signature": row}}) as odd:
        (signature,) = (await odd.fetch_session("d/t")).signatures
    assert (signature.version, signature.created_at, signature.comment) == (ours, None, "7")


@pytest.mark.parametrize("content", [None, [], {}, {"signature": None}])
async def test_success_without_content_is_misbehaviour_for_one_and_an_empty_list_for_many(content: object) -> None:
    async with answering({"status": True, "content": content}) as bare:
        with pytest.raises(Misbehaved):
            await bare.fetch_session("d/t")
        assert (await bare.list_sessions(0, 5)).sessions == ()


async def test_success_with_status_false_raises_refused() -> None:
    async with answering({"status": False, "message": "Signature is not valid"}) as odd:
        with pytest.raises(Refused, check=withheld("not valid")):
            await odd.fetch_session("d/t")


async def test_status_400_of_older_server_is_not_found() -> None:
    async with answering({"status": False, "message": "Signature was not found"}, 400) as old:
        with pytest.raises(NotFound, match="old has no such thing", check=withheld("Signature was not found")):
            await old.fetch_session("d/t")


async def test_unreadable_row_raises_misbehaved_without_its_content() -> None:
    async with answering({"content": {"signature": {"thread": "secret-thread"}}}) as odd:
        with pytest.raises(Misbehaved) as caught:
            await odd.fetch_session("d/t")
    assert "secret-thread" not in str(caught.value)


async def test_names_from_certificates_are_in_no_repr(store: Store) -> None:
    saved = await store.save(await cms(signer="Ada Lovelace"))
    assert "Ada" not in repr(saved)


# ------------------------------------------------------------------ the simulator


async def test_replies_are_json_that_claims_to_be_html_with_keys_in_order(store: Store) -> None:
    answer = await store.post()
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert list(answer.json()) == ["status", "content"]
    assert list(answer.json()["content"]["signature"]) == KEYS
    row = await store.get()
    assert (row["version"], row["version_comment"], row["created_at"]) == (1, None, "2026-03-01 12:00:00")


async def test_parameters_are_missed_in_order(store: Store) -> None:
    given: dict[str, object] = {}
    for name in ("document", "thread", "cms"):
        answer = await store.client.post("/signature", json=given)
        assert answer.status_code == 400
        assert answer.json() == {"status": False, "message": f'"{name}" parameter must be set'}
        given[name] = "0"
        assert (await store.client.post("/signature", json=given)).json()["message"].startswith(f'"{name}"')
        given[name] = "x"
    assert (await store.client.post("/signature", json=given)).status_code == 201


async def test_query_and_json_body_are_merged_and_the_body_wins(store: Store) -> None:
    answer = await store.client.post(
        "/signature?document=q&thread=q&tags[]=a&tags[]=b", content=b'{"thread":" t\\n","cms":"AA "}'
    )
    row = answer.json()["content"]["signature"]
    assert (row["document"], row["thread"], row["cms"], row["tags"]) == ("q", "t", "AA", ["a", "b"])
    found = await store.client.request("GET", "/signature", content=b'{"document":"q","thread":"t"}')
    assert found.status_code == 200


@pytest.mark.parametrize("body", [b"document=d&thread=t&cms=A", b"{", b"7", b'["document"]', b""])
async def test_body_that_is_no_json_object_is_ignored(store: Store, body: bytes) -> None:
    answer = await store.client.post("/signature", content=body)
    assert (answer.status_code, answer.json()["message"]) == (400, '"document" parameter must be set')


async def test_new_pair_ignores_the_version_and_an_old_one_demands_it(store: Store) -> None:
    assert (await store.post(version=-1)).json()["content"]["signature"]["version"] == 1
    for version in (None, 0, "abc", ""):
        assert (await store.post(version=version)).json()["message"] == "Version must be set"
    assert (await store.post(version=7)).json()["message"] == "Version provided is not equal to actual signature version"
    expected = 1
    for accepted in ("1", 2.9, "3abc", 4):
        expected += 1
        answer = await store.post(version=accepted)
        assert (answer.status_code, answer.json()["content"]["signature"]["version"]) == (201, expected)


async def test_update_forgets_what_is_not_sent_again(store: Store) -> None:
    await store.post(tags=["a"], version_comment="c", version_created_by="b")
    store.clock.tick()
    await store.post(version=1)
    row = await store.get()
    assert (row["tags"], row["version_comment"], row["version_created_by"]) == ([], None, None)
    assert row["created_at"] != row["updated_at"] == row["version_created_at"]


async def test_deleted_pair_starts_again_under_a_new_id(store: Store) -> None:
    before = (await store.post()).json()["content"]["signature"]["id"]
    await store.post(version=1)
    where = {"document": "d", "thread": "t"}
    assert (await store.client.delete("/signature", params=where)).json() == {"status": True}
    assert (await store.client.delete("/signature", params=where)).status_code == 404
    after = (await store.post(version=2)).json()["content"]["signature"]
    assert after["version"] == 1
    assert after["id"] != before


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_only_both_missing_is_a_bad_request(store: Store, method: str) -> None:
    both = await store.client.request(method, "/signature")
    assert (both.status_code, both.json()["message"]) == (400, '"Thread" and "document" parameters must be set')
    await store.post()
    for one in ({"document": "d"}, {"thread": "t"}, {"document": "D", "thread": "t"}):
        answer = await store.client.request(method, "/signature", params=one)
        assert (answer.status_code, answer.json()) == (404, {"status": False, "message": "Signature was not found"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"document": "d" * 256},
        {"thread": "t" * 256},
        {"version_comment": "c" * 256},
        {"version_created_by": "b" * 101},
        {"tags": ["t" * 256]},
        {"tags": [""]},
        {"tags": ["a", None]},
    ],
)
async def test_what_does_not_fit_the_database_is_an_empty_500(store: Store, wrong: dict[str, object]) -> None:
    answer = await store.post(**wrong)
    assert (answer.status_code, answer.content) == (500, b"")


async def test_tags_are_cast_echoed_as_sent_and_stored_once(store: Store) -> None:
    answer = await store.post(tags=[1, True, " x ", "x", {"a": 1}])
    assert answer.json()["content"]["signature"]["tags"] == ["1", "1", "x", "x", "Array"]
    assert (await store.get())["tags"] == ["1", "x", "Array"]
    await store.post(tags="bare", version=1)
    assert (await store.get())["tags"] == []


async def test_tags_are_in_order_of_their_first_use(store: Store) -> None:
    await store.post(tags=["old"])
    await store.post(document="e", tags=["new", "old"])
    assert (await store.get("e"))["tags"] == ["old", "new"]


async def test_list_has_the_defects_of_its_join(store: Store) -> None:
    for document, tags in (("one", ["a", "b"]), ("bare", []), ("two", ["b"])):
        await store.post(document=document, tags=tags)
        store.clock.tick()
    await store.post(document="one", tags=["a", "b"], version=1)

    async def listed(**query: object) -> tuple[list[str], object]:
        answer = await store.client.get("/signatures", params=query)  # type: ignore[arg-type]
        content = answer.json()["content"]
        return [row["document"] for row in content["signatures"]], content.get("nb_results")

    assert await listed(count=1) == (["two", "one", "one"], 3)
    assert await listed(count="false", limit=1, offset=1) == (["one"], 3)
    assert await listed(count=0, limit="abc", offset=-4) == (["two", "one", "one"], None)
    assert await listed(tags="b") == (["two", "one"], None)
    assert await listed(**{"tags[]": ["a", "b"]}) == (["two", "one", "one"], None)
    assert await listed(tags="B") == ([], None)
    assert await listed(thread="nowhere", document="two") == (["two"], None)
    assert await listed(**{"document[]": ["one", "two"], "tags": "a"}) == (["one"], None)
    filtered = await store.client.get("/signatures", params={"tags": "a"})
    assert filtered.json()["content"]["signatures"][0]["tags"] == ["a", "b"]
    everything = await store.client.request("GET", "/signatures", content=b'{"tags":[]}')
    assert len(everything.json()["content"]["signatures"]) == 3


@pytest.mark.parametrize("name", ["chain", "stage"])
async def test_list_breaks_on_the_parameters_of_its_own_documentation(store: Store, name: str) -> None:
    answer = await store.client.get("/signatures", params={name: "x"})
    assert (answer.status_code, answer.content) == (500, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/signature"),
        ("HEAD", "/signature"),
        ("PATCH", "/signature"),
        ("POST", "/signatures"),
        ("DELETE", "/signatures"),
        ("GET", "/"),
        ("GET", "/nothing"),
        ("GET", "/SIGNATURE"),
    ],
)
async def test_unknown_path_is_a_plain_text_404(store: Store, method: str, path: str) -> None:
    answer = await store.client.request(method, path)
    assert answer.status_code == 404
    assert answer.text == ("" if method == "HEAD" else "Page not found")


@pytest.mark.parametrize("path", ["/Signature", "//signature/", "/signature/5", "/signature//"])
async def test_paths_match_loosely(store: Store, path: str) -> None:
    await store.post()
    url = f"{str(store.client.base_url).rstrip('/')}{path}"
    assert (await store.client.get(url, params={"document": "d", "thread": "t"})).status_code == 200


@pytest.mark.parametrize("path", ["/", "/signature", "/nothing/at/all"])
async def test_every_preflight_is_answered_by_the_server_in_front(store: Store, path: str) -> None:
    answer = await store.client.options(path)
    assert (answer.status_code, answer.headers["access-control-allow-methods"]) == (204, "GET, POST, OPTIONS")


async def test_more_than_30_mb_never_reach_the_application(store: Store) -> None:
    answer = await store.client.post("/signature", content=b" " * (30 * 2**20 + 1))
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (413, "text/html")
    with pytest.raises(TooLarge):
        await store.adapter.http.request("POST", "/signature", body=b" " * (30 * 2**20 + 1))


async def test_unknown_language_shows_raw_keys(store: Store) -> None:
    where = {"document": "d", "thread": "t"}
    answer = await store.client.get("/signature", params=where, headers={"api-locale": "de"})
    assert answer.json()["message"] == "error.signature_not_found"


async def test_of_simultaneous_first_writes_exactly_one_is_created(store: Store) -> None:
    answers = await asyncio.gather(*(store.post(cms=f"AAA{number}") for number in range(6)))
    assert sorted(answer.status_code for answer in answers)[0] == 201
    assert [answer.status_code for answer in answers].count(201) == 1
    assert {answer.status_code for answer in answers} <= {201, 400, 500}
    assert all(not answer.content for answer in answers if answer.status_code == 500)


async def test_simultaneous_updates_can_be_lost_and_versions_run_ahead() -> None:
    ahead, statuses = 0, set()
    async with open_store(SANDBOX(authority=AUTHORITY), ManualClock()) as store:
        for number in range(20):
            thread = f"t{number}"
            await store.post(thread=thread)
            answers = await asyncio.gather(*(store.post(thread=thread, version=1, cms=f"A{each}") for each in range(6)))
            created = [answer.status_code for answer in answers].count(201)
            assert (await store.get("d", thread))["version"] == created + 1
            ahead += created > 1
            statuses |= {answer.status_code for answer in answers}
    assert ahead > 0
    assert statuses <= {201, 400, 500}


async def test_check_of_a_signature_answers_200_either_way(store: Store) -> None:
    good = await store.client.post("/validate", json={"cms": await cms()})
    bad = await store.client.post("/validate", json={"cms": "AAAA"})
    assert (good.status_code, good.json()["status"], bad.status_code, bad.json()["status"]) == (200, True, 200, False)
    origin = await store.client.post("/origin", json={"cms": "AAAA"})
    assert (origin.status_code, origin.json()["status"]) == (500, False)


async def test_sandbox_refuses_to_sign_decline_and_expire(store: Store) -> None:
    saved = await store.save()
    (session,) = store.sandbox.sessions()
    assert (session.key, session.status, tuple(session.waiting)) == (saved.key, "stored", ())
    for act in (store.sandbox.sign, store.sandbox.decline, store.sandbox.expire):
        with pytest.raises(ValueError, match="persist"):
            await act(saved.key)
