"""Signicat Sign API v2: people sign documents in a browser, with an eID or authenticated by one.

A native session has exactly one signer. An order with several participants therefore becomes one document collection
and one native session per participant, which are shown as one ``Session`` (see ``composition``).

Quirks of its API:

- Sessions are posted and answered as arrays; the answer may have another order.
- A key is ``documentId`` in some objects and ``id`` in others.
- ``lifecycle.state`` has neither expired nor canceled, and SIGNED precedes the packaged file.
- An uploaded document is dropped after 30 minutes unless a session uses it.
- A signing link is answered once and never mailed; a session has no creation time, though lists sort by it.

Vendor pages: "Signicat Sign API v2 reference", "Signicat Electronic Signing documentation" (developer.signicat.com).
"""

from __future__ import annotations

from providers.registry import Provider
from providers.signicat.adapter import SignicatAdapter
from providers.signicat.options import SignicatOptions, SignicatParticipantOptions
from providers.signicat.settings import SignicatSettings

PROVIDER = Provider(
    kind="signicat",
    display_name="Signicat",
    adapter=SignicatAdapter,
    settings=SignicatSettings,
    options=SignicatOptions,
    participant_options=SignicatParticipantOptions,
)
