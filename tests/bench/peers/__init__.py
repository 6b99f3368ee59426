"""Gateways that the bench compares this one with, and what bounds them all."""
