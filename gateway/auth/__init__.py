"""Who somebody is, by the credentials that they send: a JSON Web Token, or a key of an API."""

from gateway.auth.authentication import Authentication
from gateway.auth.refusal import CREDENTIALS_EXPIRED, Unauthenticated

__all__ = ["CREDENTIALS_EXPIRED", "Authentication", "Unauthenticated"]
