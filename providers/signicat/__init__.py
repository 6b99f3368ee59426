"""Signicat Sign API v2: people sign documents in a browser, proven by an eID or by the login to one.

A native session has exactly one signer. An order with several participants therefore becomes one document collection
and one native session per participant, and shows as one ``Session`` (see ``composition``).

Its quirks, in a few lines: sessions are posted and answered as arrays, the answer perhaps in another order; a key is
``documentId`` here and ``id`` there; the state is at ``lifecycle.state`` and knows neither expired nor canceled;
SIGNED comes before the packaged file exists; an uploaded document lasts 30 minutes until a session uses it; signing
links are said once and never mailed; a session carries no creation time, though lists sort by it.

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
