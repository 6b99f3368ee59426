"""Inbound webhooks: the endpoint, the receiver that verifies and stores deliveries, and the worker that processes them."""
