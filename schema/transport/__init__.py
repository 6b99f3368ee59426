"""Answers that go on: everything between the resolver of a subscription and the socket.

``stream`` runs operations, ``websocket`` and ``sse`` carry their answers, ``connections`` knows who is listening.
"""
