"""GraphQL transports: HTTP requests and forms, WebSocket and server-sent events, between the socket and the resolvers.

``stream`` runs operations, ``websocket`` and ``sse`` carry their answers, ``connections`` knows who is listening.
"""
