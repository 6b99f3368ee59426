"""Simulator of Toy."""

from providers.toy.sandbox.app import ToySandbox

SANDBOX = ToySandbox

__all__ = ["SANDBOX", "ToySandbox"]
