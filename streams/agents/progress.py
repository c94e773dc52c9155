"""What does a worker know of its own progress? Facts, and when no progress is a stall.

Pure: offsets and seconds go in. A worker's main loop makes the facts, its server reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from streams.agents.batch import Partition, Place
from streams.judge.decision_facts import Decision
from streams.panes.facts import Marker


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldFacts:
    """What an owner of a source partition tells of itself."""

    marker: Marker
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """What became of outcomes, by word."""
    unsaved_s: float
    """Seconds since everything was durable; 0 where it is."""
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFacts:
    """What the judge's owner tells of one live rollout."""

    rollout: str
    service: str
    pane: int
    """The last one judged, -1 before the first."""
    lease_s: float
    """Seconds since its lease was renewed."""
    last: Decision | None = None
    """The last decision made here; None where this worker made none."""

    @property
    def seq(self) -> int:
        """Of its last decision; 0 where this worker made none."""
        return 0 if self.last is None else self.last.seq

    @property
    def failed(self) -> tuple[str, ...]:
        """Health checks that its last decision found failed, each once."""
        checks = () if self.last is None else self.last.health
        return tuple(sorted({check.name for check in checks if not check.ok}))


OwnerFacts = FoldFacts | tuple[JudgedFacts, ...]


class Standing(StrEnum):
    """How a partition stands."""

    GOES = "goes"
    HALTED = "halted"  # waits for a person to see to a record
    FAILED = "failed"  # to be built anew
    AWAY = "away"  # to be built anew once broker and registry answer
    STALLED = "stalled"  # stands still with records waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionFacts:
    """One owned partition."""

    partition: Partition
    standing: Standing
    next_offset: int
    lag: int
    """Records between it and the end of the log, markers left out where nothing else is."""
    unmoved_s: float
    """Seconds since `next_offset` moved or a pane was judged; 0 where there is nothing to read."""
    owner: OwnerFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
    """A worker as its main loop saw it last."""

    partitions: tuple[PartitionFacts, ...] = ()
    unowned: tuple[Partition, ...] = ()
    """Assigned, and not loaded yet."""
    assigned: bool = False
    """Whether the group has spoken at all."""
    broker_silent_s: float = 0.0
    waits_s: Mapping[str, float] = field(default_factory=dict)
    """Rollout -> seconds since the judge's last pane of it."""
    lost: Mapping[Partition, int] = field(default_factory=dict)
    skipped: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(topic, reason) -> records of nobody's on davy's own topics."""
    registry_failures: int = 0


def lag_of(next_offset: int, end: int, place: Place | None) -> int:
    """Records left to read. What only looks like it (transaction markers) is none.

    >>> lag_of(7, 9, Place(handed=7, fetched=9)), lag_of(7, 9, Place(handed=9, fetched=9))
    (0, 2)
    """
    if place is not None and next_offset >= place.handed and place.fetched >= end:
        return 0
    return max(0, end - next_offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How something that counts upwards has moved."""

    at: int
    highest: int
    unmoved_s: float = 0.0
    stalls: int = 0
    """How often it stood still too long since it was last beyond `highest`."""


class Courses:
    """The courses of several things; time counts only while there is something to do."""

    def __init__(self) -> None:
        self._courses: dict[object, Course] = {}

    def look(self, what: object, at: int, *, waiting: bool, passed_s: float) -> Course:
        """Where it stands now, `passed_s` after the last look."""
        before = self._courses.get(what)
        course = Course(at=at, highest=at)
        if before is not None:
            stood = waiting and at == before.at
            course = Course(
                at=at,
                highest=max(at, before.highest),
                unmoved_s=before.unmoved_s + passed_s if stood else 0.0,
                stalls=before.stalls if at <= before.highest and waiting else 0,
            )
        self._courses[what] = course
        return course

    def unmoved_s(self, what: object) -> float:
        """Seconds without a move at the last look; 0 for what has not been looked at."""
        course = self._courses.get(what)
        return 0.0 if course is None else course.unmoved_s

    def highest(self, what: object, default: int) -> int:
        """How far it has ever come; `default` for what has not been looked at."""
        course = self._courses.get(what)
        return default if course is None else course.highest

    def stalled(self, what: object) -> int:
        """Begin its time anew after a stall; how many there were in a row."""
        before = self._courses[what]
        self._courses[what] = Course(at=before.at, highest=before.highest, stalls=before.stalls + 1)
        return before.stalls + 1

    def keep(self, known: Iterable[object]) -> None:
        """Forget all the others."""
        kept = set(known)
        self._courses = {w: course for w, course in self._courses.items() if w in kept}
