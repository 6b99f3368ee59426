"""GraphQL client of the demo, over httpx: operations, uploads and downloads at the gateway's address."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

CREATE: Final = """
mutation Create($input: CreateSessionInput!) {
  createSession(input: $input) { session { id } problems { code message path } }
}"""
SAVE: Final = """
mutation Save($input: SaveSignatureInput!) {
  saveSignature(input: $input) { signature { id version session { id } } problems { code message path } }
}"""
FOLLOW: Final = """
query Follow($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Session {
      id title status final provider { name displayName } freshness { ageMs }
      progress { required signed } participants { displayName status }
      documents { filename role status }
    }
  }
}"""
RESULTS: Final = """
query Results($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Session {
      provider { name }
      documents(roles: [SIGNED, EVIDENCE]) { key filename title role mediaType sha256 download { url } }
      signatures { id format verification { status reason trusted } certificate { commonName } }
    }
  }
}"""


class StepFailed(Exception):
    """A step of the demo had another result than it must have."""


@dataclass(frozen=True, slots=True)
class Download:
    """A downloaded file."""

    content: bytes
    media_type: str
    filename: str

    @property
    def sha256(self) -> str:
        """SHA-256 of its content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


class Client:
    """GraphQL, uploads and downloads over HTTP. Every method raises ``StepFailed`` unless the response is a plain success."""

    def __init__(self, address: str) -> None:
        self._http = httpx.AsyncClient(base_url=address, timeout=30.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()

    async def upload(self, content: bytes, filename: str) -> str:
        """Stages a file; gives its id."""
        headers = {"content-type": "application/pdf"}
        reply = await self._http.put("/uploads", params={"filename": filename}, content=content, headers=headers)
        if reply.status_code != 201:
            raise StepFailed(f"uploading {filename}: {reply.text}")
        upload: str = reply.json()["id"]
        return upload

    async def execute(self, document: str, **variables: Any) -> dict[str, Any]:
        """Runs an operation; gives its data."""
        reply = await self._http.post("/graphql", json={"query": document, "variables": variables})
        answer = reply.json()
        if reply.status_code != 200 or answer.get("errors"):
            raise StepFailed(f"{document.split('(')[0].strip()}: {answer.get('errors') or reply.text}")
        data: dict[str, Any] = answer["data"]
        return data

    async def mutate(self, mutation: str, field: str, input_: dict[str, Any]) -> dict[str, Any]:
        """Runs a mutation; gives its payload, which has no problems."""
        payload: dict[str, Any] = (await self.execute(mutation, input=input_))[field]
        if payload["problems"]:
            raise StepFailed(f"{field}: {payload['problems']}")
        return payload

    async def download(self, url: str) -> Download:
        """Downloads from a link."""
        reply = await self._http.get(url)
        if reply.status_code != 200:
            raise StepFailed(f"downloading: {reply.status_code} {reply.text}")
        media_type = reply.headers["content-type"].split(";")[0]
        return Download(reply.content, media_type, reply.headers["content-disposition"])
