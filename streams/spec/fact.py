"""What is every part of a spec? Immutable, with names that fit topics, URLs and command lines."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST_NAME = 128
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class Fact(BaseModel):
    """An immutable part of the spec; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
