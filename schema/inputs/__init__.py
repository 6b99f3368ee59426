"""GraphQL input types, and how they become orders and changes."""
