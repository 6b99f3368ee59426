"""The command line tells the same figures as the gateway, and reads at every provider in turn."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from race import Race

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


async def command(race: Race, folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Runs ``countersign compare`` with the configuration of the gateways."""
    lines = ["[database]", f"url = {json.dumps(race.database)}"]
    for kind, sandbox in race.sandboxes.items():
        lines.append("[[providers]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in sandbox.settings(race.urls[kind]).items()]
    file = folder / "countersign.toml"
    file.write_text("\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "compare", "--config", str(file), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"COLUMNS": "160"},
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def alike(told: dict[str, Any], figures: dict[str, Any]) -> bool:
    return all(figures[name] == value for name, value in told.items() if name not in {"provider", "sessions"})


async def test_it_tells_what_the_gateway_tells_and_reads_in_turn(race: Race, tmp_path: Path) -> None:
    one = await race.start("one")
    for kind in race.sandboxes:
        await one.create(kind)
    race.fail("signicat", 1, status=503)
    await one.list(maxAge="PT0S")
    figures = await race.figures(one)
    before = {kind: len(race.counted(kind)) for kind in race.sandboxes}
    await race.stop("one")
    race.slow("seal", 30)
    race.fail("persist", 1000, kind="reset")
    code, out, err = await command(race, tmp_path, "--json", "--window", "PT1H", "--probe", "2")
    assert code == 0, err
    told = json.loads(out)
    assert [each["provider"] for each in told["providers"]] == list(race.sandboxes)
    assert all(alike(each, figures[each["provider"]]) for each in told["providers"])
    probes = {each["provider"]: each for each in told["probes"]}
    assert {each["reads"] for each in probes.values()} == {2}
    assert probes["seal"]["failures"] == 0
    assert probes["seal"]["latency"]["samples"] == 2
    assert probes["seal"]["latency"]["p50Ms"] >= 29.5
    assert probes["persist"]["failures"] == 2
    assert probes["persist"]["problem"]
    after = {kind: race.counted(kind)[before[kind] :] for kind in race.sandboxes}
    assert all(calls for calls in after.values())
    assert {call.method for kind, calls in after.items() for call in calls if "token" not in call.path} == {"GET"}


async def test_it_shows_a_table_of_those_that_are_named(race: Race, tmp_path: Path) -> None:
    one = await race.start("one")
    await one.create("seal")
    await race.stop("one")
    code, out, err = await command(race, tmp_path, "--providers", "seal,persist")
    assert code == 0, err
    assert "seal" in out
    assert "easyink" not in out
    requests = next(line for line in out.splitlines() if "requests" in line)
    assert [cell.strip() for cell in requests.split("│")[2:4]] == [str(len(race.counted("seal"))), "0"]
    code, out, err = await command(race, tmp_path, "--providers", "nowhere")
    assert code == 1
    assert "no provider of that name" in err
    code, _, err = await command(race, tmp_path, "--window", "soon")
    assert (code, "A window is written like" in err) == (1, True)
