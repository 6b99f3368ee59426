"""Tables of results, for the screen and for a page."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; the first column names its rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def drawn(grid: Grid) -> Table:
    """For the screen."""
    table = Table(title=grid.title)
    for column in grid.columns:
        table.add_column(column, justify="left" if column == grid.columns[0] else "right")
    for row in grid.rows:
        table.add_row(*row)
    return table


def write(name: str, about: str, grids: Sequence[Grid]) -> None:
    """A page with these tables among the results."""
    parts = [about, "", f"Measured by `make bench` on {platform.machine()}, CPython {platform.python_version()}.", ""]
    for grid in grids:
        parts += [f"## {grid.title}", "", f"| {' | '.join(grid.columns)} |", "|" + "---|" * len(grid.columns)]
        parts += [f"| {' | '.join(row)} |" for row in grid.rows]
        parts.append("")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text("\n".join(parts))
