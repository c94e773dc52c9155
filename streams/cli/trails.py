"""Where does a rollout's trail come from? From the topics, or from files of an export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.clients import reading
from streams.cli.log import Entry, Log
from streams.errors import LogError
from streams.replay.files import read_trail
from streams.replay.records import StoredRecord, Trail, trail_of
from streams.settings import Settings

FromFiles = Annotated[
    Path | None,
    typer.Option("--from-files", help="Folder of an export, instead of the topics."),
]


class PartitionLog(Log):
    """A log of which one partition can be read alone."""

    def partition(self, topic: str, number: int) -> Iterator[StoredRecord]:
        """Every record of a partition up to its present end; LogError as `Log.read`."""
        with reading(self.settings) as consumer, self.skipping:
            self._partitions(consumer, topic)
            for entry in self._to_ends(consumer, topic, [self._at(topic, number)]):
                yield from _stored(entry)


def open_trail(rollout: str, settings: Settings, folder: Path | None) -> Trail:
    """A rollout's trail; LogError where it was never decided upon or files are missing."""
    return read_trail(rollout, folder) if folder else trail_from_topics(rollout, settings)


def trail_from_topics(rollout: str, settings: Settings) -> Trail:
    """Read the partition that holds everything of a rollout."""
    log = PartitionLog(settings)
    newest = log.newest("decisions", rollout)
    if newest is None:
        raise LogError(
            f"there is no decision of rollout `{rollout}`; `davy rollout list` shows those that "
            "there are"
        )
    return trail_of(rollout, lambda topic: log.partition(topic, newest.partition))


def rollout_of(decision_id: str, settings: Settings) -> str | None:
    """The rollout that a decision belongs to, searched in all of `decisions`."""
    for entry in Log(settings).read("decisions"):
        if entry.record is not None and entry.record["decision_id"] == decision_id:
            return entry.key
    return None


def _stored(entry: Entry) -> Iterator[StoredRecord]:
    if entry.record is not None:
        yield StoredRecord(
            key=entry.key,
            partition=entry.partition,
            offset=entry.offset,
            at_ms=entry.at_ms,
            record=entry.record,
        )
