"""How does what the board takes in become stories? The board's own word, and more.

What a decision means is the board's matter (`streams/verdicts`): a story takes in what the board
has accepted, so that the page never shows what no actuator would act on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from streams.actuator.desk import Record, SpecRead
from streams.dashboard.answers.story import Part
from streams.dashboard.stories import Stories
from streams.dashboard.story import Story
from streams.dashboard.told import FullCommand, FullDecision, FullLease, FullRouting
from streams.verdicts.board import Board
from streams.verdicts.facts import Known

EVIDENCE_MS = 24 * 3600 * 1000
"""For so long after its end the board keeps a rollout's evidence; its last word it keeps on."""
SWEEP_S = 60.0


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Watched(Board):
    """A board that has what it takes in told to stories. Records must be those of `told.full`.

    Board and story change in one step, as those see it who look while they read a story.
    """

    def __init__(self, stories: Stories, *, wall_ms: Callable[[], int] = _wall_ms) -> None:
        super().__init__()
        self._stories, self._wall_ms = stories, wall_ms
        self._swept = self.clock()

    def take(self, record: Record, partition: int, *, live: bool) -> None:
        """See Board."""
        with self._stories.writing():
            match record:
                case SpecRead():  # first: the board takes in what waited for this spec
                    self._stories.take_spec(record)
                    super().take(record, partition, live=live)
                case FullDecision() if self.get(record.rollout) is not None:
                    self._decision(record, partition, live=live)
                case _:
                    super().take(record, partition, live=live)
                    self._tell(record)
            if self.clock() - self._swept >= SWEEP_S:
                self._sweep()

    def clear(self) -> None:
        """See Board."""
        with self._stories.writing():
            super().clear()
            self._stories.clear()

    def _tell(self, record: Record) -> None:
        """What the board has taken in, a decision or a spec excepted."""
        match record:
            case FullCommand():
                self._stories.take_command(record)
            case FullLease():
                tell = partial(Story.hear, lease=record)
                self._stories.change(record.rollout, Part.LEASE, tell)
            case FullRouting():
                told = partial(Story.route, record=record)
                self._stories.change(record.rollout, Part.ROUTING, told)
            case _:
                pass  # a decision on a rollout that nobody applied

    def _decision(self, fact: FullDecision, partition: int, *, live: bool) -> None:
        """The board keeps what it needs of it, the story keeps all."""
        kept = fact.kept()
        super().take(kept, partition, live=live)
        known = self.get(fact.rollout)
        if known is not None and known.told is kept:
            self._stories.change(fact.rollout, Part.DECISION, partial(Story.decide, fact=fact))
        elif known is not None:
            self._doubt(fact, known)

    def _doubt(self, fact: FullDecision, known: Known) -> None:
        """One that the board did not accept is told as doubted, unless it only repeats another."""
        refused = known.refused if known.refused.startswith(f"decision #{fact.seq} ") else ""
        why = refused if fact.doubted is None else fact.doubted.sentence
        repeats = known.told is not None and fact.decision_id == known.told.decision_id
        if why and not repeats:
            tell = partial(Story.doubt, fact=fact, why=why)
            self._stories.change(fact.rollout, Part.DECISION, tell)

    def _sweep(self) -> None:
        """Let go of evidence on what ended long ago."""
        self._swept, oldest_ms = self.clock(), self._wall_ms() - EVIDENCE_MS
        for rollout, known in self._known.items():
            told = known.told
            if known.ended and told is not None and told.verdicts and told.at_ms < oldest_ms:
                self._known[rollout] = replace(known, told=replace(told, verdicts=()))
