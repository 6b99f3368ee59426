"""Telemetry: logging, outage logs, provider health, and the lifetime of background tasks."""
