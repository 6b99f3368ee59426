"""Asks providers for what they do not tell: one gateway for each provider, as often as it is worth, and no more."""

from gateway.sync.watcher import Watcher

__all__ = ["Watcher"]
