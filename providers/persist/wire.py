"""Wire models: the JSON of Signatures Persist, the key of a record, and the server's limits on text.

Field names are those of the server's source (dev@3ff7d8f); the older ones that its API page still shows
(``signature``, ``chain``) are read as well. ``message`` and ``content`` are absent rather than null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote

import msgspec

from providers.decoding.coercion import parse_count

LONGEST_TEXT = 255
"""Characters of a document, thread, tag or comment."""
LONGEST_AUTHOR = 100
"""Characters of ``version_created_by``."""
TRIMMED = " \t\n\r\0\x0b"
"""Characters that the server strips from both ends of every string; an empty string becomes null."""


@dataclass(frozen=True, slots=True)
class RecordKey:
    """Composite key of a record: its document and its thread."""

    document: str
    thread: str

    @classmethod
    def trimmed(cls, document: str, thread: str) -> Self:
        """The key under which the server stores a record of this document and thread."""
        return cls(trimmed(document), trimmed(thread))

    @classmethod
    def parse(cls, key: str) -> Self | None:
        """Parses a session key; None where it is no key of a record."""
        parts = key.split("/")
        if len(parts) != 2 or not parts[0]:
            return None
        try:
            return cls(*(unquote(part, errors="strict") for part in parts))
        except UnicodeDecodeError:
            return None

    @property
    def session_key(self) -> str:
        """Both parts percent-encoded and joined by a slash, for example ``contract-7/main``."""
        return f"{quote(self.document, safe='')}/{quote(self.thread, safe='')}"

    @property
    def query(self) -> dict[str, str]:
        """The key as query parameters."""
        return {"document": self.document, "thread": self.thread}


class StoredSignature(msgspec.Struct, frozen=True):
    """A stored signature in its latest version. Times are ``YYYY-MM-DD HH:MM:SS`` in UTC, without a zone."""

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
        """The version, where the server states one."""
        return parse_count(self.version)


class OneContent(msgspec.Struct, frozen=True):
    """Content of an envelope with one signature."""

    signature: msgspec.Raw = msgspec.Raw(b"")


class ManyContent(msgspec.Struct, frozen=True):
    """Content of an envelope with a list; ``nb_results`` counts joined rows, not signatures."""

    signatures: list[msgspec.Raw] = []
    nb_results: object = None


class Envelope(msgspec.Struct, frozen=True):
    """Envelope of every JSON answer; used alone where the content does not matter."""

    status: bool = True
    message: str | None = None


class One(Envelope, frozen=True):
    """An answer with one signature. PHP writes an empty object as a list."""

    content: OneContent | list[object] | None = None


class Many(Envelope, frozen=True):
    """An answer with a list of signatures."""

    content: ManyContent | list[object] | None = None


def trimmed(text: str) -> str:
    """A text as the server stores it."""
    return text.strip(TRIMMED)
