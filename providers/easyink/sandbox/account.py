"""The sandbox's EasyInk behind its HTTP API: whose it is, what it keeps, how it processes files, how it says no."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePath

import msgspec
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.clock import Clock
from providers.easyink.sandbox.session import STARTED, Dossier, Json, Paper, Person, new_id
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

_DELIVERIES = frozenset({"Email", "Sms"})
_LANGUAGES = frozenset({"English", "Spanish"})
_PHONE = re.compile(r"\d{10}", re.ASCII)
_CODES = {400: "ValidationError", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound"}
_WORD_FILES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .docx and .doc


class Refusal(Exception):
    """EasyInk says no; ``inner`` are the single reasons, by code and message."""

    def __init__(self, message: str, status: int = 400, inner: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.inner = inner

    def response(self) -> Response:
        """The answer that says so."""
        code = _CODES.get(self.status, "InternalServerError")
        error: Json = {"code": code, "message": self.message}
        if self.inner:
            error["innerErrors"] = [{"code": code, "message": message} for code, message in self.inner]
        return JSONResponse({"error": error}, self.status)


def missing(kind: str, key: str) -> Refusal:
    """A child that does not exist is bad input, not a 404."""
    return Refusal(f"{kind} '{key}' not found")


def required(name: str) -> Refusal:
    """A field of a body that has to be there."""
    return Refusal("One or more validation errors occurred.", inner=[("RequiredField", f"{name} is required")])


@dataclass(slots=True)
class Office:
    """Everything that EasyInk keeps, and how a test wants it to behave.

    A file is ready once its state was asked for ``processing_reads`` times and ``processing_delay`` seconds have
    passed; the same holds for what is made of signed documents by ``compiling_reads``. ``compilation_fails`` fails
    the all-in-one document, ``bundle_without_status`` shows it with none. ``voiding_disabled`` is the organisation's
    policy, ``drafts_have_views`` whether a draft is also shown as a session.
    """

    clock: Clock
    authority: CertificateAuthority
    dossiers: dict[str, Dossier] = field(default_factory=dict)
    processing_reads: int = 1
    processing_delay: float = 0.0
    compiling_reads: int = 0
    compilation_fails: bool = False
    bundle_without_status: bool = False
    voiding_disabled: bool = False
    drafts_have_views: bool = True

    def keep(self, dossier: Dossier) -> str:
        """Takes a new draft in; gives its id."""
        self.dossiers[dossier.key] = dossier
        return dossier.key

    def draft(self, request: Request, *, to_change: bool = True) -> Dossier:
        """The draft that a request is about. Raises ``Refusal`` where there is none, or it is locked."""
        dossier = self.dossiers.get(request.path_params["session"])
        if dossier is None:
            raise Refusal("Signing session draft does not exists", 404)
        if to_change and dossier.locked:
            raise Refusal("Signing session draft is locked and cannot be changed")
        return dossier

    def session(self, request: Request, *, viewed: bool = True) -> Dossier:
        """The session that a request is about; a draft counts where ``viewed`` does not matter.

        Raises ``Refusal`` where there is none.
        """
        dossier = self.dossiers.get(request.path_params["session"])
        if dossier is None or (viewed and dossier.status == "Draft" and not self.drafts_have_views):
            raise Refusal("Signing session does not exist", 404)
        return dossier

    def ready(self, paper: Paper, reads: int | None = None) -> bool:
        """Whether a file has been processed; asking does not bring it on."""
        needed = self.processing_reads if reads is None else reads
        return paper.looks >= needed and self.clock.monotonic() - paper.at >= self.processing_delay

    def look(self, paper: Paper, reads: int | None = None) -> str:
        """Ready, Processing or Failed; every look brings the processing on."""
        ready = self.ready(paper, reads)
        paper.looks += 1
        if not ready:
            return "Processing"
        return "Ready" if paper.pages else "Failed"

    def compiled(self, paper: Paper) -> str:
        """The state of a file that is made when everyone has signed."""
        return self.look(paper, self.compiling_reads)

    def serve(self, paper: Paper | None, kind: str, key: str, reads: int | None = None) -> Response:
        """A file as PDF. Raises ``Refusal`` where there is none, or it is not ready."""
        if paper is None:
            raise missing(kind, key)
        word = self.look(paper, reads)
        if word == "Processing":
            raise Refusal("Document processing is in progress. Try again later.")
        if word == "Failed":
            raise Refusal("Document processing failed.")
        disposition = f'attachment; filename="{paper.filename.encode("ascii", "replace").decode()}"'
        return Response(paper.pdf, media_type="application/pdf", headers={"content-disposition": disposition})

    async def receive(self, request: Request) -> Paper:
        """The file of a multipart request, as PDF. Raises ``Refusal`` where it is neither PDF nor Word."""
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
        return Paper(new_id(), title, content, await asyncio.to_thread(_pages, content), self.clock.monotonic())

    async def finish(self, dossier: Dossier) -> None:
        """Everyone has signed: makes the signed documents and the all-in-one."""
        names = [person.name for person in dossier.people.values()]
        for paper in dossier.documents.values():
            pdf = await self.authority.sign_pdf(paper.pdf, names, dossier.subject)
            dossier.signed[paper.key] = Paper(paper.key, paper.title, pdf, paper.pages, self.clock.monotonic())
        title = f"{dossier.subject or 'Session'} all in one"
        sheet = await asyncio.to_thread(sample_pdf, title, max(1, sum(paper.pages for paper in dossier.documents.values())))
        pdf = await self.authority.sign_pdf(sheet, ["EasyInk"])
        dossier.bundle = Paper("all-in-one", title, pdf, 0 if self.compilation_fails else 1, self.clock.monotonic())
        if dossier.status in STARTED:
            dossier.status = "Finished"

    def add(self, dossier: Dossier, told: Json, *, myself: bool = False) -> Person:
        """A new participant of a draft."""
        person = Person(new_id(), told, role="Initiator" if myself else "Signer", user=USER if myself else None)
        dossier.people[person.key] = person
        return person


async def told(request: Request) -> Json:
    """The body of a request. Raises ``Refusal`` where it is no JSON object."""
    try:
        body = msgspec.json.decode(await request.body() or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refusal("The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise Refusal("The request body must be an object.")
    return body


def text(body: Json, name: str, most: int, least: int = 0) -> str | None:
    """A string of a body, or None. Raises ``Refusal`` where it is of the wrong kind or length."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise Refusal(f"{name} must be a string of {least} to {most} characters")
    return value


