"""The main job on real input: sandboxes and a gateway on real ports, and documents that are really signed."""
