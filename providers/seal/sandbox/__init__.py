"""Simulator of SIGNIUS SEAL."""

from providers.seal.sandbox.app import API_KEY, PASSWORD, USERNAME, SealSandbox

SANDBOX = SealSandbox

__all__ = ["API_KEY", "PASSWORD", "SANDBOX", "USERNAME", "SealSandbox"]
