"""Toy's JSON, its settings, its options, and the tables from its words to ours."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, SecretStr

from providers.model import ParticipantStatus, SessionStatus
from providers.settings import ProviderSettings

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


class ToySettings(ProviderSettings):
    """The ``[[providers]]`` table of a Toy server."""

    PATHS: ClassVar[dict[str, str]] = {
        "sessions": "/sessions",
        "session": "/sessions/{session}",
        "start": "/sessions/{session}/start",
        "withdraw": "/sessions/{session}/withdraw",
        "files": "/sessions/{session}/files",
        "file": "/sessions/{session}/files/{file}",
        "result": "/sessions/{session}/files/{file}/signed",
    }

    kind: Literal["toy"] = "toy"
    api_key: SecretStr


class Options(BaseModel):
    """Toy has no options of its own."""

    model_config = ConfigDict(extra="forbid")


class ParticipantOptions(BaseModel):
    """Nor has it any for participants."""

    model_config = ConfigDict(extra="forbid")


class Person(msgspec.Struct, frozen=True):
    """Somebody who signs."""

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
    """A session as Toy tells it."""

    id: str
    title: str
    reference: str | None
    in_turn: bool
    state: str
    made: datetime
    people: tuple[Person, ...] = ()
    files: tuple[File, ...] = ()


class Rows(msgspec.Struct, frozen=True):
    """A slice of the list; each row is kept as it came."""

    rows: tuple[msgspec.Raw, ...]
    total: int


class Made(msgspec.Struct, frozen=True):
    """What was made."""

    id: str


class Trouble(msgspec.Struct, frozen=True):
    """Toy's error body."""

    code: str
    words: str
