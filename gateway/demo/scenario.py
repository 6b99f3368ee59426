"""Demo scenario: creates a session at every provider, polls until all are final, and verifies the results."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import anyio

from gateway.demo.client import CREATE, FOLLOW, RESULTS, SAVE, Client, Download, StepFailed
from providers.sandbox.certificate_authority import CertificateAuthority, sample_pdf
from providers.verification import VerificationStatus, inspect

_TIMEOUT: Final = 45.0
_PEOPLE: Final = (
    {"firstName": "Ada", "lastName": "Nordmann", "email": "ada@example.com"},
    {"firstName": "Ben", "lastName": "Muster", "email": "ben@example.com"},
)
_FIELD: Final = {"documentIndex": 0, "page": 1, "x": 72.0, "y": 96.0, "width": 180.0, "height": 36.0}


@dataclass(frozen=True, slots=True)
class Proof:
    """A result that was downloaded and verified."""

    provider: str
    filename: str
    media_type: str
    size_bytes: int
    sha256: str
    signers: Sequence[str]


class Scenario:
    """The steps of the demo, in order."""

    def __init__(self, client: Client, authority: CertificateAuthority) -> None:
        self._client = client
        self._authority = authority

    async def order(self) -> list[str]:
        """Creates a session at every provider; gives their ids."""
        contract = sample_pdf("Framework agreement", pages=2)
        batch = [sample_pdf(f"Invoice {number}") for number in (1, 2, 3)]
        return [
            await self._create("signicat", "Framework agreement (Nordic e-ID)", [contract], signingOrder="SEQUENTIAL"),
            await self._create(
                "easyink",
                "Framework agreement (e-mail)",
                [contract],
                signingOrder="SEQUENTIAL",
                fields=[{**_FIELD, "participantRef": "0"}, {**_FIELD, "participantRef": "1", "y": 48.0}],
            ),
            await self._create("seal", "Invoices of November", batch, people=()),
            await self._save(contract),
        ]

    async def _create(
        self, provider: str, title: str, documents: Sequence[bytes], people: Sequence[dict[str, str]] = _PEOPLE, **more: Any
    ) -> str:
        name = title.split(" (")[0].replace(" ", "-").lower()
        uploads = [await self._client.upload(pdf, f"{name}-{place}.pdf") for place, pdf in enumerate(documents, 1)]
        order = {
            "provider": provider,
            "title": title,
            "documents": [{"upload": upload} for upload in uploads],
            "participants": [{**person, "ref": str(place)} for place, person in enumerate(people)],
            **more,
        }
        payload = await self._client.mutate(CREATE, "createSession", order)
        session: str = payload["session"]["id"]
        return session

    async def _save(self, content: bytes) -> str:
        """Saves a signature in two versions: the second replaces the first and keeps its tags."""
        record: dict[str, Any] = {"provider": "persist", "document": "framework-agreement", "thread": "board"}
        first = b64encode(await self._authority.sign_cms(content, "Ada Nordmann")).decode()
        payload = await self._client.mutate(SAVE, "saveSignature", {**record, "content": first, "tags": ["contract"]})
        second = b64encode(await self._authority.sign_cms(content, "Ben Muster")).decode()
        version = payload["signature"]["version"]
        payload = await self._client.mutate(SAVE, "saveSignature", {**record, "content": second, "version": version})
        if payload["signature"]["version"] != version + 1:
            raise StepFailed(f"the second version is numbered {payload['signature']['version']}")
        session: str = payload["signature"]["session"]["id"]
        return session

    async def follow(self, ids: Sequence[str], show: Callable[[list[dict[str, Any]]], None]) -> list[dict[str, Any]]:
        """Polls the sessions until every one is final."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                while True:
                    sessions: list[dict[str, Any]] = (await self._client.execute(FOLLOW, ids=list(ids)))["nodes"]
                    show(sessions)
                    if all(session["final"] for session in sessions):
                        break
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise StepFailed("not every session became final in time") from None
        for session in sessions:
            if session["status"] != "COMPLETED":
                raise StepFailed(f"{session['provider']['name']} ended {session['status']}")
        return sessions

    async def prove(self, ids: Sequence[str]) -> list[Proof]:
        """Downloads every result, and verifies hash, media type and signatures."""
        sessions = (await self._client.execute(RESULTS, ids=list(ids)))["nodes"]
        proofs: list[Proof] = []
        for session in sessions:
            name = session["provider"]["name"]
            if not session["documents"]:
                raise StepFailed(f"{name} has no result")
            for signature in session["signatures"]:
                verification = signature["verification"]
                if verification["status"] != "VALID" or not verification["trusted"]:
                    raise StepFailed(f"{name}: a {signature['format']} signature is {verification}")
            proofs += [await self._proof(name, document) for document in session["documents"]]
        return proofs

    async def _proof(self, provider: str, document: dict[str, Any]) -> Proof:
        name = document["filename"] or document["title"] or document["key"]
        if document["download"] is None:
            raise StepFailed(f"{provider}: {name} has no bytes")
        download = await self._client.download(document["download"]["url"])
        if document["sha256"] not in {None, download.sha256}:
            raise StepFailed(f"{provider}: {name} has another hash than it should")
        if document["mediaType"] not in {None, download.media_type}:
            raise StepFailed(f"{provider}: {name} came as {download.media_type}")
        signers = await anyio.to_thread.run_sync(self._signers, download)
        if not signers:
            raise StepFailed(f"{provider}: {name} carries no signature that holds")
        return Proof(provider, name, download.media_type, len(download.content), download.sha256, signers)

    def _signers(self, download: Download) -> list[str]:
        """The signers of a download; empty where any signature is not valid."""
        reports = inspect(download.content, roots=(self._authority.certificate,), now=datetime.now(UTC))
        if any(report.verification.status is not VerificationStatus.VALID for report in reports):
            return []
        return [report.certificate.common_name or "?" for report in reports if report.certificate]
