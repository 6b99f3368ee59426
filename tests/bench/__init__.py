"""What the gateway costs: run as ``python -m tests.bench``."""
