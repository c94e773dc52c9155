"""Where does a value of the spec come from: its author, a default, or other values?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from streams.spec.model import RolloutSpec

T = TypeVar("T")


class Origin(StrEnum):
    """Who decided."""

    FILE = "file"
    DEFAULT = "default"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who decided, and where: `spec.yaml:3`, or what it was derived from."""

    origin: Origin
    at: str = ""

    def __str__(self) -> str:
        match self.origin:
            case Origin.FILE:
                return self.at
            case Origin.DEFAULT:
                return "default"
            case Origin.DERIVED:
                return f"derived from {self.at}"


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """A value and its source."""

    value: T
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSpec:
    """A spec that makes sense, and for each of its values where that came from.

    Keys of `provenance` are paths in the words of the YAML: `service`, `stages[0].weight`,
    `metrics.p99.margin`, `route.name`, `route.envoy`.
    """

    spec: RolloutSpec
    provenance: Mapping[str, Source]
