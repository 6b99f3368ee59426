"""Signing providers behind one model: a small library that knows nothing of GraphQL or of storage.

Start at ``model`` (the values), ``adapter`` (the interface of a provider) and ``registry`` (their kinds).
"""
