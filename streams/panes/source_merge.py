"""When is a pane of a source whole, and what is in it? Over all its partitions, for one rollout.

The watermark is the minimum of `closed_through` over the partitions that are not idle; a partition
that has not activated, or has no owner, blocks. What an idle partition brings later for panes that
were taken is counted late.
"""

from __future__ import annotations

import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from streams.panes.facts import NONE, Source


class Mergeable(Protocol):
    """What a source's panes hold of one (segment, arm)."""

    def merge(self, other: Self) -> None:
        """Add another partition's."""

    def copy(self) -> Self:
        """An independent copy."""


Part = TypeVar("Part", bound=Mergeable)

NEAR = 64
"""Panes that wait as sketches, and within the state; those further ahead wait packed."""


@dataclass(slots=True)
class SourceProgress:
    """What one source partition has said so far."""

    closed_through: int = NONE
    idle: bool = False
    from_pane: int | None = None
    """First pane that counts; None until it has activated, -1 if it had seen no event then."""
    last_pane: int = NONE
    """Highest pane taken from it: anything up to it is a repetition."""


@dataclass(slots=True)
class SourceMerge(ABC, Generic[Part]):
    """Panes of one rollout and source on their way to the judge."""

    source: ClassVar[Source]
    member: ClassVar[str]
    """The union member that is a closed pane of it."""
    content: ClassVar[str]
    """The field that holds its parts."""
    near: ClassVar[int] = NEAR

    sources: dict[int, SourceProgress] = field(default_factory=dict)
    partitions: int | None = None
    pane_ms: int | None = None
    next_pane: int | None = None
    pending: dict[int, dict[tuple[str, str], Part]] = field(default_factory=dict)
    """Panes taken and not due, up to `NEAR` ahead."""
    packed: dict[int, list[bytes]] = field(default_factory=dict)
    """Panes further ahead, as each partition told them. They grow while one source partition
    blocks: by one pane (some hundred bytes for each segment, arm and partition) each `pane_ms`.

    Without a bound on purpose. Not reading `panes` would also stop the progress that ends the
    block, and the other rollouts. Whoever blocks is silent, so weights do not rise meanwhile.
    The state leaves them out: who restores it takes them again from `panes`.
    """
    _again: dict[int, int] = field(default_factory=dict)
    """Partition -> highest pane that was taken again."""
    late: int = 0
    """Panes that came after theirs had been judged."""

    @staticmethod
    @abstractmethod
    def _read(states: Iterable[Mapping[str, Any]], /) -> dict[tuple[str, str], Part]:
        """A pane's parts from what was written."""

    @staticmethod
    @abstractmethod
    def _written(parts: dict[tuple[str, str], Part], /) -> list[dict[str, Any]]:
        """What is written of a pane's parts."""

    def take(self, record: Mapping[str, Any], rollout: str, spec_hash: str) -> None:
        """Take a decoded record of `panes`; those of other sources and rollouts do nothing."""
        if record["source"] != self.source:
            return
        name, body = record["body"]
        partition = record["source_partition"]
        if name == "davy.Progress":
            self.progress(partition, body["closed_through"], idle=body["idle"])
        elif (body["rollout"], body["spec_hash"]) != (rollout, spec_hash):
            return
        elif name == self.member:
            self.pane(partition, body["pane"], self._read(body[self.content]))
        elif name == "davy.Activation" and body["until_offset"] is None:
            count, pane_ms = record["source_partitions"], record["pane_ms"]
            self.activation(partition, count, pane_ms, body["from_pane"])

    def activation(self, partition: int, partitions: int, pane_ms: int, from_pane: int) -> None:
        """A source partition counts from this pane on."""
        self.partitions, self.pane_ms = partitions, pane_ms
        self._source(partition).from_pane = from_pane

    def progress(self, partition: int, closed_through: int, *, idle: bool) -> None:
        """A source partition has closed panes up to here."""
        source = self._source(partition)
        source.closed_through = max(source.closed_through, closed_through)
        source.idle = idle

    def pane(self, partition: int, pane: int, cells: dict[tuple[str, str], Part]) -> None:
        """Take one closed pane; repetitions are dropped, late ones counted."""
        source = self._source(partition)
        if pane <= source.last_pane:
            return
        source.last_pane = pane
        if self.next_pane is not None and pane < self.next_pane:
            self.late += 1
            return
        self._hold(pane, cells)

    def take_again(self, record: Mapping[str, Any], rollout: str, spec_hash: str) -> None:
        """Take a pane again that a restored state has left out; all else it knows."""
        name, body = record["body"]
        if (record["source"], name) != (self.source, self.member):
            return
        partition, pane = record["source_partition"], body["pane"]
        ours = (body["rollout"], body["spec_hash"]) == (rollout, spec_hash)
        judged = self.next_pane is not None and pane < self.next_pane
        if ours and not judged and pane > self._again.get(partition, NONE):
            self._again[partition] = pane
            self._hold(pane, self._read(body[self.content]))

    def _hold(self, pane: int, parts: dict[tuple[str, str], Part]) -> None:
        first = self.next_pane
        if first is None:
            first = min(self.pending, default=pane)
        if pane - first < self.near:
            _add(self.pending.setdefault(pane, {}), parts)
        else:
            text = json.dumps(self._written(parts), separators=(",", ":"))
            self.packed.setdefault(pane, []).append(zlib.compress(text.encode(), 1))

    def _taken(self, pane: int) -> dict[tuple[str, str], Part]:
        """What waited of a pane, which waits no longer."""
        found = self.pending.pop(pane, {})
        for each in self.packed.pop(pane, ()):
            _add(found, self._read(json.loads(zlib.decompress(each))))
        return found

    @property
    def crowded(self) -> bool:
        """Whether more panes wait than a state holds."""
        return bool(self.packed)

    @property
    def idle(self) -> tuple[int, ...]:
        """Partitions that have declared themselves idle."""
        return tuple(sorted(p for p, source in self.sources.items() if source.idle))

    def take_next(self, lag: int = 0) -> tuple[int, dict[tuple[str, str], Part]] | None:
        """Step past the next pane that is whole: its index and parts; None while it is not.

        `lag`: panes by which closing follows the watermark.
        """
        if self.next_pane is None:
            self.next_pane = self._first_pane()
        busy = [source.closed_through for source in self.sources.values() if not source.idle]
        if self.next_pane is None or not busy or min(busy) - lag < self.next_pane:
            return None
        pane, self.next_pane = self.next_pane, self.next_pane + 1
        return pane, self._taken(pane)

    def _first_pane(self) -> int | None:
        """The first pane that is whole on every partition; None until all have activated."""
        starts = [source.from_pane for source in self.sources.values()]
        if self.partitions is None or len(starts) < self.partitions:
            return None
        known = [start for start in starts if start is not None]
        if len(known) < len(starts):
            return None
        seen = [start for start in known if start > NONE]
        waiting = self.pending.keys() | self.packed.keys()
        first = max(seen) if seen else min(waiting, default=None)
        if first is not None:
            for pane in [pane for pane in waiting if pane < first]:
                self._taken(pane)
        return first

    def _source(self, partition: int) -> SourceProgress:
        return self.sources.setdefault(partition, SourceProgress())

    def _state(self) -> dict[str, Any]:
        """JSON-able state of what all sources have."""
        return {
            "sources": {
                str(p): [s.closed_through, s.idle, s.from_pane, s.last_pane]
                for p, s in sorted(self.sources.items())
            },
            "partitions": self.partitions,
            "pane_ms": self.pane_ms,
            "next_pane": self.next_pane,
            "pending": {} if self.crowded else self._written_pending(),
            "late": self.late,
        }

    def _written_pending(self) -> dict[str, Any]:
        return {str(pane): self._written(cells) for pane, cells in sorted(self.pending.items())}

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `_state` wrote."""
        self.sources = {int(p): SourceProgress(*s) for p, s in state["sources"].items()}
        self.partitions, self.pane_ms = state["partitions"], state["pane_ms"]
        self.next_pane, self.late = state["next_pane"], state["late"]
        self.pending = {int(pane): self._read(cells) for pane, cells in state["pending"].items()}


def _add(merged: dict[tuple[str, str], Part], parts: Mapping[tuple[str, str], Part]) -> None:
    for key, part in parts.items():
        if key in merged:
            merged[key].merge(part)
        else:
            merged[key] = part.copy()
