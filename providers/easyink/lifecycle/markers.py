"""Markers in subjects, the only place where EasyInk has room for one. People see a subject, so the marker is stripped again.

The form of a marker tells the step that it belongs to: a draft that is found by it can be compensated as what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from providers.easyink.client import EasyInkClient
from providers.easyink.session_reader import SessionReader
from providers.easyink.wire import LONGEST_PAGE, LONGEST_SUBJECT
from providers.saga import Step

DRAFT = "draft"
"""Step: a draft of the saga, compensated by deletion."""
REPLACEMENT = "replacement"
"""Step: the draft that replaces a voided session, and is never deleted."""
MARKER = "mark"
"""Step: the marker alone, compensated by stripping it."""

_FORMS: Mapping[str, str] = {DRAFT: "[{}]", REPLACEMENT: "[replacement {}]"}
_BEGIN, _END = _FORMS[REPLACEMENT].split("{}")
_CLOCK_SKEW = timedelta(minutes=5)
_MOST_SEARCHED = 100_000
"""Sessions; a list may have no end."""


def add_marker(step: str, title: str, marker: str) -> str:
    """The subject with a marker at its end, shortened where there is no room."""
    suffix = _FORMS[step].format(marker)
    return f"{title[: LONGEST_SUBJECT - len(suffix) - 1]} {suffix}".lstrip()


def step_of(subject: str | None, marker: str) -> str | None:
    """The name of the step whose marker a subject ends in; None where it has none."""
    return next((step for step, form in _FORMS.items() if (subject or "").endswith(form.format(marker))), None)


def strip_marker(subject: str) -> str:
    """The subject of a replacement without its marker."""
    title, begin, marker = subject.removesuffix(_END).rpartition(_BEGIN)
    return title.rstrip() if begin and subject.endswith(_END) and _END not in marker else subject


async def find_by_marker(client: EasyInkClient, reader: SessionReader, marker: str, since: datetime) -> tuple[Step, ...]:
    """The drafts whose subject has the marker. The search may lag behind, so each is checked to exist by its key."""
    steps: dict[str, Step] = {}
    offset: int | None = 0
    while offset is not None and offset <= _MOST_SEARCHED:
        page = await reader.page(offset, LONGEST_PAGE)
        for row in page.sessions:
            name = None if row.final else step_of(row.title, marker)
            if name is not None and row.key not in steps and await _exists(client, row.key):
                steps[row.key] = Step(name, row.key)
        old = [row.created_at is not None and row.created_at < since - _CLOCK_SKEW for row in page.sessions]
        offset = None if old and all(old) else page.next_offset
    return tuple(steps.values())


async def _exists(client: EasyInkClient, key: str) -> bool:
    return await client.draft_exists(key) or await client.session_exists(key)
