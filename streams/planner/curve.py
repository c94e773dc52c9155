"""How does the chance that harm is found grow with time? Points and text on a common axis."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from streams.planner import words
from streams.planner.facts import HORIZON_S, Detection

BLOCKS = " ▁▂▃▄▅▆▇█"
WIDTH = 60
STAGE_END = "│"
TICKS_S = (1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10_800, 43_200, 86_400, 259_200, 604_800)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Logarithmic time from `low_s` to `high_s`."""

    low_s: float
    high_s: float

    def place(self, seconds: float) -> float:
        """Where a time lies, 0 to 1."""
        span = math.log(self.high_s / self.low_s)
        return min(1.0, max(0.0, math.log(max(seconds, self.low_s) / self.low_s) / span))

    def time(self, place: float) -> float:
        """The time at a place."""
        return self.low_s * math.exp(place * math.log(self.high_s / self.low_s))

    @property
    def ticks(self) -> tuple[int, ...]:
        """Round times inside, with room between them."""
        inside = [tick for tick in (*TICKS_S, int(HORIZON_S)) if self.low_s <= tick <= self.high_s]
        chosen: list[int] = []
        for tick in inside:
            if not chosen or self.place(tick) - self.place(chosen[-1]) >= 0.1:  # noqa: PLR2004
                chosen.append(tick)
        return tuple(chosen)


def axis_of(detections: Sequence[Detection]) -> Axis:
    """From before the first case is found to the ends of the stages and nearly all cases."""
    firsts = [found.found_s[0] for found in detections]
    ends = [found.leg.lasts_s for found in detections]
    lasts = [s for found in detections for s in found.found_s if math.isfinite(s)]
    low = max(0.5, 0.5 * min([*firsts, *ends]))
    high = 1.15 * max([*ends, *lasts])
    return Axis(low_s=low, high_s=max(high, 4 * low))


def chance(found: Detection, seconds: float) -> float:
    """Share of cases found by then."""
    return bisect_right(found.found_s, seconds) / len(found.found_s)


def text_curves(detections: Sequence[Detection], width: int = WIDTH) -> list[str]:
    """A row per stage, `│` where it ends, and the axis below."""
    axis = axis_of(detections)
    labels = [words.share(found.leg.candidate_bp) for found in detections]
    margin = max(map(len, labels))
    last = detections[-1].leg
    rows = [
        f"{label:>{margin}} {_row(found, axis, width, ends=found.leg is not last)}"
        for label, found in zip(labels, detections, strict=True)
    ]
    return [*rows, f"{'':>{margin}} {_axis(axis, width)}"]


def _row(found: Detection, axis: Axis, width: int, *, ends: bool) -> str:
    cells = [_block(chance(found, axis.time((i + 1) / width))) for i in range(width)]
    if ends:
        cells[min(width - 1, int(axis.place(found.leg.lasts_s) * width))] = STAGE_END
    return "".join(cells).rstrip()


def _block(part: float) -> str:
    return BLOCKS[min(8, max(0, math.ceil(part * 8 - 0.1)))]


def _axis(axis: Axis, width: int) -> str:
    line = ""
    for tick in axis.ticks:
        place = int(axis.place(tick) * width)
        if place > len(line) or not line:
            line = f"{line:<{place}}{words.time(tick)}"
    return line
