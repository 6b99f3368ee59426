"""Object types of the schema. Each is bound to a class of ``providers.model`` or ``gateway``; none copies its values."""
