"""The gateway as it is usually written: strawberry, FastAPI and httpx, with nothing done for speed."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from typing import Any

import httpx
import strawberry
from fastapi import FastAPI
from strawberry.fastapi import GraphQLRouter

PEOPLE = {"READY": "INVITED", "BLOCKED": "WAITING", "SIGNED": "SIGNED", "REJECTED": "DECLINED"}
SIGNICAT = {"INVITED": "PENDING", "WAITING": "PENDING", "SIGNED": "COMPLETED", "DECLINED": "DECLINED", "EXPIRED": "EXPIRED"}
EASYINK = {"Pending": "PENDING", "InProgress": "IN_PROGRESS", "Finished": "COMPLETED", "Declined": "DECLINED"}
GUESTS = {"Pending": "INVITED", "Viewed": "VIEWED", "Signed": "SIGNED", "Declined": "DECLINED"}
FINAL = {"COMPLETED", "DECLINED", "CANCELED", "EXPIRED"}
http = httpx.AsyncClient(base_url=os.environ["UPSTREAM"], limits=httpx.Limits(max_connections=64))
tokens: dict[str, str] = {}


@strawberry.type
class Progress:
    required: int
    signed: int
    declined: int
    pending: int


@strawberry.type
class Document:
    key: str
    role: str
    status: str


@strawberry.type
class Participant:
    key: str
    role: str
    status: str
    provider_status: str | None
    language: str | None
    signing_url_expires_at: str | None


@strawberry.type
class Session:
    key: str
    kind: str
    title: str | None
    reference: str | None
    status: str
    final: bool
    provider_status: str | None
    due_at: str | None
    signing_order: str
    documents: list[Document]
    participants: list[Participant]

    @strawberry.field
    def progress(self) -> Progress:
        statuses = [person.status for person in self.participants]
        pending = sum(statuses.count(status) for status in ("WAITING", "INVITED", "VIEWED"))
        return Progress(
            required=len(statuses), signed=statuses.count("SIGNED"), declined=statuses.count("DECLINED"), pending=pending
        )


@strawberry.type
class SessionConnection:
    nodes: list[Session]


@strawberry.input
class SessionFilter:
    providers: list[str] | None = None


async def signicat(path: str) -> Any:
    if "signicat" not in tokens:
        form = {"grant_type": "client_credentials", "scope": "signicat-api"}
        tokens["signicat"] = (await http.post("/auth/open/connect/token", data=form)).raise_for_status().json()["access_token"]
    reply = await http.get(path, headers={"authorization": f"Bearer {tokens['signicat']}"})
    return reply.raise_for_status().json()


async def easyink(path: str) -> Any:
    reply = await http.get(path, headers={"authorization": f"Bearer {os.environ['EASYINK_TOKEN']}"})
    return reply.raise_for_status().json()


def from_signicat(wire: dict[str, Any]) -> Session:
    word = wire["lifecycle"]["state"]
    late = word in {"READY", "BLOCKED"} and datetime.fromisoformat(wire["dueDate"]) < datetime.now(UTC)
    person = "EXPIRED" if late else PEOPLE.get(word, "UNKNOWN")
    status, language = SIGNICAT.get(person, "UNKNOWN"), (wire.get("ui") or {}).get("language")
    return Session(
        key=wire["id"],
        kind="SIGNING",
        title=wire.get("title"),
        reference=wire.get("externalReference"),
        status=status,
        final=status in FINAL,
        provider_status=word,
        due_at=wire["dueDate"],
        signing_order="PARALLEL",
        documents=[
            Document(
                key=use["documentId"],
                role="ATTACHMENT" if use["action"] == "VIEW" else "TO_SIGN",
                status="SIGNED" if person == "SIGNED" else "READY",
            )
            for use in wire["documents"]
        ],
        participants=[
            Participant(
                key=wire["id"],
                role="SIGNER",
                status=person,
                provider_status=word,
                language=language,
                signing_url_expires_at=wire["signatureUrlExpiresAt"],
            )
        ],
    )


def from_easyink(view: dict[str, Any]) -> Session:
    status = EASYINK.get(view["status"], "UNKNOWN")
    return Session(
        key=view["signingSessionId"],
        kind="SIGNING",
        title=view["subject"],
        reference=None,
        status=status,
        final=status in FINAL,
        provider_status=view["status"],
        due_at=None,
        signing_order="PARALLEL",
        documents=[Document(key=each["documentId"], role="TO_SIGN", status="READY") for each in view["documents"]],
        participants=[
            Participant(
                key=each["participantId"],
                role="SIGNER" if each["role"] == "Signer" else "UNKNOWN",
                status=GUESTS.get(each["status"], "UNKNOWN"),
                provider_status=each["status"],
                language=None,
                signing_url_expires_at=None,
            )
            for each in view["participants"]
        ],
    )


@strawberry.type
class Query:
    @strawberry.field
    async def session(self, id: strawberry.ID, max_age: str | None = None) -> Session | None:  # noqa: A002
        _, provider, key = json.loads(base64.urlsafe_b64decode(id + "=" * (-len(id) % 4)))
        if provider == "signicat":
            return from_signicat(await signicat(f"/sign/signing-sessions/{key}"))
        return from_easyink(await easyink(f"/api/signingSessions/{key}"))

    @strawberry.field
    async def sessions(
        self,
        filter: SessionFilter | None = None,  # noqa: A002
        max_age: str | None = None,
        first: int = 50,
    ) -> SessionConnection:
        page = await signicat(f"/sign/signing-sessions?offset=0&limit={first}&sort=-createdAt")
        return SessionConnection(nodes=[from_signicat(row) for row in page["data"]])


app = FastAPI()
app.include_router(GraphQLRouter(strawberry.Schema(Query)), prefix="/graphql")
