"""Compiler: makes functions of an operation's selections, which walk the model's objects and write JSON."""
