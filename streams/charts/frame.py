"""Where does a value lie in a drawing? A frame with room for ticks, and scales from values to it.

Parts of a frame run from 0 to 1, from the left and from below; pixels are those of the SVG's box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

ROUND_STEPS = (1, 2, 5, 10)
TIME_STEPS_S = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200),
    *(86_400, 172_800, 604_800, 2_419_200),
)
"""Seconds, minutes, hours, days: steps that people count time in."""
NEARLY = 1e-9
"""Part of a step by which a tick may miss an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A drawing's box in pixels, and the room around what is drawn."""

    width: int = 760
    height: int = 260
    left: int = 52
    right: int = 16
    top: int = 14
    bottom: int = 40

    def x(self, part: float) -> float:
        """Pixels from the box's left edge."""
        return self.left + (self.width - self.left - self.right) * part

    def y(self, part: float) -> float:
        """Pixels from the box's upper edge."""
        return self.top + (self.height - self.top - self.bottom) * (1 - part)


class Bend(StrEnum):
    """How a scale spreads its values."""

    EVEN = "even"
    ROOT = "root"  # small values get more room, and 0 has a place: shares
    LOG = "log"  # equal factors get equal room: latencies


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From values to parts of a frame; `low` < `high`, and above 0 where the bend is LOG."""

    low: float
    high: float
    bend: Bend = Bend.EVEN

    def place(self, value: float) -> float:
        """Part of the frame, 0 to 1; what lies beyond an end is put there.

        >>> Scale(low=0, high=100, bend=Bend.ROOT).place(25), Scale(low=0, high=4).place(5)
        (0.5, 1.0)
        """
        low, high = self._bent(self.low), self._bent(self.high)
        inside = min(max(value, self.low), self.high)
        return (self._bent(inside) - low) / (high - low)

    def _bent(self, value: float) -> float:
        match self.bend:
            case Bend.EVEN:
                return value
            case Bend.ROOT:
                return math.sqrt(value)
            case Bend.LOG:
                return math.log(value)
            case _:
                assert_never(self.bend)


def ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Round values from `low` to `high`, which is larger; about `most` of them.

    >>> ticks(0.0, 1.7, 5)
    (0.0, 0.5, 1.0, 1.5)
    """
    rough = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * each for each in ROUND_STEPS if unit * each >= rough * (1 - NEARLY))
    first, last = math.ceil(low / step - NEARLY), math.floor(high / step + NEARLY)
    return tuple(round(number * step, 12) for number in range(first, last + 1))


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """1, 2 and 5 times powers of ten from `low` to `high`; powers alone where those are many.

    >>> log_ticks(0.9, 30.0), log_ticks(0.5, 20_000.0)
    ((1.0, 2.0, 5.0, 10.0, 20.0), (1.0, 10.0, 100.0, 1000.0, 10000.0))
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    few = math.log10(high / low) <= 3  # noqa: PLR2004 - three powers of ten
    values = [each * 10.0**power for power in powers for each in ((1, 2, 5) if few else (1,))]
    return tuple(value for value in values if low <= value <= high)


def time_ticks(lasts_s: float, most: int = 7) -> tuple[int, ...]:
    """Seconds from 0 on, at steps that people count in; `most` + 1 of them at most, for months.

    >>> time_ticks(90.0), time_ticks(7200.0)
    ((0, 15, 30, 45, 60, 75, 90), (0, 1800, 3600, 5400, 7200))
    """
    step = next((each for each in TIME_STEPS_S if lasts_s / each <= most), TIME_STEPS_S[-1])
    return tuple(range(0, math.floor(lasts_s) + 1, step))
