"""Account of the simulator: its sessions, their files in processing, and the switches of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePath

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from starlette.requests import Request
from starlette.responses import Response

from providers.clock import Clock
from providers.easyink.sandbox.records import STARTED, Json, StoredFile, StoredParticipant, StoredSession, new_id
from providers.easyink.sandbox.requests import Refusal, missing, required
from providers.sandbox.certificate_authority import CertificateAuthority, sample_pdf

ORGANIZATION = "0b5f8f3e-6d0c-4f0e-9d52-6f6d1f0e5a01"
USER = "3c1d7c52-8a53-4a6d-8f6e-1d1f6a1f7b02"
SELF: Mapping[str, object] = {
    "firstName": "Sandra",
    "lastName": "Sample",
    "email": "sandra.sample@easyink.example",
    "deliveryMethods": [],
    "language": "English",
}

_WORD_FILES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .docx and .doc


@dataclass(slots=True)
class Account:
    """An organisation with one user, and the switches of a test.

    A file is processed once its status was read ``processing_reads`` times and ``processing_delay`` seconds have passed;
    a signed document once it was read ``compiling_reads`` times. ``compilation_fails`` fails the all-in-one document,
    ``all_in_one_without_status`` shows it without a status. ``voiding_disabled`` is a policy of the organisation,
    ``drafts_have_views`` whether a draft has a view as well.
    """

    clock: Clock
    authority: CertificateAuthority
    sessions: dict[str, StoredSession] = field(default_factory=dict)
    processing_reads: int = 1
    processing_delay: float = 0.0
    compiling_reads: int = 0
    compilation_fails: bool = False
    all_in_one_without_status: bool = False
    voiding_disabled: bool = False
    drafts_have_views: bool = True

    def add_session(self, session: StoredSession) -> str:
        """Stores a draft; returns its id."""
        self.sessions[session.key] = session
        return session.key

    def draft(self, request: Request, *, for_change: bool = True) -> StoredSession:
        """The draft in a request's path. Raises ``Refusal`` where there is none, or one for change is locked."""
        session = self.sessions.get(request.path_params["session"])
        if session is None:
            raise Refusal("Signing session draft does not exists", 404)
        if for_change and session.locked:
            raise Refusal("Signing session draft is locked and cannot be changed")
        return session

    def session(self, request: Request, *, viewed: bool = True) -> StoredSession:
        """The session in a request's path; of a draft its view, unless ``viewed`` is False.

        Raises ``Refusal`` where there is none.
        """
        session = self.sessions.get(request.path_params["session"])
        if session is None or (viewed and session.status == "Draft" and not self.drafts_have_views):
            raise Refusal("Signing session does not exist", 404)
        return session

    def is_processed(self, file: StoredFile, reads: int | None = None) -> bool:
        """Whether a file is processed; does not advance the processing."""
        needed = self.processing_reads if reads is None else reads
        return file.reads >= needed and self.clock.monotonic() - file.uploaded_at >= self.processing_delay

    def read_status(self, file: StoredFile, reads: int | None = None) -> str:
        """Ready, Processing or Failed; each read advances the processing."""
        processed = self.is_processed(file, reads)
        file.reads += 1
        if not processed:
            return "Processing"
        return "Ready" if file.pages else "Failed"

    def read_compiled_status(self, file: StoredFile) -> str:
        """The status of a file that is compiled when everyone has signed."""
        return self.read_status(file, self.compiling_reads)

    def serve(self, file: StoredFile | None, kind: str, key: str, reads: int | None = None) -> Response:
        """Answers with a file as PDF. Raises ``Refusal`` where there is none, or it is not processed."""
        if file is None:
            raise missing(kind, key)
        status = self.read_status(file, reads)
        if status == "Processing":
            raise Refusal("Document processing is in progress. Try again later.")
        if status == "Failed":
            raise Refusal("Document processing failed.")
        disposition = f'attachment; filename="{file.filename.encode("ascii", "replace").decode()}"'
        return Response(file.pdf, media_type="application/pdf", headers={"content-disposition": disposition})

    async def receive(self, request: Request) -> StoredFile:
        """Decodes a multipart upload, as PDF. Raises ``Refusal`` where it is neither PDF nor Word."""
        async with request.form() as form:
            part = form.get("fileContent")
            if part is None or isinstance(part, str):
                raise required("File content")
            content, name = await part.read(), part.filename or "Document"
        title = PurePath(name).stem
        if content.startswith(_WORD_FILES):
            content = await asyncio.to_thread(sample_pdf, title)
        elif not content.startswith(b"%PDF-"):
            raise Refusal("File format is not supported. Upload a PDF or Word document.")
        return StoredFile(new_id(), title, content, await asyncio.to_thread(_pages, content), self.clock.monotonic())

    async def finish(self, session: StoredSession) -> None:
        """Finishes a session that everyone has signed: makes the signed documents and the all-in-one document."""
        names = [person.name for person in session.people.values()]
        for file in session.documents.values():
            pdf = await self.authority.sign_pdf(file.pdf, names, session.subject)
            session.signed[file.key] = StoredFile(file.key, file.title, pdf, file.pages, self.clock.monotonic())
        title = f"{session.subject or 'Session'} all in one"
        sheet = await asyncio.to_thread(sample_pdf, title, max(1, sum(file.pages for file in session.documents.values())))
        pdf = await self.authority.sign_pdf(sheet, ["EasyInk"])
        pages = 0 if self.compilation_fails else 1
        session.all_in_one = StoredFile("all-in-one", title, pdf, pages, self.clock.monotonic())
        if session.status in STARTED:
            session.status = "Finished"

    def add_participant(self, session: StoredSession, body: Json, *, is_user: bool = False) -> StoredParticipant:
        """Adds a participant to a draft."""
        role, user = ("Initiator", USER) if is_user else ("Signer", None)
        person = StoredParticipant(new_id(), body, role=role, user=user)
        session.people[person.key] = person
        return person


def _pages(pdf: bytes) -> int:
    try:
        return int(PdfFileReader(BytesIO(pdf), strict=False).root["/Pages"]["/Count"])
    except (PdfError, ValueError, LookupError, TypeError, OSError):
        return 0
