"""Telemetry: logging, outage logs, and the health of providers."""
