"""Directory of providers: those that are configured, and those that have departed.

A departed provider has sessions in the store and is not in the configuration (any more). Its sessions are hidden until it is
configured again: nobody can say what such a provider is called, or what it can do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from gateway.store import SessionFilter, SignatureFilter, Store
from providers import registry
from providers.adapter import Adapter
from providers.capability import Capabilities, Operation, Support
from providers.clock import Clock
from providers.errors import NotFound, Unsupported
from providers.http.metering import Meter
from providers.registry import Provider
from providers.settings import ProviderSettings

F = TypeVar("F", SessionFilter, SignatureFilter)


@dataclass(frozen=True, slots=True)
class ConnectedProvider:
    """A configured provider: the record of its kind, its settings, and the adapter that speaks to it."""

    record: Provider
    settings: ProviderSettings
    adapter: Adapter

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self.settings.name

    @property
    def capabilities(self) -> Capabilities:
        """The operations that it supports, and their limits."""
        return self.record.capabilities

    def can(self, operation: Operation) -> bool:
        """Whether it has an operation."""
        return self.capabilities.support(operation) is not Support.UNSUPPORTED

    def require_key(self, key: str, name: str) -> None:
        """Raises ``NotFound`` for what cannot be a key of its sessions, before that is looked for anywhere.

        ``name`` is the argument that holds the key.
        """
        if not self.adapter.is_valid_key(key):
            raise NotFound(f"{self.name} has no sessions of such a key.", path=(name,), provider=self.name)


class Directory:
    """Every configured provider by its name, in the order of the configuration."""

    def __init__(self, connected: Sequence[ConnectedProvider]) -> None:
        self._connected = {each.name: each for each in connected}
        self._stack = AsyncExitStack()
        for each in connected:
            self._stack.push_async_callback(each.adapter.close)

    @classmethod
    def open(cls, settings: Sequence[ProviderSettings], clock: Clock) -> Self:
        """Makes an adapter for each of the settings. No call is made yet."""
        records = [registry.load(each.kind) for each in settings]
        return cls(
            [
                ConnectedProvider(record, each, record.adapter(each, clock=clock))
                for record, each in zip(records, settings, strict=True)
            ]
        )

    def meter(self, meter_of: Callable[[str], Meter]) -> None:
        """Has each provider's client report its calls to the meter of that provider."""
        for each in self:
            each.adapter.http.meter = meter_of(each.name)

    async def close(self) -> None:
        """Closes every adapter."""
        await self._stack.aclose()

    def __iter__(self) -> Iterator[ConnectedProvider]:
        return iter(self._connected.values())

    def __contains__(self, name: str) -> bool:
        return name in self._connected

    def restrict_to(self, names: Collection[str]) -> Directory:
        """A directory of these providers alone, which says nothing of the others."""
        return Directory([each for each in self if each.name in names])

    def get(self, name: str, path: Sequence[str] = ()) -> ConnectedProvider:
        """The provider of this name. Raises ``NotFound``; ``path`` is the input that names it."""
        provider = self._connected.get(name)
        if provider is None:
            names = ", ".join(self._connected) or "none"
            raise NotFound(f"There is no provider of that name. Configured here: {names}.", path=path)
        return provider

    def select(self, names: Iterable[str] | None, path: Sequence[str] = ()) -> list[ConnectedProvider]:
        """The providers of these names, each once; all where it is None. Raises as ``get`` does."""
        return list(self) if names is None else [self.get(name, path) for name in dict.fromkeys(names)]

    def get_supporting(self, name: str, operation: Operation, path: Sequence[str] = ()) -> ConnectedProvider:
        """The provider of this name, which has an operation. Raises ``Unsupported``, which names the providers that have it."""
        provider = self.get(name, path)
        if not provider.can(operation):
            verb = operation.lower().replace("_", " ")
            others = ", ".join(each.name for each in self if each.can(operation)) or "none that is configured"
            raise Unsupported(f"{name} cannot {verb}. Providers that can: {others}.", path=path, provider=name)
        return provider


class DepartedProviders:
    """Keeps sessions of departed providers out of lists.

    A list is restricted only once the store has sessions of one: a list of all providers is read along better indexes than
    one of several.
    """

    def __init__(self, directory: Directory, store: Store) -> None:
        self._configured = tuple(each.name for each in directory)
        self._store = store
        self._any = False

    async def open(self) -> None:
        """Looks for sessions of departed providers in the store."""
        self.notice(await self._store.sessions.providers())

    def notice(self, names: Iterable[str]) -> bool:
        """Notes whose sessions were read, as another gateway may be configured otherwise; whether any has departed."""
        departed = not set(names) <= set(self._configured)
        self._any = self._any or departed
        return departed

    def hide(self, wanted: F) -> F:
        """The same filter, restricted to the configured providers where it names none."""
        return replace(wanted, providers=self._configured) if self._any and wanted.providers is None else wanted
