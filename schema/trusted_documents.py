"""Documents that are known beforehand, named by the SHA-256 of their text.

As ``documentId`` (https://github.com/graphql/graphql-over-http/blob/main/rfcs/PersistedOperations.md) or as Apollo's clients
do, by the ``persistedQuery`` among the extensions.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from graphql import GraphQLError

from gateway.config import Settings
from gateway.console import OPERATIONS
from providers.errors import ConfigurationError
from providers.lru import LruCache
from schema.errors import Refused
from schema.transport.request import Question

_PREFIX: Final = "sha256:"
_REMEMBERED: Final = 1_000
_UNKNOWN: Final = "PersistedQueryNotFound"
"""In the words that Apollo's clients wait for."""
_log = logging.getLogger("countersign.documents")


class _Operation(msgspec.Struct):
    id: str
    body: str


class _Manifest(msgspec.Struct):
    """As ``generate-persisted-query-manifest`` writes it."""

    operations: list[_Operation]


class TrustedDocuments:
    """Which text is meant by a request, and whether it is one of those that are trusted: those of our own page are."""

    def __init__(self, settings: Settings) -> None:
        self._mode = "enforce" if settings.server.profile == "trusted" else settings.documents.mode
        self._texts = {} if settings.documents.manifest is None else {**_read(OPERATIONS), **_read(settings.documents.manifest)}
        self._trusted = frozenset(self._texts.values())
        self._told: LruCache[str, str] = LruCache(_REMEMBERED)

    def text(self, question: Question) -> str:
        """The text of a question's document. Raises ``Refused``."""
        if question.document is not None and not question.query:
            found = self._texts.get(question.document.removeprefix(_PREFIX).lower())
            if found is None:
                raise Refused([GraphQLError(_UNKNOWN, extensions={"code": "PERSISTED_QUERY_NOT_FOUND"})])
            return found
        if self._mode != "off" and question.query not in self._trusted:
            self._strange(question.query)
        return question.query

    def _strange(self, text: str) -> None:
        if self._mode == "enforce":
            what = "This gateway takes the documents alone that it knows. Have this one added to its manifest."
            raise Refused([GraphQLError(what, extensions={"code": "FORBIDDEN"})])
        name = _digest(text)
        if name not in self._told:
            _log.warning("a document is not among those that are trusted: sha256 %s", name)
            self._told.put(name, name)


def _read(path: Path) -> Mapping[str, str]:
    """The texts of a manifest by their names. Raises ``ConfigurationError``."""
    content = path.read_bytes()
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return _named((each.id, each.body) for each in msgspec.json.decode(content, type=_Manifest).operations)
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return _named(msgspec.json.decode(content, type=dict[str, str]).items())
    what = f"documents.manifest: {path} is no manifest. Write a JSON object of the documents' texts by their SHA-256."
    raise ConfigurationError(what)


def _named(texts: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Texts by what the manifest calls them, and by their digests."""
    found = dict(texts)
    return {name.lower(): text for name, text in found.items()} | {_digest(text): text for text in found.values()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
