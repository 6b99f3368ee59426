"""Which providers there are. A new one adds its name here and a folder of that name beside this file."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from providers.adapter import Provider

if TYPE_CHECKING:
    from providers.sandbox.app import Sandbox

NAMES = ("easyink", "persist", "seal", "signicat")


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
