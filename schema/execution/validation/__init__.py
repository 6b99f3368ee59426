"""Validation before execution: input bounds, variables and the number of fields to be merged."""
