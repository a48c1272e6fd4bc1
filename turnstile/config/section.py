"""Base class of the settings' sections, and types of values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_settings import NoDecode


class Section(BaseModel):
    """One group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


def listed(value: Any) -> Any:
    """Accept a list; from the environment and flags also JSON, or names separated by commas.

    Raises:
        ValueError: It begins as JSON, and is none.
    """
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError('is no list; write ["a", "b"], or a,b') from None
    return [name.strip() for name in value.split(",") if name.strip()]


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)]
# An empty path would be the folder that the process runs in.
File = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
