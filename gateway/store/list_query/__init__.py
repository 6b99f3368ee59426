"""Queries of the session list: filters, keyset pagination, skip scans and trigram search on both databases."""
