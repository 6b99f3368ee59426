"""Trusted documents: the operations of known clients, named by the SHA-256 of their text in a manifest.

Named as ``documentId`` (https://github.com/graphql/graphql-over-http/blob/main/rfcs/PersistedOperations.md) or as
Apollo's clients do, by the ``persistedQuery`` among the extensions.
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
from schema.transport.request import RequestParams

_PREFIX: Final = "sha256:"
_MAX_LOGGED: Final = 1_000
_NOT_FOUND: Final = "PersistedQueryNotFound"
"""The message that Apollo's clients look for."""
_log = logging.getLogger("countersign.documents")


class _Operation(msgspec.Struct):
    id: str
    body: str


class _Manifest(msgspec.Struct):
    """As ``generate-persisted-query-manifest`` writes it."""

    operations: list[_Operation]


class TrustedDocuments:
    """Looks documents up by id, and refuses or logs those that no manifest has. The console's own are always trusted."""

    def __init__(self, settings: Settings) -> None:
        self._mode = "enforce" if settings.server.profile == "trusted" else settings.documents.mode
        self._texts = {} if settings.documents.manifest is None else {**_read(OPERATIONS), **_read(settings.documents.manifest)}
        self._trusted = frozenset(self._texts.values())
        self._logged: LruCache[str, str] = LruCache(_MAX_LOGGED)

    def text(self, params: RequestParams) -> str:
        """The text of a request's document. Raises ``Refused``."""
        if params.document_id is not None and not params.query:
            text = self._texts.get(params.document_id.removeprefix(_PREFIX).lower())
            if text is None:
                raise Refused([GraphQLError(_NOT_FOUND, extensions={"code": "PERSISTED_QUERY_NOT_FOUND"})])
            return text
        if self._mode != "off" and params.query not in self._trusted:
            self._refuse_or_log(params.query)
        return params.query

    def is_trusted(self, text: str) -> bool:
        """Whether a manifest has a document."""
        return text in self._trusted

    def _refuse_or_log(self, text: str) -> None:
        if self._mode == "enforce":
            message = "This gateway takes the documents alone that it knows. Have this one added to its manifest."
            raise Refused([GraphQLError(message, extensions={"code": "FORBIDDEN"})])
        digest = _digest(text)
        if digest not in self._logged:
            _log.warning("a document is not among those that are trusted: sha256 %s", digest)
            self._logged.put(digest, digest)


def _read(path: Path) -> Mapping[str, str]:
    """The documents of a manifest by their ids. Raises ``ConfigurationError``."""
    content = path.read_bytes()
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return _by_id((each.id, each.body) for each in msgspec.json.decode(content, type=_Manifest).operations)
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return _by_id(msgspec.json.decode(content, type=dict[str, str]).items())
    message = f"documents.manifest: {path} is no manifest. Write a JSON object of the documents' texts by their SHA-256."
    raise ConfigurationError(message)


def _by_id(texts: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Texts by their ids in the manifest, and by their digests."""
    by_id = dict(texts)
    return {id_.lower(): text for id_, text in by_id.items()} | {_digest(text): text for text in by_id.values()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
