"""List queries: filter, keyset pagination, skip scan and trigram search of the session list, on both databases."""
