"""Simulator of Signicat Sign API v2."""

from providers.signicat.sandbox.app import SignicatSandbox
from providers.signicat.sandbox.token_endpoint import CLIENT_ID, CLIENT_SECRET

SANDBOX = SignicatSandbox

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "SANDBOX", "SignicatSandbox"]
