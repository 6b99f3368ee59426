"""What a provider can be asked, and the record under which it is known.

An adapter translates: our verbs to its calls, its wire to our model. It never logs, caches, retries,
publishes or reads the environment; ``http`` and the gateway do that for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self

import httpx
from pydantic import BaseModel

from providers.authorization import Authorization
from providers.clock import Clock
from providers.errors import Invalid, Unsupported
from providers.health import Health
from providers.http import Http
from providers.model import (
    Content,
    DeliveryMethod,
    Document,
    DocumentOrder,
    Order,
    Page,
    Session,
    SessionKind,
    Signature,
    SignatureOrder,
    Step,
)
from providers.reply import Fault, Reply
from providers.settings import ProviderSettings


class Operation(StrEnum):
    """Everything that some provider can be asked to do."""

    CREATE_SESSION = "CREATE_SESSION"
    LIST_SESSIONS = "LIST_SESSIONS"
    UPDATE_SESSION = "UPDATE_SESSION"
    START_SESSION = "START_SESSION"
    CANCEL_SESSION = "CANCEL_SESSION"
    DELETE_SESSION = "DELETE_SESSION"
    DUPLICATE_SESSION = "DUPLICATE_SESSION"
    RECREATE_SESSION = "RECREATE_SESSION"
    SET_SIGNING_ORDER = "SET_SIGNING_ORDER"
    ADD_DOCUMENT = "ADD_DOCUMENT"
    UPDATE_DOCUMENT = "UPDATE_DOCUMENT"
    REMOVE_DOCUMENT = "REMOVE_DOCUMENT"
    DOWNLOAD_DOCUMENT = "DOWNLOAD_DOCUMENT"
    ADD_PARTICIPANT = "ADD_PARTICIPANT"
    ADD_SELF = "ADD_SELF"
    UPDATE_PARTICIPANT = "UPDATE_PARTICIPANT"
    REMOVE_PARTICIPANT = "REMOVE_PARTICIPANT"
    ADD_FIELD = "ADD_FIELD"
    UPDATE_FIELD = "UPDATE_FIELD"
    REMOVE_FIELD = "REMOVE_FIELD"
    SAVE_SIGNATURE = "SAVE_SIGNATURE"
    DELETE_SIGNATURE = "DELETE_SIGNATURE"
    LIST_SIGNATURES = "LIST_SIGNATURES"
    ARCHIVE = "ARCHIVE"
    WEBHOOKS = "WEBHOOKS"
    STATISTICS = "STATISTICS"


class Support(StrEnum):
    """How a provider carries out an operation."""

    NATIVE = "NATIVE"
    COMPOSED = "COMPOSED"
    UNSUPPORTED = "UNSUPPORTED"


@dataclass(frozen=True, slots=True)
class Capability:
    """How one operation is supported, and what a client should know about it."""

    operation: Operation
    support: Support
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an order may hold at most; None where the provider states no limit.

    The unit of each is in its metadata.
    """

    documents: int | None = field(default=None, metadata={"unit": "documents"})
    document_bytes: int | None = field(default=None, metadata={"unit": "bytes"})
    participants: int | None = field(default=None, metadata={"unit": "participants"})
    title: int | None = field(default=None, metadata={"unit": "characters"})
    message: int | None = field(default=None, metadata={"unit": "characters"})
    reference: int | None = field(default=None, metadata={"unit": "characters"})
    due_in: int | None = field(default=None, metadata={"unit": "days"})

    def stated(self) -> Iterator[tuple[str, float, str]]:
        """Name, value and unit of every limit that the provider states."""
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not None:
                yield item.name, float(value), item.metadata["unit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do, as far as that is known without asking it.

    ``media_types`` are those it takes for documents to sign, ``languages`` those it speaks to signers
    (empty: no choice), ``deliveries`` how it can invite (empty: it does not).
    """

    session_kind: SessionKind
    operations: Mapping[Operation, Capability]
    media_types: frozenset[str]
    languages: frozenset[str] = frozenset()
    deliveries: frozenset[DeliveryMethod] = frozenset()
    participants: bool = True
    fields: bool = False
    due_date: bool = False
    reminders: bool = False
    limits: Limits = field(default_factory=Limits)

    def support(self, operation: Operation) -> Support:
        """How the provider carries out an operation."""
        capability = self.operations.get(operation)
        return capability.support if capability else Support.UNSUPPORTED


def operations(*capabilities: Capability) -> Mapping[Operation, Capability]:
    """A table of every operation; those that are not named are unsupported."""
    named = {capability.operation: capability for capability in capabilities}
    return {each: named.get(each, Capability(each, Support.UNSUPPORTED)) for each in Operation}


class ConnectionState(StrEnum):
    """Whether the provider accepts our credentials."""

    CONNECTED = "CONNECTED"
    AUTHORIZATION_REQUIRED = "AUTHORIZATION_REQUIRED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Connection:
    """State of our credentials at a provider; ``expires_at`` where they end by themselves."""

    state: ConnectionState
    expires_at: datetime | None = None
    note: str | None = None


class Steps:
    """What a write of several calls has made so far, in order, so that it can be unmade."""

    def __init__(self) -> None:
        self.made: list[Step] = []

    async def did(self, name: str, key: str) -> None:
        """Records that something now exists at the provider. Called right after the call that made it."""
        self.made.append(Step(name, key))


class Adapter:
    """One provider behind our verbs; each verb that a provider lacks raises ``Unsupported``.

    Every verb may raise any ``ProviderError``. A verb that takes a session takes it as it was last known,
    and returns it as the provider has it afterwards.
    """

    capabilities: ClassVar[Capabilities]

    def __init__(
        self, settings: ProviderSettings, *, transport: httpx.AsyncBaseTransport | None = None, clock: Clock | None = None
    ) -> None:
        """``transport`` is how bytes travel (a socket unless given), ``clock`` the time (the machine's unless given)."""
        self.settings = settings
        self.clock = clock or Clock()
        self.http = Http(settings, authorization=self.authorization(), fault=self.fault, transport=transport, clock=self.clock)

    def authorization(self) -> Authorization | None:
        """How calls prove who we are; None where the provider asks for nothing."""
        return None

    def fault(self, reply: Reply) -> Fault:
        """What the body of a failed call says, where the provider's errors have a shape."""
        return Fault()

    async def close(self) -> None:
        """Closes connections; the adapter is of no use afterwards."""
        await self.http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    @property
    def health(self) -> Health:
        """How the last calls went."""
        return self.http.health

    @property
    def connection(self) -> Connection:
        """Whether the provider accepts our credentials, as far as is known without asking it."""
        return Connection(ConnectionState.UNKNOWN)

    def check(self, order: Order) -> Iterator[Invalid]:
        """What this provider would refuse in an order, beyond its capabilities and limits. Calls nobody."""
        yield from ()

    async def fetch_session(self, key: str, known: Session | None = None) -> Session:
        """Reads a session; ``known`` is what it was, for what the provider says only once.

        Raises ``NotFound`` where the provider has no such session (any more).
        """
        raise _unsupported(Operation.LIST_SESSIONS)

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """A slice of all sessions, newest first. May begin before ``offset`` where pages are numbered."""
        raise _unsupported(Operation.LIST_SESSIONS)

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """Makes a session of an order and starts it where the order says so."""
        raise _unsupported(Operation.CREATE_SESSION)

    async def start_session(self, session: Session) -> Session:
        """Makes a draft ready and invites the participants, or starts the sealing of a batch."""
        raise _unsupported(Operation.START_SESSION)

    async def cancel_session(self, session: Session, reason: str) -> Session:
        """Ends a session before everyone has signed. Raises ``WrongState`` where it is too late."""
        raise _unsupported(Operation.CANCEL_SESSION)

    async def delete_session(self, session: Session) -> None:
        """Removes a session and what belongs to it."""
        raise _unsupported(Operation.DELETE_SESSION)

    async def add_document(self, session: Session, document: DocumentOrder, steps: Steps) -> Session:
        """Adds a document to a session that has not started."""
        raise _unsupported(Operation.ADD_DOCUMENT)

    def download_document(self, session: Session, document: Document) -> AbstractAsyncContextManager[Content]:
        """Opens a document's bytes. Raises ``Busy`` while the provider is still making them."""
        raise _unsupported(Operation.DOWNLOAD_DOCUMENT)

    def download_signature(self, session: Session, signature: Signature) -> AbstractAsyncContextManager[Content]:
        """Opens the bytes of a signature: of the document that carries it, or the detached signature itself."""
        raise _unsupported(Operation.LIST_SIGNATURES)

    async def save_signature(self, order: SignatureOrder) -> Session:
        """Stores a signature or its next version; the record is a session with one signature."""
        raise _unsupported(Operation.SAVE_SIGNATURE)

    async def delete_signature(self, session: Session, signature: Signature) -> None:
        """Removes a stored signature with all its versions."""
        raise _unsupported(Operation.DELETE_SIGNATURE)

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """The signatures of a session."""
        raise _unsupported(Operation.LIST_SIGNATURES)

    async def undo(self, step: Step) -> None:
        """Unmakes what a step of ``create_session`` made. Something that is gone already counts as unmade."""
        raise _unsupported(Operation.DELETE_SESSION)


def _unsupported(operation: Operation) -> Unsupported:
    return Unsupported(f"This provider cannot {operation.lower().replace('_', ' ')}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The registry's record of one kind of provider.

    ``settings`` is what a configuration says about one, ``options`` what ``createSession`` takes under
    ``options``, ``participant_options`` what each participant takes there.
    """

    kind: str
    display_name: str
    adapter: type[Adapter]
    settings: type[ProviderSettings]
    options: type[BaseModel]
    participant_options: type[BaseModel]

    @property
    def capabilities(self) -> Capabilities:
        """What this kind of provider can do."""
        return self.adapter.capabilities
