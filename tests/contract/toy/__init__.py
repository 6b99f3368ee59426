"""Toy: the smallest fifth provider, which shows and tests what it takes to add one.

People sign PDFs one by one or all at once. Nothing is composed, and there are no quirks.
"""

from __future__ import annotations

from providers.registry import Provider
from providers.toy.adapter import ToyAdapter
from providers.toy.orders import ToyOptions, ToyParticipantOptions
from providers.toy.settings import ToySettings

PROVIDER = Provider(
    kind="toy",
    display_name="Toy",
    adapter=ToyAdapter,
    settings=ToySettings,
    options=ToyOptions,
    participant_options=ToyParticipantOptions,
)
