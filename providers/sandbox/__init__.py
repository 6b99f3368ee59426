"""Simulator framework: what the sandbox of every provider is built on, and the people who sign in it."""
