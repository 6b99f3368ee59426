"""Simulator of Signatures Persist."""

from providers.persist.sandbox.app import PersistSandbox

SANDBOX = PersistSandbox

__all__ = ["SANDBOX", "PersistSandbox"]
