"""What becomes of outcomes whose exposure was looked for in runs? Waiting is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from streams.panes.join.answers import JOINED, LATE, UNMATCHED, Codes, answer
from streams.panes.join.asked import Asked
from streams.panes.join.facts import Ints, Joined, JoinPlan
from streams.panes.join.runs import NOWHERE, Answers, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Fate codes of all outcomes asked, and the joined ones run by run, each in log order."""

    fates: Codes
    joined: Joined
    at: Ints
    """Index among those asked, of each that was joined."""
    tag: Answers

    def in_log_order(self) -> Joined:
        """The joined ones as they were asked for."""
        return chosen(self.joined, np.argsort(self.at, kind="stable"))


def settle(
    plan: JoinPlan,
    asked: Asked,
    runs: Sequence[Run],
    place: tuple[Ints, Ints],
    open_from: Ints,
) -> Settled:
    """Answer exposures; what was found nowhere, or after its outcome, is `unmatched`.

    `place` comes from `find_in`; `open_from`: by metric, the first pane that takes outcomes.
    """
    fates = np.full(asked.size, UNMATCHED, np.uint8)
    windows = np.array([each.window_ms for each in plan.windows], np.int64)
    run_of, rows = place
    parts, places = [nothing()], [np.empty(0, np.int64)]
    for number, at in _by_run(run_of):
        run = runs[number]
        event_ms = run.times(rows[at])
        since = asked.occurred_ms[at] - event_ms
        metric = asked.metric[at]
        late = (since > windows[metric]) | (event_ms // plan.pane_ms < open_from[metric])
        in_time = since >= -plan.early_ms
        fates[at[late & in_time]] = LATE
        good = at[in_time & ~late]
        fates[good] = answer(run, rows[good], asked.metric[good], asked.tag[good])
        won = good[fates[good] == JOINED]
        parts.append(_joined(plan, asked.chosen(won), run, rows[won]))
        places.append(won)
    at = np.concatenate(places)
    return Settled(fates=fates, joined=concatenated(parts), at=at, tag=asked.tag[at])


def _by_run(run_of: Ints) -> Iterator[tuple[int, Ints]]:
    """Numbers of runs, ascending, and which outcomes each holds, ascending."""
    order = np.argsort(run_of, kind="stable")
    numbers, first = np.unique(run_of[order], return_index=True)
    for number, at in zip(numbers.tolist(), np.split(order, first[1:]), strict=False):
        if number != NOWHERE:
            yield number, at


def _joined(plan: JoinPlan, asked: Asked, run: Run, rows: Ints) -> Joined:
    event_ms = run.times(rows)
    arm, segment, predicted_class, score, confidence = plan.packing.unpack(run.packed[rows])
    return Joined(
        row=asked.row,
        metric=asked.metric,
        said=asked.said,
        request_hash=asked.hashes,
        pane=event_ms // plan.pane_ms,
        arm=arm,
        segment=segment,
        delay_ms=np.maximum(asked.occurred_ms - event_ms, 0),
        predicted_class=predicted_class,
        score=score,
        confidence=confidence,
    )


def nothing() -> Joined:
    """No outcome."""
    ints, hashes, floats = np.empty(0, np.int64), np.empty(0, np.uint64), np.empty(0, np.float64)
    return Joined(
        row=ints,
        metric=ints,
        said=hashes,
        request_hash=hashes,
        pane=ints,
        arm=ints,
        segment=ints,
        delay_ms=ints,
        predicted_class=ints,
        score=floats,
        confidence=floats,
    )


def concatenated(parts: Sequence[Joined]) -> Joined:
    """One after another."""
    names = [each.name for each in fields(Joined)]
    return Joined(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def chosen(joined: Joined, at: Ints) -> Joined:
    """Some of them, in this order."""
    return Joined(**{each.name: getattr(joined, each.name)[at] for each in fields(Joined)})
