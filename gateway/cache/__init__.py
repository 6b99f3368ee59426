"""Caches in memory and in Redis: single flight, batching, sessions, pages of the list, and shared freshness."""
