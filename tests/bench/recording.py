"""What two sandboxes answer, recorded: a constant upstream then gives the same bytes at no cost."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from providers.model import DeliveryMethod
from providers.orders import DocumentOrder, Order, ParticipantOrder
from providers.registry import load, load_sandbox
from providers.saga import Steps
from providers.sandbox.certificate_authority import sample_pdf

DOCUMENTS = 4
_PDF = sample_pdf("Lease")
_SIGNICAT, _EASYINK = "/sign/signing-sessions", "/api/signingSessions"


@dataclass(frozen=True, slots=True)
class Recording:
    """Answers by method and path, and the keys of the sessions that they tell of, newest first.

    ``tables`` are the ``[[providers]]`` tables that lead there, by kind; each lacks the address.
    """

    answers: Mapping[str, str]
    signicat: Sequence[str]
    easyink: Sequence[str]
    tables: Mapping[str, Mapping[str, Any]]

    def settings(self, kind: str, address: str, name: str | None = None) -> dict[str, Any]:
        """The ``[[providers]]`` table for a constant upstream at this address."""
        table = {
            key: value.replace("http://upstream", address) if isinstance(value, str) else value
            for key, value in self.tables[kind].items()
        }
        return {**table, "name": name or kind}

    def paths(self, query: str) -> Sequence[Sequence[str]]:
        """What each of the requests of a query needs of the upstream."""
        ours, theirs = ([f"{at}/{key}" for key in keys] for at, keys in ((_SIGNICAT, self.signicat), (_EASYINK, self.easyink)))
        match query:
            case "q1":
                return [[path] for path in ours]
            case "q3":
                return [*map(list, zip(ours, theirs, strict=True))]
            case _:
                return [[_SIGNICAT]]


async def record(sessions: int = 50) -> Recording:
    """Makes so many sessions at Signicat's sandbox and at EasyInk's, and keeps what is answered about them."""
    answers: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient())
        tables, keys = {}, {}
        for kind, made in (("signicat", _at_signicat), ("easyink", _at_easyink)):
            sandbox = load_sandbox(kind)()
            url = await stack.enter_async_context(sandbox.serving())
            table = sandbox.settings(url)
            provider = load(kind)
            adapter = await stack.enter_async_context(provider.adapter(provider.settings(**table)))
            for number in range(sessions):
                await adapter.create_session(_order(kind, number), Steps())
            keys[kind] = [session.key for session in reversed(sandbox.sessions())]
            tables[kind] = {
                key: value.replace(url, "http://upstream") if isinstance(value, str) else value for key, value in table.items()
            }
            await made(http, url, table, keys[kind], answers)
    return Recording(answers, keys["signicat"], keys["easyink"], tables)


def _order(kind: str, number: int) -> Order:
    names = ("contract", "annex", "map of the field", "house rules")
    ada = ParticipantOrder(
        first_name="Ada", last_name="Nordmann", email=f"ada-{number}@people.example", delivery_methods=(DeliveryMethod.EMAIL,)
    )
    return Order(
        title=f"Lease of the north field, part {number + 1}",
        documents=tuple(_document(name, number) for name in names[:DOCUMENTS]),
        participants=(ParticipantOrder(language="en") if kind == "signicat" else ada,),
        reference=f"case-2026-{number + 1:04}" if kind == "signicat" else None,
    )


def _document(name: str, number: int) -> DocumentOrder:
    async def chunks() -> AsyncIterator[bytes]:
        yield _PDF

    return DocumentOrder(
        filename=f"{name}-{number}.pdf",
        title=name.capitalize(),
        media_type="application/pdf",
        size_bytes=len(_PDF),
        sha256=hashlib.sha256(_PDF).hexdigest(),
        open=chunks,
    )


async def _at_signicat(
    http: httpx.AsyncClient, url: str, table: Mapping[str, Any], keys: Sequence[str], answers: dict[str, str]
) -> None:
    form = {"grant_type": "client_credentials", "scope": "signicat-api"}
    reply = await http.post(table["token_url"], data=form, auth=(table["client_id"], table["client_secret"]))
    token = reply.raise_for_status().json()
    answers["POST /auth/open/connect/token"] = json.dumps({**token, "expires_in": 86_400})
    http.headers["authorization"] = f"Bearer {token['access_token']}"
    answers[f"GET {_SIGNICAT}"] = (await http.get(f"{url}{_SIGNICAT}", params={"limit": len(keys)})).raise_for_status().text
    paths = [f"{_SIGNICAT}/{key}" for key in keys]
    await _keep(http, url, paths, answers)
    uses = [use for path in paths for use in json.loads(answers[f"GET {path}"])["documents"]]
    collections = dict.fromkeys(f"/sign/document-collections/{use['documentCollectionId']}" for use in uses)
    documents = dict.fromkeys(f"/sign/documents/{use['documentId']}/metadata" for use in uses)
    await _keep(http, url, [*collections, *documents], answers)


async def _at_easyink(
    http: httpx.AsyncClient, url: str, table: Mapping[str, Any], keys: Sequence[str], answers: dict[str, str]
) -> None:
    http.headers["authorization"] = f"Bearer {table['access_token']}"
    answers[f"GET {_EASYINK}"] = (await http.get(f"{url}{_EASYINK}", params={"pageSize": len(keys)})).raise_for_status().text
    await _keep(http, url, [f"{_EASYINK}/{key}" for key in keys], answers)


async def _keep(http: httpx.AsyncClient, url: str, paths: Sequence[str], answers: dict[str, str]) -> None:
    async def keep(path: str) -> None:
        answers[f"GET {path}"] = (await http.get(url + path)).raise_for_status().text

    for start in range(0, len(paths), 16):
        await asyncio.gather(*map(keep, paths[start : start + 16]))
