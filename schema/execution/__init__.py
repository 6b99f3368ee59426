"""Executes operations: as graphql-core would, at the cost of reading attributes and calling functions."""

from schema.execution.plan import Bound, Plan
from schema.execution.plan_cache import Check, Plans
from schema.execution.response import Answer, encode, refusal

__all__ = ["Answer", "Bound", "Check", "Plan", "Plans", "encode", "refusal"]
