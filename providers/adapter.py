"""What a provider can be asked, and the record under which it is known.

An adapter translates: our verbs to its calls, its wire to our model. It never logs, caches, retries,
publishes or reads the environment; ``http`` and the gateway do that for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar, Self

from providers.capability import Capabilities, Operation, Support
from providers.clock import Clock
from providers.containment import ENDING_VERBS, RECORDING_VERBS, Containment, contain_failures
from providers.errors import Invalid, Unsupported
from providers.http.client import HttpClient
from providers.http.credentials import Auth, Credentials, CredentialState, Token
from providers.http.health import Health
from providers.http.message.response import ErrorDetail, Response
from providers.http.message.url import is_token
from providers.http.metering import OPERATION_BY_VERB, metered
from providers.http.transport import Transport
from providers.model import Content, Document, Field, ListRow, Page, Participant, Session, Signature, SigningOrder, Statistics
from providers.orders import (
    DocumentChange,
    DocumentOrder,
    FieldChange,
    FieldPlacement,
    Order,
    ParticipantChange,
    ParticipantOrder,
    SessionChange,
    SignatureOrder,
)
from providers.provenance import Rule
from providers.saga import Pivot, Step, Steps
from providers.settings import ProviderSettings
from providers.webhook import Hint, WebhookSettings


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
        for name in OPERATION_BY_VERB.keys() & vars(cls).keys():
            setattr(cls, name, metered(vars(cls)[name], OPERATION_BY_VERB[name]))
        recorded = {name for name in ENDING_VERBS if cls.capabilities.support(OPERATION_BY_VERB[name]) is Support.COMPOSED}
        for name in (OPERATION_BY_VERB.keys() | {"begin_authorization", "complete_authorization"}) & vars(
            cls
        ).keys() - RECORDING_VERBS - recorded:
            setattr(cls, name, contain_failures(vars(cls)[name]))

    def __init__(self, settings: ProviderSettings, *, transport: Transport | None = None, clock: Clock | None = None) -> None:
        """``transport`` is how calls travel (over sockets unless given), ``clock`` the time (the machine's unless given)."""
        self.settings = settings
        self.clock = clock or Clock()
        self.containment = Containment(settings.name)
        self.http = HttpClient(settings, auth=self.auth(), parse_error=self.parse_error, transport=transport, clock=self.clock)

    def auth(self) -> Auth | None:
        """How calls prove who we are; None where the provider asks for nothing."""
        return None

    def parse_error(self, reply: Response) -> ErrorDetail:
        """What the body of a failed call says, where the provider's errors have a shape."""
        return ErrorDetail()

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

    def subscribe_health(self, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Calls ``listener`` whenever health or credentials may have changed, but for what changes by time alone."""
        return self.http.subscribe_health(listener)

    @property
    def credentials(self) -> Credentials:
        """Whether the provider accepts our credentials, as far as is known without asking it."""
        return Credentials(CredentialState.UNKNOWN)

    @property
    def webhook(self) -> WebhookSettings | None:
        """How deliveries are proven to be the provider's; None where it sends none."""
        return None

    def parse_webhook(self, body: bytes) -> Hint:
        """What a genuine delivery says. Raises ``Invalid`` for a body that is none of this provider's."""
        raise _unsupported(Operation.WEBHOOKS)

    def is_valid_key(self, key: str) -> bool:
        """Whether this provider can have a session of that key, by its form alone: one session has one key, as it is written.

        No call is made for any other: a key becomes a part of an address.
        """
        return is_token(key)

    def validate_order(self, order: Order) -> Iterator[Invalid]:
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

    @contain_failures
    def read_row(self, row: ListRow) -> Session:
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

    async def find_saved_signature(self, order: SignatureOrder) -> Session | None:
        """What a ``save_signature`` came to whose answer was lost: the record, where it is what the order says."""
        raise _unsupported(Operation.SAVE_SIGNATURE)

    async def delete_signature(self, session: Session, signature: Signature) -> None:
        """Removes a stored signature with all its versions."""
        raise _unsupported(Operation.DELETE_SIGNATURE)

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """The signatures of a session."""
        raise _unsupported(Operation.LIST_SIGNATURES)

    async def compensate(self, step: Step) -> None:
        """Compensates a step. Something that is gone already counts as unmade."""
        raise _unsupported(Operation.DELETE_SESSION)

    async def has_invited(self, step: Step) -> bool:
        """Whether people were invited to what a step has made, or have acted on it: then it is not compensated."""
        return False

    async def roll_forward(self, pivot: Pivot, marker: str, since: datetime, steps: Steps) -> Session | None:
        """Finishes a write that has passed its pivot, by what is there: reads back, and makes what is missing.

        None where nobody was invited, so that the write can be compensated. Raises ``Irreversible`` where it can neither
        be finished nor compensated.
        """
        return None

    async def find_by_marker(self, marker: str, since: datetime) -> tuple[Step, ...]:
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
