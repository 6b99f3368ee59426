"""Prints what the gateway costs: everything, or only what is named."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console

from tests.bench import execution, files, growth, live, outgoing, race, regression

PARTS = {
    "files": files.main,
    "live": live.main,
    "execution": execution.main,
    "outgoing": outgoing.main,
    "race": race.main,
    "regression": regression.main,
    "growth": growth.main,
}


async def main(names: list[str]) -> int:
    """Measures and prints one part after the other; 1 where a bound does not hold."""
    console = Console(width=120)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise SystemExit(f"There is no {unknown[0]}. There are: {', '.join(PARTS)}.")
    return max([await PARTS[name](console) for name in names or PARTS])


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
