"""Where does a rollout's trail come from? From the topics, or from files of an export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from streams.audit.facts import AuditLog
from streams.audit.gather import audit_log_of
from streams.cli.clients import reading
from streams.cli.log import Entry, Log
from streams.errors import LogError
from streams.replay.files import read_topic, read_trail
from streams.replay.records import JUDGE_STATE, Sealed, StoredRecord, Trail, trail_of
from streams.settings import Settings
from streams.wire.signatures import TrustedKeys

DECISIONS = "decisions"

FromFiles = Annotated[
    Path | None,
    typer.Option("--from-files", help="Folder of an export, instead of the topics."),
]


class PartitionLog(Log):
    """A log of which one partition can be read alone."""

    def partition(self, topic: str, number: int) -> Iterator[StoredRecord]:
        """Every record of a partition up to its present end; LogError as `Log.read`."""
        sealed_as = self.settings.topic(topic) if topic == DECISIONS else None
        with reading(self.settings) as consumer, self.skipping:
            self._partitions(consumer, topic)
            for entry in self._to_ends(consumer, topic, [self._at(topic, number)]):
                yield from _stored(entry, sealed_as)


def open_trail(rollout: str, settings: Settings, folder: Path | None) -> Trail:
    """A rollout's trail; LogError where it was never decided upon or files are missing."""
    return read_trail(rollout, folder) if folder else trail_from_topics(rollout, settings)


def trail_from_topics(rollout: str, settings: Settings) -> Trail:
    """Read the partition that holds everything of a rollout."""
    log = PartitionLog(settings)
    newest = log.newest(DECISIONS, rollout)
    if newest is None:
        raise LogError(
            f"there is no decision of rollout `{rollout}`; `davy rollout list` shows those that "
            "there are"
        )
    trail = trail_of(rollout, lambda topic: log.partition(topic, newest.partition))
    state = newest_state(rollout, log.partition(JUDGE_STATE, newest.partition))
    return replace(trail, records={**trail.records, JUDGE_STATE: state})


def newest_state(rollout: str, records: Iterable[StoredRecord]) -> tuple[StoredRecord, ...]:
    """Where the chain ends: the last record of `judge-state`, without bytes that JSON knows not."""
    mine = [stored for stored in records if stored.key == rollout][-1:]
    return tuple(replace(stored, record=stored.record | {"outbox": []}) for stored in mine)


def audit_log(
    rollout: str, settings: Settings, folder: Path | None, trusted: TrustedKeys | None
) -> AuditLog:
    """What is audited of a rollout; LogError where a topic or file is missing."""
    if folder is not None:
        return audit_log_of(rollout, lambda topic: read_topic(folder, topic), trusted)
    log = PartitionLog(settings)
    number = log.number(DECISIONS, rollout)
    return audit_log_of(rollout, lambda topic: log.partition(topic, number), trusted)


def audited_rollouts(settings: Settings, folder: Path | None) -> list[str]:
    """Every rollout that was judged; by `judge-state`, which keeps one record of each."""
    if folder is not None:
        return sorted({stored.key for stored in read_topic(folder, JUDGE_STATE)})
    return sorted({entry.key for entry in Log(settings).read(JUDGE_STATE)})


def rollout_of(decision_id: str, settings: Settings) -> str | None:
    """The rollout that a decision belongs to, searched in all of `decisions`."""
    for entry in Log(settings).read(DECISIONS):
        if entry.record is not None and entry.record["decision_id"] == decision_id:
            return entry.key
    return None


def _stored(entry: Entry, sealed_as: str | None) -> Iterator[StoredRecord]:
    """The record; with its bytes and full topic name where it may be signed and is audited."""
    if entry.record is None:
        return
    sealed = None
    if sealed_as is not None:
        sealed = Sealed(topic=sealed_as, value=entry.value, headers=entry.headers)
    yield StoredRecord(
        key=entry.key,
        partition=entry.partition,
        offset=entry.offset,
        at_ms=entry.at_ms,
        record=entry.record,
        sealed=sealed,
    )
