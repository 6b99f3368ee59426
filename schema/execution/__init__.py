"""Executes operations: as graphql-core would, at the cost of reading attributes and calling functions."""

from schema.execution.answer import Answer, encode, refusal
from schema.execution.plan import Bound, Plan
from schema.execution.plans import Check, Plans

__all__ = ["Answer", "Bound", "Check", "Plan", "Plans", "encode", "refusal"]
