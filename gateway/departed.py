"""Departed providers: they have sessions in the store, and are not in the configuration (any more).

What is theirs is hidden until they are configured again: nobody can say what such a provider is called, or what it can do.
A list is restricted only once there is such a provider, as a list of all is read along other indexes than one of several.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from gateway.directory import Directory
from gateway.store import SessionFilter, SignatureFilter, Store

F = TypeVar("F", SessionFilter, SignatureFilter)


class DepartedProviders:
    """Knows whether there are any, and keeps them out of lists."""

    def __init__(self, directory: Directory, store: Store) -> None:
        self._configured = tuple(each.name for each in directory)
        self._store = store
        self._any = False

    async def open(self) -> None:
        """Looks whether the store has sessions of one."""
        self.noticed(await self._store.sessions.providers())

    def noticed(self, names: Iterable[str]) -> bool:
        """Notes whose sessions were met, as another gateway may be configured otherwise; says whether one has departed."""
        departed = not set(names) <= set(self._configured)
        self._any = self._any or departed
        return departed

    def hidden(self, wanted: F) -> F:
        """The same filter, for the providers that are configured where it names none."""
        return replace(wanted, providers=self._configured) if self._any and wanted.providers is None else wanted
