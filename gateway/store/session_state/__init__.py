"""Session state: the last known state of every session, its signatures, and when it is read again."""
