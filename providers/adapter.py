"""What a provider can be asked, and the record under which it is known.

An adapter translates: our verbs to its calls, its wire to our model. It never logs, caches, retries,
publishes or reads the environment; ``http`` and the gateway do that for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from providers.capability import Capabilities, Operation, Support
from providers.clock import Clock
from providers.containment import ENDING, MAKING, Containment, contained
from providers.decoding.keys import token
from providers.errors import Invalid, Unsupported
from providers.http.client import Http
from providers.http.credentials import Authorization, Token
from providers.http.health import Health
from providers.http.message.response import Fault, Reply
from providers.http.metering import VERBS, told
from providers.http.transport import Transport
from providers.model import Content, Document, Field, Listed, Page, Participant, Session, Signature, SigningOrder, Statistics
from providers.orders import (
    DocumentChange,
    DocumentOrder,
    FieldChange,
    FieldPlacement,
    Order,
    ParticipantChange,
    ParticipantOrder,
    Pivot,
    SessionChange,
    SignatureOrder,
    Step,
)
from providers.provenance import Rule
from providers.settings import ProviderSettings
from providers.webhook import Hint, WebhookSettings


class CredentialState(StrEnum):
    """Whether the provider accepts our credentials."""

    CONNECTED = "CONNECTED"
    AUTHORIZATION_REQUIRED = "AUTHORIZATION_REQUIRED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Credentials:
    """State of our credentials at a provider; ``expires_at`` where they end by themselves."""

    state: CredentialState
    expires_at: datetime | None = None
    note: str | None = None


class Steps:
    """What a write of several calls has made so far, in order, so that it can be unmade.

    ``pivot`` is set once people may have been invited: then it is rolled forward. ``result`` is what it came to, once it
    can only be finished.
    """

    def __init__(self) -> None:
        self.made: list[Step] = []
        self.pivot: Pivot | None = None
        self.result: Session | None = None

    async def will(self, name: str) -> None:
        """Records that something is about to be made which could not be found if no answer came. ``did`` follows."""

    async def did(self, name: str, key: str) -> None:
        """Records that something now exists at the provider. Called right after the call that made it."""
        self.made.append(Step(name, key))

    async def pass_pivot(self, pivot: Pivot) -> None:
        """Records what it takes to roll the write forward. Called right before the first call that may invite people."""
        self.pivot = pivot

    async def replaced(self, result: Session, old: Sequence[Step]) -> None:
        """Records that from now on the write is finished, not undone: ``result`` stays, and ``old`` has to go."""
        self.made, self.result = list(old), result


class Adapter:
    """One provider behind our verbs; each verb that a provider lacks raises ``Unsupported``.

    Every verb may raise any ``ProviderError``. A verb that takes a session takes it as it was last known,
    and returns it as the provider has it afterwards.
    """

    capabilities: ClassVar[Capabilities]
    rules: ClassVar[Sequence[Rule]] = ()
    """How its payloads become sessions, for whoever asks why a session is as it is."""

    def __init_subclass__(cls, **named: Any) -> None:
        """Calls are counted by the verb that they were made for, and what breaks in a verb is the provider's failure."""
        super().__init_subclass__(**named)
        for name in VERBS.keys() & vars(cls).keys():
            setattr(cls, name, told(vars(cls)[name], VERBS[name]))
        recorded = {name for name in ENDING if cls.capabilities.support(VERBS[name]) is Support.COMPOSED}
        for name in (VERBS.keys() | {"begin_authorization", "complete_authorization"}) & vars(cls).keys() - MAKING - recorded:
            setattr(cls, name, contained(vars(cls)[name]))

    def __init__(self, settings: ProviderSettings, *, transport: Transport | None = None, clock: Clock | None = None) -> None:
        """``transport`` is how calls travel (over sockets unless given), ``clock`` the time (the machine's unless given)."""
        self.settings = settings
        self.clock = clock or Clock()
        self.containment = Containment(settings.name)
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

    def heard(self, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Calls ``listener`` whenever health or credentials may have changed, but for what changes by time alone."""
        return self.http.heard(listener)

    @property
    def credentials(self) -> Credentials:
        """Whether the provider accepts our credentials, as far as is known without asking it."""
        return Credentials(CredentialState.UNKNOWN)

    @property
    def webhook(self) -> WebhookSettings | None:
        """How deliveries are proven to be the provider's; None where it sends none."""
        return None

    def read_webhook(self, body: bytes) -> Hint:
        """What a genuine delivery says. Raises ``Invalid`` for a body that is none of this provider's."""
        raise _unsupported(Operation.WEBHOOKS)

    def has_key(self, key: str) -> bool:
        """Whether this provider can have a session of that key, by its form alone: one session has one key, as it is written.

        No call is made for any other: a key becomes a part of an address.
        """
        return token(key)

    def check(self, order: Order) -> Iterator[Invalid]:
        """What this provider would refuse in an order, beyond its capabilities and limits. Calls nobody."""
        yield from ()

    async def fetch_session(self, key: str, known: Session | None = None) -> Session:
        """Reads a session; ``known`` is what it was, for what the provider says only once.

        Where the answer is known to mean nothing new, it may be ``known`` itself: see ``providers.http.response_memo``.

        Raises ``NotFound`` where the provider has no such session (any more).
        """
        raise _unsupported(Operation.LIST_SESSIONS)

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """A slice of all sessions, newest first. May begin before ``offset`` where pages are numbered."""
        raise _unsupported(Operation.LIST_SESSIONS)

    @contained
    def read_row(self, row: Listed) -> Session:
        """Reads what a row of the list tells. Raises ``Misbehaved`` for one that cannot be read."""
        return row.read()

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """Makes a session of an order and starts it where the order says so."""
        raise _unsupported(Operation.CREATE_SESSION)

    async def start_session(self, session: Session) -> Session:
        """Makes a draft ready and invites the participants, or starts the sealing of a batch."""
        raise _unsupported(Operation.START_SESSION)

    async def cancel_session(self, session: Session, reason: str, steps: Steps | None = None) -> Session:
        """Ends a session before everyone has signed. Raises ``WrongState`` where it is too late.

        Where that takes several calls, the first is the pivot of the ``steps``: what is begun is finished.
        """
        raise _unsupported(Operation.CANCEL_SESSION)

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Removes a session and what belongs to it; ``steps`` as for canceling it."""
        raise _unsupported(Operation.DELETE_SESSION)

    async def update_session(self, session: Session, change: SessionChange) -> Session:
        """Changes a session that has not started."""
        raise _unsupported(Operation.UPDATE_SESSION)

    async def duplicate_session(self, session: Session, title: str | None, marker: str, steps: Steps) -> Session:
        """Makes a new session with the same documents, participants and fields; the original stays."""
        raise _unsupported(Operation.DUPLICATE_SESSION)

    async def recreate_session(self, session: Session, title: str | None, reason: str, marker: str, steps: Steps) -> Session:
        """Makes a new session like this one and ends this one; gives the new one."""
        raise _unsupported(Operation.RECREATE_SESSION)

    async def set_signing_order(self, session: Session, order: SigningOrder, participants: tuple[str, ...]) -> Session:
        """Says who signs after whom; ``participants`` are the keys of all of them, in order."""
        raise _unsupported(Operation.SET_SIGNING_ORDER)

    async def add_document(self, session: Session, document: DocumentOrder, steps: Steps) -> Session:
        """Adds a document to a session that has not started."""
        raise _unsupported(Operation.ADD_DOCUMENT)

    async def update_document(self, session: Session, document: Document, change: DocumentChange) -> Session:
        """Changes what a document is called."""
        raise _unsupported(Operation.UPDATE_DOCUMENT)

    async def remove_document(self, session: Session, document: Document) -> Session:
        """Takes a document, and the fields on it, out of a session that has not started."""
        raise _unsupported(Operation.REMOVE_DOCUMENT)

    async def add_participant(self, session: Session, participant: ParticipantOrder) -> Session:
        """Adds a person to a session that has not started."""
        raise _unsupported(Operation.ADD_PARTICIPANT)

    async def add_self(self, session: Session) -> Session:
        """Adds the person that the provider's token belongs to."""
        raise _unsupported(Operation.ADD_SELF)

    async def update_participant(self, session: Session, participant: Participant, change: ParticipantChange) -> Session:
        """Changes who a person is, or how they are invited."""
        raise _unsupported(Operation.UPDATE_PARTICIPANT)

    async def remove_participant(self, session: Session, participant: Participant) -> Session:
        """Takes a person, and their fields, out of a session that has not started."""
        raise _unsupported(Operation.REMOVE_PARTICIPANT)

    async def add_field(self, session: Session, field: FieldPlacement) -> Session:
        """Places a field on a document."""
        raise _unsupported(Operation.ADD_FIELD)

    async def update_field(self, session: Session, field: Field, change: FieldChange) -> Session:
        """Moves a field, or changes whether it has to be filled."""
        raise _unsupported(Operation.UPDATE_FIELD)

    async def remove_field(self, session: Session, field: Field) -> Session:
        """Removes a field and every field that depends on it."""
        raise _unsupported(Operation.REMOVE_FIELD)

    async def fetch_statistics(self) -> Statistics:
        """The provider's own counts of its sessions."""
        raise _unsupported(Operation.STATISTICS)

    def download_document(self, session: Session, document: Document) -> AbstractAsyncContextManager[Content]:
        """Opens a document's bytes. Raises ``Busy`` while the provider is still making them."""
        raise _unsupported(Operation.DOWNLOAD_DOCUMENT)

    def download_signature(self, session: Session, signature: Signature) -> AbstractAsyncContextManager[Content]:
        """Opens the bytes of a signature: of the document that carries it, or the detached signature itself."""
        raise _unsupported(Operation.LIST_SIGNATURES)

    async def save_signature(self, order: SignatureOrder) -> Session:
        """Stores a signature or its next version; the record is a session with one signature."""
        raise _unsupported(Operation.SAVE_SIGNATURE)

    async def find_saved(self, order: SignatureOrder) -> Session | None:
        """What a ``save_signature`` came to whose answer was lost: the record, where it is what the order says."""
        raise _unsupported(Operation.SAVE_SIGNATURE)

    async def delete_signature(self, session: Session, signature: Signature) -> None:
        """Removes a stored signature with all its versions."""
        raise _unsupported(Operation.DELETE_SIGNATURE)

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """The signatures of a session."""
        raise _unsupported(Operation.LIST_SIGNATURES)

    async def undo(self, step: Step) -> None:
        """Compensates a step. Something that is gone already counts as unmade."""
        raise _unsupported(Operation.DELETE_SESSION)

    async def invited(self, step: Step) -> bool:
        """Whether people were invited to what a step has made, or have acted on it: then it is not compensated."""
        return False

    async def roll_forward(self, pivot: Pivot, marker: str, since: datetime, steps: Steps) -> Session | None:
        """Finishes a write that has passed its pivot, by what is there: reads back, and makes what is missing.

        None where nobody was invited, so that the write can be compensated. Raises ``Irreversible`` where it can neither
        be finished nor compensated.
        """
        return None

    async def trace(self, marker: str, since: datetime) -> tuple[Step, ...]:
        """What exists at the provider that carries this marker, so that an unanswered call can be undone.

        Raises ``Unsupported``, naming what may be left, where the provider has no room for markers or cannot be
        searched.
        """
        raise Unsupported(
            f"{self.settings.display_name or self.settings.name} cannot be searched for what an unanswered call made"
        )

    async def begin_authorization(self, state: str, challenge: str) -> str:
        """The address where a person lets the gateway act for them; ``challenge`` is PKCE's, by S256."""
        raise Unsupported("This provider needs nobody's consent: its credentials are in the configuration.")

    async def complete_authorization(self, code: str, verifier: str) -> Token:
        """Exchanges the code that the person brought back for a token. The adapter uses it from then on."""
        raise Unsupported("This provider needs nobody's consent: its credentials are in the configuration.")

    def use_token(self, token: Token) -> None:
        """Uses a token that was given earlier, from now on."""
        raise Unsupported("This provider needs nobody's consent: its credentials are in the configuration.")


def _unsupported(operation: Operation) -> Unsupported:
    verb = "send webhooks" if operation is Operation.WEBHOOKS else operation.lower().replace("_", " ")
    return Unsupported(f"This provider cannot {verb}.")


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
