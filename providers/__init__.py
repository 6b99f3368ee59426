"""Signing providers behind one model: a small library that knows nothing of GraphQL or of storage.

Start at ``model`` (the values), ``adapter`` (what a provider can be asked) and ``registry`` (which exist).
"""
