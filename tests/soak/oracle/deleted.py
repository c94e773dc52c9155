"""What did retention take from `predictions` before anybody read it? Kept aside, to be counted.

A scenario reads the log before it deletes from it. The oracle counts what was read by then, passes
over what nobody read, and expects that davy tells of each such stretch, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.soak.oracle.log import Record

Stretch = tuple[int, int, int]
"""Partition, first offset, end (excluded)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Records that are in no log any more, and which of them nobody had read."""

    records: tuple[Record, ...] = ()
    unread: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Partition -> first offset that nobody had read, end of what was deleted."""

    def whole(self, left: Sequence[Record]) -> list[Record]:
        """The log as it was: what was deleted, and what is left of it."""
        return sorted((*self.records, *left), key=lambda each: (each.partition, each.offset))

    def read(self, log: Sequence[Record]) -> list[Record]:
        """The part of a whole log that could be counted."""
        return [each for each in log if not self._missed(each)]

    def _missed(self, record: Record) -> bool:
        first, end = self.unread.get(record.partition, (0, 0))
        return first <= record.offset < end

    def stretches(self) -> set[Stretch]:
        """What must be told."""
        return {(partition, *stretch) for partition, stretch in self.unread.items()}


NOTHING = Deleted()


def told(panes: Sequence[tuple[Record, Mapping[str, Any]]], rollout: str) -> Iterator[Stretch]:
    """What davy tells a rollout of lost predictions."""
    for _, record in panes:
        name, body = record["body"]
        lost = name == "davy.Breach" and body["kind"] == "records_lost"
        if lost and (body["rollout"], body["topic"]) == (rollout, "predictions"):
            yield body["partition"], body["first"], body["last"] + 1
