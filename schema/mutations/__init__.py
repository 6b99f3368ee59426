"""GraphQL mutations and their payloads."""
