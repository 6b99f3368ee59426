"""The GraphQL face of the gateway: the public contract over ``Signing``. Holds no rule about signing.

``enums`` has to be first: whatever describes a value of the model needs its enums registered.
"""

from schema import enums, root

schema = root.schema

__all__ = ["enums", "schema"]
