"""HTTP messages: a request, what a response says, and the syntax of their addresses and headers."""
