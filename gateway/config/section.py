"""Section: the base model of every table, and the types of files and lists in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, field_validator

from providers.settings import validate_bounds


def existing(path: Path) -> Path:
    """The path of an existing file. Raises ``ValueError``."""
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    return path


def _split(value: object) -> object:
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


File = Annotated[Path, AfterValidator(existing)]
"""The path of an existing file."""
LISTED: Final = BeforeValidator(_split)
"""Marks a list that may also be one text, separated by commas."""


class Section(BaseModel):
    """A table of the configuration: refuses unknown keys, and shows no value in a message."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    _bounded = field_validator("*")(validate_bounds)
