"""Inbound HTTP server: uvicorn with admission limits, worker processes and a graceful drain."""
