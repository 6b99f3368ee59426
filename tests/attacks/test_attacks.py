"""Every attack, on the gateway, where it comes to nothing, and on a server without protection, where it succeeds."""

from __future__ import annotations

import attack_browser
import attack_connection
import attack_document
import attack_request
import attack_upload
import attack_webhook
import attack_websocket
import pytest
from attack import PROBES, Hole, Target

SURFACES = (
    attack_browser,
    attack_connection,
    attack_document,
    attack_request,
    attack_upload,
    attack_webhook,
    attack_websocket,
)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("name", PROBES)
async def test_it_comes_to_nothing(gateway: Target, name: str) -> None:
    await PROBES[name].probe(gateway)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, each in PROBES.items() if not each.waits])
async def test_it_succeeds_where_nothing_is_done_about_it(victims: dict[str, Target], name: str) -> None:
    with pytest.raises(Hole):
        await PROBES[name].probe(victims[PROBES[name].server])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, each in PROBES.items() if each.waits])
def test_it_succeeds_where_nobody_looks_at_the_clock(found: dict[str, BaseException | None], name: str) -> None:
    assert isinstance(found[name], Hole)


def test_there_are_attacks_on_every_surface() -> None:
    assert len(PROBES) >= 60
    for surface in SURFACES:
        assert [name for name, each in PROBES.items() if each.probe.__module__ == surface.__name__]