def participant_input(body: Json) -> Json:
    """What a client says of a participant. Raises ``Refusal`` where EasyInk does not take it."""
    names = {name: text(body, name, 100, least) for name, least in (("firstName", 1), ("lastName", 1), ("middleName", 0))}
    language = body.get("language")
    if language is not None and language not in _LANGUAGES:
        raise Refusal("language must be one of English, Spanish")
    return {**names, **delivery_input(body), "language": language}


def delivery_input(body: Json) -> Json:
    """How a participant is invited. Raises ``Refusal`` where that cannot be; null is taken, an empty list is not."""
    methods, email, phone = body.get("deliveryMethods"), text(body, "email", 256), text(body, "phone", 100)
    if phone is not None and not _PHONE.fullmatch(phone):
        raise Refusal("Phone must match the regular expression '^\\d{10}$'")
    if methods is not None:
        if not isinstance(methods, list) or not methods:
            raise Refusal("Delivery methods must not be empty")
        if not _DELIVERIES.issuperset(methods):
            raise Refusal("deliveryMethods must be a subset of Email, Sms")
        if "Email" in methods and not email:
            raise required("Email")
        if "Sms" in methods and not phone:
            raise required("Phone")
    return {"email": email, "phone": phone, "deliveryMethods": methods}


def _pages(pdf: bytes) -> int:
    try:
        return int(PdfFileReader(BytesIO(pdf), strict=False).root["/Pages"]["/Count"])
    except (PdfError, ValueError, LookupError, TypeError, OSError):
        return 0
