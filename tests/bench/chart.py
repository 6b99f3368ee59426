"""A bar chart as SVG that reads well on a light page and on a dark one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10

_WIDTH, _LEFT, _RIGHT, _ROW, _TITLE = 760, 230, 80, 22, 34
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.t{font-weight:600}.o{fill:#0f766e}.p{fill:#9aa4b2}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.o{fill:#2dd4bf}.p{fill:#5b6675}}"
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One value; ``ours`` stands out."""

    name: str
    value: float
    ours: bool


def bars(title: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Horizontal bars in groups, on one logarithmic scale."""
    values = [bar.value for _, group in groups for bar in group]
    least, most = min(values) / 2, max(values)
    parts: list[str] = [_text(0, 18, f"{title} (logarithmic scale)", "t")]
    y = 18.0
    for name, group in groups:
        y += _TITLE
        parts.append(_text(0, y, name, "t"))
        for bar in group:
            y += _ROW
            long = (_WIDTH - _LEFT - _RIGHT) * log10(bar.value / least) / log10(most / least)
            parts.append(_text(_LEFT - 8, y, bar.name, "t" if bar.ours else "", "end"))
            parts.append(
                f'<rect class="{"o" if bar.ours else "p"}" x="{_LEFT}" y="{y - 12:g}" width="{long:.1f}" height="16" rx="2"/>'
            )
            parts.append(_text(_LEFT + long + 6, y, f"{bar.value:,.0f}"))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 12:g}" role="img" aria-label="{escape(title)}">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>\n"])


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
