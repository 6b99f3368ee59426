"""Every write of several calls, and what a sandbox holds before and after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from apart import Ahead, Client, order

from providers.sandbox.app import Sandbox

# Signicat drops a document that no session uses after 30 minutes.
LATER = timedelta(minutes=31)


def things(sandbox: Sandbox, clock: Ahead) -> set[str]:
    """What a sandbox holds that does not go away by itself."""
    match sandbox.kind:
        case "signicat":
            store = sandbox.store
            clock.by += LATER
            documents = {f"document {key}" for key in store.documents if alive(store, key)}
            clock.by -= LATER
            return (
                documents
                | {f"session {key}" for key in store.sessions}
                | {f"document_collection {key}" for key in store.collections}
            )
        case "easyink":
            return {f"draft {key}" for key, each in sandbox.account.sessions.items() if each.status != "Voided"}
        case _:
            return {f"batch {key}" for key, each in sandbox.batches.items() if each.status != "DELETED"}


def alive(store: Any, key: str) -> bool:
    try:
        store.document(key)
    except KeyError:
        return False
    return True


Prepare = Callable[[Client], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Write:
    """A write of several calls: what it is called, and its input, for which something may have to be made first.

    ``makes`` is how many things there are more when it is done, of which so many are ``documents``, and ``takes`` how many
    are gone then.
    """

    provider: str
    name: str
    prepare: Prepare
    makes: int
    takes: int = 0
    documents: int = 0

    @property
    def lasting(self) -> int:
        """How many things there are more but for documents."""
        return self.makes - self.documents


async def signicat_in_turn(client: Client) -> dict[str, Any]:
    return await order(client, "signicat", 1, 3, signingOrder="SEQUENTIAL")


async def signicat_at_once(client: Client) -> dict[str, Any]:
    return await order(client, "signicat", 2, 3, signingOrder="PARALLEL")


async def easyink_order(client: Client) -> dict[str, Any]:
    asked = await order(client, "easyink", 3, 2, signingOrder="SEQUENTIAL")
    asked["documents"][2]["role"] = "ATTACHMENT"
    place = {"page": 1, "x": 72, "y": 72, "width": 144, "height": 36}
    asked["fields"] = [{"documentIndex": at, "participantRef": who, **place} for at, who in ((0, "Ada"), (1, "Grace"))]
    return asked


async def seal_order(client: Client) -> dict[str, Any]:
    return await order(client, "seal", 3)


def of_original(prepare: Prepare, **more: Any) -> Prepare:
    """For a write that is about a session, which is made first."""

    async def made(client: Client) -> dict[str, Any]:
        payload = await client.done("createSession", **await prepare(client))
        return {"session": payload["session"]["id"], **more}

    return made


async def signicat_pair(client: Client) -> dict[str, Any]:
    return await order(client, "signicat", 1, 2, signingOrder="SEQUENTIAL")


WRITES = {
    "signicat, one after the other": Write("signicat", "createSession", signicat_in_turn, 5, documents=1),
    "signicat, at once": Write("signicat", "createSession", signicat_at_once, 6, documents=2),
    "signicat, copied": Write("signicat", "duplicateSession", of_original(signicat_pair), 4, documents=1),
    "signicat, replaced": Write("signicat", "recreateSession", of_original(signicat_pair, reason="A typo"), 4, 4, documents=1),
    "easyink": Write("easyink", "createSession", easyink_order, 1),
    "easyink, copied": Write("easyink", "duplicateSession", of_original(easyink_order), 1),
    "easyink, replaced": Write("easyink", "recreateSession", of_original(easyink_order, reason="A typo"), 1, 1),
    "seal": Write("seal", "createSession", seal_order, 1),
}
