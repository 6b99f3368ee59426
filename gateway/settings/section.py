"""What every table of the configuration is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


def listed(value: object) -> object:
    """A list, also where it is written with commas."""
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


class Section(BaseModel):
    """A table of the configuration: no key that is unknown, and no value in a message."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
