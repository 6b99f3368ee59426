"""What every table of the configuration is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, field_validator

from providers.settings import validate_bounds


def existing(path: Path) -> Path:
    """The path of a file that is there. Raises ``ValueError``."""
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    return path


def _listed(value: object) -> object:
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


File = Annotated[Path, AfterValidator(existing)]
"""The path of a file that is there."""
LISTED: Final = BeforeValidator(_listed)
"""Marks a list that may be written with commas as well."""


class Section(BaseModel):
    """A table of the configuration: no key that is unknown, and no value in a message."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    _bounded = field_validator("*")(validate_bounds)
