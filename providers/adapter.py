"""Adapter: the interface of every provider, one verb for each operation.

An adapter translates our verbs to the provider's calls, and its wire format to our model. It never logs, caches,
retries, publishes or reads the environment; ``http`` and the gateway do that for all of them.
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
    """Adapter of one provider. Each verb that the provider lacks raises ``Unsupported``.

    Every verb may raise any ``ProviderError``. A verb takes a session in its last known state, and returns it in the
    provider's present one.
    """

    capabilities: ClassVar[Capabilities]
    rules: ClassVar[Sequence[Rule]] = ()
    """The provenance rules: the field of ours that each native field becomes, for ``explain``."""

    def __init_subclass__(cls, **named: Any) -> None:
        """Decorates the verbs of a subclass: their calls are metered by operation, and their exceptions contained."""
        super().__init_subclass__(**named)
        for name in OPERATION_BY_VERB.keys() & vars(cls).keys():
            setattr(cls, name, metered(vars(cls)[name], OPERATION_BY_VERB[name]))
        recorded = {name for name in ENDING_VERBS if cls.capabilities.support(OPERATION_BY_VERB[name]) is Support.COMPOSED}
        for name in (OPERATION_BY_VERB.keys() | {"begin_authorization", "complete_authorization"}) & vars(
            cls
        ).keys() - RECORDING_VERBS - recorded:
            setattr(cls, name, contain_failures(vars(cls)[name]))

    def __init__(self, settings: ProviderSettings, *, transport: Transport | None = None, clock: Clock | None = None) -> None:
        """``transport`` is chosen by the settings unless given; ``clock`` is the system clock unless given."""
        self.settings = settings
        self.clock = clock or Clock()
        self.containment = Containment(settings.name)
        self.http = HttpClient(settings, auth=self.auth(), parse_error=self.parse_error, transport=transport, clock=self.clock)

    def auth(self) -> Auth | None:
        """Authentication of the calls; None where the provider requires none."""
        return None

    def parse_error(self, response: Response) -> ErrorDetail:
        """Parses the body of an error response, where the provider documents its shape."""
        return ErrorDetail()

    async def close(self) -> None:
        """Closes every connection; the adapter cannot be used afterwards."""
        await self.http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    @property
    def health(self) -> Health:
        """Health of the provider, by the outcome of the last calls."""
        return self.http.health

    def subscribe_health(self, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Calls ``listener`` whenever health or credentials may have changed, except by the passage of time."""
        return self.http.subscribe_health(listener)

    @property
    def credentials(self) -> Credentials:
        """State of our credentials, known from the last calls."""
        return Credentials(CredentialState.UNKNOWN)

    @property
    def webhook(self) -> WebhookSettings | None:
        """Authentication of webhook deliveries; None where the provider sends none."""
        return None

    def parse_webhook(self, body: bytes) -> Hint:
        """Parses an authentic delivery. Raises ``Invalid`` for a body that is not of this provider."""
        raise _unsupported(Operation.WEBHOOKS)

    def is_valid_key(self, key: str) -> bool:
        """Whether a key has the form of this provider's keys, each session having exactly one.

        No call is made for any other: a key becomes a part of a URL.
        """
        return is_token(key)

    def validate_order(self, order: Order) -> Iterator[Invalid]:
        """Problems of an order that this provider would refuse, beyond its capabilities and limits. Makes no call."""
        yield from ()

    async def fetch_session(self, key: str, previous: Session | None = None) -> Session:
        """Reads a session; ``previous`` is its last known state, for what the provider returns only once.

        The result may be ``previous`` itself where the response is unchanged: see ``providers.http.response_memo``.

        Raises ``NotFound`` where the provider has no such session, or no longer.
        """
        raise _unsupported(Operation.LIST_SESSIONS)

    async def list_sessions(self, offset: int, limit: int) -> Page:
        """Lists sessions, newest first. The page may begin before ``offset`` where the provider's pages are numbered."""
        raise _unsupported(Operation.LIST_SESSIONS)

    @contain_failures
    def read_row(self, row: ListRow) -> Session:
        """Decodes a row of the list into a partial session. Raises ``Misbehaved`` for one that cannot be read."""
        return row.read()

    async def create_session(self, order: Order, steps: Steps) -> Session:
        """Creates a session from an order, and starts it where the order says so."""
        raise _unsupported(Operation.CREATE_SESSION)

    async def start_session(self, session: Session) -> Session:
        """Starts a draft and invites its participants, or starts the sealing of a batch."""
        raise _unsupported(Operation.START_SESSION)

    async def cancel_session(self, session: Session, reason: str, steps: Steps | None = None) -> Session:
        """Cancels a session before everyone has signed. Raises ``WrongState`` where it is too late.

        Where that takes several calls, the first is the pivot of the ``steps``, and the others are rolled forward.
        """
        raise _unsupported(Operation.CANCEL_SESSION)

    async def delete_session(self, session: Session, steps: Steps | None = None) -> None:
        """Deletes a session with all its parts; ``steps`` as for canceling it."""
        raise _unsupported(Operation.DELETE_SESSION)

    async def update_session(self, session: Session, change: SessionChange) -> Session:
        """Changes a session that has not started."""
        raise _unsupported(Operation.UPDATE_SESSION)

    async def duplicate_session(self, session: Session, title: str | None, marker: str, steps: Steps) -> Session:
        """Creates a session with the same documents, participants and fields; the original stays."""
        raise _unsupported(Operation.DUPLICATE_SESSION)

    async def recreate_session(self, session: Session, title: str | None, reason: str, marker: str, steps: Steps) -> Session:
        """Creates a session like this one and cancels this one; returns the new one."""
        raise _unsupported(Operation.RECREATE_SESSION)

    async def set_signing_order(self, session: Session, order: SigningOrder, participants: tuple[str, ...]) -> Session:
        """Sets the signing order; ``participants`` are the keys of all of them, in that order."""
        raise _unsupported(Operation.SET_SIGNING_ORDER)

    async def add_document(self, session: Session, document: DocumentOrder, steps: Steps) -> Session:
        """Adds a document to a session that has not started."""
        raise _unsupported(Operation.ADD_DOCUMENT)

    async def update_document(self, session: Session, document: Document, change: DocumentChange) -> Session:
        """Changes the title, file name or description of a document."""
        raise _unsupported(Operation.UPDATE_DOCUMENT)

    async def remove_document(self, session: Session, document: Document) -> Session:
        """Removes a document, with its fields, from a session that has not started."""
        raise _unsupported(Operation.REMOVE_DOCUMENT)

    async def add_participant(self, session: Session, participant: ParticipantOrder) -> Session:
        """Adds a participant to a session that has not started."""
        raise _unsupported(Operation.ADD_PARTICIPANT)

    async def add_self(self, session: Session) -> Session:
        """Adds the person who owns the provider's token as a participant."""
        raise _unsupported(Operation.ADD_SELF)

    async def update_participant(self, session: Session, participant: Participant, change: ParticipantChange) -> Session:
        """Changes the personal data of a participant, or the delivery of the invitation."""
        raise _unsupported(Operation.UPDATE_PARTICIPANT)

    async def remove_participant(self, session: Session, participant: Participant) -> Session:
        """Removes a participant, with their fields, from a session that has not started."""
        raise _unsupported(Operation.REMOVE_PARTICIPANT)

    async def add_field(self, session: Session, field: FieldPlacement) -> Session:
        """Places a field on a document."""
        raise _unsupported(Operation.ADD_FIELD)

    async def update_field(self, session: Session, field: Field, change: FieldChange) -> Session:
        """Moves a field, or changes whether it is required."""
        raise _unsupported(Operation.UPDATE_FIELD)

    async def remove_field(self, session: Session, field: Field) -> Session:
        """Removes a field and every field that depends on it."""
        raise _unsupported(Operation.REMOVE_FIELD)

    async def fetch_statistics(self) -> Statistics:
        """Reads the provider's own counts of its sessions."""
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
        """Finds the record that a ``save_signature`` without a response has created, by the content of its order."""
        raise _unsupported(Operation.SAVE_SIGNATURE)

    async def delete_signature(self, session: Session, signature: Signature) -> None:
        """Deletes a stored signature with all its versions."""
        raise _unsupported(Operation.DELETE_SIGNATURE)

    async def list_signatures(self, session: Session) -> tuple[Signature, ...]:
        """Lists the signatures of a session."""
        raise _unsupported(Operation.LIST_SIGNATURES)

    async def compensate(self, step: Step) -> None:
        """Compensates a step of a saga: deletes the object. One that is gone already is a success."""
        raise _unsupported(Operation.DELETE_SESSION)

    async def has_invited(self, step: Step) -> bool:
        """Whether people were invited to the object of a step, or have acted on it: then it is not compensated."""
        return False

    async def roll_forward(self, pivot: Pivot, marker: str, since: datetime, steps: Steps) -> Session | None:
        """Rolls a saga forward that has passed its pivot: reads back what exists, and creates what is missing.

        None where nobody was invited, so that the saga can be compensated. Raises ``Irreversible`` where it can neither
        be finished nor compensated.
        """
        return None

    async def find_by_marker(self, marker: str, since: datetime) -> tuple[Step, ...]:
        """Finds the objects at the provider that carry this marker, so that a call without a response can be compensated.

        Raises ``Unsupported``, naming the possible leftovers, where the provider has no room for markers or cannot be
        searched.
        """
        raise Unsupported(
            f"{self.settings.display_name or self.settings.name} cannot be searched for what an unanswered call made"
        )

    async def begin_authorization(self, state: str, challenge: str) -> str:
        """The OAuth authorization URL, where a person lets the gateway act for them; ``challenge`` is PKCE's, by S256."""
        raise Unsupported("This provider needs nobody's consent: its credentials are in the configuration.")

    async def complete_authorization(self, code: str, verifier: str) -> Token:
        """Exchanges the authorization code for a token, which the adapter uses from then on."""
        raise Unsupported("This provider needs nobody's consent: its credentials are in the configuration.")

    def use_token(self, token: Token) -> None:
        """Uses a stored token from now on."""
        raise Unsupported("This provider needs nobody's consent: its credentials are in the configuration.")


def _unsupported(operation: Operation) -> Unsupported:
    verb = "send webhooks" if operation is Operation.WEBHOOKS else operation.lower().replace("_", " ")
    return Unsupported(f"This provider cannot {verb}.")
