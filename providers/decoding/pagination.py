"""Paging through lists whose totals may be wrong."""

from __future__ import annotations


def next_offset(offset: int, rows: int, limit: int, total: int | None) -> int | None:
    """The offset of the following page, None at the end: by the total that the provider states, unless its rows belie it.

    A page without rows ends a list whatever the total, and a full page beyond the total does not end it.
    """
    end = offset + rows
    more = rows >= limit if total is None or total < end else end < total
    return end if rows and more else None
