"""Wire models: Toy's JSON, and the tables from its words to those of the model."""

from __future__ import annotations

from datetime import datetime

import msgspec

from providers.model import ParticipantStatus, SessionStatus

STATUS = {
    "draft": SessionStatus.DRAFT,
    "open": SessionStatus.PENDING,
    "partly": SessionStatus.IN_PROGRESS,
    "done": SessionStatus.COMPLETED,
    "refused": SessionStatus.DECLINED,
    "withdrawn": SessionStatus.CANCELED,
    "late": SessionStatus.EXPIRED,
}
PARTICIPANT_STATUS = {
    "waits": ParticipantStatus.WAITING,
    "asked": ParticipantStatus.INVITED,
    "has-signed": ParticipantStatus.SIGNED,
    "has-refused": ParticipantStatus.DECLINED,
}


class Person(msgspec.Struct, frozen=True):
    """A participant."""

    id: str
    first: str
    last: str
    state: str
    link: str | None = None


class File(msgspec.Struct, frozen=True):
    """A document; ``title`` as it was given."""

    id: str
    title: str


class ToySession(msgspec.Struct, frozen=True):
    """A session; a row of a list has neither people nor files."""

    id: str
    title: str
    reference: str | None
    in_turn: bool
    state: str
    made: datetime
    people: tuple[Person, ...] = ()
    files: tuple[File, ...] = ()


class Rows(msgspec.Struct, frozen=True):
    """A slice of the list, each row undecoded."""

    rows: tuple[msgspec.Raw, ...]
    total: int


class Created(msgspec.Struct, frozen=True):
    """The id of something that was created."""

    id: str


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of a failed call."""

    code: str
    words: str
