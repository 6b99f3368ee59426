"""The service: composition, storage, and every use case of signing. ``app`` puts it together."""
