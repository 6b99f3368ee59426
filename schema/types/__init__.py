"""The types of the contract. Each describes a value of ``providers.model`` or ``gateway``; none copies it."""
