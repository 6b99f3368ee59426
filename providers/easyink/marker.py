"""Markers in subjects: the one place where EasyInk has room for them, and only until a draft is complete.

The name of a step is told by its mark, so that what is found can be undone as what it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from providers.easyink.wire import LONGEST_SUBJECT

DRAFT = "draft"
# Takes the place of a session that was voided for it: it cannot be undone, and is never deleted.
REPLACEMENT = "replacement"
# Its mark alone.
MARK = "mark"

_MARKS: Mapping[str, str] = {DRAFT: "[{}]", REPLACEMENT: "[replacement {}]"}
_BEGIN, _END = _MARKS[REPLACEMENT].split("{}")


def marked(step: str, title: str, marker: str) -> str:
    """The subject with a mark at its end, for which a long one gives way."""
    mark = _MARKS[step].format(marker)
    return f"{title[: LONGEST_SUBJECT - len(mark) - 1]} {mark}".lstrip()


def step_of(subject: str | None, marker: str) -> str | None:
    """The name of the step that left this subject behind; None where it does not carry the marker."""
    return next((step for step, mark in _MARKS.items() if (subject or "").endswith(mark.format(marker))), None)


def without_mark(subject: str) -> str:
    """The subject of a replacement as it should read."""
    before, mark, marker = subject.removesuffix(_END).rpartition(_BEGIN)
    return before.rstrip() if mark and subject.endswith(_END) and _END not in marker else subject
