"""Sandbox framework: simulators of providers, with fault injection, a control API, and people who sign."""
