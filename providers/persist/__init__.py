"""Signatures Persist (perfumerlabs/ncanode): a store that keeps CMS and XML signatures with their versions.

A session is one record, known by its document and thread; its key is both percent-encoded and joined by a slash.
Nobody signs at a store: the signers are read out of the signature itself.

Quirks of the server (from its source, dev@3ff7d8f, and runs of it):

* it answers JSON as ``text/html``, 404 for unknown paths as plain text, and 500 with an empty body;
* it checks a version and then writes, without a lock: simultaneous writers overwrite each other;
* an update forgets tags, comment and author unless they are sent again;
* its list joins with tags: untagged signatures are missing, others repeat, and the count is of rows;
* every string is trimmed, an empty one is null, and ``"0"`` counts as missing.

Source: https://github.com/perfumerlabs/ncanode
"""

from __future__ import annotations

from providers.persist.adapter import PersistAdapter
from providers.persist.orders import PersistOptions, PersistParticipantOptions
from providers.persist.settings import PersistSettings
from providers.registry import Provider

PROVIDER = Provider(
    kind="persist",
    display_name="Signatures Persist",
    adapter=PersistAdapter,
    settings=PersistSettings,
    options=PersistOptions,
    participant_options=PersistParticipantOptions,
)
