"""EasyInk: people sign in a browser, invited by e-mail or SMS. A session is a draft first.

Quirks of its public API (v1; ``api.easyink.io``, described by the vendor's API reference and hermes-docs):

- Draft and session share one id, the ``signingSessionId``: our key. Creating a session takes six kinds of calls.
- Ids come back as a bare JSON string; only "add self" answers an object.
- An upload returns before the document is processed: until then there is no download, no field, no start.
- A token belongs to a person, sees what that person sees, and cannot be refreshed without them. They consent at
  EasyInk's identity host and are sent back to EasyInk's own site, with the code in its address.
- The subject is the only room for a marker, and people see it: it is stripped before anybody is invited.
- Recreating a session voids it for good, and a voided session cannot be copied: it is rolled forward, never compensated.
- A phone number has ten digits and no country code. There is room for neither a message nor a due date.
- A child that does not exist is a ``ValidationError``, a draft or session that does not exist a ``NotFound``.
- The paths of most operations are not published: every one can be overridden under ``paths``.
"""

from __future__ import annotations

from providers.easyink.adapter import EasyInkAdapter
from providers.easyink.orders import EasyInkOptions, EasyInkParticipantOptions
from providers.easyink.settings import EasyInkSettings
from providers.registry import Provider

PROVIDER = Provider(
    kind="easyink",
    display_name="EasyInk",
    adapter=EasyInkAdapter,
    settings=EasyInkSettings,
    options=EasyInkOptions,
    participant_options=EasyInkParticipantOptions,
)
