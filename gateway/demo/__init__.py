"""Demo: sandboxes and a gateway on real ports, and documents that are really signed at all four providers."""
