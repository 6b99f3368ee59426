"""Lifecycle: a session of EasyInk from its draft to its end, and the recovery of sagas that were interrupted in between."""
