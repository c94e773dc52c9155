"""What do fetched records of `panes` hold? One batch under way from bytes to facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streams.dashboard.pane_batch import (
    BREACH,
    COHORT,
    PANE,
    PROGRESS,
    Batch,
    Origin,
    Other,
    Panes,
    Said,
)
from streams.dashboard.pane_groups import Ints
from streams.panes.facts import Source
from streams.wire import pane_columns
from streams.wire.body_layout import Needed, chosen, from_records
from streams.wire.preamble import Begun, Layouts, Preamble

NAMESPACE = "davy."
_COUNTS = {"segment": "string", "arm": "string", "exposures": "long", "delays": ["long"]}
_COHORT: Needed = {
    "rollout": "string",
    "spec_hash": "string",
    "outcome": "string",
    "first_pane": "long",
    "panes": "int",
    "complete": "int",
    "cells": [_COUNTS],
}
NEEDED: Mapping[str, Needed] = {PANE: pane_columns.PANE, COHORT: _COHORT}
"""What is decoded at once, and what is read of it."""
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Records of `panes` as they came, those of a partition in its order."""

    values: Sequence[bytes | None]
    partitions: Sequence[int]
    written_ms: Sequence[int]
    """Their timestamps."""
    behind: frozenset[int] = frozenset()
    """Partitions that are still read for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """What becomes of records that are read by themselves, named by their place in what came."""

    read: Callable[[int], Record | None]
    """Decode one; None for one that is no good, which is told."""
    skip: Callable[[int, Exception], None]
    """Tell of one that makes no sense."""


@dataclass(slots=True, kw_only=True)
class Work:
    """One batch under way."""

    fetched: Fetched
    odd: Odd
    plain: dict[tuple[int, str], list[tuple[int, Preamble]]] = field(default_factory=dict)
    """By schema and kind: what can be decoded at once."""
    progress: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    """By partition and source partition."""
    origins: dict[int, Origin] = field(default_factory=dict)
    panes: list[tuple[Ints, Any]] = field(default_factory=list)
    others: list[Other] = field(default_factory=list)
    closed: dict[tuple[int, int], tuple[int, int | None]] = field(default_factory=dict)
    """By partition and source partition: place, and end of the last closed pane."""

    def sort(self, place: int, told: Preamble) -> bool:
        """Put a record where it belongs; False: it must be read by itself."""
        name = NAMESPACE + told.kind
        if name in NEEDED:
            self.plain.setdefault((told.schema_id, told.kind), []).append((place, told))
        elif name == PROGRESS and told.source == Source.PREDICTIONS:
            key = self.fetched.partitions[place], told.source_partition
            self.progress.setdefault(key, []).append(place)
        return name != BREACH

    def decode(self, begun: Begun, layouts: Layouts) -> list[int]:
        """Decode records of one schema and kind at once; those that are left."""
        places = [place for place, _ in begun]
        decoded = layouts.decode(self.fetched.values, begun)
        if decoded is None:
            return places
        structs, trusted = decoded
        self.origins.update(begun)
        if not trusted.all():
            structs = chosen(structs, np.flatnonzero(trusted))
        at = np.array(places, np.int64)
        self._found(NAMESPACE + begun[0][1].kind, at[trusted], structs)
        left: list[int] = at[~trusted].tolist()
        return left

    def read(self, place: int) -> None:
        """Read one record by itself."""
        record = self.odd.read(place)
        if record is None:
            return
        about = {name: record[name] for name in ("source_partition", "pane_ms")}
        self.origins[place] = Said(**about)
        name, body = record["body"]
        if name in NEEDED:
            self._found(name, np.array([place]), from_records([body], NEEDED[name]))
        elif name == BREACH:
            self.others.append(Other(at=place, name=name, body=body))
        elif name == PROGRESS and record["source"] == Source.PREDICTIONS:
            self._close(place, record)

    def last_word(self, places: Sequence[int]) -> None:
        """Of progress records of one source partition only the last that can be read counts."""
        for place in reversed(places):
            record = self.odd.read(place)
            if record is not None:
                self._close(place, record)
                return

    def batch(self) -> Batch:
        """All that was found."""
        return Batch(
            partitions=self.fetched.partitions,
            written_ms=self.fetched.written_ms,
            origins=self.origins,
            panes=self._panes(),
            others=sorted(self.others, key=lambda other: other.at),
            closed_ms={key: end_ms for key, (_, end_ms) in self.closed.items()},
            behind=self.fetched.behind,
        )

    def _found(self, name: str, places: Ints, structs: Any) -> None:
        if name == PANE:
            self.panes.append((places, structs))
            return
        for place, body in zip(places.tolist(), structs.to_pylist(), strict=True):
            self.others.append(Other(at=place, name=name, body=body))

    def _close(self, place: int, record: Record) -> None:
        body, source_partition = record["body"][1], record["source_partition"]
        key = self.fetched.partitions[place], source_partition
        if place > self.closed.get(key, (-1, None))[0]:
            end_ms = (body["closed_through"] + 1) * record["pane_ms"]
            self.closed[key] = place, None if body["idle"] else end_ms

    def _panes(self) -> Panes | None:
        """All panes; where they make no sense together, those that do by themselves."""
        parts = [part for part in self.panes if part[0].size]
        if not parts:
            return None
        at, structs = pane_columns.joined(parts)
        try:
            return Panes.of(structs, self.origins, at)
        except ValueError:
            good = np.flatnonzero([self._makes_sense(structs, n, at) for n in range(len(at))])
        return Panes.of(chosen(structs, good), self.origins, at[good]) if good.size else None

    def _makes_sense(self, structs: Any, number: int, at: Ints) -> bool:
        one = slice(number, number + 1)
        try:
            Panes.of(chosen(structs, np.arange(number, number + 1)), self.origins, at[one])
        except ValueError as error:
            self.odd.skip(int(at[number]), error)
            return False
        return True
