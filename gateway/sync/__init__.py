"""Synchronization: polling of providers under a lease and a call budget, and reconciliation of their lists."""

from gateway.sync.watcher import Watcher

__all__ = ["Watcher"]
