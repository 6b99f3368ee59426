"""Decoding of foreign data: bounded before it is converted, each row alone, every link between parts checked."""
