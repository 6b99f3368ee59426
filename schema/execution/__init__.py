"""Execution: operations compiled to query plans, which do what graphql-core would at the cost of attribute reads and calls."""

from schema.execution.plan import CoercedOperation, Plan
from schema.execution.plan_cache import Admission, CheckDocument, PlanCache
from schema.execution.response import Response, encode, request_error

__all__ = ["Admission", "CheckDocument", "CoercedOperation", "Plan", "PlanCache", "Response", "encode", "request_error"]
