"""Composition: one session of ours as a document collection and one native session for each participant."""
