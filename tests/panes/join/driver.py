"""Feeds an index with a log of predictions, outcomes and closings, and keeps a store of it."""

from __future__ import annotations

from itertools import groupby

from hypothesis import strategies as st

from streams.panes.join.facts import JoinPlan
from streams.panes.join.index import JoinIndex
from tests.panes.join.model import (
    PANE_MS,
    Close,
    Found,
    Outcome,
    Prediction,
    Step,
    exposures,
    found,
    outcomes,
    plan,
)

IDS = (0, 1, 2, 5 << 40, 1 << 62, 1 << 63, (1 << 63) + 1, (1 << 64) - 1)
SAYS = 3
SHORT, MIDDLE, LONG = 80, 640, 16_000
"""Milliseconds held: 8, 64 and 1600 panes; the widest run has 1, 8 and 128."""


class Driver:
    """Feeds an index with batches and keeps a store of its changes."""

    def __init__(self, how: JoinPlan) -> None:
        self.index = JoinIndex(how)
        self.found: list[Found] = []
        self.store: dict[str, bytes] = {}

    def take(self, steps: list[Step], batch: int = 5000) -> None:
        for kind, group in groupby(steps, type):
            run = list(group)
            for first in range(0, len(run), batch):
                self._feed(kind, run[first : first + batch])

    def _feed(self, kind: type[Step], steps: list[Step]) -> None:
        if kind is Prediction:
            self.index.add(exposures(steps))
        elif kind is Outcome:
            self.found += found(self.index.join(outcomes(steps)))
        else:
            panes = sum(step.panes for step in steps)
            self.found += found(self.index.advance(self.index.closed_through + panes))

    def write(self) -> None:
        changes = self.index.changed()
        self.store |= changes.written
        for key in changes.gone:
            del self.store[key]

    def restart(self) -> None:
        self.index = JoinIndex.restored(self.index.plan, self.store)


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    """A log: predictions of open panes, outcomes near and far, panes that close."""
    closed, made = -1, list[Step]()
    near = st.integers(-60, 300) | st.integers(-60, 20_000)
    for _ in range(draw(st.integers(0, 40))):
        match draw(st.sampled_from("ppooooc")):
            case "p":
                event_ms = (closed + 1) * PANE_MS + draw(st.integers(0, 45))
                made.append(
                    Prediction(
                        request=draw(st.sampled_from(IDS)),
                        event_ms=event_ms,
                        arm=draw(st.integers(0, 2)),
                    )
                )
            case "o":
                made.append(
                    Outcome(
                        request=draw(st.sampled_from(IDS)),
                        occurred_ms=max(0, (closed + 1) * PANE_MS + 100 - draw(near)),
                        metric=draw(st.integers(0, 1)),
                        outcome=draw(st.integers(0, 2)),
                        says=draw(st.integers(0, SAYS - 1)),
                    )
                )
            case _:
                panes = draw(st.integers(1, 4) | st.sampled_from([7, 30, 129, 1700]))
                closed += panes
                made.append(Close(panes=panes))
    return made


plans = st.builds(
    plan,
    st.sampled_from([SHORT, MIDDLE, LONG]),
    share=st.sampled_from([1.0, 0.5]),
    max_pending=st.sampled_from([2, 1000]),
)


def driven(how: JoinPlan, log: list[Step], batch: int = 5000) -> Driver:
    driver = Driver(how)
    driver.take(log, batch)
    return driver
