"""Authentication: the viewer of a request, by a JSON Web Token or an API key, and the quota of that viewer."""

from gateway.auth.authentication import Authentication
from gateway.auth.refusal import CREDENTIALS_EXPIRED, Unauthenticated

__all__ = ["CREDENTIALS_EXPIRED", "Authentication", "Unauthenticated"]
