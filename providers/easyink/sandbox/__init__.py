"""Simulator of EasyInk."""

from providers.easyink.sandbox.app import EasyInkSandbox

SANDBOX = EasyInkSandbox

__all__ = ["SANDBOX", "EasyInkSandbox"]
