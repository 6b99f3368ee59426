"""Sessions of all viewers: read through to their providers, listed, and changed by ``observe`` alone."""
