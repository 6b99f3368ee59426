"""Downloads: originals unchanged, results with valid signatures."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

import orders
import pytest
from subject import read

from providers.errors import Busy, Misbehaved, NotFound, Unavailable, Unsupported, WrongState
from providers.model import DocumentRole, DocumentStatus
from providers.verification import VerificationStatus, inspect


@pytest.fixture(params=["http1", "httpx"])
def transport(request: pytest.FixtureRequest) -> str:
    """Runs this module over every transport."""
    name: str = request.param
    return name


def signed(session):
    return [item for item in session.documents if item.role is DocumentRole.SIGNED]


async def verified(subject, content):
    """Verifies a signed file; each report has to be valid and trusted."""
    root = subject.sandbox.authority.certificate
    reports = await asyncio.to_thread(inspect, content, roots=(root,), now=subject.clock.now())
    assert reports, "there is no signature in it"
    for report in reports:
        assert report.verification.status is VerificationStatus.VALID, report.verification.reason
        assert report.verification.trusted
    return reports


@pytest.mark.needs("DOWNLOAD_DOCUMENT")
async def test_signed_documents_download_and_verify(subject):
    done = await subject.sign(await subject.make())
    results = signed(done)
    assert results
    for document in results:
        assert document.status in {DocumentStatus.SIGNED, DocumentStatus.READY}
        async with subject.adapter.download_document(done, document) as content:
            assert "/" in content.media_type
            body = await read(content)
        assert content.size_bytes in {None, len(body)}
        assert document.size_bytes in {None, len(body)}
        assert document.sha256 in {None, hashlib.sha256(body).hexdigest()}
        await verified(subject, body)


@pytest.mark.needs("LIST_SIGNATURES")
async def test_signatures_download_and_verify(subject):
    done = await subject.sign(await subject.make())
    signatures = await subject.adapter.list_signatures(done)
    assert signatures
    assert signatures == done.signatures
    keys = {document.key for document in done.documents}
    for signature in signatures:
        assert signature.session == done.ref
        assert signature.document in keys | {None}
        async with subject.adapter.download_signature(done, signature) as content:
            reports = await verified(subject, await read(content))
        assert signature.format in {report.format for report in reports}


@pytest.mark.needs("LIST_SIGNATURES", "CREATE_SESSION")
async def test_session_has_no_signed_document_before_anybody_signs(subject):
    made = await subject.make()
    assert await subject.adapter.list_signatures(made) == ()
    assert not [item for item in made.documents if item.role is DocumentRole.SIGNED and item.status is DocumentStatus.SIGNED]


@pytest.mark.needs("CREATE_SESSION", "DOWNLOAD_DOCUMENT")
async def test_original_downloads_unchanged_or_is_unsupported(subject):
    order = subject.order()
    made = await subject.make(order)
    originals = [item for item in made.documents if item.role is DocumentRole.TO_SIGN]
    for document, given in zip(originals, order.documents, strict=True):
        body = await orders.content_of(given)
        assert document.sha256 in {None, given.sha256}
        assert document.size_bytes in {None, given.size_bytes}
        assert document.media_type in {None, given.media_type}
        try:
            async with subject.adapter.download_document(made, document) as content:
                assert await read(content) == body
        except Unsupported:
            return


@pytest.mark.needs("DOWNLOAD_DOCUMENT")
async def test_download_of_unknown_document_is_not_found(subject):
    done = await subject.sign(await subject.make())
    nothing = replace(signed(done)[0], key="00000000-0000-4000-8000-000000000000", filename="no-such-file.pdf")
    # Misbehaved: a ZIP that lacks a file which its batch is said to have
    with pytest.raises((NotFound, Misbehaved)):
        async with subject.adapter.download_document(done, nothing):
            pass


@pytest.mark.needs("DOWNLOAD_DOCUMENT")
async def test_documents_of_deleted_session_are_not_found(subject):
    done = await subject.sign(await subject.make())
    gone = replace(done, key="987654321", parts=())
    document = replace(done.documents[-1], key="00000000-0000-4000-8000-000000000000")
    with pytest.raises(NotFound):
        async with subject.adapter.download_document(gone, document):
            pass


@pytest.mark.needs("DOWNLOAD_DOCUMENT")
async def test_abandoned_downloads_count_as_no_failure(subject):
    done = await subject.sign(await subject.make())
    for _ in range(subject.settings.max_concurrency + 1):
        async with subject.adapter.download_document(done, done.documents[-1]) as content:
            await anext(content.chunks)
    assert subject.adapter.health.last_failure_at is None


@pytest.mark.needs("DOWNLOAD_DOCUMENT")
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"status": 429, "headers": {"retry-after": "7"}}, Busy),
        ({"status": 500}, Unavailable),
        ({"kind": "reset"}, Unavailable),
        ({"kind": "truncate"}, Unavailable),
    ],
    ids=lambda value: value.get("kind", str(value.get("status"))) if isinstance(value, dict) else value.__name__,
)
async def test_download_raises_the_error_of_its_fault(subject, fault, expected):
    done = await subject.sign(await subject.make())
    await subject.break_next(method="GET", count=100, **fault)
    with pytest.raises((expected, Misbehaved) if fault.get("kind") == "truncate" else expected):
        async with subject.adapter.download_document(done, done.documents[-1]) as content:
            await read(content)


@pytest.mark.needs("DOWNLOAD_DOCUMENT", "CREATE_SESSION")
async def test_download_of_results_raises_before_session_is_completed(subject):
    made = await subject.make()
    result = signed(await subject.sign(await subject.make()))[0]
    early = replace(result, session=made.ref, key=next(iter([item.key for item in signed(made)]), "not-yet"))
    with pytest.raises((Busy, NotFound, WrongState, Unsupported)):
        async with subject.adapter.download_document(made, early):
            pass
