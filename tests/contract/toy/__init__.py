"""Toy: a fifth provider as small as one can be, to show and to test what adding one takes.

People sign PDFs in turn or side by side. Nothing is composed, nothing is odd.
"""

from __future__ import annotations

from providers.registry import Provider
from providers.toy.adapter import ToyAdapter
from providers.toy.wire import Options, ParticipantOptions, ToySettings

PROVIDER = Provider(
    kind="toy",
    display_name="Toy",
    adapter=ToyAdapter,
    settings=ToySettings,
    options=Options,
    participant_options=ParticipantOptions,
)
