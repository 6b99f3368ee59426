"""Session state: the last known state of every session, its signatures, when it is read again, and list checkpoints."""
