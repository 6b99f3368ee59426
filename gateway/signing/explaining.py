"""Why a session is as it is: what of its provider's payload became what of it."""

from __future__ import annotations

import anyio

from gateway.signing.comparing import Comparing
from providers.model import SessionRef
from providers.provenance import MappingReport, explain


class Explaining(Comparing):
    """Sessions explained."""

    async def explain(self, ref: SessionRef) -> MappingReport:
        """How a session's payload became the session, field by field. Raises ``NotFound``."""
        session = await self.session(ref)
        return await anyio.to_thread.run_sync(explain, session, self.directory.get(ref.provider).adapter.rules)
