"""Asks a gateway by the client that was generated."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv[2])))
from countersign_client import CancelSessionInput, Client, SessionFilter


async def main() -> None:
    async with Client(url=f"{sys.argv[1]}/graphql") as client:
        assert (await client.who_am_i()).viewer.scopes
        found = (await client.sessions(wanted=SessionFilter(providers=["easyink"]), count=5)).sessions
        assert {each.provider for each in found.sources} == {"easyink"}
        given = CancelSessionInput(session="WyJTZXNzaW9uIiwiZWFzeWluayIsIngiXQ", reason="a test")
        problems = (await client.cancel(input=given)).cancel_session.problems
        assert [each.code.value for each in problems] == ["NOT_FOUND"], problems


asyncio.run(main())
