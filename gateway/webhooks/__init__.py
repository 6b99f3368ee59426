"""Inbound webhooks: the endpoint, the inbox that stores deliveries, and the worker that processes them."""
