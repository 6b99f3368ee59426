"""Writes: sagas of several calls, single calls, and the idempotency keys of both."""
