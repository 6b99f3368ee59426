"""Registry of provider kinds. A new one adds its name here, and a folder of that name beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from providers.adapter import Adapter
from providers.capability import Capabilities
from providers.settings import ProviderSettings

if TYPE_CHECKING:
    from providers.sandbox.app import Sandbox

NAMES = ("easyink", "persist", "seal", "signicat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A kind of provider: its adapter, and the models of its settings and options.

    ``options`` validates the ``options`` of ``createSession``, ``participant_options`` those of each participant.
    """

    kind: str
    display_name: str
    adapter: type[Adapter]
    settings: type[ProviderSettings]
    options: type[BaseModel]
    participant_options: type[BaseModel]

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities of its adapter."""
        return self.adapter.capabilities


def load(kind: str) -> Provider:
    """The record of a kind of provider. Raises ``KeyError`` for one that does not exist."""
    provider: Provider = _module(kind, "").PROVIDER
    return provider


def load_sandbox(kind: str) -> type[Sandbox]:
    """The simulator of a kind of provider. Raises ``KeyError`` for one that does not exist."""
    sandbox: type[Sandbox] = _module(kind, ".sandbox").SANDBOX
    return sandbox


def _module(kind: str, part: str) -> Any:
    if kind not in NAMES:
        raise KeyError(kind)
    return import_module(f"providers.{kind}{part}")
