"""Decoding of untrusted data: bounds before conversion, rows decoded one by one, referential integrity of sessions."""
