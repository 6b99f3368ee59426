"""Signatures Persist on the wire: its JSON, its settings, and what it takes.

Field names are those of the server's source (dev@3ff7d8f); the older ones that its API page still shows
(``signature``, ``chain``) are read as well. ``message`` and ``content`` are absent rather than null.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec
from pydantic import BaseModel, ConfigDict

from providers.decoding.coercion import count
from providers.settings import ProviderSettings

LONGEST_TEXT = 255
"""Characters of a document, thread, tag or comment."""
LONGEST_AUTHOR = 100
"""Characters of ``version_created_by``."""
TRIMMED = " \t\n\r\0\x0b"
"""What the server strips from both ends of every string; an empty one becomes null."""


class PersistSettings(ProviderSettings):
    """One ``[[providers]]`` table. There are no credentials: the server hides behind the network."""

    PATHS: ClassVar[dict[str, str]] = {
        "fetch_signature": "/signature",
        "save_signature": "/signature",
        "delete_signature": "/signature",
        "list_signatures": "/signatures",
    }

    kind: Literal["persist"] = "persist"
    locale: Literal["ru", "en", "kz"] = "en"


class PersistOptions(BaseModel):
    """What ``createSession`` takes under ``options``: nothing, for nobody signs here."""

    model_config = ConfigDict(extra="forbid")


class PersistParticipantOptions(BaseModel):
    """What a participant takes under ``options``: nothing."""

    model_config = ConfigDict(extra="forbid")


class StoredSignature(msgspec.Struct, frozen=True):
    """A stored signature in its latest version. Times are ``YYYY-MM-DD HH:MM:SS`` in UTC without saying so."""

    document: str
    id: int | str | None = None
    thread: str | None = None
    chain: str | None = None
    version: int | float | str | None = None
    version_comment: str | int | None = None
    version_created_at: str | None = None
    version_created_by: str | int | None = None
    cms: str | None = None
    signature: str | None = None
    tags: list[str | int] | None = None
    created_at: str | None = None
    updated_at: str | None = None

    @property
    def in_thread(self) -> str:
        """The thread, by its present or its former name."""
        return self.thread if self.thread is not None else self.chain or ""

    @property
    def text(self) -> str:
        """The CMS in base64 or the XML, by its present or its former name."""
        return self.cms if self.cms is not None else self.signature or ""

    @property
    def number(self) -> int | None:
        """The version, where the server says one."""
        return count(self.version)


class OneContent(msgspec.Struct, frozen=True):
    """What is in the envelope around one signature."""

    signature: msgspec.Raw = msgspec.Raw(b"")


class ManyContent(msgspec.Struct, frozen=True):
    """What is in the envelope around a list; ``nb_results`` counts joined rows, not signatures."""

    signatures: list[msgspec.Raw] = []
    nb_results: object = None


class Envelope(msgspec.Struct, frozen=True):
    """The envelope of an answer that carries nothing, or whose content does not matter."""

    status: bool = True
    message: str | None = None


class One(Envelope, frozen=True):
    """An answer with one signature. PHP writes an empty object as a list."""

    content: OneContent | list[object] | None = None


class Many(Envelope, frozen=True):
    """An answer with a list of signatures."""

    content: ManyContent | list[object] | None = None
